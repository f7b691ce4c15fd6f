/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * park.h - blocking, waking and switching, inlined where goroutines wait (Go's gopark, goready,
 * schedule, execute). proc.c has the protocol.
 *
 * Inline, because most of what a switch costs is mispredicted returns: the CPU predicts those of
 * the goroutine that was left, so each call between the program and the switch adds one. Sends and
 * receives avoid the last one too: sync/chan_amd64.S.
 */
#ifndef GORT_SCHED_PARK_H
#define GORT_SCHED_PARK_H

#include "base/throw.h"
#include "debug/usdt.h"
#include "sched/asm.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/sanitizer.h"
#include "sched/stack.h"

/* The decision when somebody wants something of this M: m.events. proc.c */
struct g *pickevent(struct m *mp);

static inline __attribute__((always_inline)) void execute(struct m *mp, struct g *gp)
{
	mp->curg = gp;
	gort_elide.locked = ~gp->goid << 32 | 1; /* sync/mutex.c */
	gp->m = mp;
	store_rlx(&gp->atomicstatus, _Grunning);
	usdt_go_start(gp);
}

/*
 * Leaves from's stack for to, which has been switched out, or is g0. Returns when from runs again,
 * on whatever M: nothing read before may be used after.
 */
static inline __attribute__((always_inline)) void mresume(struct g *from, struct g *to)
{
	int saved = errnoload(); /* from's own, wherever it goes on */
	san_leave(from, to->stack.lo, to->stack.hi);
	goswitch(&from->sched, &to->sched);
	errnostore(saved);
	san_enter(from);
}

/*
 * One that has not run yet gets a stack that looks as if it had switched in goexit. So there is one
 * place where a function switches, and goroutines that wait alike are found at one pc.
 */
static inline void bindstack(struct p *pp, struct g *gp)
{
	if (unlikely(gp->stack.hi == 0)) {
		stackalloc(pp, gp);
		gofresh(&gp->sched, gp->stack.hi);
	}
}

static inline __attribute__((always_inline)) void mswitch(
	struct p *pp, struct g *from, struct g *to)
{
	bindstack(pp, to);
	mresume(from, to);
}

/*
 * Whether next can run at once: fresh, or completely switched out. Pairs with goswitch's store of
 * sp.
 */
static inline bool canrun(struct g *gp)
{
	return gp->stack.hi == 0 || load_acq(&gp->sched.sp) != 0;
}

/* One scheduling decision, on a goroutine's stack. */
static inline __attribute__((always_inline)) struct g *pick(struct m *mp)
{
	return likely(!load_rlx(&mp->events)) ? runqpick(mp->p) : pickevent(mp);
}

/*
 * gp, which runs here, has been put where somebody will find it: returns what runs instead, ready
 * to be switched to; gp itself when it goes on.
 */
static inline __attribute__((always_inline)) struct g *choose(struct m *mp, struct g *gp)
{
	struct p *pp = mp->p;
	struct g *next = pick(mp);
	gp->m = NULL;
	if (likely(next == gp || (next && !next->aside && canrun(next)))) {
		execute(mp, next);
	} else {
		mp->nextg = next;
		next = mp->g0;
		mp->curg = NULL;
	}
	bindstack(pp, next);
	return next;
}

static inline __attribute__((always_inline)) void schedule(struct m *mp, struct g *gp)
{
	struct g *next = choose(mp, gp);
	if (next != gp)
		mresume(gp, next);
}

static inline void markwaiting(struct g *gp, waitReason reason)
{
	gp->waitreason = (uint8_t)reason;
	gp->waitsince = load_rlx(&sched.now);
	store_rlx(&gp->atomicstatus, _Gwaiting);
	usdt_go_block(gp);
}

/*
 * Blocks the calling goroutine. l is held and the goroutine is already on a queue that l guards;
 * it is marked as waiting, then l is released, so a waker that holds l sees it waiting. Returns
 * once somebody called goready.
 */
static inline __attribute__((always_inline)) void goparkunlock(struct mutex *l, waitReason reason)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	markwaiting(gp, reason);
	unlock(l);
	schedule(mp, gp);
}

/*
 * The same up to the switch: returns what runs instead, which the caller switches to as the last
 * thing it does; the calling goroutine itself when it goes on.
 */
static inline __attribute__((always_inline)) struct g *goparkchoose(
	struct g *gp, struct mutex *l, waitReason reason)
{
	struct m *mp = getm();
	markwaiting(gp, reason);
	unlock(l);
	return choose(mp, gp);
}

/*
 * Where gp goes on: for one that does so soon, not for many at once. Nowhere yet when it still
 * runs.
 */
static inline void prefetchframe(const struct g *gp)
{
	uintptr_t sp = load_rlx(&gp->sched.sp);
	__builtin_prefetch((void *)sp);
	__builtin_prefetch((void *)(sp + 64));
}

/* Makes a waiting goroutine runnable, next on this P. Caller took it off its queue; needs a P. */
static inline __attribute__((always_inline)) void goready(struct g *gp)
{
	if (unlikely(load_rlx(&gp->atomicstatus) != _Gwaiting))
		throw("goready: goroutine %lu has status %u", (unsigned long)gp->goid,
			load_rlx(&gp->atomicstatus));
	store_rlx(&gp->atomicstatus, _Grunnable);
	usdt_go_unblock(gp);
	runqputnext(getm()->p, gp);
}

