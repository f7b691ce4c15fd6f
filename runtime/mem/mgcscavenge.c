/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcscavenge.c - what is done after a cycle without hurry, by one goroutine of the runtime: the
 * rest of the sweep (Go's bgsweep), and then giving memory back to the system (Go's bgscavenge).
 *
 * Kept is what the heap will need until its goal, and a tenth more; with a memory limit at most 95
 * percent of that, and who exceeds it by allocating gives as much back at once. A program that
 * would need many seconds to get to its goal does not need that much yet: sysmon halves what is
 * kept beyond the heap each second, as long as that lasts.
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

#include "debug/options.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "sched/park.h"
#include "sched/proc.h"

#define SPANS     32     /* swept at once */
#define SHARE     50     /* one part of so many of one CPU's time is for that */
#define SLICE     100000 /* ns of that at once: where there is one P, nobody else runs meanwhile */
#define LONGSLICE 1000000
#define PAUSE     ((gort_duration)1000000)
#define MAXPAUSE  (100 * PAUSE) /* a deadlock is found no sooner */
#define RETAIN    1.1
#define LIMITPART 0.95 /* of the memory limit */
#define LOOKS     8    /* of sysmon, before the heap needs what it keeps */
#define LITTLE    ((uint64_t)1 << 20)

static struct {
	struct mutex lock;
	struct g *gp; /* while it waits */
	bool wanted;  /* a cycle has ended since it began its last round */
	_Atomic bool started;
} bg = {.lock = {.rank = lockRankSync}};

static struct {
	_Atomic uint64_t need; /* bytes that will do for now; UINT64_MAX: those until the goal */
	int64_t next;          /* the rest is sysmon's: when to look again, */
	uint64_t live;         /* and what it found at the last look */
	uint32_t cycles;
} calm = {.need = UINT64_MAX};

/* ---- giving back ---- */

static uint64_t memoryused(void)
{
	return *(volatile uint64_t *)&mheap.pagesused << PAGESHIFT;
}

static uint64_t memoryheld(void)
{
	const volatile struct mheap *h = &mheap;
	return (h->pagesmapped - h->pagesclean) << PAGESHIFT;
}

/* So near that those who allocate would soon have to give memory back themselves. */
static bool nearlimit(void)
{
	int64_t limit = load_rlx(&gcpace.limit);
	return limit != INT64_MAX && (double)memoryready() > (double)limit * LIMITPART;
}

/*
 * With mheap.lock: with so much more there would be more in memory than the heap needs until its
 * goal, or than it may have.
 */
static bool toomuch(uint64_t more)
{
	uint64_t need = gcpace.goal, used = memoryused(), now = load_rlx(&calm.need);
	uint64_t held = memoryheld() + more;
	if (need < used)
		need = used;
	if (now < need)
		return held > (now > used ? now : used);
	return nearlimit() || (double)held > (double)need * RETAIN;
}

bool heapmayhold(uint64_t more)
{
	return !toomuch(more);
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

static bool dontneed(uintptr_t lo, uintptr_t hi)
{
	return rawsyscall(SYS_madvise, (long)lo, (long)(hi - lo), MADV_DONTNEED, 0) == 0;
}

/* What describes the objects of free pages is zero for the next span anyway. */
static void givebackbits(const struct heapArena *ha, uint32_t page, uint32_t n)
{
	uintptr_t lo = ((uintptr_t)ha->bits[page] + OSPAGE - 1) & ~(OSPAGE - 1);
	uintptr_t hi = (uintptr_t)ha->bits[page + n] & ~(OSPAGE - 1);
	if (lo < hi)
		dontneed(lo, hi);
}

/* With mheap.lock, released meanwhile. */
static bool giveback(struct heapArena *ha)
{
	uint32_t page, n;
	if (!findrun(ha, &page, &n))
		return false;
	pagesuse(ha, page, n);
	unlock(&mheap.lock);
	uintptr_t p = ha->base + ((uintptr_t)page << PAGESHIFT);
	bool done = dontneed(p, p + ((uintptr_t)n << PAGESHIFT));
	if (done)
		givebackbits(ha, page, n);
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
	for (uint32_t i = mheap.narena; !done && i > 0 && toomuch(0); i--)
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

/* Gives back for one slice, *spent ns of this thread's. False: there was nothing. */
static bool givesome(int64_t *spent)
{
	int64_t begin = limitclock(), slice = nearlimit() ? LONGSLICE : SLICE;
	bool more;
	do {
		more = scavengeone();
		*spent = limitclock() - begin;
	} while (more && *spent < slice);
	return more;
}

/* Who has spent so much time on giving back waits so long. */
static gort_duration pauseafter(int64_t spent)
{
	gort_duration pause = (SHARE - 1) * spent;
	if (pause < PAUSE || nearlimit())
		return PAUSE;
	return pause < MAXPAUSE ? pause : MAXPAUSE;
}

/* ---- a program that hardly allocates: by sysmon ---- */

/* Without locks: what is in memory beyond what is used may be worth a look. */
static bool surplus(void)
{
	return memoryheld() > memoryused() + LITTLE;
}

/* Nobody has collected since the last look, and little was taken. */
static void calmdown(void)
{
	uint64_t live = load_rlx(&gcpace.live), grown = live - calm.live;
	uint64_t used = memoryused(), need = memoryheld();
	uint32_t cycles = load_rlx(&gccycles.n);
	if (need > gcpace.goal)
		need = gcpace.goal;
	if (cycles == calm.cycles && need > used && grown < (need - used) / LOOKS)
		store_rlx(&calm.need, used + (need - used) / 2);
	calm.live = live;
	calm.cycles = cycles;
}

int64_t heapscavenge(int64_t now)
{
	if (!surplus())
		return -1;
	if (now < calm.next)
		return calm.next - now;
	int64_t wait = debug.heapidle * INT64_C(1000000), spent;
	if (load_rlx(&calm.need) < UINT64_MAX && givesome(&spent))
		wait = pauseafter(spent);
	else
		calmdown();
	calm.next = now + wait;
	return wait;
}

/* ---- the goroutine ---- */

static bool cycleended(void)
{
	return *(volatile bool *)&bg.wanted;
}

/* False: a cycle has ended meanwhile. */
static bool giveallback(void)
{
	int64_t spent;
	while (givesome(&spent)) {
		gort_sleep(pauseafter(spent));
		if (cycleended())
			return false;
	}
	return true;
}

static bool sweepsome(void)
{
	bool more = true;
	for (unsigned i = 0; more && i < SPANS; i++)
		more = sweepone();
	return more;
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
		while (sweepsome())
			gort_gosched();
		if (giveallback())
			gcswept();
	}
}

void bgwake(void)
{
	if (!xchg_acqrel(&bg.started, true)) {
		newsystemproc(background, (uintptr_t)bgwake);
		getm()->p->ngexited++; /* it counts as no goroutine of the program */
	}
	store_rlx(&calm.need, UINT64_MAX);
	lock(&bg.lock);
	struct g *gp = bg.gp;
	bg.gp = NULL;
	bg.wanted = !gp;
	unlock(&bg.lock);
	if (gp)
		goready(gp);
}
