/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsc.h - a time that is not before now, at a third of the cost of nanotime(): for deadlines.
 *
 * Each P keeps an anchor, a reading of both the time stamp counter and the clock, at most 200 us
 * old. From there the counter tells the time, at a rate that is taken a thousandth too fast: more
 * than the kernel ever slews its clock. So the result is never before nanotime(), and at most
 * 0.3 us after it, unless the anchor was taken slowly: then 1.3 us.
 *
 * Only where the kernel itself trusts the counter: its clock source must be "tsc". Whenever a new
 * anchor does not lie where the old one said, the counter is given up for good.
 */
#ifndef GORT_SCHED_TSC_H
#define GORT_SCHED_TSC_H

#include "sched/runtime2.h"

/* Nanoseconds of a count, as a 32.32 fixed-point number; how old an anchor may be, in counts. */
extern _Atomic uint64_t tscrate;
extern _Atomic uint64_t tscspan; /* 0: the counter is not used */

void tscinit(void);
/* Takes a new anchor for pp, which the caller owns; returns the time. */
int64_t tscanchor(struct p *pp);

/* A core may read the counter this much ahead of the instructions before. */
#define TSCAHEAD_NS 40

static inline int64_t nanotimeupper(struct p *pp)
{
	uint64_t count = __builtin_ia32_rdtsc() - pp->anchor.tsc;
	if (unlikely(count >= load_acq(&tscspan)))
		return tscanchor(pp);
	return pp->anchor.ns + (int64_t)(count * load_rlx(&tscrate) >> 32) + TSCAHEAD_NS;
}

#endif
