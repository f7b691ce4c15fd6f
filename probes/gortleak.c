/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortleak.c - what goleak.c must know of programs on libgort. The rules are those that the program
 * itself goes by (runtime/mem/mgcleak.c), so that both say the same.
 *
 * In C locks and wait groups lie on stacks too. So the stack of a goroutine that waits is taken for
 * one object: whatever points into it from something reachable makes it reachable, with all that
 * it holds; who waits for what lies on one that nothing leads to is likely leaked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "goleak.h"
#include "gortread.h"
#include "gortroots.h"
#include "modules.h"

/* The stack of a goroutine that waits. */
struct stack {
	uint64_t lo, hi;
	uint32_t i; /* of golook.now */
	bool reached, marked;
	uint64_t from; /* the word that led to it, or whose that is: as gomark_holder; 0: none */
};

struct gortstacks {
	size_t n;
	uint32_t *todo; /* reached and not yet marked: indices in v, room for all */
	size_t ntodo;
	struct stack v[]; /* by lo */
};

static int goroutines(struct goleaker *l, struct gocopies *out)
{
	return gortcopies_read(l->r, out);
}

static int heap(struct goleaker *l)
{
	return gortspans_begin(&l->heap, l->r);
}

/* ---- stacks ---- */

static int by_lo(const void *a, const void *b)
{
	const struct stack *x = a, *y = b;
	return (x->lo > y->lo) - (x->lo < y->lo);
}

static struct stack *owner(const struct golook *p, uint64_t addr)
{
	struct gortstacks *s = p->stacks;
	size_t lo = 0, hi = s->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->v[mid].hi <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n && s->v[lo].lo <= addr ? &s->v[lo] : NULL;
}

/* It is marked later: one stack may lead to the next, without end. */
static void stray(void *ctx, uint64_t addr)
{
	struct golook *p = ctx;
	struct stack *s = owner(p, addr);
	if (!s || s->reached)
		return;
	s->reached = true;
	s->from = p->mark.owner ? p->mark.owner : p->mark.slot;
	p->stacks->todo[p->stacks->ntodo++] = (uint32_t)(s - p->stacks->v);
	gomark_reached(&p->mark, s->lo);
}

uint64_t gortleak_from(const struct golook *p, const struct gocopy *c)
{
	const struct stack *s = p->stacks && c->len ? owner(p, c->base) : NULL;
	return s ? s->from : 0;
}

static int gather_stacks(struct golook *p)
{
	struct gortstacks *s = calloc(1, sizeof *s + p->now.n * (sizeof *s->v + sizeof *s->todo));
	p->stacks = s;
	if (!s)
		return -ENOMEM;
	s->todo = (uint32_t *)&s->v[p->now.n];
	for (size_t i = 0; i < p->now.n; i++) {
		const struct gocopy *c = &p->now.v[i];
		if (p->state[i] == GOLOOK_BLOCKED && c->kind != GOWAIT_OTHER && c->len)
			s->v[s->n++] = (struct stack){
				.lo = c->base, .hi = c->hi - c->cold, .i = (uint32_t)i};
	}
	qsort(s->v, s->n, sizeof *s->v, by_lo);
	p->mark.stray = stray;
	p->mark.strayctx = p;
	if (s->n) {
		p->mark.straylo = s->v[0].lo;
		p->mark.strays = s->v[s->n - 1].hi - s->v[0].lo;
	}
	return 0;
}

/* ---- roots ---- */

static void add_select(struct golook *p, size_t i)
{
	const struct gocopy *c = &p->now.v[i];
	for (uint64_t k = 0; k < c->ncases; k++) {
		uint64_t chan = 0;
		bool timed;
		if (!gortcopy_case(p->l->r, c, k, &chan, &timed)) {
			p->state[i] = GOLOOK_ROOT; /* not what it was a moment ago */
			return;
		}
		gowaits_add(&p->waits, i, chan);
	}
}

static int find_waits(struct golook *p)
{
	if (!gowaits_init(&p->waits, &p->now))
		return -ENOMEM;
	for (size_t i = 0; i < p->now.n; i++) {
		const struct gocopy *c = &p->now.v[i];
		if (c->kind == GOWAIT_OTHER || c->kind == GOWAIT_FOREVER)
			continue;
		if (c->ncases)
			add_select(p, i);
		else
			gowaits_add(&p->waits, i, c->waiting);
	}
	return p->waits.oom ? -ENOMEM : 0;
}

/* Types of large objects: a mask of up to 64 words. */
static struct gotype *read_type(const void *ctx, uint64_t addr)
{
	const struct gortread *r = ctx;
	struct member size = glayout_member(&r->abi, "gort_type.size"),
		      ptrs = glayout_member(&r->abi, "gort_type.ptrs");
	struct gotype *t = calloc(1, sizeof *t + sizeof t->mask[0]);
	if (!t || size.size != 8 || ptrs.size != 8 ||
		!tmem_read(&r->mem, (taddr){addr + size.offset}, &t->size, 8) ||
		!tmem_read(&r->mem, (taddr){addr + ptrs.offset}, &t->mask[0], 8))
		return t;
	t->ptrbytes = t->mask[0] ? 8 * (64 - (uint64_t)__builtin_clzll(t->mask[0])) : 0;
	t->known = t->size && t->size % 8 == 0 && t->ptrbytes <= t->size;
	return t;
}

