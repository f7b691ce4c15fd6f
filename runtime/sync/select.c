/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * select.c - select over any number of sends, receives and timeouts (Go's select.go).
 *
 * Three steps, each only if the one before found nothing:
 *  - look at the cases without locks, collect those that seem ready, choose one of them at random,
 *    lock its channel alone and try; if it was not, choose among the others;
 *  - lock all channels, in the order of their addresses, and do the same: now it is exact;
 *  - put a sudog for each case on its channel, still under all locks, and park. Whoever finds one
 *    of the sudogs claims the select by compare-and-swap of gcold.selectDone, once, and so does the
 *    timer. Afterwards take the other sudogs off, one channel at a time.
 *
 * The sudogs and the scratch lie in the caller's array of cases, so that nothing is allocated.
 *
 * Invariants:
 *  1. gcold.selectDone is 0 before the first sudog is enqueued, and no sudog or timer of a select
 *     is left when it returns: a claim never hits a later select.
 *  2. A sudog of a select that has been decided may still be in a queue: stale. dequeue drops it.
 *  3. All waiters are enqueued under all locks: two selects that could serve each other cannot miss
 *     each other, since the later of them finds the earlier in its second step.
 *  4. A goroutine is marked as waiting before the first lock is released, or the timer is set.
 *
 * Lock order: channels by address, then timers.
 *
 * Rejected: a random permutation of the cases as in Go's first pass; drawing among those that are
 * ready is as uniform and costs one random number. Rejected: enqueueing on one channel at a time
 * with a third state of selectDone (Reppy, Russo, Xiao: Parallel Concurrent ML, 2009); it saves the
 * sort of a select that blocks, and needs a retry when two selects try each other.
 */
#include "base/clock.h"
#include "base/throw.h"
#include "debug/heapsort.h"
#include "debug/usdt.h"
#include "mem/malloc.h"
#include "sched/proc.h"
#include "sched/timer.h"
#include "sync/blocked.h"
#include "sync/chan.h"
#include "sync/time.h"

/* What gort_case.opaque holds. ready and order are arrays over the cases, not about this one. */
struct scase {
	struct sudog sg;
	uint32_t ready; /* index of a case that seems ready */
	uint32_t order; /* index of a case; by address of its channel, each channel once */
};

_Static_assert(sizeof(struct scase) <= sizeof(((struct gort_case *)0)->opaque), "gort_case.opaque");

struct sel {
	struct gort_case *cases;
	uint32_t n;
	uint32_t nlock;        /* channels */
	struct gort_case *due; /* the earliest timeout, or NULL */
	int64_t when;          /* of it */
	int64_t since;         /* blockbegin's */
	struct g *gp;
};

static inline struct scase *scaseof(const struct sel *s, uint32_t i)
{
	return (struct scase *)s->cases[i].opaque;
}

/* NULL for a nil channel and for a timeout. */
static inline struct hchan *chanof(const struct gort_case *cas)
{
	return cas->kind == GORT_CASE_AFTER ? NULL : (struct hchan *)cas->c;
}

/* ---- the locks ---- */

static inline struct hchan *lockedchan(const struct sel *s, size_t k)
{
	return chanof(&s->cases[scaseof(s, (uint32_t)k)->order]);
}

static bool orderless(const struct heapsort *h, size_t a, size_t b)
{
	return (uintptr_t)lockedchan(h->keys, a) < (uintptr_t)lockedchan(h->keys, b);
}

static void orderswap(const struct heapsort *h, size_t a, size_t b)
{
	struct sel *s = h->elements;
	uint32_t x = scaseof(s, (uint32_t)a)->order;
	scaseof(s, (uint32_t)a)->order = scaseof(s, (uint32_t)b)->order;
	scaseof(s, (uint32_t)b)->order = x;
}

static void sortchans(struct sel *s)
{
	uint32_t n = 0, unique = 0;
	for (uint32_t i = 0; i < s->n; i++)
		if (chanof(&s->cases[i]))
			scaseof(s, n++)->order = i;
	struct heapsort h = {orderless, orderswap, s, s};
	if (n > 2)
		heapsort_run(&h, n);
	else if (n == 2 && orderless(&h, 1, 0))
		orderswap(&h, 0, 1);
	for (uint32_t k = 0; k < n; k++)
		if (unique == 0 || lockedchan(s, k) != lockedchan(s, unique - 1))
			scaseof(s, unique++)->order = scaseof(s, k)->order;
	s->nlock = unique;
}

static void sellock(struct sel *s)
{
	sortchans(s);
	for (uint32_t k = 0; k < s->nlock; k++)
		plock(&lockedchan(s, k)->lock);
}

/* Releases all but that of c. */
static void selunlock(struct sel *s, struct hchan *c)
{
	for (uint32_t k = s->nlock; k-- > 0;)
		if (lockedchan(s, k) != c)
			unlock(&lockedchan(s, k)->lock);
}

/* ---- cases that are ready ---- */

#define PEEK(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)

/*
 * With the lock: true unless the case must wait, except for stale waiters. Without: the same of
 * some moment of the call, as a channel stays closed and closed is read last.
 */
static inline bool seemsready(struct gort_case *cas)
{
	struct hchan *c = chanof(cas);
	if (!c)
		return cas->kind == GORT_CASE_AFTER && cas->after <= 0;
	if (cas->kind == GORT_CASE_SEND) {
		if (c->dataqsiz ? PEEK(&c->qcount) < c->dataqsiz : PEEK(&c->recvq.first) != NULL)
			return true;
	} else if (c->dataqsiz ? PEEK(&c->qcount) > 0 : PEEK(&c->sendq.first) != NULL) {
		return true;
	} else if (unlikely(c->timer) && timerchandue(c)) {
		return true;
	}
	return PEEK(&c->closed);
}

/* Does the case if that needs no waiting. Called with the lock of c; releases it when true. */
static bool trycase(struct hchan *c, struct gort_case *cas)
{
	bool send = cas->kind == GORT_CASE_SEND;
	if (send ? !c->closed && chantrysend(c, cas->v) : chantryrecv(c, cas->v)) {
		cas->ok = true;
		return true;
	}
	if (!c->closed)
		return false;
	uint32_t size = c->elemsize;
	raceacquire(&c->closed);
	unlock(&c->lock);
	if (!send && cas->v)
		zeroelem(size, cas->v);
	cas->ok = false;
	return true;
}

/* A random number below n, from the high bits: the low ones of the generator repeat early. */
static inline uint32_t below(uint32_t n)
{
	return (uint32_t)(((uint64_t)cheaprand(getm()) * n) >> 24);
}

/* Does one of the cases that are ready, each with the same chance, and releases all locks. */
static bool selready(struct sel *s, uint32_t *chosen)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->n; i++)
		if (seemsready(&s->cases[i]))
			scaseof(s, n++)->ready = i;
	for (; n > 0; n--) {
		uint32_t r = below(n), i = scaseof(s, r)->ready;
		struct hchan *c = chanof(&s->cases[i]);
		*chosen = i;
		s->cases[i].ok = true; /* a timeout that is due */
		if (!c || trycase(c, &s->cases[i])) {
			selunlock(s, c);
			return true;
		}
		scaseof(s, r)->ready = scaseof(s, n - 1)->ready;
	}
	return false;
}

