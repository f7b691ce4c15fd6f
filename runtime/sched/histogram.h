/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * histogram.h - how often something took how long (Go's histogram.go).
 *
 * Buckets as Go's: each power of two from 256 ns on is cut in four, and the first four share what
 * is below. A reader outside finds them in struct gsnap_hist. One writer at a time; whoever reads
 * meanwhile may miss the last few.
 */
#ifndef GORT_SCHED_HISTOGRAM_H
#define GORT_SCHED_HISTOGRAM_H

#include <stdint.h>

#include "base/atomic.h"

enum {
	TIMEHISTMINBITS = 9,  /* the second power of two has numbers of so many bits */
	TIMEHISTMAXBITS = 48, /* the last one */
	TIMEHISTSUBBITS = 2,
	TIMEHISTSUB = 1 << TIMEHISTSUBBITS,
	TIMEHISTBUCKETS = (TIMEHISTMAXBITS - TIMEHISTMINBITS + 1) * TIMEHISTSUB
};

struct timeHistogram {
	_Atomic uint64_t counts[TIMEHISTBUCKETS];
	_Atomic uint64_t underflow, overflow; /* of time that ran backwards; beyond the last */
};

static inline _Atomic uint64_t *timehistbucket(struct timeHistogram *h, int64_t ns)
{
	if (ns < 0)
		return &h->underflow;
	uint32_t bits = ns ? 64 - (uint32_t)__builtin_clzll((uint64_t)ns) : 0;
	if (bits > TIMEHISTMAXBITS - 1)
		return &h->overflow;
	if (bits < TIMEHISTMINBITS)
		return &h->counts[ns >> (TIMEHISTMINBITS - 1 - TIMEHISTSUBBITS)];
	uint32_t sub = (uint32_t)(ns >> (bits - 1 - TIMEHISTSUBBITS)) % TIMEHISTSUB;
	return &h->counts[(bits - TIMEHISTMINBITS + 1) * TIMEHISTSUB + sub];
}

static inline void timehistrecord(struct timeHistogram *h, int64_t ns)
{
	_Atomic uint64_t *n = timehistbucket(h, ns);
	store_rlx(n, load_rlx(n) + 1);
}

#endif
