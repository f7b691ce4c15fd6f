/* SPDX-License-Identifier: BSD-2-Clause */
/* runq.c - slow paths of the run queues; runq.h has the design and the invariants. */
#include "sched/runq.h"

#include <linux/membarrier.h>

#include "base/clock.h"
#include "base/throw.h"
#include "sched/netpoll.h"
#include "sched/timer.h"

/* A wake-up costs about this much: a backlog of less work is not worth one. */
#define WAKECOST_NS 30000
#define MAXWL       4096
/* A victim whose decisions stand still for this long may be robbed whatever its backlog. */
#define STILL_NS 10000

void runqinit(void)
{
	long err = rawsyscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0);
	if (err)
		throw("runq: membarrier is not available: errno %ld", -err);
	for (int32_t i = 0; i < gomaxprocs; i++) {
		struct p *pp = allp[i];
		pp->wakelen = gomaxprocs > 1 ? 1 : UINT32_MAX;
		store_rlx(&pp->wl, 1);
		pp->sliceprev = INT64_MAX;
		pp->slicestart = nanotime();
	}
}

/* A thief looks at pp's runnext: gives way until it is gone. Returns owning. */
void runnextwait(struct p *pp)
{
	for (;;) {
		store_rel(&pp->rnowner, 0);
		for (unsigned i = 0; load_acq(&pp->rnthief); i++)
			osyield_backoff(i);
		store_rlx(&pp->rnowner, 1);
		compiler_barrier();
		if (!load_rlx(&pp->rnthief))
			return;
	}
}

static struct g *runnextsteal(struct p *victim)
{
	uint32_t free = 0;
	struct g *gp = NULL;
	if (!*(struct g *volatile *)&victim->runnext || !cas_acqrel(&victim->rnthief, &free, 1))
		return NULL;
	rawsyscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0);
	/*
	 * An owner in the middle of its few instructions may have lost its CPU: do not wait for
	 * it.
	 */
	if (!load_acq(&victim->rnowner)) {
		gp = victim->runnext;
		victim->runnext = NULL;
	}
	store_rel(&victim->rnthief, 0); /* pairs with the acquire in runnextwait */
	return gp;
}

/* The ring was full at head h: moves half of it and gp to the global queue. */
void runqputslow(struct p *pp, struct g *gp, uint32_t h)
{
	struct gQueue batch = {0};
	struct g *taken[RUNQSIZE / 2];
	for (uint32_t i = 0; i < RUNQSIZE / 2; i++)
		taken[i] = load_rlx(&pp->runq[(h + i) % RUNQSIZE]);
	if (!cas_acqrel(&pp->runqhead, &h, h + RUNQSIZE / 2)) {
		uint32_t t = load_rlx(&pp->runqtail); /* a thief made room */
		store_rlx(&pp->runq[t % RUNQSIZE], gp);
		store_rel(&pp->runqtail, t + 1);
		return;
	}
	for (uint32_t i = 0; i < RUNQSIZE / 2; i++)
		LIST_PUSH_BACK(&batch, taken[i], schedlink);
	LIST_PUSH_BACK(&batch, gp, schedlink);
	lock(&sched.lock);
	globrunqputbatch(&batch);
	unlock(&sched.lock);
	runqwake(pp);
}

void globrunqputbatch(struct gQueue *batch)
{
	LIST_CONCAT(&sched.runq, batch, schedlink);
	store_rlx(&sched.runqsize, sched.runq.size);
}

void globrunqput(struct g *gp)
{
	LIST_PUSH_BACK(&sched.runq, gp, schedlink);
	store_rlx(&sched.runqsize, sched.runq.size);
}

struct g *globrunqgetlocked(struct p *pp)
{
	uint32_t n = sched.runq.size / (uint32_t)gomaxprocs + 1;
	uint32_t room = RUNQSIZE - runqlen(pp);
	n = n < RUNQSIZE / 2 ? n : RUNQSIZE / 2;
	n = n < room + 1 ? n : room + 1;
	struct g *first = LIST_POP(&sched.runq, schedlink);
	for (struct g *gp; n > 1 && (gp = LIST_POP(&sched.runq, schedlink)); n--) {
		uint32_t t = load_rlx(&pp->runqtail);
		store_rlx(&pp->runq[t % RUNQSIZE], gp);
		store_rel(&pp->runqtail, t + 1);
	}
	store_rlx(&sched.runqsize, sched.runq.size);
	return first;
}

struct g *globrunqget(struct p *pp)
{
	if (load_rlx(&sched.runqsize) == 0)
		return NULL;
	lock(&sched.lock);
	struct g *gp = globrunqgetlocked(pp);
	unlock(&sched.lock);
	return gp;
}

