/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goleak.c - goroutine leaks of a live Go process, proved by reachability from outside.
 *
 * The algorithm is that of Go's own goroutineleak profile (mgc.go, findGoroutineLeaks): a goroutine
 * blocked on channels, locks or conditions is no root. Mark from everything else; whoever waits for
 * something that was marked may be woken, so its stack is marked too; repeat until nobody is added.
 * Who is left waits for what no one can reach. Saraph et al. (GOLF, ASPLOS 2025) prove it sound.
 *
 * Here the process runs on while it is copied. The goroutines are copied before and after the heap:
 * one that moved in between is a root with both its stacks, every word of them. What a heap object
 * gave to another while both were copied can still be lost, hence several passes (probe_leaks).
 *
 * With `freeze` its threads stand while it is copied; then one copy of the goroutines will do, and
 * what threads have in registers counts as pointers, as all of a running goroutine's stack does.
 *
 * Beyond what Go finds: deferred calls of a goroutine do not keep its own channel, and locks that
 * share a block of tiny objects are told apart as far as that can be (GO_UNSURE).
 */
#include "goleak.h"

#include <errno.h>
#include <string.h>
#include "freeze.h"
#include "goroots.h"

void goleaker_free(struct goleaker *l)
{
	goheap_free(&l->heap);
	gostackmap_free(&l->stacks);
}

/* ---- copying ---- */

static int copy(struct golook *p)
{
	const struct golook_ops *ops = p->l->ops;
	int err = p->l->freeze ? 0 : ops->goroutines(p->l, &p->before);
	p->l->heap.still = p->l->freeze;
	if (!err)
		err = ops->heap(p->l);
	if (!err)
		err = ops->goroutines(p->l, &p->now);
	if (!err)
		err = goheap_settle(&p->l->heap);
	p->state = calloc(p->now.n + 1, sizeof *p->state);
	p->moved = calloc(p->before.n + 1, sizeof *p->moved);
	return err ? err : p->state && p->moved ? 0 : -ENOMEM;
}

/* Who ran in between, ended or was born is a root. */
static int compare_copies(struct golook *p)
{
	struct idmap index = {0};
	bool oom = false;
	if (p->l->freeze)
		return 0;
	for (size_t i = 0; i < p->before.n; i++) {
		p->moved[i] = true;
		oom |= !idmap_put(&index, p->before.v[i].addr, (uint32_t)i + 1);
	}
	for (size_t i = 0; i < p->now.n; i++) {
		uint32_t k = idmap_get(&index, p->now.v[i].addr);
		if (k && gocopy_stood_still(&p->before.v[k - 1], &p->now.v[i]))
			p->moved[k - 1] = false;
		else
			p->state[i] = GOLOOK_ROOT;
	}
	idmap_free(&index);
	return oom ? -ENOMEM : 0;
}

/* When nothing moved there is but one copy. */
const struct gocopy *golook_resting(const struct golook *p, size_t *n)
{
	const struct gocopies *gs = p->l->freeze ? &p->now : &p->before;
	*n = gs->n;
	return gs->v;
}

bool golook_rests(const struct golook *p, const struct gocopy *c)
{
	return c->status == GSTATUS_WAITING && c->hi &&
	       (p->l->freeze || !p->moved[c - p->before.v]);
}

/* ---- marking ---- */

static void mark_goroutine(struct golook *p, const struct gocopy *c, bool moved)
{
	p->l->ops->mark(p, c, moved);
}

static void drain(struct golook *p)
{
	do
		gomark_drain(&p->mark);
	while (p->l->ops->more(p));
}

void golook_mark_leaked(struct golook *p)
{
	for (size_t i = 0; i < p->now.n; i++)
		if (p->state[i] == GOLOOK_BLOCKED || p->state[i] == GOLOOK_LIKELY)
			mark_goroutine(p, &p->now.v[i], false);
	drain(p);
}

