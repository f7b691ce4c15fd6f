/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memclr.h - zeroing, and copying to, memory that is about to be used (Go's memclrNoHeapPointers
 * and memmove).
 *
 * libc's memset and memcpy tell eight lengths apart before they begin, and turn to `rep stosb` and
 * `rep movsb` from 2 KiB on (glibc's rep_stosb_threshold), which take longer to begin than a loop
 * takes for some kilobytes, and stores that follow wait for their end. Growing a slice to 1,000
 * words is 4 % faster with these loops. Of much more, where the beginning does not count, libc's
 * are the faster ones.
 */
#ifndef GORT_MEM_MEMCLR_H
#define GORT_MEM_MEMCLR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/atomic.h"

#define MEMWIDELEAST ((size_t)32)
#define MEMWIDEMOST  ((size_t)64 << 10)

extern bool memwide; /* the CPU can do what the next two do: see memclrinit */

/* n: from MEMWIDELEAST on. The two pieces of memory do not overlap. */
void memclrwide(char *p, size_t n);
void memcopywide(char *p, const char *from, size_t n);

/* At start. */
void memclrinit(void);

static inline bool memiswide(size_t n)
{
	return likely(memwide) && n >= MEMWIDELEAST && n < MEMWIDEMOST;
}

static inline void memclr(void *p, size_t n)
{
	if (memiswide(n))
		memclrwide(p, n);
	else
		memset(p, 0, n);
}

static inline void memcopy(void *p, const void *from, size_t n)
{
	if (memiswide(n))
		memcopywide(p, from, n);
	else
		memcpy(p, from, n);
}

#endif
