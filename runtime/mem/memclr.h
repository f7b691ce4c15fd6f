/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memclr.h - zeroing, and copying to, memory that is about to be used (Go's memclrNoHeapPointers
 * and memmove).
 */
#ifndef GORT_MEM_MEMCLR_H
#define GORT_MEM_MEMCLR_H

#include <string.h>

/*
 * libc's memset and memcpy turn to `rep stosb` and `rep movsb` from 2 KiB on (glibc's
 * rep_stosb_threshold). These take longer to begin than a loop takes for some kilobytes, and stores
 * that follow wait for their end: so libc gets less at once. Of much more, where the beginning does
 * not count, they are the faster ones.
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

/* The same for a copy. */
static inline void memcopy(void *p, const void *from, size_t n)
{
	char *at = p;
	const char *next = from;
	size_t piece = MEMCLRPIECE;
	__asm__("" : "+r"(piece));
	for (; n > piece && n < MEMCLRMANY; at += piece, next += piece, n -= piece)
		memcpy(at, next, piece);
	memcpy(at, next, n);
}

#endif