/* The goroutine that a thread runs, by its stack pointer; NULL: none, or more is known of it. */
static const struct gocopy *running_at(const struct golook *p, uint64_t sp)
{
	for (size_t i = 0; i < p->now.n; i++) {
		const struct gocopy *c = &p->now.v[i];
		if (sp >= c->lo && sp < c->hi)
			return c->sp ? NULL : c;
	}
	return NULL;
}

/* Registers of threads that run goroutines; what the scheduler has left in others keeps nothing. */
static void mark_registers(struct golook *p, const struct thread_regs *regs, size_t n)
{
	p->mark.owner = GOMARK_REGISTER;
	for (size_t i = 0; i < n; i++)
		if (running_at(p, regs[i].general[REGS_RSP]))
			gomark_words(&p->mark, 0, (const uint8_t *)&regs[i], sizeof regs[i]);
	p->mark.owner = 0;
}

static int roots(struct golook *p, const struct thread_regs *regs, size_t n)
{
	const struct goleaker *l = p->l;
	struct gortthreads threads = {l->t, regs, n};
	if (l->r->ms)
		modules_refresh(l->r->ms); /* something may have been loaded */
	p->mark.types.read = read_type;
	p->mark.types.ctx = l->r;
	int err = find_waits(p);
	if (!err)
		err = gather_stacks(p);
	if (!err)
		err = gortroots_mark(&p->mark, l->r, &threads, &p->why);
	mark_registers(p, regs, n);
	return err;
}

/* ---- marking ---- */

/* Whose thread ends the program: it waits no more, and its sudog is of an earlier wait. */
static bool exits(const struct goleaker *l, const struct gocopy *c)
{
	return l->sp && c->status == GSTATUS_RUNNING && l->sp >= c->base && l->sp < c->hi;
}

static void mark(struct golook *p, const struct gocopy *c, bool moved)
{
	struct stack *s = c->len ? owner(p, c->base) : NULL;
	(void)moved;
	if (s && p->now.v[s->i].addr == c->addr) {
		if (!s->reached)
			gomark_reached(&p->mark, s->lo);
		s->reached = s->marked = true;
	}
	p->mark.owner = c->addr;
	for (unsigned i = exits(p->l, c) ? GORT_NREFS - 1 : 0; i < GORT_NREFS; i++)
		gomark_ptr(&p->mark, c->refs[i]);
	if (c->stack && c->len > c->cold)
		gomark_words(&p->mark, c->base, c->stack, c->len - c->cold);
	uint64_t cold[GORT_NCOLD];
	for (size_t i = gortcopy_cold(p->l->r, c, cold); i-- > 0;)
		gomark_ptr(&p->mark, cold[i]);
	p->mark.owner = 0;
}

static bool more(struct golook *p)
{
	struct gortstacks *s = p->stacks;
	bool any = s && s->ntodo;
	while (s && s->ntodo) {
		const struct stack *it = &s->v[s->todo[--s->ntodo]];
		if (!it->marked)
			mark(p, &p->now.v[it->i], false);
	}
	return any;
}

static uint64_t name(void *look, uint64_t addr)
{
	struct golook *p = look;
	const struct stack *on = owner(p, addr);
	return on ? on->lo : gomark_watch(&p->mark, addr);
}

static enum golive key_live(struct golook *p, size_t i, uint64_t addr)
{
	const struct stack *on = owner(p, addr);
	if (!on)
		return gomark_live(&p->mark, addr, false);
	if (!on->reached)
		p->state[i] = GOLOOK_LIKELY;
	return on->reached ? GO_LIVE : GO_DEAD;
}

static enum golive live(struct golook *p, size_t i)
{
	const struct gocopy *c = &p->now.v[i];
	p->state[i] = GOLOOK_BLOCKED;
	if (c->kind == GOWAIT_FOREVER)
		return GO_DEAD;
	enum golive best = p->waits.first[i] ? GO_DEAD : GO_LIVE;
	for (uint32_t k = p->waits.first[i]; k && best != GO_LIVE; k = p->waits.keys[k - 1].next) {
		uint64_t addr = p->waits.keys[k - 1].addr;
		if (addr) /* a nil channel in a select never becomes ready */
			best = key_live(p, i, addr);
	}
	return best;
}

/* Without what a terminal would obey. */
static bool type_name(const struct goleaker *l, uint64_t type, char *buf, size_t size)
{
	struct member text = glayout_member(&l->r->abi, "gort_type.name");
	uint64_t at = 0;
	size_t n = 0;
	if (text.size != sizeof at ||
		!tmem_read(&l->r->mem, (taddr){type + text.offset}, &at, sizeof at))
		return false;
	while (at && n + 1 < size && tmem_read(&l->r->mem, (taddr){at + n}, &buf[n], 1) && buf[n]) {
		if (buf[n] < ' ' || buf[n] > '~')
			buf[n] = '?';
		n++;
	}
	buf[n] = '\0';
	return n;
}

static const struct golook_ops ops = {
	goroutines, heap, roots, mark, more, name, live, gorttorn, type_name};

void gortleaker_init(struct goleaker *l, const struct gortread *r, const struct target *t)
{
	*l = (struct goleaker){.ops = &ops, .t = t, .r = r, .freeze = r->core, .redzone = 128};
}
