/* SPDX-License-Identifier: BSD-2-Clause */
/* memclr.h - zeroing memory that is about to be used (Go's memclrNoHeapPointers). */
#ifndef GORT_MEM_MEMCLR_H
#define GORT_MEM_MEMCLR_H

#include <string.h>

/*
 * libc's memset turns to `rep stosb` from 2 KiB on (glibc's rep_stosb_threshold). That takes longer
 * to begin than a loop takes for some kilobytes, and stores that follow wait for its end: so it
 * gets less at once. Of much more, where the beginning does not count, it is the faster one.
 */
#define MEMCLRPIECE 1984u /* a multiple of 64 */
#define MEMCLRMANY  ((size_t)64 << 10)

static inline void memclr(void *p, size_t n)
{
	char *at = p;
	size_t piece = MEMCLRPIECE;
	__asm__("" : "+r"(piece)); /* gcc makes a `rep stos` of a known number */
	for (; n > piece && n < MEMCLRMANY; at += piece, n -= piece)
		memset(at, 0, piece);
	memset(at, 0, n);
}

#endif
