/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timewarp.c - timers without the clock, for gort/synctest.h (Go's synctest.go, and faketime of its
 * playground).
 *
 * Their time is `frozen` while that is not 0, else the clock's and `ahead`. It never goes back, as
 * slots of timers that were passed cannot be used again: after a thaw it stays ahead.
 *
 * One time for all goroutines, where Go has one for each bubble: then nobody need know to which
 * bubble a timer belongs, and a program that has none pays for one load where it asks for the time.
 */
#include "sched/timewarp.h"

#include "base/throw.h"
#include "sched/proc.h"
#include "sched/stw.h"
#include "sched/timer.h"

_Atomic uint32_t timewarped;
static _Atomic int64_t frozen, ahead;

int64_t timewarp(int64_t now)
{
	int64_t at = load_acq(&frozen);
	return at ? at : now + load_rlx(&ahead);
}

int64_t timeunwarp(int64_t when)
{
	int64_t back;
	if (when == INT64_MAX || load_acq(&frozen))
		return INT64_MAX;
	return __builtin_sub_overflow(when, load_rlx(&ahead), &back) ? INT64_MAX - 1 : back;
}

int64_t timefrozen(void)
{
	int64_t at = load_acq(&frozen);
	return at ? at : INT64_MAX;
}

void timereach(int64_t when)
{
	if (when > load_rlx(&frozen))
		store_rel(&frozen, when);
}

bool timefreeze(void)
{
	int64_t none = 0, now = timenow();
	if (!cas_acqrel(&frozen, &none, now))
		return false;
	store_rel(&timewarped, 1);
	return true;
}

void timethaw(void)
{
	store_rlx(&ahead, load_rlx(&frozen) - nanotime());
	store_rel(&frozen, 0);
	wakeNetPoller(timersnext()); /* nobody waits for them */
}

bool timeskip(bool later)
{
	return timersrunnext(later ? INT64_MAX - 1 : load_rlx(&frozen));
}

static bool waits(const struct g *gp)
{
	switch (load_acq(&gp->atomicstatus)) {
	case _Gidle:
	case _Gdead:
		return true;
	case _Gwaiting:
		return gp->waitreason >= waitReasonFinalizerWait &&
		       gp->waitreason != waitReasonPreempted &&
		       gp->waitreason != waitReasonWaitForGCCycle;
	}
	return false;
}

bool otherswait(void)
{
	bool all = true;
	struct g *self = getg();
	stopTheWorld();
	struct g **gs = load_acq(&allgptr);
	for (uint64_t i = 0, n = load_acq(&allglen); i < n && all; i++)
		all = gs[i] == self || waits(gs[i]);
	startTheWorld(gomaxprocs);
	return all;
}
