/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gochans.c - what the goroutines of a snapshot wait for: channels, locks, wait groups, conditions.
 *
 * From g.waiting along the sudogs to the channels; to the semaphores too from Go 1.26 on. Before,
 * the waiters of a semaphore are only in runtime.semtable, and those of a Cond only on the stack
 * (gowait.h). In which direction a case of a select waits is told by the queue its sudog is in.
 *
 * The process runs on: a goroutine whose sudog is no longer its own has gone on, and is left out.
 * Every walk is bounded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gowait.h"
#include "holders.h"
#include "waits.h"

#define MAX_CASES 65536
#define MAX_DEPTH 4096
#define SUDOG_MAX 128
#define CHAN_MAX  128

/* sudog and hchan, the same in all versions. */
enum { SUDOG_G = 0, SUDOG_NEXT = 8, SUDOG_PREV = 16 };
enum { CHAN_QCOUNT = 0, CHAN_DATAQSIZ = 8, CHAN_ELEMSIZE = 0x18 };

struct chans {
	const struct gotarget *g;
	struct gsnap *out;
	struct waits w;
	struct idmap cases; /* sudog in a select -> index of its wait + 1 */
	uint64_t budget;    /* sudogs that may still be met in queues */
	bool oom;
};

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static bool read_sudog(const struct chans *c, uint64_t sg, uint8_t raw[SUDOG_MAX])
{
	return target_read(c->g->t, sg, raw, c->g->lay->sudog_size);
}

static void add(
	struct chans *c, uint32_t gi, const struct waitmeaning *m, uint64_t addr, uint64_t sg)
{
	struct gsnap_wait *wait = waits_add(&c->w, gi, m, addr);
	if (!wait || (wait->in_select && !idmap_put(&c->cases, sg, c->out->nwaits)))
		c->oom = true;
}

/* The list that hangs on g.waiting: one sudog, or one for each case. */
static void add_waiting(struct chans *c, uint32_t gi, const struct waitmeaning *m)
{
	const struct golayout *l = c->g->lay;
	const struct gsnap_g *gp = &c->out->gs[gi];
	uint8_t raw[SUDOG_MAX];
	uint64_t sg = target_word(c->g->t, gp->addr + l->g_waiting);
	for (unsigned n = 0; sg && n < MAX_CASES; n++) {
		if (!read_sudog(c, sg, raw) || word(raw, SUDOG_G) != gp->addr)
			return;
		uint64_t at = word(raw, m->kind == GSNAP_CHAN ? l->sudog_c : l->sudog_elem);
		if (at > m->inside)
			add(c, gi, m, at - m->inside, sg);
		sg = m->op == GSNAP_SELECT ? word(raw, l->sudog_waitlink) : 0;
	}
}

static bool called(const struct gsnap *s, uint32_t stack, const char *func)
{
	if (stack >= s->nstacks)
		return false;
	const struct gsnap_stack *k = &s->stacks[stack];
	for (uint32_t i = 0; i < k->nlocs && i < 8; i++) {
		const struct gsnap_loc *loc = &s->locs[s->stack_locs[k->loc + i]];
		for (uint32_t f = 0; f < loc->nframes; f++)
			if (!strcmp(s->frames[loc->frame + f].func, func))
				return true;
	}
	return false;
}

/* Up to Go 1.23 a wait group's waiter says "semacquire" as others do. */
static const struct waitmeaning *meaning(const struct gsnap *s, const struct gsnap_g *gp)
{
	static const struct waitmeaning group = {
		"semacquire", GSNAP_WAITGROUP, GSNAP_WAIT, 8, false};
	const struct waitmeaning *m = waits_meaning(gp);
	bool is_group =
		m && m->kind == GSNAP_SEMA && called(s, gp->stack, "sync.(*WaitGroup).Wait");
	return is_group ? &group : m;
}

/* ---- Go up to 1.25: semaphores by their table, Conds by the stack ---- */

