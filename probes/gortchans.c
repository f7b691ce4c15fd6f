/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortchans.c - what the goroutines of a program on libgort wait for: from g.sudog to the channel
 * or to the word queued for. A select's first channel is known from there; that it is in the
 * queues of others as well is seen when some goroutine of the snapshot waits for those.
 */
#include <errno.h>
#include <string.h>
#include "gortread.h"
#include "holders.h"
#include "waits.h"

#define MAX_QUEUED (1u << 20)
#define BATCH      256

struct chans {
	const struct gortread *r;
	struct gsnap *out;
	struct waits w;
	struct idmap cases; /* select and object -> wait + 1 */
	unsigned budget;    /* sudogs that may still be met in queues; 0: nobody selects */
	bool oom;
};

static uint64_t member_at(const struct gortread *r, uint64_t base, struct member m)
{
	uint64_t v = 0;
	if (!m.size || m.size > sizeof v ||
		!tmem_read(&r->mem, (taddr){base + m.offset}, &v, m.size))
		return 0;
	return v;
}

/* The lock in which the word lies that libgort queues for; other objects are queued for as such. */
static uint64_t object_of(const struct gortread *r, const struct waitmeaning *m, uint64_t elem)
{
	const struct member *lock = r->lay.lock;
	if (m->kind == GSNAP_MUTEX)
		return elem - lock[L_SEMA].offset;
	if (m->kind == GSNAP_RWMUTEX)
		return elem - lock[m->op == GSNAP_RLOCK ? L_READERSEM : L_WRITERSEM].offset;
	return elem;
}

static uint64_t case_key(uint32_t g, uint32_t obj)
{
	return (uint64_t)(obj + 1) << 32 | g;
}

static struct gsnap_wait *add(
	struct chans *c, uint32_t g, const struct waitmeaning *m, uint64_t addr)
{
	struct gsnap_wait *wait = waits_add(&c->w, g, m, addr);
	if (!wait ||
		(wait->in_select && !idmap_put(&c->cases, case_key(g, wait->obj), c->out->nwaits)))
		c->oom = true;
	return wait;
}

/* Who waits, and what was read of its sudog; 0 what could not be. */
struct waiting {
	uint32_t g;
	const struct waitmeaning *m;
	uint64_t sudog, owner, at;
};

static struct tmem_read_at word_at(uint64_t base, struct member m, uint64_t *v)
{
	bool fits = m.size && m.size <= sizeof *v;
	return (struct tmem_read_at){.at = {base + m.offset}, .buf = v, .len = fits ? m.size : 0};
}

/* A sudog by itself would be three calls of the kernel: a million goroutines wait in seconds. */
static void read_sudogs(const struct chans *c, struct waiting *w, size_t n)
{
	const struct glayout *lay = &c->r->lay;
	struct tmem_read_at reads[2 * BATCH];
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		if (!w[i].m->forever)
			reads[k++] = word_at(c->out->gs[w[i].g].addr, lay->g[G_SUDOG], &w[i].sudog);
	c->r->mem.readv(c->r->mem.ctx, reads, k);
	k = 0;
	for (size_t i = 0; i < n; i++) {
		if (!w[i].sudog)
			continue;
		int which = w[i].m->kind == GSNAP_CHAN ? W_C : W_ELEM;
		reads[k++] = word_at(w[i].sudog, lay->sudog[W_G], &w[i].owner);
		reads[k++] = word_at(w[i].sudog, lay->sudog[which], &w[i].at);
	}
	c->r->mem.readv(c->r->mem.ctx, reads, k);
}

static void add_some(struct chans *c, struct waiting *some, size_t n)
{
	read_sudogs(c, some, n);
	for (size_t i = 0; i < n && !c->oom; i++) {
		const struct waiting *w = &some[i];
		uint64_t at = w->owner == c->out->gs[w->g].addr ? w->at : 0;
		if (w->m->kind != GSNAP_CHAN && at)
			at = object_of(c->r, w->m, at);
		if (at || w->m->forever)
			add(c, w->g, w->m, at);
	}
}

/* Whether it waits in a select for channels that there are. */
static const struct waitmeaning *selects(const struct gsnap_g *gp)
{
	const struct waitmeaning *m = waits_meaning(gp);
	return m && m->op == GSNAP_SELECT && !m->forever ? m : NULL;
}

static void add_all(struct chans *c)
{
	struct waiting some[BATCH];
	size_t n = 0;
	for (uint32_t i = 0; i < c->out->ngs && !c->oom; i++) {
		const struct waitmeaning *m = waits_meaning(&c->out->gs[i]);
		if (!m)
			continue;
		if (selects(&c->out->gs[i]))
			c->budget = MAX_QUEUED;
		some[n++] = (struct waiting){.g = i, .m = m};
		if (n == BATCH) {
			add_some(c, some, n);
			n = 0;
		}
	}
	add_some(c, some, n);
}

/*
 * Selects in the queue of a channel: which way they wait, and those that are not known of here. A
 * queue that changes while it is read leads into others', and from there back: without end, but for
 * the budget.
 */