/* Whether a goroutine that is put into runnext, or into the ring at t, is to be timed: runq.h. */
static inline bool timesnext(struct p *pp, uint32_t t)
{
	return load_rlx(&pp->schedtick) % gTrackingPeriod == 0 ||
	       (t % gTrackingPeriod == 0 && *(struct g *volatile *)&pp->runnext);
}

/* At one P: whether goreadyfast may be used: there is room, and nobody need be told. */
static inline bool canreadyfast(void)
{
	struct p *pp = getm()->p;
	uint32_t t = load_rlx(&pp->runqtail);
	return t - load_rlx(&pp->runqhead) < RUNQSIZE && !timesnext(pp, t) &&
	       !load_rlx(&sched.sysmonwait);
}

/* goready without a call, so that whoever uses it needs no stack frame. */
static inline void goreadyfast(struct g *gp)
{
	struct p *pp = getm()->p;
	struct g *old = pp->runnext;
	store_rlx(&gp->atomicstatus, _Grunnable);
	prefetchframe(gp);
	usdt_go_unblock(gp);
	pp->runnext = gp;
	if (!old)
		return;
	uint32_t t = load_rlx(&pp->runqtail);
	store_rlx(&pp->runq[t % RUNQSIZE], old);
	store_rlx(&pp->runqtail, t + 1);
}

/*
 * goready without a call at several Ps, in two steps: what is to be done only if it succeeds lies
 * between them. True: runnext is locked until readyend, and no lock may be waited for.
 */
static inline bool readybegin(struct p *pp)
{
	uint32_t t = load_rlx(&pp->runqtail),
		 n = t - load_acq(&pp->runqhead); /* as in runqputtail */
	if (n >= pp->wakelen || n >= RUNQSIZE || timesnext(pp, t) || load_rlx(&sched.sysmonwait))
		return false;
	return runnexttrylock(pp);
}

static inline void readyend(struct p *pp, struct g *gp)
{
	struct g *old = pp->runnext;
	store_rlx(&gp->atomicstatus, _Grunnable);
	usdt_go_unblock(gp);
	*(struct g *volatile *)&pp->runnext = gp;
	store_rel(&pp->rnowner, 0);
	if (!old)
		return;
	uint32_t t = load_rlx(&pp->runqtail);
	store_rlx(&pp->runq[t % RUNQSIZE], old);
	store_rel(&pp->runqtail, t + 1);
}

/*
 * The decision of a goroutine that is about to wait, at several Ps, if it falls on runnext and
 * takes no call: in two steps likewise. NULL: none was made. Else runnext is locked until nextend.
 */
static inline struct g *nextbegin(struct m *mp)
{
	struct p *pp = mp->p;
	if (!*(struct g *volatile *)&pp->runnext || load_rlx(&mp->events) || load_rlx(&pp->slow) ||
		load_rlx(&pp->schedtick) % 64 == 63)
		return NULL;
	if (!runnexttrylock(pp))
		return NULL;
	struct g *next = pp->runnext;
	if (likely(next && !next->aside && next->stack.hi && canrun(next)))
		return next;
	store_rel(&pp->rnowner, 0);
	return NULL;
}

static inline void nextcancel(struct m *mp)
{
	store_rel(&mp->p->rnowner, 0);
}

/* gp waits, next runs: the caller switches to it. */
static inline void nextend(struct m *mp, struct g *gp, struct g *next)
{
	struct p *pp = mp->p;
	store_rlx(&pp->schedtick, load_rlx(&pp->schedtick) + 1);
	pp->runnext = NULL;
	store_rel(&pp->rnowner, 0);
	gp->m = NULL;
	execute(mp, next);
}

/*
 * At one P: gp, which runs here, goes to the end of the ring and the first of the ring runs, when
 * that is all there is to decide. False, with nothing done, otherwise.
 */
static inline __attribute__((always_inline)) bool rotate(struct m *mp, struct g *gp)
{
	struct p *pp = mp->p;
	uint32_t h = load_rlx(&pp->runqhead), t = load_rlx(&pp->runqtail);
	uint32_t tick = load_rlx(&pp->schedtick) + 1;
	struct g *next = load_rlx(&pp->runq[h % RUNQSIZE]);
	if (h == t || t - h >= RUNQSIZE || t % gTrackingPeriod == 0)
		return false;
	if (pp->runnext || tick % 64 == 0 || load_rlx(&pp->slow))
		return false;
	if (load_rlx(&mp->events) || next->aside || next->stack.hi == 0 || !canrun(next))
		return false;
	store_rlx(&pp->schedtick, tick);
	store_rlx(&pp->runq[t % RUNQSIZE], gp);
	store_rlx(&pp->runqtail, t + 1);
	store_rlx(&pp->runqhead, h + 1);
	store_rlx(&gp->atomicstatus, _Grunnable);
	usdt_go_sched(gp);
	gp->m = NULL;
	execute(mp, next);
	mresume(gp, next);
	return true;
}

#endif
