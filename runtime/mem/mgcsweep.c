/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcsweep.c - freeing what was not marked (Go's mgcsweep.go).
 *
 * A span is swept when somebody wants to allocate from its class, and its slots are given out as
 * they are: nothing is linked or cleared. Whoever takes fresh pages instead sweeps other spans, in
 * proportion, so that all is swept when the next collection begins. What is left then, it sweeps.
 */
#include <string.h>

#include "base/throw.h"
#include "debug/options.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "mem/mspecial.h"
#include "sched/race.h"

#define POISON 0xdb

static struct {
	_Atomic uint32_t class; /* spans of those before have all been swept */
	_Atomic int64_t owed;   /* pages swept less pages that should have been */
	double pagesperpage;    /* to be swept for each fresh one */
} sweep;

/* Free slots are filled with what no pointer is and no program expects. */
static void poison(const struct mspan *s, uint64_t freed, uint32_t first)
{
	for (; freed; freed &= freed - 1) {
		uint32_t i = first + (uint32_t)__builtin_ctzll(freed);
		memset((void *)(s->startAddr + i * s->elemsize), POISON, s->elemsize);
	}
}

/* For a race detector they are other objects when they are given out again. */
static void racefreed(const struct mspan *s, uint64_t freed, uint32_t first)
{
	for (; freed && gort_race.freed; freed &= freed - 1) {
		uint32_t i = first + (uint32_t)__builtin_ctzll(freed);
		gort_race.freed((void *)(s->startAddr + i * s->elemsize), s->elemsize);
	}
}

void sweepspan(struct mspan *s)
{
	uint32_t live = 0;
	lock(&s->speciallock);
	if (unlikely(s->specials))
		sweepspecials(s);
	for (uint32_t w = 0; w < (s->nelems + 63) / 64; w++) {
		uint64_t mark = load_rlx(&s->bits[w].mark);
		if (unlikely(mark & ~s->bits[w].alloc))
			throw("sweep: an object of the span at %p is marked and free",
				(void *)s->startAddr);
		if (unlikely(debug.clobberfree))
			poison(s, s->bits[w].alloc & ~mark, w * 64);
		if (unlikely(raceenabled))
			racefreed(s, s->bits[w].alloc & ~mark, w * 64);
		s->bits[w].alloc = mark;
		store_rlx(&s->bits[w].mark, 0);
		live += popcount(mark);
	}
	store_rel(&s->sweepgen, mheap.sweepcycle); /* pairs with gort_weak_value */
	unlock(&s->speciallock);
	xadd_rlx(&mheap.central[SPANCLASS(s->sizeclass, s->kind)].nfreed, s->allocCount - live);
	s->needzero = s->needzero || live < s->allocCount;
	s->allocCount = s->allocCountBefore = live;
	s->freeindex = 0;
	s->allocCache = ~s->bits[0].alloc;
}

/* A span that nobody wants now: its pages are free when it holds nothing. */
static void sweepaway(struct mspan *s)
{
	sweepspan(s);
	if (s->allocCount == 0)
		mheapfree(s);
	else
		putswept(s);
}

bool sweepone(void)
{
	for (uint32_t class; (class = load_rlx(&sweep.class)) < NSPANCLASS;) {
		struct mspan *s = takeunswept(&mheap.central[class]);
		if (s) {
			xadd_rlx(&sweep.owed, (int64_t)s->npages);
			sweepaway(s);
			return true;
		}
		cas_acqrel(&sweep.class, &class, usedclass(class + 1));
	}
	return false;
}

void sweepcredit(size_t npages)
{
	if (load_rlx(&sweep.class) == NSPANCLASS)
		return;
	xadd_rlx(&sweep.owed, -(int64_t)((double)npages * sweep.pagesperpage));
	while (load_rlx(&sweep.owed) < 0 && sweepone())
		;
}

void sweepbegin(uint64_t bytes)
{
	double pages = (double)(bytes >> PAGESHIFT);
	mheap.sweepcycle++;
	store_rlx(&sweep.owed, 0);
	/* A tenth earlier: spans are taken as a whole. */
	sweep.pagesperpage = pages > 0 ? 1.1 * (double)mheap.pagesused / pages : 1e9;
	store_rlx(&sweep.class, 0);
}