static void add_queue(struct chans *c, const uint8_t *first, unsigned *budget)
{
	const struct golayout *l = c->g->lay;
	uint64_t elem = word(first, l->sudog_elem);
	uint8_t raw[SUDOG_MAX];
	memcpy(raw, first, sizeof raw);
	while (*budget) {
		uint32_t gi = waits_g(&c->w, word(raw, SUDOG_G));
		const struct waitmeaning *m =
			gi == GSNAP_NONE ? NULL : meaning(c->out, &c->out->gs[gi]);
		if (m && !m->forever && m->kind != GSNAP_CHAN && elem > m->inside)
			add(c, gi, m, elem - m->inside, 0);
		uint64_t next = word(raw, l->sudog_waitlink);
		--*budget;
		if (!next || !read_sudog(c, next, raw))
			return;
	}
}

static void add_tree(struct chans *c, uint64_t root, unsigned *budget)
{
	uint64_t todo[MAX_DEPTH];
	size_t n = 0;
	uint8_t raw[SUDOG_MAX] = {0};
	todo[n++] = root;
	while (n && *budget) {
		if (!read_sudog(c, todo[--n], raw))
			continue;
		uint64_t kids[] = {word(raw, SUDOG_NEXT), word(raw, SUDOG_PREV)};
		for (unsigned i = 0; i < 2; i++)
			if (kids[i] && n < MAX_DEPTH)
				todo[n++] = kids[i];
		add_queue(c, raw, budget);
	}
}

static void add_semtable(struct chans *c)
{
	uint64_t *table = malloc(GO_SEMROOTS * GO_SEMWORDS * sizeof *table);
	unsigned budget = 2 * c->out->ngs + 1024;
	c->oom |= !table;
	if (table && gowait_semtable(c->g, table))
		for (unsigned i = 0; i < GO_SEMROOTS; i++)
			if (table[i * GO_SEMWORDS + GO_SEMTREAP])
				add_tree(c, table[i * GO_SEMWORDS + GO_SEMTREAP], &budget);
	free(table);
}

static void add_cond(struct chans *c, const struct gocopy *copy, struct gostackmap *stacks)
{
	uint32_t gi = waits_g(&c->w, copy->addr);
	const struct waitmeaning *m = gi == GSNAP_NONE ? NULL : waits_meaning(&c->out->gs[gi]);
	uint64_t found;
	if (m && m->kind == GSNAP_COND &&
		gostackmap_frame(stacks, copy, "sync.(*Cond).Wait", &found, 1) == 1)
		add(c, gi, m, found, 0);
}

static void add_conds(struct chans *c)
{
	struct gocopies copies = {0};
	struct gostackmap stacks;
	gostackmap_init(&stacks, c->g);
	if (gocopies_read(c->g, &copies) == 0)
		for (size_t i = 0; i < copies.n; i++)
			add_cond(c, &copies.v[i], &stacks);
	c->oom |= stacks.oom;
	gostackmap_free(&stacks);
	gocopies_free(&copies);
}

/* ---- what is known of an object ---- */

/*
 * Which cases of selects are in the queue of this channel. A queue that changes while it is read
 * leads into others', and from there back: without end, but for the budget.
 */
static void walk_queue(struct chans *c, uint64_t chan, uint64_t sg, enum gsnap_op op)
{
	uint8_t raw[SUDOG_MAX];
	for (; sg && c->budget && read_sudog(c, sg, raw); c->budget--) {
		if (word(raw, c->g->lay->sudog_c) != chan)
			return;
		uint32_t wait = idmap_get(&c->cases, sg);
		if (wait)
			c->out->waits[wait - 1].op = (uint8_t)op;
		sg = word(raw, SUDOG_NEXT);
	}
}

