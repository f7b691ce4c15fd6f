/* SPDX-License-Identifier: BSD-2-Clause */
/* timewarp.h - the time of timers, which a test may take out of step with the clock. */
#ifndef GORT_SCHED_TIMEWARP_H
#define GORT_SCHED_TIMEWARP_H

#include "base/atomic.h"
#include "base/clock.h"

/* 0 in all programs but those of tests: timers go by the clock. */
extern _Atomic uint32_t timewarped;

/* Of warped timers: their time when the clock shows now; what it shows at that time of theirs. */
int64_t timewarp(int64_t now);
int64_t timeunwarp(int64_t when);
/* Where it stands still; INT64_MAX when it does not. */
int64_t timefrozen(void);
/* It stands still, and is that late now. */
void timereach(int64_t when);

/*
 * From now on the time of timers stands still, but for timeskip; false when it does already. Until
 * timethaw: then it goes on from where it is.
 */
bool timefreeze(void);
void timethaw(void);
/*
 * Calls the timers that are due; false when there is none. With later, it makes it the time of the
 * earliest one before.
 */
bool timeskip(bool later);
/*
 * Whether all goroutines but the caller wait for each other or for timers: none runs, or waits for
 * the kernel. Stops the world for a moment.
 */
bool otherswait(void);

static inline int64_t timeat(int64_t now)
{
	return unlikely(load_rlx(&timewarped)) ? timewarp(now) : now;
}

/* INT64_MAX: not at any time of the clock's. */
static inline int64_t timewhen(int64_t when)
{
	return unlikely(load_rlx(&timewarped)) ? timeunwarp(when) : when;
}

static inline int64_t timenow(void)
{
	return timeat(nanotime());
}

#endif
