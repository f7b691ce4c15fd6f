/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall.c - a goroutine blocks its thread (Go's entersyscall, exitsyscall).
 *
 * The P stays reserved for the M (status _Psyscall) so that a short call costs two plain stores
 * and a compare-and-swap; sysmon takes the P away when the call lasts. Whoever moves p.status
 * from _Psyscall owns the P: the returning M to _Prunning, sysmon to _Pidle.
 *
 *	_Prunning -> _Psyscall -> _Prunning   [entersyscall, exitsyscall of any M that had this P]
 *	             _Psyscall -> _Pidle      [sysmon, then handoffp]
 */
#include <errno.h>

#include "base/throw.h"
#include "sched/asm.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/sanitizer.h"

void entersyscall(uintptr_t pc, uintptr_t sp, uintptr_t bp)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	struct p *pp = mp->p;
	gp->syscallpc = pc;
	gp->syscallsp = sp;
	gp->syscallbp = bp;
	store_rel(&gp->atomicstatus, _Gsyscall);
	store_rlx(&pp->syscalltick, load_rlx(&pp->syscalltick) + 1);
	mp->oldp = pp;
	mp->p = NULL;
	pp->m = NULL;
	store_rel(&pp->status, _Psyscall); /* pairs with the acquire of whoever takes the P */
	if (unlikely(load_rlx(&sched.sysmonwait)))
		wakesysmon();
}

/* Takes back the old P, or any idle one; else queues gp and returns false. */
static bool reacquire(struct m *mp, struct g *gp)
{
	struct p *pp = mp->oldp;
	uint32_t status = _Psyscall;
	mp->oldp = NULL;
	if (cas_acqrel(&pp->status, &status, _Prunning)) {
		pp->m = mp;
		mp->p = pp;
		return true;
	}
	lock(&sched.lock);
	pp = pidleget();
	if (!pp) {
		store_rlx(&gp->atomicstatus, _Grunnable);
		gp->m = NULL;
		globrunqput(gp);
	}
	unlock(&sched.lock);
	if (!pp)
		return false;
	acquirep(mp, pp);
	return true;
}

void exitsyscall(void)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	if (likely(reacquire(mp, gp))) {
		store_rlx(&gp->atomicstatus, _Grunning);
		return;
	}
	/* gp may already run elsewhere once this stack is left; g0 finds no P and parks the M. */
	struct g *g0 = mp->g0;
	mp->curg = NULL;
	san_leave(gp, g0->stack.lo, g0->stack.hi);
	goswitch(&gp->sched, &g0->sched);
	san_enter(gp);
}

/* Where errno is now: after exitsyscall the goroutine may be on another thread. */
static __attribute__((noinline)) int *errnohere(void)
{
	compiler_barrier(); /* else the compiler may find out that it is const */
	return &errno;
}

void gort_blocking_begin(void)
{
	int saved = errno;
	getgchecked("gort_blocking_begin");
	uintptr_t *frame = __builtin_frame_address(0);
	entersyscall(frame[1], (uintptr_t)(frame + 2), frame[0]);
	errno = saved;
}

void gort_blocking_end(void)
{
	int saved = errno;
	struct m *mp = getm();
	if (!mp || !mp->curg || mp->p)
		throw("gort_blocking_end: without gort_blocking_begin");
	exitsyscall();
	*errnohere() = saved;
}