static void mark_roots(struct golook *p)
{
	for (size_t i = 0; i < p->now.n; i++) {
		const struct gocopy *c = &p->now.v[i];
		bool moved = p->state[i] == GOLOOK_ROOT;
		if (!moved && c->kind != GOWAIT_OTHER)
			continue;
		mark_goroutine(p, c, moved);
		p->state[i] = GOLOOK_ROOT;
	}
	for (size_t i = 0; i < p->before.n; i++) {
		const struct gocopy *c = &p->before.v[i];
		if (p->moved[i] || c->kind == GOWAIT_OTHER)
			mark_goroutine(p, c, p->moved[i]);
	}
	drain(p);
}

/*
 * Marks from a goroutine that may be woken; whether it is one. Once one of whom it is not sure is
 * among them, all that come after may be reached from that one only.
 */
static bool wake(struct golook *p, size_t i, enum golive at_least)
{
	if (p->state[i] != GOLOOK_BLOCKED && p->state[i] != GOLOOK_LIKELY)
		return false;
	enum golive it = p->l->ops->live(p, i);
	if (it == GO_DEAD || (at_least == GO_LIVE && it != GO_LIVE))
		return false;
	p->unsure |= it != GO_LIVE;
	p->state[i] = p->unsure ? GOLOOK_UNSURE : GOLOOK_WOKEN;
	mark_goroutine(p, &p->now.v[i], false);
	return true;
}

static bool wake_all(struct golook *p, enum golive at_least)
{
	bool any = false;
	for (size_t i = 0; i < p->now.n; i++)
		any |= wake(p, i, at_least);
	drain(p);
	return any;
}

/* Those who wait for what was reached; what they lead to in turn is added to that. */
static void wake_reached(struct golook *p)
{
	struct gomark *m = &p->mark;
	for (size_t n = 0; n < m->nreached;) {
		uint32_t k = idmap_get(&p->waits.things, m->reached[n++]);
		for (; k; k = p->waits.keys[k - 1].same)
			wake(p, p->waits.keys[k - 1].gi, GO_LIVE);
		if (n == m->nreached)
			drain(p);
	}
	m->nreached = 0;
}

/*
 * In a chain of goroutines each is reached from the one before only: asking all of them for each
 * one that is woken would take the square of their number. So those are asked who wait for what
 * was reached, and all only to see that nobody was left out.
 *
 * Those of whom it is not sure come last: they are named, with whom they alone could wake.
 */
static void fixed_point(struct golook *p)
{
	p->mark.nreached = 0; /* by roots: all are asked */
	do
		while (wake_all(p, GO_LIVE))
			wake_reached(p);
	while (wake_all(p, GO_UNSURE));
}

/* ---- verdict ---- */

static int by_goid(const void *a, const void *b)
{
	const struct probe_leak *x = a, *y = b;
	return (x->goid > y->goid) - (x->goid < y->goid);
}

static enum probe_leak_class class_of(const struct golook *p, size_t i)
{
	if (p->now.v[i].kind == GOWAIT_FOREVER)
		return PROBE_LEAK_FOREVER;
	bool likely = p->state[i] == GOLOOK_UNSURE || p->state[i] == GOLOOK_LIKELY;
	return likely ? PROBE_LEAK_LIKELY : PROBE_LEAK_UNREACHABLE;
}

static int report(const struct golook *p, struct probe_leaks *out)
{
	*out = (struct probe_leaks){.goroutines = p->now.n};
	out->v = malloc((p->now.n + 1) * sizeof *out->v);
	if (!out->v)
		return -ENOMEM;
	for (size_t i = 0; i < p->now.n; i++) {
		const struct gocopy *c = &p->now.v[i];
		uint32_t k = p->waits.first[i];
		out->blocked += c->kind != GOWAIT_OTHER;
		if (p->state[i] == GOLOOK_ROOT || p->state[i] == GOLOOK_WOKEN || c->goid == 1)
			continue;
		out->v[out->n++] = (struct probe_leak){
			.goid = c->goid,
			.depth = c->hi - c->sp,
			.object = k ? p->waits.keys[k - 1].addr : 0,
			.class = class_of(p, i),
		};
	}
	qsort(out->v, out->n, sizeof *out->v, by_goid);
	return 0;
}

/*
 * A goroutine that runs on a thread whose stack pointer is known has nothing below it. (One whose
 * thread does the runtime's work on another stack keeps all of its own.)
 */
