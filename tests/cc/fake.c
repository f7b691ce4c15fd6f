/* SPDX-License-Identifier: BSD-2-Clause */
/* fake.c - what gort_hooks.o needs of libgort, which keeps what is logged. See stores.c. */
#include "fake.h"

#include <string.h>

#include "gort/abi.h"

uint32_t gort_writebarrier;
__thread uintptr_t gort_pending;
struct gort_race_hooks gort_race;
const void *logged[MAXLOG];
int nlogged;

void gort_wblog(const void *old)
{
	if (old && nlogged < MAXLOG)
		logged[nlogged++] = old;
}

void gort_wbrange(const void *p, size_t n)
{
	uintptr_t at = (uintptr_t)p & ~(uintptr_t)7, end = (uintptr_t)p + n;
	if (gort_writebarrier)
		for (; at < end; at += 8)
			gort_wblog(*(void **)at);
}

void *gort_memcpy(void *dst, const void *src, size_t n)
{
	gort_wbrange(dst, n);
	return memcpy(dst, src, n);
}

void *gort_memmove(void *dst, const void *src, size_t n)
{
	gort_wbrange(dst, n);
	return memmove(dst, src, n);
}

void *gort_memset(void *dst, int c, size_t n)
{
	gort_wbrange(dst, n);
	return memset(dst, c, n);
}
