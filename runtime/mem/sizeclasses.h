/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sizeclasses.h - the sizes of small objects (Go's sizeclasses.go). Objects of one class share
 * spans; the classes are derived at start (sizeclasses.c).
 */
#ifndef GORT_MEM_SIZECLASSES_H
#define GORT_MEM_SIZECLASSES_H

#include <stddef.h>
#include <stdint.h>

#define PAGESHIFT      13
#define PAGESIZE       ((uintptr_t)1 << PAGESHIFT)
#define OSPAGE         ((uintptr_t)4096)
#define NSIZECLASS     68 /* class 0: objects with a span of their own */
#define MAXSMALLSIZE   32768u
#define SMALLSIZEMAX   1024u /* sizes up to it are looked up by eighths, larger ones by 128ths */
#define LARGESIZEDIV   128u
#define MINHEAPALIGN   8u
#define MAXOBJSPERSPAN 1024u

struct sizeclasses {
	uint8_t small[SMALLSIZEMAX / MINHEAPALIGN + 1];
	uint8_t large[(MAXSMALLSIZE - SMALLSIZEMAX) / LARGESIZEDIV + 1];
	uint16_t size[NSIZECLASS]; /* bytes of an object */
	uint8_t npages[NSIZECLASS];
	uint32_t magic[NSIZECLASS]; /* offset * magic >> 32 is the number of the object */
};

extern struct sizeclasses sizeclasses;

void sizeclassesinit(void);

/* Of a size of at most MAXSMALLSIZE. */
static inline unsigned sizeclassof(size_t size)
{
	if (size <= SMALLSIZEMAX)
		return sizeclasses.small[(size + MINHEAPALIGN - 1) / MINHEAPALIGN];
	return sizeclasses.large[(size - SMALLSIZEMAX + LARGESIZEDIV - 1) / LARGESIZEDIV];
}

#endif