/*
 * Chooses one of those that seem ready without locks: the k-th takes the place of the one before
 * with chance 1/k, which makes all equal and costs no random number when there is only one.
 */
static inline gort_isize selpeek(struct gort_case *cases, gort_isize n)
{
	gort_isize found = -1;
	uint32_t ready = 0;
	for (gort_isize i = 0; i < n; i++)
		if (seemsready(&cases[i]) && (++ready == 1 || below(ready) == 0))
			found = i;
	return found;
}

/* Does the case if it still is ready. */
static inline bool seltry(struct gort_case *cas)
{
	struct hchan *c = chanof(cas);
	cas->ok = true;
	if (!c)
		return true;
	plock(&c->lock);
	if (cas->kind == GORT_CASE_RECV && likely(!raceenabled) && bufrecv8(c, cas->v)) {
		unlock(&c->lock);
		return true;
	}
	if (trycase(c, cas))
		return true;
	unlock(&c->lock);
	return false;
}

/* ---- waiting ---- */

static void selenqueue(struct sel *s)
{
	struct g *gp = s->gp;
	gcold(gp)->selected = NULL;
	gcold(gp)->cases = s->cases;
	gcold(gp)->ncases = s->n;
	gp->waiting = NULL;
	store_rlx(&gcold(gp)->selectDone, 0);
	for (uint32_t i = 0; i < s->n; i++) {
		struct gort_case *cas = &s->cases[i];
		struct hchan *c = chanof(cas);
		if (!c)
			continue;
		struct sudog *sg = &scaseof(s, i)->sg;
		*sg = (struct sudog){.g = gp,
			.elem = cas->v,
			.c = c,
			.isSelect = true,
			.watched = s->since != 0};
		if (cas->kind == GORT_CASE_SEND && c->elemsize <= sizeof(sg->val))
			copyelem(c->elemsize, &sg->val, cas->v);
		enqueue(cas->kind == GORT_CASE_SEND ? &c->sendq : &c->recvq, sg);
		if (unlikely(c->timer))
			timerchanblock(c);
		if (!gp->waiting) {
			gp->waiting = sg;
			gp->sudog.c = c; /* what dumps show */
		}
	}
}

/* The store of timerFired, its last access to gp unless it has decided, pairs with stoptimer. */
static void selecttimeout(void *arg)
{
	struct g *gp = arg;
	bool decided = selectclaim(gp, NULL);
	if (decided && unlikely(blockwatched))
		released(gp);
	store_rel(&gcold(gp)->timerFired, 1);
	if (decided)
		goready(gp);
}

static void starttimer(struct sel *s)
{
	struct timer *t = &gcold(s->gp)->timer;
	t->when = s->when;
	t->f = selecttimeout;
	t->arg = s->gp;
	store_rlx(&gcold(s->gp)->timerFired, 0);
	timerstart(t, true);
}