static void walk_queue(struct chans *c, uint32_t obj, uint64_t sg, enum gsnap_op op)
{
	const struct member *lay = c->r->lay.sudog;
	for (; sg && c->budget; c->budget--) {
		uint64_t chan = 0, owner = 0, next = 0;
		struct tmem_read_at reads[] = {word_at(sg, lay[W_C], &chan),
			word_at(sg, lay[W_G], &owner), word_at(sg, lay[W_NEXT], &next)};
		c->r->mem.readv(c->r->mem.ctx, reads, sizeof reads / sizeof *reads);
		if (chan != c->out->objs[obj].addr)
			return;
		uint32_t gi = waits_g(&c->w, owner);
		const struct waitmeaning *m = gi == GSNAP_NONE ? NULL : selects(&c->out->gs[gi]);
		if (m) {
			uint32_t have = idmap_get(&c->cases, case_key(gi, obj));
			struct gsnap_wait *wait = have ? &c->out->waits[have - 1]
						       : add(c, gi, m, c->out->objs[obj].addr);
			if (wait)
				wait->op = (uint8_t)op;
		}
		sg = next;
	}
}

static int64_t figure(const struct chans *c, uint64_t at, int which)
{
	struct member m = c->r->lay.chan[which];
	return m.size ? (int64_t)member_at(c->r, at, m) : GSNAP_UNKNOWN;
}

static void fill_chan(struct chans *c, uint32_t obj)
{
	const struct glayout *lay = &c->r->lay;
	struct gsnap_obj *o = &c->out->objs[obj];
	uint64_t at = o->addr;
	o->len = figure(c, at, C_LEN);
	o->cap = figure(c, at, C_CAP);
	o->elemsize = figure(c, at, C_ELEMSIZE);
	o->set = figure(c, at, C_CLOSED) > 0;
	walk_queue(c, obj, member_at(c->r, at, lay->chan[C_RECVQ]), GSNAP_RECV);
	walk_queue(c, obj, member_at(c->r, at, lay->chan[C_SENDQ]), GSNAP_SEND);
}

static uint32_t lock_word(const struct chans *c, const struct gsnap_obj *o, int which)
{
	return (uint32_t)member_at(c->r, o->addr, c->r->lay.lock[which]);
}

/* The low half of the goid of who has locked it; 0: nobody, or readers, or it is not published. */
static uint32_t owner(const struct chans *c, const struct gsnap_obj *o)
{
	bool writes = o->kind == GSNAP_MUTEX ||
		      ((int32_t)lock_word(c, o, L_READERS) < 0 && lock_word(c, o, L_AWAITED) == 0);
	uint32_t word = writes && lock_word(c, o, L_STATE) & 1 ? lock_word(c, o, L_OWNER) : 0;
	return word ? ~word : 0;
}

static void fill_mutex(const struct chans *c, struct gsnap_obj *o)
{
	o->set = lock_word(c, o, L_STATE) & 1;
	if (o->kind == GSNAP_RWMUTEX) {
		const int32_t mask = (1 << 28) - 1; /* the other bits: rwmutex.c */
		o->counter = (int32_t)lock_word(c, o, L_READERS) & mask;
	}
}

static void fill_group(const struct chans *c, struct gsnap_obj *o)
{
	uint32_t w[2];
	if (!tmem_read(&c->r->mem, (taddr){o->addr}, w, sizeof w))
		return;
	o->counter = (int32_t)w[1];
}

/* ---- who has locked it ---- */

/* Notes it as sure unless owner and waiter have moved on since they were looked at. */
static void add_owner(struct chans *c, uint32_t obj, uint32_t gi, uint32_t low)
{
	const struct gsnap_g *gp = &c->out->gs[gi];
	int64_t since = (int64_t)member_at(c->r, gp->addr, c->r->lay.g[G_WAITSINCE]);
	if (gp->status == GSTATUS_WAITING && gp->waitsince != since)
		return;
	if (owner(c, &c->out->objs[obj]) != low)
		return;
	struct gsnap_hold *h = GSNAP_PUSH(c->out, holds, cap_holds);
	if (h)
		*h = (struct gsnap_hold){gi, obj, true};
	c->oom |= !h;
}

static void find_owners(struct chans *c)
{
	struct idmap gs = {0}; /* low half of the goid -> goroutine + 1 */
	for (uint32_t i = 0; i < c->out->ngs && !c->oom; i++)
		c->oom = !idmap_put(&gs, (uint32_t)c->out->gs[i].id, i + 1);
	for (uint32_t i = 0; i < c->out->nobjs && !c->oom; i++) {
		struct gsnap_obj *o = &c->out->objs[i];
		bool lock = o->kind == GSNAP_MUTEX || o->kind == GSNAP_RWMUTEX;
		uint32_t low = lock ? owner(c, o) : 0;
		uint32_t gi = low ? idmap_get(&gs, low) : 0;
		if (gi)
			add_owner(c, i, gi - 1, low);
		else
			o->stranger = low;
	}
	idmap_free(&gs);
}

static uint64_t stack_end(void *ctx, const struct gsnap_g *gp)
{
	const struct gortread *r = ctx;
	return member_at(r, gp->addr, r->lay.g[G_HI]);
}

int gortread_waits(struct gortread *r, struct gsnap *out)
{
	struct chans c = {.r = r, .out = out};
	c.oom = !waits_init(&c.w, out);
	add_all(&c);
	for (uint32_t i = 0; i < out->nobjs && !c.oom; i++) {
		struct gsnap_obj *o = &out->objs[i];
		if (o->addr && o->kind == GSNAP_CHAN)
			fill_chan(&c, i);
		else if (o->addr && o->kind == GSNAP_WAITGROUP)
			fill_group(&c, o);
		else if (o->addr && (o->kind == GSNAP_MUTEX || o->kind == GSNAP_RWMUTEX))
			fill_mutex(&c, o);
	}
	find_owners(&c);
	if (!c.oom && holders_find(&r->mem, out, stack_end, r))
		c.oom = true;
	idmap_free(&c.cases);
	waits_free(&c.w);
	return c.oom || out->oom ? -ENOMEM : 0;
}
