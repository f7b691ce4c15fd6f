/* SPDX-License-Identifier: BSD-2-Clause */
/* mem_linux.c - memory from the system, and what the runtime keeps of it (Go's mem_linux.go). */
#include <sys/mman.h>
#include <sys/resource.h>

#include "base/lock.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "mem/mforeign.h"
#include "sched/sanitizer.h"

#define CHUNKSIZE (1u << 20)
#define LINEPAIR  128u /* two cache lines: the prefetcher fetches them together */

void *sysalloc(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		throwlimit(LIMIT_MEMORY, "cannot allocate a block of %zu bytes", size);
	foreignnot(p, size);
	return p;
}

/* What RLIMIT_AS leaves of it: shares add up to less than all. */
static size_t limited(size_t wish, unsigned share)
{
	struct rlimit rl;
	if (getrlimit(RLIMIT_AS, &rl) == 0 && rl.rlim_cur != RLIM_INFINITY &&
		wish > rl.rlim_cur / share)
		return rl.rlim_cur / share;
	return wish;
}

void *sysreserve(size_t wish, size_t unit, unsigned share, size_t *got)
{
	for (wish = limited(wish, share);; wish /= 2) {
		size_t size = wish > unit ? wish - wish % unit : unit;
		void *p = mmap(
			NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p != MAP_FAILED) {
			madvise(p, size, MADV_DONTDUMP); /* gcore would write all of it */
			*got = size;
			foreignnot(p, size);
			return p;
		}
		if (size == unit)
			throwlimit(LIMIT_MEMORY, "cannot reserve %zu bytes of address space", size);
	}
}

bool sysmap(void *p, size_t size)
{
	if (mprotect(p, size, PROT_READ | PROT_WRITE) != 0)
		return false;
	madvise(p, size, MADV_DODUMP);
	return true;
}

bool sysmapat(uintptr_t at, size_t size)
{
	void *p = mmap((void *)at, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == (void *)at) {
		foreignnot(p, size);
		return true;
	}
	if (p != MAP_FAILED)
		munmap(p, size); /* a kernel before 4.17 takes the address for a hint */
	return false;
}

void sysfree(void *p, size_t size)
{
	foreignagain(p);
	munmap(p, size);
}

static struct {
	struct mutex lock;
	char *next, *end;
	uint64_t mapped; /* bytes */
} persistent = {.lock = {.rank = lockRankLeaf}};

/* With the lock. */
static void *carve(size_t size)
{
	if ((size_t)(persistent.end - persistent.next) < size) {
		persistent.next = sysalloc(CHUNKSIZE);
		persistent.end = persistent.next + CHUNKSIZE;
		persistent.mapped += CHUNKSIZE;
		san_root(persistent.next, CHUNKSIZE);
	}
	void *p = persistent.next;
	persistent.next += size;
	return p;
}

/* Without the lock: a figure of a moment ago will do. */
uint64_t runtimememory(void)
{
	return *(volatile uint64_t *)&persistent.mapped;
}

void *persistentalloc(size_t size)
{
	size = (size + LINEPAIR - 1) & ~(size_t)(LINEPAIR - 1);
	if (size > CHUNKSIZE / 2) {
		void *p = sysalloc(size);
		san_root(p, size);
		return p;
	}
	lock(&persistent.lock);
	void *p = carve(size);
	unlock(&persistent.lock);
	return p;
}
