/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_heap.c - what libgort's text functions need of the rest of it, for targets that run them
 * without a scheduler. Objects are malloc's, so that a sanitizer sees their ends, and are freed
 * before the next input.
 */
#include "fuzz_heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/throw.h"
#include "gort/gc.h"
#include "gort/mem.h"
#include "mem/mallocfast.h"
#include "mem/memclr.h"
#include "sched/race.h"

#define MOST 65536 /* objects of one input */

static void *objects[MOST];
static size_t n;

const gort_type gort_noscan = {.name = "noscan"};
uint32_t gort_writebarrier;
bool raceenabled; /* nobody looks for races */
struct gort_race_hooks gort_race;
struct debugvars debug;
_Thread_local struct m *tls_m; /* no thread is one of libgort's */

__attribute__((constructor)) static void start(void)
{
	memclrinit();
	sizeclassesinit();
}

void fuzz_heap_reset(void)
{
	while (n > 0)
		free(objects[--n]);
}

static void *take(size_t size)
{
	void *p = n < MOST ? calloc(1, size ? size : 1) : NULL;
	if (!p)
		abort();
	return objects[n++] = p;
}

void *mallocgc(size_t size)
{
	return take(size);
}

void *mallocgc_noscan(size_t size)
{
	return take(size);
}

void *mallocdirtyslow(size_t size, unsigned sizeclass)
{
	(void)sizeclass;
	return take(size);
}

void *gort_malloc(size_t size)
{
	return take(size);
}

void *gort_malloc_array(size_t count, size_t size, const gort_type *t)
{
	(void)t;
	return take(count * size);
}

void *gort_memmove(void *dst, const void *src, size_t size)
{
	return memmove(dst, src, size);
}

void *gort_memset(void *dst, int c, size_t size)
{
	return memset(dst, c, size);
}

bool gort_cas_racy(void *volatile *slot, void *old, void *value)
{
	return __atomic_compare_exchange_n(
		slot, &old, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Nothing is marked, nothing may panic. */
void gort_wblog(const void *old)
{
	(void)old;
	abort();
}

void gopanic_text(const char *fmt, ...)
{
	(void)fmt;
	abort();
}

void throw(const char *fmt, ...)
{
	(void)fmt;
	abort();
}
