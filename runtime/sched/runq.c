/* SPDX-License-Identifier: BSD-2-Clause */
/* runq.c - slow paths of the run queues; runq.h has the design and the invariants. */
#include "sched/runq.h"

#include "base/clock.h"
#include "base/throw.h"
#include "sched/netpoll.h"
#include "sched/preempt.h"
#include "sched/timer.h"
#include "sched/tsc.h"

/* A wake-up costs about this much: a backlog of less work is not worth one. */
#define WAKECOST_NS 30000
/* Ready descriptors are looked for so often even while there is enough else to run. */
#define POLL_NS   200000
#define BATCHWAKE 4
#define MAXWL     4096
/* A victim whose decisions stand still for this long may be robbed whatever its backlog. */
#define STILL_NS 10000
/* Overflow that has waited for this long moves from the stack to the queue. */
#define AGE_NS 10000000
/* So many in the global queue are not in the cache; of each stack so many bytes matter. */
#define COLD      4096
#define MAXFRAMES 384

void runqinit(void)
{
	long err = rawsyscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0);
	if (err)
		throw("runq: membarrier is not available: errno %ld", -err);
	runqresize();
}

void runqresize(void)
{
	for (int32_t i = 0; i < gomaxprocs; i++) {
		struct p *pp = allp[i];
		pp->wakelen = gomaxprocs > 1 ? 1 : UINT32_MAX;
		store_rlx(&pp->wl, 1);
		store_rlx(&pp->offer, load_rlx(&pp->schedtick) - 1);
		pp->sliceprev = INT64_MAX;
		pp->slicestart = nanotime();
	}
}

/* gp, which nobody can take yet, becomes runnable. */
void runqtime(struct g *gp)
{
	struct m *mp = getm();
	gp->waitsince = mp && mp->p ? nanotimeupper(mp->p) : nanotime();
	gp->timed = true;
}