static void fill_chan(struct chans *c, struct gsnap_obj *o, bool selected)
{
	const struct golayout *l = c->g->lay;
	uint8_t raw[CHAN_MAX];
	char name[160];
	uint16_t elemsize;
	uint32_t closed;
	if (l->chan_size > sizeof raw || !target_read(c->g->t, o->addr, raw, l->chan_size))
		return;
	memcpy(&elemsize, raw + CHAN_ELEMSIZE, sizeof elemsize);
	memcpy(&closed, raw + l->chan_closed, sizeof closed);
	o->len = (int64_t)word(raw, CHAN_QCOUNT);
	o->cap = (int64_t)word(raw, CHAN_DATAQSIZ);
	o->elemsize = elemsize;
	o->set = closed;
	if (gotype_name(c->g, word(raw, l->chan_elemtype), name, sizeof name))
		o->elem = gsnap_str(c->out, name, strlen(name));
	if (selected) {
		walk_queue(c, o->addr, word(raw, l->chan_recvq), GSNAP_RECV);
		walk_queue(c, o->addr, word(raw, l->chan_sendq), GSNAP_SEND);
	}
}

/* Mutex: state i32, sema. RWMutex: Mutex, two semas, readerCount i32. WaitGroup: state u64. */
static void fill_lock(const struct chans *c, struct gsnap_obj *o)
{
	uint32_t w[5] = {0};
	size_t len = o->kind == GSNAP_RWMUTEX ? sizeof w : 8;
	if (!target_read(c->g->t, o->addr, w, len))
		return;
	o->set = w[0] & 1;
	if (o->kind == GSNAP_RWMUTEX) {
		const int32_t max_readers = 1 << 30; /* taken off while a writer is there */
		int32_t n = (int32_t)w[4];
		o->counter = n < 0 ? n + max_readers : n;
	} else if (o->kind == GSNAP_WAITGROUP) {
		o->counter = (int32_t)w[1];
	}
}

static void fill_objects(struct chans *c)
{
	uint8_t *selected = calloc(c->out->nobjs + 1, 1);
	c->oom |= !selected;
	c->budget = 2 * (uint64_t)c->out->nwaits + 1024;
	for (uint32_t i = 0; selected && i < c->out->nwaits; i++)
		selected[c->out->waits[i].obj] |= c->out->waits[i].in_select;
	for (uint32_t i = 0; selected && i < c->out->nobjs; i++) {
		struct gsnap_obj *o = &c->out->objs[i];
		if (!o->addr)
			continue;
		if (o->kind == GSNAP_CHAN)
			fill_chan(c, o, selected[i]);
		else if (o->kind != GSNAP_COND && o->kind != GSNAP_SEMA)
			fill_lock(c, o);
	}
	free(selected);
}

static uint64_t stack_end(void *ctx, const struct gsnap_g *gp)
{
	const struct gotarget *g = ctx;
	return target_word(g->t, gp->addr + G_STACKHI);
}

int gosnap_waits(struct gotarget *g, struct gsnap *out)
{
	struct chans c = {.g = g, .out = out};
	bool old = g->lay->minor <= 25, semas = false, conds = false;
	c.oom = !waits_init(&c.w, out);
	for (uint32_t i = 0; i < out->ngs && !c.oom; i++) {
		const struct waitmeaning *m = meaning(out, &out->gs[i]);
		if (!m)
			continue;
		if (m->forever)
			add(&c, i, m, 0, 0);
		else if (m->kind == GSNAP_CHAN || !old)
			add_waiting(&c, i, m);
		semas |= m->kind != GSNAP_CHAN && m->kind != GSNAP_COND;
		conds |= m->kind == GSNAP_COND;
	}
	if (old && semas)
		add_semtable(&c);
	if (old && conds)
		add_conds(&c);
	fill_objects(&c);
	if (!c.oom && holders_find(&g->t->mem, out, stack_end, g))
		c.oom = true;
	idmap_free(&c.cases);
	waits_free(&c.w);
	return c.oom || out->oom ? -ENOMEM : 0;
}
