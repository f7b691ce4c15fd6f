/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * blocked.h - how long goroutines are blocked, for the block profile (mem/mprof.c): from before
 * they park until somebody wakes them, as Go counts it. Nothing here is called unless blockwatched
 * or semawatched, and the paths that are counted in nanoseconds do not even ask: a waiter on a
 * channel is marked, in a byte that whoever takes it off its queue looks at anyway (sudog.special).
 *
 * The times are in struct gcold, which a goroutine that runs or waits has:
 *	releasetime  of this wait, 0: not released yet. Written by whoever has taken the
 *	             goroutine off its queue, before goready
 */
#ifndef GORT_SYNC_BLOCKED_H
#define GORT_SYNC_BLOCKED_H

#include "mem/mprof.h"
#include "sched/park.h"

/* The calling goroutine is about to block. What blockend is given; 0: this is not profiled. */
int64_t blockbegin(struct g *gp);
/* It goes on. */
void blockend(struct g *gp, int64_t since);
/* gp, which was blocked, has been released: the caller is about to wake it. */
void released(struct g *gp);

/*
 * goparkunlock of a goroutine that waits in its own sudog, between the two above. The lock guards
 * the queue that it is on.
 */
void goparkwatched(struct mutex *l, waitReason reason);

/* goready of one that waited for no channel: its own sudog, which has left its queue. */
static inline __attribute__((always_inline)) void readyWithTime(struct g *gp)
{
	if (unlikely(blockwatched))
		released(gp);
	goready(gp);
}

#endif
