/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runq.h - the queues of runnable goroutines (Go's proc.go runqput, runqget, runqsteal).
 *
 * Per P: runnext, one goroutine to run next; and a ring of 256. The owner appends at runqtail and
 * everybody takes from runqhead by compare-and-swap. Beyond that, the global queue under
 * sched.lock, of three parts: runq, for goroutines that come from outside a P, first in, first
 * out; runqnew, for what rings had no room for, newest batch first; runqold.
 *
 * Newest first makes a fan-out go depth-first: a tree of goroutines then holds its depth times its
 * fan-out in memory, not its breadth, and runs in the cache. So that nobody starves, what is in
 * runqnew moves behind runqold after 10 ms, and each 128th decision of a P takes the first of
 * runqold. All else takes runq, then runqnew, then runqold.
 *
 * Invariants:
 *  1. runqtail - runqhead <= RUNQSIZE; only the owner writes runqtail and ring slots.
 *  2. A taker reads slots first and then claims them by moving runqhead; only slots claimed count.
 *  3. When the ring is full, half of it moves to the global queue by a compare-and-swap from the
 *     very head that the fullness test read. Reading it again would let two thefts slip in
 *     between, and the batch would take stale slots past the tail.
 *
 * runnext without atomics. Only the owner touches it, except that a thief may take it from a P
 * whose goroutine has run for long (p.stuck), or which has offered it (p.offer). It is an
 * asymmetric lock: the owner sets rnowner, then looks at rnthief; the thief sets rnthief, issues
 * membarrier(2), then looks at rnowner. The barrier makes one of the two see the other; the owner's
 * path is two plain stores and a load.
 *
 * Wake policy: pushing wakes another M only when the backlog is worth it, that is when its length
 * times the average slice exceeds 30 us; a thief judges its victim by the same test. Each 64
 * decisions the P stores wl = 30 us / slice. So a ping-pong stays on one P and costs no futex
 * call, while goroutines that compute spread at once. What this misses (a long slice after short
 * ones) sysmon finds: p.stuck. And while little goes on a wake-up costs nobody anything: the first
 * runnext after a quiet time, and the first `go` of a P that was idle, wake an M at once. That one
 * may wait for a CPU: the thread of the P sets a timer too (startclock, preempt.c).
 *
 * How long goroutines wait for a P is counted of one in gTrackingPeriod, into p.timeToRun: who is
 * put into a ring as each so manieth, comes to the global queue as each so manieth, or is put
 * into runnext between one decision in so many and the next. It is marked (g.timed) before anybody
 * can take it. Code that does without a call leaves those to the functions here; and whoever picks
 * a marked one lets g0 run it, as one that is wired, so that nothing is tested that was not before.
 * One that runnext was too small for counts from then on.
 */
#ifndef GORT_SCHED_RUNQ_H
#define GORT_SCHED_RUNQ_H

#include "sched/proc.h"
#include "sched/runtime2.h"

/* One in so many waits for a P is timed, which costs 30 ns; a power of two. */
#define gTrackingPeriod 512

/* The slow paths, runq.c. */
void runqtime(struct g *gp);
/* gp is about to run on pp: how long it took. */
void runqtimed(struct p *pp, struct g *gp);
void runqputslow(struct p *pp, struct g *gp, uint32_t head);
struct g *runqpickslow(struct p *pp, uint32_t tick);
void runqwake(struct p *pp);
void runnextwait(struct p *pp);
void runnextalone(struct p *pp);
void wakefresh(struct p *pp);

/* Appends what the poller has found to pp's ring; the caller owns pp. Empties the list. */
void runqputbatch(struct p *pp, struct gQueue *list);
/* Takes a fair share of the global queue: returns one G, puts others into pp's ring. */
struct g *globrunqget(struct p *pp);
/* The same with sched.lock held. */
struct g *globrunqgetlocked(struct p *pp);
/* With sched.lock held. */
void globrunqput(struct g *gp);
void globrunqputbatch(struct gQueue *batch);
/* Steals from some other P into pp's ring; returns one of the Gs. */
struct g *runqsteal(struct m *mp, struct p *pp, int64_t now);
/* Whether some P has Gs worth stealing. */
bool runqworth(struct p *pp);
void runqinit(void);
/* The number of Ps has changed: judges the price of a wake-up anew. The world is stopped. */
void runqresize(void);

/* What follows the first cache line of gp, for one that is not in the cache and about to start. */
static inline void prefetchg(const struct g *gp)
{
	for (size_t line = 64; line < sizeof(*gp); line += 64)
		__builtin_prefetch((const char *)gp + line, 1);
}

/* Length of the ring; for other Ps a snapshot that may be out of date. */
static inline uint32_t runqlen(struct p *pp)
{
	uint32_t h = load_acq(&pp->runqhead), t = load_acq(&pp->runqtail);
	return (int32_t)(t - h) > 0 ? t - h : 0;
}

static inline bool runqempty(struct p *pp)
{
	return *(struct g *volatile *)&pp->runnext == NULL && runqlen(pp) == 0;
}

static inline void runnextlock(struct p *pp)
{
	if (single) /* no thieves */
		return;
	store_rlx(&pp->rnowner, 1);
	compiler_barrier(); /* runnextsteal's membarrier makes this order hold on the CPU too */
	if (unlikely(load_rlx(&pp->rnthief)))
		runnextwait(pp);
}

/* For code that does without a call; not at one P. */
static inline bool runnexttrylock(struct p *pp)
{
	store_rlx(&pp->rnowner, 1);
	compiler_barrier(); /* as above; runnext is read after rnthief */
	if (likely(!load_acq(&pp->rnthief)))
		return true;
	store_rel(&pp->rnowner, 0);
	return false;
}

static inline void runnextunlock(struct p *pp)
{
	if (!single)
		store_rel(&pp->rnowner, 0);
}

/* Appends to pp's ring; the caller owns pp. */
static inline void runqputtail(struct p *pp, struct g *gp)
{
	uint32_t h =
		load_acq(&pp->runqhead); /* pairs with takers' cas: their slot reads are done */
	uint32_t t = load_rlx(&pp->runqtail);
	if (unlikely(t - h >= RUNQSIZE)) {
		runqputslow(pp, gp, h);
		return;
	}
	if (unlikely(t % gTrackingPeriod == 0))
		runqtime(gp);
	store_rlx(&pp->runq[t % RUNQSIZE], gp);
	store_rel(&pp->runqtail, t + 1); /* pairs with takers' acquire of runqtail */
	if (unlikely(t - h >= pp->wakelen))
		runqwake(pp);
}

/* Makes gp run next; what was next goes to the ring. The caller owns pp. */
static inline void runqputnext(struct p *pp, struct g *gp)
{
	bool timed = load_rlx(&pp->schedtick) % gTrackingPeriod == 0;
	if (unlikely(timed))
		runqtime(gp);
	runnextlock(pp);
	struct g *old = pp->runnext;
	*(struct g *volatile *)&pp->runnext = gp;
	runnextunlock(pp);
	if (unlikely(timed && old))
		old->timed = false; /* its turn in the ring decides */
	if (old)
		runqputtail(pp, old);
	else if (unlikely(load_rlx(&sched.sysmonwait)))
		runnextalone(pp);
}

static inline struct g *runnextget(struct p *pp)
{
	if (!*(struct g *volatile *)&pp->runnext)
		return NULL;
	runnextlock(pp);
	struct g *gp = pp->runnext;
	pp->runnext = NULL;
	runnextunlock(pp);
	return gp;
}

/* Takes the oldest of pp's ring; the caller owns pp. */
static inline struct g *runqget(struct p *pp)
{
	for (;;) {
		uint32_t h = load_acq(&pp->runqhead), t = load_rlx(&pp->runqtail);
		if (h == t)
			return NULL;
		struct g *gp = load_rlx(&pp->runq[h % RUNQSIZE]);
		if (likely(pcas(&pp->runqhead, &h, h + 1)))
			return gp;
	}
}

/* The next goroutine for pp from its own and the global queue, or NULL. One scheduling decision. */
static inline __attribute__((always_inline)) struct g *runqpick(struct p *pp)
{
	uint32_t tick = load_rlx(&pp->schedtick) + 1;
	struct g *gp;
	store_rlx(&pp->schedtick, tick);
	if (unlikely(tick % 64 == 0 || load_rlx(&pp->slow))) {
		gp = runqpickslow(pp, tick);
		if (gp)
			return gp;
	}
	gp = runnextget(pp);
	if (!gp)
		gp = runqget(pp);
	if (!gp && load_rlx(&sched.runqsize))
		gp = globrunqget(pp);
	return gp;
}

#endif