void goleak_cut_running(struct gocopies *gs, uint64_t sp)
{
	for (size_t i = 0; i < gs->n; i++) {
		struct gocopy *c = &gs->v[i];
		if (c->status != GSTATUS_RUNNING || !c->stack || sp < c->base || sp >= c->hi)
			continue;
		c->stack += sp - c->base;
		c->len -= sp - c->base;
		c->base = sp;
	}
}

/* All that is read of the process but types, which do not change. */
static void gather(void *ctx, const struct thread_regs *regs, size_t n)
{
	struct golook *p = ctx;
	p->error = copy(p);
	if (p->error)
		return;
	if (p->l->sp) { /* nothing runs any more: it was there in both */
		goleak_cut_running(&p->before, p->l->sp & ~7ull);
		goleak_cut_running(&p->now, p->l->sp & ~7ull);
	}
	for (size_t i = 0; i < n; i++)
		goleak_cut_running(&p->now, (regs[i].general[REGS_RSP] - p->l->redzone) & ~7ull);
	gomark_init(&p->mark, &p->l->heap);
	p->mark.oom = p->l->holders && !gomark_want_holders(&p->mark);
	p->error = compare_copies(p);
	if (!p->error)
		p->error = p->l->ops->roots(p, regs, n);
}

/* What could not be read would be taken for empty, and what it holds for unreachable. */
static const char *lost(const struct golook *p)
{
	size_t n;
	const struct gocopy *c = golook_resting(p, &n);
	if (p->before.lost + p->now.lost)
		return "some of its goroutines cannot be read";
	if (p->mark.unread)
		return "what its runtime keeps alive cannot all be read";
	if (p->l->heap.lost > (p->l->freeze ? 0 : GOLOOK_TORN))
		return "a part of its heap cannot be read";
	for (size_t i = 0; i < n; i++)
		if (golook_rests(p, &c[i]) && (!c[i].stack || (c[i].sp && c[i].base > c[i].sp)))
			return "the stacks of some goroutines cannot be read";
	return NULL;
}

static int judge(struct golook *p, const char **why)
{
	gowaits_index(&p->waits, p->l->ops->name, p);
	drain(p);
	mark_roots(p);
	fixed_point(p);
	if (p->mark.oom || p->waits.oom)
		return -ENOMEM;
	*why = lost(p);
	if (!*why)
		*why = p->l->ops->distrust(p);
	return *why ? -EPROTO : 0;
}

/* Reads the process; when it is to be frozen, while it is. */
static int read_it(struct golook *p, const char **why)
{
	struct goleaker *l = p->l;
	int err = 0;
	l->held_ns = 0;
	if (l->freeze)
		err = freeze_process(l->t, gather, p, &l->held_ns);
	else
		gather(p, NULL, 0);
	if (err == -ETIMEDOUT) {
		*why = "not all of its threads could be stopped within half a second";
		return -EPROTO;
	}
	if (!err && p->why)
		*why = p->why;
	return err ? err : p->error;
}

int golook_at(struct golook *p, struct goleaker *l, const char **why)
{
	*p = (struct golook){.l = l};
	*why = "its heap cannot be found or makes no sense";
	int err = read_it(p, why);
	return err ? err : judge(p, why);
}

void golook_free(struct golook *p)
{
	gomark_free(&p->mark);
	gowaits_free(&p->waits);
	gocopies_free(&p->before);
	gocopies_free(&p->now);
	free(p->state);
	free(p->moved);
	free(p->stacks);
}

int goleaker_pass(struct goleaker *l, struct probe_leaks *out, const char **why)
{
	struct golook p;
	int err = golook_at(&p, l, why);
	if (!err)
		err = report(&p, out);
	golook_free(&p);
	return err;
}

void goleaks_intersect(struct probe_leaks *a, const struct probe_leaks *b)
{
	size_t n = 0, k = 0;
	for (size_t i = 0; i < a->n; i++) {
		struct probe_leak it = a->v[i];
		while (k < b->n && b->v[k].goid < it.goid)
			k++;
		if (k == b->n || b->v[k].goid != it.goid || b->v[k].depth != it.depth ||
			b->v[k].object != it.object)
			continue;
		it.class = b->v[k].class > it.class ? b->v[k].class : it.class;
		a->v[n++] = it;
	}
	a->n = n;
	a->goroutines = b->goroutines;
	a->blocked = b->blocked;
}

