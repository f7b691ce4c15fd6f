/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcscavenge.c - what is done after a cycle without hurry, by one goroutine of the runtime: the
 * rest of the sweep (Go's bgsweep), and then giving memory back to the system (Go's bgscavenge).
 *
 * Kept is what the heap will need until its goal, and a tenth more; with a memory limit at most 95
 * percent of that, and who exceeds it by allocating gives as much back at once.
 *
 * Unless the limit is near, that takes a fiftieth of one CPU's time, twice what Go takes. A heap
 * that is filled and dropped in turn would else take a fault for each page that it has just given
 * back.
 *
 * Given back are runs of pages that are free and not clean, the highest first, since allocations
 * take the lowest. Such a run counts as used while madvise works on it, so that nobody waits for
 * mheap.lock meanwhile.
 */
#include <sys/mman.h>

#include "mem/mgc.h"
#include "mem/mheap.h"
#include "sched/park.h"
#include "sched/proc.h"

#define SPANS     32 /* swept at once */
#define RUNS      16 /* given back at once */
#define SHARE     50 /* one part of so many of one CPU's time is for that */
#define PAUSE     ((gort_duration)1000000)
#define MAXPAUSE  (100 * PAUSE) /* a deadlock is found no sooner */
#define RETAIN    1.1
#define LIMITPART 0.95 /* of the memory limit */

static struct {
	struct mutex lock;
	struct g *gp; /* while it waits */
	bool wanted;  /* a cycle has ended since it began its last round */
	_Atomic bool started;
} bg = {.lock = {.rank = lockRankSync}};

/* ---- giving back ---- */

/* So near that those who allocate would soon have to give memory back themselves. */
static bool nearlimit(void)
{
	int64_t limit = load_rlx(&gcpace.limit);
	return limit != INT64_MAX && (double)memoryready() > (double)limit * LIMITPART;
}

/* With mheap.lock: more is in memory than the heap needs until its goal, or than it may have. */
static bool toomuch(void)
{
	uint64_t need = gcpace.goal, used = mheap.pagesused << PAGESHIFT;
	uint64_t held = (mheap.pagesmapped - mheap.pagesclean) << PAGESHIFT;
	if (need < used)
		need = used;
	return nearlimit() || (double)held > (double)need * RETAIN;
}

/* With mheap.lock: the highest run in one word of ha, at most 64 pages. False: there is none. */
static bool findrun(const struct heapArena *ha, uint32_t *page, uint32_t *n)
{
	for (uint32_t w = PAGESPERARENA / 64; w-- > 0;) {
		uint64_t dirty = ~ha->used[w] & ~ha->clean[w];
		if (!dirty)
			continue;
		uint32_t top = 63 - (uint32_t)__builtin_clzll(dirty);
		uint64_t below = ~(dirty << (63 - top));
		*n = below ? (uint32_t)__builtin_clzll(below) : top + 1;
		*page = w * 64 + top + 1 - *n;
		return true;
	}
	return false;
}

/* With mheap.lock, released meanwhile. */
static bool giveback(struct heapArena *ha)
{
	uint32_t page, n;
	if (!findrun(ha, &page, &n))
		return false;
	pagesuse(ha, page, n);
	unlock(&mheap.lock);
	void *p = (void *)(ha->base + ((uintptr_t)page << PAGESHIFT));
	bool done = rawsyscall(SYS_madvise, (long)p, (long)n << PAGESHIFT, MADV_DONTNEED, 0) == 0;
	lock(&mheap.lock);
	if (done) {
		pagesadd(ha, page, n);
		mheap.pagesclean += n;
	} else {
		pagesfree(ha, page, n); /* locked into memory */
	}
	mheap.firstarena = 0;
	return done;
}

bool scavengeone(void)
{
	bool done = false;
	lock(&mheap.lock);
	for (uint32_t i = mheap.narena; !done && i > 0 && toomuch(); i--)
		done = i <= mheap.narena && giveback(mheap.all[i - 1]);
	unlock(&mheap.lock);
	return done;
}

void scavengefor(size_t npages)
{
	int64_t limit = load_rlx(&gcpace.limit);
	if (likely(limit == INT64_MAX))
		return;
	uint64_t before = mheap.pagesclean;
	while (memoryready() > (uint64_t)limit && mheap.pagesclean < before + npages) {
		if (!scavengeone()) {
			gcwant(); /* what objects hold is too much */
			return;
		}
	}
}

/* ---- the goroutine ---- */

static bool some(bool (*one)(void), unsigned n)
{
	bool more = true;
	while (more && n-- > 0)
		more = one();
	return more;
}

static bool cycleended(void)
{
	return *(volatile bool *)&bg.wanted;
}

/* False: a cycle has ended meanwhile. */
static bool giveallback(void)
{
	for (;;) {
		int64_t begin = limitclock();
		if (!some(scavengeone, RUNS))
			return true;
		gort_duration pause = (SHARE - 1) * (limitclock() - begin);
		if (pause < PAUSE || nearlimit())
			pause = PAUSE;
		gort_sleep(pause < MAXPAUSE ? pause : MAXPAUSE);
		if (cycleended())
			return false;
	}
}

static void waitforcycle(void)
{
	lock(&bg.lock);
	if (bg.wanted) {
		bg.wanted = false;
		unlock(&bg.lock);
		return;
	}
	bg.gp = getm()->curg;
	goparkunlock(&bg.lock, waitReasonGCSweepWait);
}

static void background(void)
{
	gcold(getm()->curg)->collecting = true; /* for good: it starts no cycle */
	for (;;) {
		waitforcycle();
		while (some(sweepone, SPANS))
			gort_gosched();
		if (giveallback())
			gcswept();
	}
}

void bgwake(void)
{
	if (!xchg_acqrel(&bg.started, true)) {
		newproc(&(struct gort_call){.fn = background}, (uintptr_t)bgwake)->system = true;
		getm()->p->ngexited++; /* it counts as no goroutine of the program */
	}
	lock(&bg.lock);
	struct g *gp = bg.gp;
	bg.gp = NULL;
	bg.wanted = !gp;
	unlock(&bg.lock);
	if (gp)
		goready(gp);
}
