/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gopacer.c - the collector's heap goal and trigger. Go computes them anew each time they are asked
 * for (mgcpacer.go), so they are nowhere in memory; the same arithmetic over a copy of gcController
 * gives the same figures. It has not changed from Go 1.22 to 1.27.
 */
#include "gotarget.h"

#define HEADROOM_PERCENT  3
#define MIN_HEADROOM      (1ull << 20)
#define MIN_RUNWAY        (64ull << 10)
#define HEAP_MINIMUM      (4ull << 20)
#define TRIGGER_RATIO_DEN 64
#define TRIGGER_RATIO_MIN 45
#define TRIGGER_RATIO_MAX 61

static uint64_t max64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What the limit leaves for the heap, less headroom. 0: a torn copy, more in use than mapped. */
static uint64_t limit_goal(const uint64_t *w)
{
	uint64_t used = w[GCC_HEAPFREE / 8] + w[GCC_TOTALALLOC / 8] - w[GCC_TOTALFREE / 8];
	uint64_t mapped = w[GCC_MAPPEDREADY / 8], limit = w[GCC_MEMORYLIMIT / 8];
	uint64_t marked = w[GCC_HEAPMARKED / 8];
	if (used > mapped)
		return 0;
	uint64_t other = mapped - used + (mapped > limit ? mapped - limit : 0);
	if (other >= limit)
		return marked;
	uint64_t goal = limit - other;
	uint64_t headroom = max64(goal / 100 * HEADROOM_PERCENT, MIN_HEADROOM);
	goal = goal < 2 * headroom ? headroom : goal - headroom;
	return max64(goal, marked);
}

/* GOGC's goal yields to a sweep that lags and to a cycle that runs; the limit's to nothing. */
static uint64_t percent_goal(const uint64_t *w)
{
	uint64_t goal = max64(w[GCC_PERCENTGOAL / 8], w[GCC_SWEEPDISTMIN / 8]);
	uint64_t triggered = w[GCC_TRIGGERED / 8];
	if (triggered != UINT64_MAX)
		goal = max64(goal, triggered + MIN_RUNWAY);
	return goal;
}

static uint64_t part(uint64_t from, uint64_t to, unsigned ratio)
{
	return (to - from) / TRIGGER_RATIO_DEN * ratio + from;
}

static uint64_t trigger(const uint64_t *w, uint64_t goal, uint64_t lowest)
{
	uint64_t marked = w[GCC_HEAPMARKED / 8], runway = w[GCC_RUNWAY / 8];
	if (marked >= goal)
		return goal;
	lowest = max64(max64(lowest, marked), part(marked, goal, TRIGGER_RATIO_MIN));
	uint64_t highest = part(marked, goal, TRIGGER_RATIO_MAX);
	if (goal > HEAP_MINIMUM)
		highest = max64(highest, goal - HEAP_MINIMUM);
	highest = max64(highest, lowest);
	uint64_t at = max64(runway > goal ? lowest : goal - runway, lowest);
	return at < highest ? at : highest;
}

static int64_t figure(uint64_t v)
{
	return v <= INT64_MAX ? (int64_t)v : GSNAP_UNKNOWN;
}

struct gopace gopacer(const uint64_t w[GCC_SIZE / 8])
{
	uint64_t limit = limit_goal(w);
	if (!limit)
		return (struct gopace){GSNAP_UNKNOWN, GSNAP_UNKNOWN, GSNAP_UNKNOWN};
	bool limited = limit < w[GCC_PERCENTGOAL / 8];
	uint64_t goal = limited ? limit : percent_goal(w);
	uint64_t lowest = limited ? 0 : w[GCC_SWEEPDISTMIN / 8];
	return (struct gopace){figure(goal), figure(limit), figure(trigger(w, goal, lowest))};
}
