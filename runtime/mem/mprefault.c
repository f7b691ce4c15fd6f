/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mprefault.c - pages of the heap are brought into memory before they are taken, by sysmon.
 *
 * The first touch of a page takes half a microsecond. But now and then all of a huge page is
 * zeroed, or the host of a virtual machine must find 2 MiB that the guest had reported as free;
 * it takes 100 to 500 us, and whoever allocates stands still for so long. Go leaves it at that.
 *
 * Who takes pages without memory looks at the page half a window further on, where first fit comes
 * next. If that has no memory either, sysmon is told, and touches the window a piece at a time. The
 * pages stay free meanwhile, and may be taken: touching them changes nothing but when it is done.
 * It ends when a stop is under way, whose threads need the CPUs.
 *
 * Only for a heap that is large beside the window, that grows fast, and that may have so much in
 * memory (mgcscavenge.c): what is touched here in vain would be given back there.
 */
#include <sys/mman.h>

#include "base/clock.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "sched/proc.h"

#define WINDOW 128u /* pages: 1 MiB */
#define PIECE  16u  /* touched in one system call; it keeps others from mapping for 50 us */
#define LEAST  (8u * WINDOW)
/* Two pages half a window apart were taken within this time: the heap grows fast. */
#define FAST_NS 10000000

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

/* Guarded by mheap.lock. */
static struct {
	struct heapArena *ha;
	uint32_t page, end; /* what is left of the window */
	int64_t asked;
	_Atomic bool wanted; /* also read without the lock */
	_Atomic bool unable; /* an older kernel */
} ahead;

static bool hasmemory(const struct heapArena *ha, uint32_t page)
{
	return page < ha->mapped ? !(ha->clean[page / 64] >> page % 64 & 1) : ha->closed;
}

bool prefaultwanted(uintptr_t end)
{
	struct heapArena *ha = arenaof(end - 1);
	uint32_t page = pageof(end - 1) + 1;
	if (page + WINDOW > PAGESPERARENA || hasmemory(ha, page + WINDOW / 2) ||
		load_rlx(&ahead.unable))
		return false;
	bool busy = load_rlx(&ahead.wanted);
	int64_t now = nanotime(), before = ahead.asked;
	ahead.asked = now;
	if (now - before > FAST_NS || mheap.pagesused < LEAST ||
		!heapmayhold((uint64_t)WINDOW << PAGESHIFT))
		return false;
	ahead.ha = ha;
	ahead.page = page;
	ahead.end = page + WINDOW;
	store_rlx(&ahead.wanted, true);
	return !busy;
}

/* With mheap.lock: the next pages without memory, at most PIECE. Their number; 0: none is left. */
static uint32_t nextpiece(uint32_t *page)
{
	struct heapArena *ha = ahead.ha;
	if (ahead.end > ha->mapped && !extendarena(ha, GROWPAGES))
		ahead.end = ha->mapped;
	while (ahead.page < ahead.end) {
		uint64_t clean = ha->clean[ahead.page / 64] >> ahead.page % 64;
		uint32_t skip = clean ? (uint32_t)__builtin_ctzll(clean) : 64 - ahead.page % 64;
		*page = ahead.page += skip;
		if (!clean)
			continue;
		uint64_t rest = ~(clean >> skip);
		uint32_t n = rest ? (uint32_t)__builtin_ctzll(rest) : 64;
		n = n < PIECE ? n : PIECE;
		ahead.page += n;
		return n;
	}
	return 0;
}

bool heapprefault(void)
{
	uint32_t page, n;
	if (!load_rlx(&ahead.wanted) || load_rlx(&sched.gcwaiting))
		return false;
	lock(&mheap.lock);
	n = nextpiece(&page);
	struct heapArena *ha = ahead.ha;
	store_rlx(&ahead.wanted, n > 0);
	unlock(&mheap.lock);
	if (n == 0)
		return false;
	uintptr_t at = ha->base + ((uintptr_t)page << PAGESHIFT);
	bool done = rawsyscall(SYS_madvise, (long)at, (long)n << PAGESHIFT, MADV_POPULATE_WRITE,
			    0) == 0;
	lock(&mheap.lock);
	if (done)
		mheap.pagesclean -= pagestouched(ha, page, n);
	store_rlx(&ahead.wanted, done && load_rlx(&ahead.wanted));
	store_rlx(&ahead.unable, !done);
	unlock(&mheap.lock);
	return done;
}
