/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gostats.c - scheduler and collector numbers that the Go runtime keeps anyway: a few reads of its
 * structures, no probe. A variable that was not located leaves its numbers GSNAP_UNKNOWN.
 */
#include <string.h>
#include "gotarget.h"

#define MAX_PS 65536
#define RING   256

static void read_sched(const struct gotarget *g, struct gsnap_stats *st)
{
	uint64_t at = g->glob.sched;
	if (!at)
		return;
	st->idle_p = target_u32(g->t, at + g->lay->s_npidle);
	st->spinning_m = target_u32(g->t, at + g->lay->s_nmspinning);
	st->idle_m = target_u32(g->t, at + g->lay->s_nmidle);
	st->runq = target_u32(g->t, at + g->lay->s_runqsize);
}

/* Local queues; those of several Ps are not read at one instant, so the sum is approximate. */
static void read_ps(const struct gotarget *g, struct gsnap_stats *st)
{
	uint64_t slice[2];
	if (!g->glob.allp || !target_read(g->t, g->glob.allp, slice, sizeof slice) ||
		slice[1] > MAX_PS)
		return;
	st->gomaxprocs = (int64_t)slice[1];
	st->runq_longest = st->runq_longest_p = GSNAP_UNKNOWN;
	for (uint64_t i = 0; i < slice[1] && st->runq != GSNAP_UNKNOWN; i++) {
		uint64_t p = target_word(g->t, slice[0] + 8 * i);
		uint32_t ends[2];
		if (!target_read(g->t, p + g->lay->p_runqhead, ends, sizeof ends))
			continue;
		uint32_t len = ends[1] - ends[0];
		len = len <= RING ? len : 0;
		len += target_word(g->t, p + g->lay->p_runnext) != 0;
		st->runq += len;
		if (len > st->runq_longest) {
			st->runq_longest = len;
			st->runq_longest_p = (int64_t)i;
		}
	}
}

static void read_gccontroller(const struct gotarget *g, struct gsnap_stats *st)
{
	uint64_t w[GCC_SIZE / 8];
	if (!g->glob.gccontroller || !target_read(g->t, g->glob.gccontroller, w, sizeof w))
		return;
	st->gc_percent = (int32_t)w[GCC_GCPERCENT / 8];
	st->mem_limit = (int64_t)w[GCC_MEMORYLIMIT / 8];
	st->heap_live = (int64_t)w[GCC_HEAPLIVE / 8];
	st->heap_inuse = (int64_t)w[GCC_HEAPINUSE / 8];
	st->total_alloc = (int64_t)w[GCC_TOTALALLOC / 8];
	int64_t goal = gopacer(w).goal;
	st->heap_goal = goal <= INT64_MAX / 2 ? goal : GSNAP_UNKNOWN; /* beyond: collector off */
}

static void read_memstats(const struct gotarget *g, struct gsnap_stats *st)
{
	if (!g->glob.memstats)
		return;
	st->num_gc = target_u32(g->t, g->glob.memstats + g->lay->ms_numgc);
	st->gc_pause_total_ns =
		(int64_t)target_word(g->t, g->glob.memstats + g->lay->ms_pausetotal);
}

void gosnap_stats(struct gotarget *g, struct gsnap_stats *st)
{
	read_sched(g, st);
	read_ps(g, st);
	read_gccontroller(g, st);
	read_memstats(g, st);
	st->threads = target_nthreads(g->t);
}

int64_t gosnap_noted(const struct gotarget *g)
{
	const struct goglobals *at = &g->glob;
	uint64_t poll = at->sched ? target_word(g->t, at->sched + g->lay->s_lastpoll) : 0;
	uint64_t gc = at->memstats ? target_word(g->t, at->memstats + g->lay->ms_lastgc) : 0;
	return (int64_t)(poll > gc ? poll : gc);
}
