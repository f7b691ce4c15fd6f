/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * select.c - select over any number of sends, receives and timeouts (Go's select.go).
 *
 * Three steps, each only if the one before found nothing:
 *  - look at the cases without locks, collect those that seem ready, choose one of them at random,
 *    lock its channel alone and try; if it was not, choose among the others;
 *  - lock all channels, in the order of their addresses, and do the same: now it is exact;
 *  - put a sudog for each case on its channel, still under all locks, and park. Whoever finds one
 *    of the sudogs claims the select by compare-and-swap of g.selectDone, once, and so does the
 *    timer. Afterwards take the other sudogs off, one channel at a time.
 *
 * The sudogs and the scratch lie in the caller's array of cases, so that nothing is allocated.
 *
 * Invariants:
 *  1. g.selectDone is 0 before the first sudog is enqueued, and no sudog or timer of a select is
 *     left when it returns: a claim never hits a later select.
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
#include <stdlib.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/heapsort.h"
#include "sched/proc.h"
#include "sched/timer.h"
#include "sync/chan.h"

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
	heapsort_run(&h, n);
	for (uint32_t k = 0; k < n; k++)
		if (unique == 0 || lockedchan(s, k) != lockedchan(s, unique - 1))
			scaseof(s, unique++)->order = scaseof(s, k)->order;
	s->nlock = unique;
}

static void sellock(struct sel *s)
{
	sortchans(s);
	for (uint32_t k = 0; k < s->nlock; k++)
		lock(&lockedchan(s, k)->lock);
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
	unlock(&c->lock);
	if (!send && cas->v)
		memset(cas->v, 0, size);
	cas->ok = false;
	return true;
}

/* A random number below n, from the high bits: the low ones of the generator repeat early. */
static inline uint32_t below(uint32_t n)
{
	return n == 1 ? 0 : (uint32_t)(((uint64_t)cheaprand(getm()) * n) >> 24);
}

/*
 * Does one of the cases that are ready, each with the same chance. False when none is. locked: all
 * channels are, and have been released when it returns true.
 */
static bool selready(struct sel *s, bool locked, uint32_t *chosen)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->n; i++)
		if (seemsready(&s->cases[i]))
			scaseof(s, n++)->ready = i;
	for (; n > 0; n--) {
		uint32_t r = below(n), i = scaseof(s, r)->ready;
		struct hchan *c = chanof(&s->cases[i]);
		*chosen = i;
		if (c && !locked)
			lock(&c->lock);
		if (!c || trycase(c, &s->cases[i])) {
			if (locked)
				selunlock(s, c);
			return true;
		}
		if (!locked)
			unlock(&c->lock);
		scaseof(s, r)->ready = scaseof(s, n - 1)->ready;
	}
	return false;
}

/* ---- waiting ---- */

static void selenqueue(struct sel *s)
{
	struct g *gp = s->gp;
	gp->selected = NULL;
	gp->waiting = NULL;
	store_rlx(&gp->selectDone, 0);
	for (uint32_t i = 0; i < s->n; i++) {
		struct gort_case *cas = &s->cases[i];
		struct hchan *c = chanof(cas);
		if (!c)
			continue;
		struct sudog *sg = &scaseof(s, i)->sg;
		*sg = (struct sudog){.g = gp, .elem = cas->v, .c = c, .isSelect = true};
		if (cas->kind == GORT_CASE_SEND && c->elemsize <= sizeof(sg->val))
			copyelem(c->elemsize, &sg->val, cas->v);
		enqueue(cas->kind == GORT_CASE_SEND ? &c->sendq : &c->recvq, sg);
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
	store_rel(&gp->timerFired, 1);
	if (decided)
		goready(gp);
}

static void starttimer(struct sel *s)
{
	struct timers *ts = &getm()->p->timers;
	struct timer *t = &s->gp->timer;
	t->when = s->when;
	t->f = selecttimeout;
	t->arg = s->gp;
	store_rlx(&s->gp->timerFired, 0);
	lock(&ts->lock);
	timeradd(getm()->p, t);
	unlock(&ts->lock);
}

/* After it no timer function will touch gp. One that is on its way only has a few stores to do. */
static void stoptimer(struct g *gp)
{
	if (timerdel(&gp->timer))
		return;
	for (unsigned i = 0; !load_acq(&gp->timerFired); i++)
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
		lock(&c->lock);
		dequeueSudoG(cas->kind == GORT_CASE_SEND ? &c->sendq : &c->recvq, sg);
		unlock(&c->lock);
	}
}

/* Blocks until a case is done; returns its index. Called with all locks. */
static uint32_t selwait(struct sel *s)
{
	selenqueue(s);
	gopark(selparkcommit, s, waitReasonSelect);
	struct sudog *sg = s->gp->selected;
	if (s->due && sg)
		stoptimer(s->gp);
	seldequeue(s, sg);
	if (!sg)
		return (uint32_t)(s->due - s->cases);
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
	int64_t now = nanotime();
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

gort_isize gort_select(struct gort_case *cases, gort_isize n, bool block)
{
	struct sel s = {.cases = cases, .n = (uint32_t)n, .gp = getgchecked("select")};
	uint32_t chosen;
	if (n < 0 || n > UINT32_MAX)
		throw("select: %ld cases", (long)n);
	if (n == 0 && block)
		goparkforever(waitReasonSelectNoCases);
	if (n == 1 && block && cases[0].kind != GORT_CASE_AFTER)
		return selectone(cases);
	if (!selready(&s, false, &chosen)) {
		if (!block && n <= 1) /* not ready at one moment: nothing else to rule out */
			return -1;
		if (block)
			finddue(&s);
		sellock(&s);
		if (!selready(&s, true, &chosen)) {
			if (!block) {
				selunlock(&s, NULL);
				return -1;
			}
			chosen = selwait(&s);
		}
	}
	if (cases[chosen].kind == GORT_CASE_AFTER)
		cases[chosen].ok = true;
	if (unlikely(cases[chosen].kind == GORT_CASE_SEND && !cases[chosen].ok))
		gopanic_text("send on closed channel");
	return chosen;
}

/* ---- for the select statement: room for large elements and many cases ---- */

/* Precedes each block; all are on gort_select.heap. */
struct selblock {
	void *next;
	uint64_t pad;
};

void *gort_select_alloc(struct gort_select *s, size_t size)
{
	struct selblock *b = malloc(sizeof(*b) + size);
	if (!b)
		gopanic_text("select: out of memory");
	b->next = s->heap;
	s->heap = b;
	return b + 1;
}

void gort_select_grow(struct gort_select *s)
{
	struct gort_case *more = gort_select_alloc(s, 2 * s->cap * sizeof(*more));
	memcpy(more, s->cases, s->n * sizeof(*more));
	s->cases = more;
	s->cap *= 2;
}

void gort_select_free(struct gort_select *s)
{
	for (struct selblock *b = s->heap, *next; b; b = next) {
		next = b->next;
		free(b);
	}
}