/* ---- Go ---- */

static int go_goroutines(struct goleaker *l, struct gocopies *out)
{
	int err = gocopies_read(l->g, out);
	if (!err)
		gowait_kinds(l->g, out);
	return err;
}

static int go_heap(struct goleaker *l)
{
	return goheap_begin(&l->heap, l->g);
}

static int go_roots(struct golook *p, const struct thread_regs *regs, size_t n)
{
	goroots_opaque(&p->mark, &p->before, &p->now);
	int err = gowaits_find(&p->waits, &p->now, &p->mark, &p->l->stacks);
	if (!err)
		err = goroots_mark(&p->mark);
	if (n)
		goroots_registers(&p->mark, regs, n);
	return err;
}

static void go_mark(struct golook *p, const struct gocopy *c, bool moved)
{
	uint64_t guessed = p->l->stacks.nguessed;
	gostackmap_mark(&p->l->stacks, &p->mark, c, moved);
	if (!moved && c->status == GSTATUS_WAITING) {
		p->nquiet++;
		p->nguessed += p->l->stacks.nguessed - guessed;
	}
}

static bool go_more(struct golook *p)
{
	(void)p;
	return false;
}

static uint64_t go_name(void *look, uint64_t addr)
{
	struct golook *p = look;
	return gomark_watch(&p->mark, addr);
}

/* A word of the goroutine's own stack that points to what lies before the lock in its block. */
static bool holds_neighbour(const struct gocopy *c, uint64_t key)
{
	uint64_t block = key & ~15ull;
	for (size_t k = 0; c->stack && k + 8 <= c->len; k += 8) {
		uint64_t v;
		memcpy(&v, c->stack + k, sizeof v);
		if (v >= block && v < key - 8)
			return true;
	}
	return false;
}

/* The strongest of what its keys say; a goroutine of which nothing is known may be woken. */
static enum golive go_live(struct golook *p, size_t i)
{
	const struct gocopy *c = &p->now.v[i];
	enum gowait kind = c->kind;
	enum golive best = p->waits.first[i] ? GO_DEAD : GO_LIVE;
	if (kind == GOWAIT_FOREVER)
		return GO_DEAD;
	for (uint32_t k = p->waits.first[i]; k && best != GO_LIVE; k = p->waits.keys[k - 1].next) {
		uint64_t addr = p->waits.keys[k - 1].addr;
		/* A nil channel in a select never becomes ready. */
		enum golive it = addr ? gomark_live(&p->mark, addr, kind != GOWAIT_CHAN) : GO_DEAD;
		if (it == GO_UNSURE && holds_neighbour(c, addr))
			it = GO_LIVE;
		best = it == GO_DEAD ? best : it;
	}
	return best;
}

static const char *go_distrust(const struct golook *p)
{
	const struct gotypes *t = &p->mark.types;
	if (p->l->heap.odd)
		return "its small objects are not laid out as this version's should be";
	if (t->unknown > t->n / 100 + GOLOOK_TORN)
		return "the types of more than one in a hundred kinds of objects make no sense";
	if (p->nguessed > p->nquiet / 20 + GOLOOK_TORN)
		return "the stacks of more than one goroutine in twenty cannot be followed";
	return NULL;
}

static bool go_type_name(const struct goleaker *l, uint64_t type, char *buf, size_t size)
{
	return gotype_name(l->g, type, buf, size);
}

static const struct golook_ops go_ops = {go_goroutines, go_heap, go_roots, go_mark, go_more,
	go_name, go_live, go_distrust, go_type_name};

void goleaker_init(struct goleaker *l, const struct gotarget *g)
{
	*l = (struct goleaker){
		.ops = &go_ops, .t = g->t, .g = g, .freeze = g->t->core}; /* a core stands still */
	gostackmap_init(&l->stacks, g);
}