/* The backlog exceeds wakelen. */
void runqwake(struct p *pp)
{
	if (gomaxprocs == 1)
		return;
	if (unlikely(load_rlx(&sched.sysmonwait)))
		wakesysmon();
	if (load_rlx(&sched.npidle) && !load_rlx(&sched.nmspinning) &&
		runqlen(pp) + load_rlx(&sched.runqsize) > load_rlx(&pp->wl))
		wakep();
}

/*
 * Every 64 decisions: how long is a slice, hence from which backlog on is a wake-up worth its
 * cost? The smaller of two windows counts, as one long slice must not make the average look long.
 * wl may be 0: slices above 30 us, where even one waiting G is worth a wake-up.
 */
static void wakepolicy(struct p *pp, int64_t now)
{
	int64_t slice = (now - pp->slicestart) / 64 + 1;
	int64_t least = slice < pp->sliceprev ? slice : pp->sliceprev;
	int64_t wl = WAKECOST_NS / least;
	pp->slicestart = now;
	pp->sliceprev = slice;
	store_rlx(&pp->wl, wl < MAXWL ? (uint32_t)wl : MAXWL);
	if (gomaxprocs == 1)
		return;
	pp->wakelen = load_rlx(&pp->wl);
	store_rlx(&pp->stuck, 0);
	if (runqlen(pp) + load_rlx(&sched.runqsize) > pp->wakelen)
		runqwake(pp);
}

/* Timers, poller, and fairness: the ring and the global queue before runnext. */
struct g *runqpickslow(struct p *pp, uint32_t tick)
{
	int64_t now = nanotime();
	bool globalfirst = load_rlx(&pp->slow) || tick & 64;
	store_rlx(&pp->slow, false);
	store_rlx(&sched.now, now);
	if (tick % 64 == 0)
		wakepolicy(pp, now);
	timersrun(pp, now);
	if (tick % 1024 == 0 && netpollAnyWaiters()) {
		struct gQueue ready = netpoll(0);
		injectglist(&ready);
	}
	struct g *gp = globalfirst ? globrunqget(pp) : NULL;
	if (!gp)
		gp = runqget(pp);
	return gp ? gp : globrunqget(pp);
}

bool runqworth(struct p *pp)
{
	uint32_t n = runqlen(pp);
	if (load_rlx(&pp->stuck))
		return n > 0 || *(struct g *volatile *)&pp->runnext;
	return n > load_rlx(&pp->wl);
}

/* Whether mp has watched victim make no decision for STILL_NS: its current slice is a long one. */
static bool standsstill(struct m *mp, struct p *victim, int64_t now)
{
	struct seenp *seen = &mp->seen[victim->id];
	uint32_t tick = load_rlx(&victim->schedtick);
	if (seen->tick != tick) {
		*seen = (struct seenp){tick, now};
		return false;
	}
	return now - seen->since > STILL_NS;
}

/*
 * Moves half of victim's ring to pp's, which is empty; returns one of them, NULL when there is
 * none.
 */
static struct g *runqgrab(struct p *pp, struct p *victim)
{
	for (;;) {
		uint32_t h = load_acq(&victim->runqhead), t = load_acq(&victim->runqtail);
		uint32_t n = t - h, tail = load_rlx(&pp->runqtail);
		n -= n / 2;
		if (n == 0)
			return NULL;
		if (n > RUNQSIZE / 2) /* h and t were read at different times */
			continue;
		struct g *gp = load_rlx(&victim->runq[h % RUNQSIZE]);
		for (uint32_t i = 1; i < n; i++)
			store_rlx(&pp->runq[(tail + i - 1) % RUNQSIZE],
				load_rlx(&victim->runq[(h + i) % RUNQSIZE]));
		if (!cas_acqrel(&victim->runqhead, &h, h + n))
			continue;
		store_rel(&pp->runqtail, tail + n - 1);
		pp->steals++;
		pp->stolen += n;
		return gp;
	}
}

struct g *runqsteal(struct m *mp, struct p *pp, int64_t now)
{
	uint32_t start = cheaprand(mp) % (uint32_t)gomaxprocs;
	for (uint32_t i = 0; i < (uint32_t)gomaxprocs; i++) {
		struct p *victim = allp[(start + i) % (uint32_t)gomaxprocs];
		if (victim == pp || load_rlx(&victim->status) == _Pidle)
			continue;
		uint32_t n = runqlen(victim);
		bool stuck = load_rlx(&victim->stuck);
		if (n == 0 && !stuck)
			continue;
		if (!stuck && n <= load_rlx(&victim->wl) && !standsstill(mp, victim, now))
			continue;
		struct g *gp = runqgrab(pp, victim);
		if (!gp && stuck)
			gp = runnextsteal(victim);
		if (gp)
			return gp;
	}
	return NULL;
}
