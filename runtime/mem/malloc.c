/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * malloc.c - mallocgc: every object of the program comes from here (Go's malloc.go).
 *
 * Each P carves objects off a span of its own, without a lock; large objects get their own mapping.
 * Nothing is given back before there is a collector, which will replace mallocgc as one function.
 */
#include "mem/malloc.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/throw.h"
#include "sched/runtime2.h"
#include "sched/sanitizer.h"

#define SPANSIZE     (1u << 20)
#define MAXSMALLSIZE (32u << 10) /* Go's maxSmallSize: larger objects get their own pages */
#define ALIGN        16u
#define PAGE         4096u
#define LINEPAIR     128u /* two cache lines: the prefetcher fetches them together */

void *sysalloc(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		throw("malloc: out of memory: cannot map %zu bytes: errno %d", size, errno);
	return p;
}

void sysfree(void *p, size_t size)
{
	munmap(p, size);
}

/* The span of threads without a P, and of persistentalloc. */
static struct {
	struct mutex lock;
	char *next, *end;
} central = {.lock = {.rank = lockRankMheap}};

static char *newspan(void)
{
	char *span = sysalloc(SPANSIZE);
	san_root(span, SPANSIZE);
	return span;
}

static void *carve(char **next, char **end, size_t size)
{
	if ((size_t)(*end - *next) < size) {
		*next = newspan();
		*end = *next + SPANSIZE;
	}
	void *p = *next;
	*next += size;
	return p;
}

static void *centralalloc(size_t size, size_t align)
{
	lock(&central.lock);
	central.next = (char *)(((uintptr_t)central.next + align - 1) & ~(uintptr_t)(align - 1));
	void *p = carve(&central.next, &central.end, size);
	unlock(&central.lock);
	return p;
}

void *persistentalloc(size_t size)
{
	size = (size + LINEPAIR - 1) & ~(size_t)(LINEPAIR - 1);
	return size > SPANSIZE / 2 ? sysalloc(size) : centralalloc(size, LINEPAIR);
}

static void *largealloc(size_t size)
{
	if (size > PTRDIFF_MAX)
		throw("malloc: object of %zu bytes is too large", size);
	size_t whole = (size + PAGE - 1) & ~(size_t)(PAGE - 1);
	void *p = sysalloc(whole);
	san_root(p, whole);
	return p;
}

void *mallocgc(size_t size)
{
	if (size > MAXSMALLSIZE)
		return largealloc(size);
	size = size ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : ALIGN;
	struct m *mp = getm();
	if (unlikely(!mp || !mp->p))
		return centralalloc(size, ALIGN);
	return carve(&mp->p->mcache, &mp->p->mcacheend, size);
}