/* What two Ps take for the time may differ by less than the first bucket of the histogram. */
void runqtimed(struct p *pp, struct g *gp)
{
	int64_t waited = nanotimeupper(pp) - gp->waitsince;
	timehistrecord(&pp->timeToRun, waited > 0 ? waited : 0);
	gp->timed = false;
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

/* No barrier before wakep looks: an M that stops spinning now may miss it, sysmon does not. */
static void offer(struct p *pp)
{
	store_rlx(&pp->offer, load_rlx(&pp->schedtick));
	wakep();
	startclock(pp->m);
}

/*
 * Something waits in a runnext, the first in a while, as sysmon sleeps. Nobody would find it should
 * the goroutine that put it there compute now, and sysmon, once awake, would look at this P twice
 * and then wake an M. So an M is woken at once, and takes it unless a decision was made by then.
 */
void runnextalone(struct p *pp)
{
	offer(pp);
	wakesysmon();
}

/* The first `go` of a P that was idle: likewise, even if sysmon is awake. */
void wakefresh(struct p *pp)
{
	store_rlx(&pp->fresh, false);
	offer(pp);
}

static struct g *runnextsteal(struct p *victim)
{
	uint32_t free = 0;
	struct g *gp = NULL;
	if (!*(struct g *volatile *)&victim->runnext || !cas_acqrel(&victim->rnthief, &free, 1))
		return NULL;
	membarrier_all();
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

/* With sched.lock held, after each change. */
static void setrunqsize(void)
{
	store_rlx(&sched.runqsize, sched.runq.size + sched.runqnew.size + sched.runqold.size);
}

/* The ring was full at head h: moves half of it and gp to the front of the overflow. */
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
	LIST_CONCAT(&batch, &sched.runqnew, schedlink);
	sched.runqnew = batch;
	setrunqsize();
	unlock(&sched.lock);
	runqwake(pp);
}

/* With sched.lock held: so many come to runq, gp first. */
static void globrunqtime(struct g *gp, uint32_t n)
{
	uint32_t before = sched.runqtick;
	sched.runqtick += n;
	if (sched.runqtick / gTrackingPeriod != before / gTrackingPeriod)
		runqtime(gp);
}

void globrunqputbatch(struct gQueue *batch)
{
	globrunqtime(batch->first, batch->size);
	LIST_CONCAT(&sched.runq, batch, schedlink);
	setrunqsize();
}

void globrunqput(struct g *gp)
{
	globrunqtime(gp, 1);
	LIST_PUSH_BACK(&sched.runq, gp, schedlink);
	setrunqsize();
}

/* Frames that gp returns through when it goes on: they would else be missed one after the other. */
static inline void prefetchstack(const struct g *gp)
{
	uintptr_t sp = load_rlx(&gp->sched.sp), end = gp->stack.hi;
	if (!sp) {
		prefetchg(gp);
		return;
	}
	end = end < sp + MAXFRAMES ? end : sp + MAXFRAMES;
	for (; sp < end; sp += 64)
		__builtin_prefetch((void *)sp, 1);
}

struct g *globrunqgetlocked(struct p *pp)
{
	bool cold = load_rlx(&sched.runqsize) > COLD;
	uint32_t n = load_rlx(&sched.runqsize) / (uint32_t)gomaxprocs + 1;
	uint32_t room = RUNQSIZE - runqlen(pp);
	struct gQueue *q = sched.runq.first ? &sched.runq : &sched.runqnew;
	q = q->first ? q : &sched.runqold;
	n = n < RUNQSIZE / 2 ? n : RUNQSIZE / 2;
	n = n < room + 1 ? n : room + 1;
	struct g *first = LIST_POP(q, schedlink);
	for (struct g *gp; n > 1 && (gp = LIST_POP(q, schedlink)); n--) {
		uint32_t t = load_rlx(&pp->runqtail);
		store_rlx(&pp->runq[t % RUNQSIZE], gp);
		store_rel(&pp->runqtail, t + 1);
		if (cold)
			prefetchstack(gp);
	}
	setrunqsize();
	return first;
}

/* A turn for those that waited longest. */
static struct g *globrunqgetfair(struct p *pp, int64_t now)
{
	if (load_rlx(&sched.runqsize) == 0)
		return NULL;
	lock(&sched.lock);
	if (now - sched.runqaged > AGE_NS) {
		LIST_CONCAT(&sched.runqold, &sched.runqnew, schedlink);
		sched.runqaged = now;
	}
	struct g *gp = LIST_POP(&sched.runqold, schedlink);
	if (gp)
		setrunqsize();
	else
		gp = globrunqgetlocked(pp);
	unlock(&sched.lock);
	return gp;
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
 * A batch may be BATCHWAKE times longer than other work before another M is woken for it: it came
 * at once, so that this P will be through soon, and whoever sent it often needs the other CPU. A
 * backlog that stays is found by wakepolicy.
 */
void runqputbatch(struct p *pp, struct gQueue *list)
{
	for (struct g *gp; (gp = LIST_POP(list, schedlink));) {
		uint32_t h = load_acq(&pp->runqhead), t = load_rlx(&pp->runqtail);
		if (unlikely(t - h >= RUNQSIZE)) {
			runqputslow(pp, gp, h);
			continue;
		}
		if (unlikely(t % gTrackingPeriod == 0))
			runqtime(gp);
		store_rlx(&pp->runq[t % RUNQSIZE], gp);
		store_rel(&pp->runqtail, t + 1); /* as in runqputtail */
	}
	if (runqlen(pp) > BATCHWAKE * load_rlx(&pp->wl))
		runqwake(pp);
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

/*
 * Which queue is first in a slow decision. One that sysmon asked for is in favour of the global
 * queue, where those are that the poller woke; but not if the ring has stood still since the last
 * such one: goroutines that are preempted on other Ms come back through the global queue, which
 * then is never empty.
 */
static bool globalfirst(struct p *pp, uint32_t tick)
{
	uint32_t head = load_rlx(&pp->runqhead);
	if (!load_rlx(&pp->slow))
		return tick & 64;
	store_rlx(&pp->slow, false);
	bool moved = head != pp->slowhead;
	pp->slowhead = moved ? head : head - 1;
	return moved;
}

/* Timers, poller, and fairness: the ring and the global queue before runnext. */
struct g *runqpickslow(struct p *pp, uint32_t tick)
{
	int64_t now = nanotime();
	bool global = globalfirst(pp, tick);
	store_rlx(&sched.now, now);
	if (tick % 64 == 0)
		wakepolicy(pp, now);
	timersrun(pp, now);
	int64_t last = load_rlx(&sched.lastpoll);
	if (last && now - last > POLL_NS && netpollAnyWaiters())
		netpolltry(now);
	struct g *gp = global ? globrunqgetfair(pp, now) : NULL;
	if (!gp)
		gp = runqget(pp);
	return gp ? gp : globrunqget(pp);
}

/* Whether others may have even the goroutine in pp's runnext. */
static bool offers(struct p *pp)
{
	return load_rlx(&pp->stuck) || load_rlx(&pp->offer) == load_rlx(&pp->schedtick);
}

bool runqworth(struct p *pp)
{
	uint32_t n = runqlen(pp);
	if (offers(pp))
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
		bool all = offers(victim);
		if (n == 0 && !all)
			continue;
		if (!all && n <= load_rlx(&victim->wl) && !standsstill(mp, victim, now))
			continue;
		struct g *gp = runqgrab(pp, victim);
		if (!gp && all)
			gp = runnextsteal(victim);
		if (gp)
			return gp;
	}
	return NULL;
}