/* After it no timer function will touch gp. One that is on its way only has a few stores to do. */
static void stoptimer(struct g *gp)
{
	if (timerdel(&gcold(gp)->timer))
		return;
	for (unsigned i = 0; !load_acq(&gcold(gp)->timerFired); i++)
		osyield_backoff(i);
}

static void selparkcommit(void *arg)
{
	struct sel *s = arg;
	if (s->due)
		starttimer(s);
	selunlock(s, NULL);
}

static void seldequeue(struct sel *s, struct sudog *selected)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct gort_case *cas = &s->cases[i];
		struct hchan *c = chanof(cas);
		struct sudog *sg = &scaseof(s, i)->sg;
		if (!c || sg == selected)
			continue;
		plock(&c->lock);
		dequeueSudoG(cas->kind == GORT_CASE_SEND ? &c->sendq : &c->recvq, sg);
		if (unlikely(c->timer))
			timerchanunblock(c);
		unlock(&c->lock);
	}
}

/* Blocks until a case is done; returns its index. Called with all locks. */
static uint32_t selwait(struct sel *s)
{
	if (unlikely(blockwatched))
		s->since = blockbegin(s->gp);
	selenqueue(s);
	racerelease(raceout(s->gp));
	gopark(selparkcommit, s, waitReasonSelect);
	raceacquire(racein(s->gp));
	struct sudog *sg = gcold(s->gp)->selected;
	if (s->due && sg)
		stoptimer(s->gp);
	seldequeue(s, sg);
	if (unlikely(s->since))
		blockend(s->gp, s->since);
	if (!sg) {
		s->due->ok = true;
		return (uint32_t)(s->due - s->cases);
	}
	size_t at = (uintptr_t)sg - (uintptr_t)s->cases - offsetof(struct gort_case, opaque);
	struct gort_case *cas = &s->cases[at / sizeof(*cas)];
	if (cas->kind == GORT_CASE_RECV && cas->v && sg->c->elemsize <= sizeof(sg->val))
		copyelem(sg->c->elemsize, cas->v, &sg->val);
	cas->ok = sg->success;
	return (uint32_t)(cas - s->cases);
}

static void finddue(struct sel *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		struct gort_case *cas = &s->cases[i];
		if (cas->kind == GORT_CASE_AFTER && (!s->due || cas->after < s->due->after))
			s->due = cas;
	}
	if (!s->due)
		return;
	int64_t now = timenow();
	s->when = s->due->after < INT64_MAX - now ? now + s->due->after : INT64_MAX - 1;
}

/* ---- the call ---- */

/* One case that may block is the plain operation, as Go compiles it. */
static gort_isize selectone(struct gort_case *cas)
{
	cas->ok = true;
	if (cas->kind == GORT_CASE_SEND)
		gort_chan_send(cas->c, cas->v);
	else
		cas->ok = gort_chan_recv(cas->c, cas->v);
	return 0;
}

/*
 * Nothing was ready: under all locks this is exact. At one P it already was, unless there are
 * stale waiters, which only dequeue recognizes.
 */
static __attribute__((noinline)) gort_isize selblock(
	struct gort_case *cases, gort_isize n, bool block, bool exact)
{
	struct sel s = {.cases = cases, .n = (uint32_t)n, .gp = getm()->curg};
	uint32_t chosen;
	if (n < 0 || n > UINT32_MAX)
		throw("select: %ld cases", (long)n);
	if (n == 0 && block)
		goparkforever(waitReasonSelectNoCases);
	if (block)
		finddue(&s);
	if (!exact)
		sellock(&s);
	if (!exact && selready(&s, &chosen))
		return chosen;
	if (block)
		return selwait(&s);
	selunlock(&s, NULL);
	return -1;
}

gort_isize gort_select(struct gort_case *cases, gort_isize n, bool block)
{
	getgchecked("select");
	if (n == 1 && block && cases[0].kind != GORT_CASE_AFTER)
		return selectone(cases);
	gort_isize chosen = selpeek(cases, n);
	if (chosen < 0 || unlikely(!seltry(&cases[chosen]))) {
		if (!block && n <= 1) /* not ready at one moment: nothing else to rule out */
			return -1;
		chosen = selblock(cases, n, block, single && chosen < 0);
	}
	usdt_select_case(cases, chosen);
	if (unlikely(chosen >= 0 && cases[chosen].kind == GORT_CASE_SEND && !cases[chosen].ok))
		gopanic_text("send on closed channel");
	return chosen;
}

/* ---- for the select statement: room for large elements and many cases ---- */

void *gort_select_alloc(size_t size)
{
	return mallocgc((size + 15) & ~(size_t)15); /* aligned for any type */
}

void gort_select_grow(struct gort_select *s)
{
	struct gort_case *more = mallocgc(2 * s->cap * sizeof(*more));
	memcpy(more, s->cases, s->n * sizeof(*more));
	s->cases = more;
	s->cap *= 2;
}
