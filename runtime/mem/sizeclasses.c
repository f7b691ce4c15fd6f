/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sizeclasses.c - derives the size classes (Go's mksizeclasses.go, whose result they equal; the
 * test compares).
 *
 * Two wastes are bounded. What is left over at the end of a span is at most an eighth of it: a span
 * gets as many pages as that takes. And an object is not much smaller than its class: sizes step by
 * an eighth of the last power of two, but by at least what the alignment of such objects is. Steps
 * that would give as many objects to a span of the same length are one class, the largest that
 * still gives as many.
 *
 * At start and not at build: it takes some 20 us, and no table can be out of step with its rule.
 */
#include "mem/sizeclasses.h"

#include "base/throw.h"

struct sizeclasses sizeclasses;

static uint32_t stepfrom(uint32_t size)
{
	if (size >= 2048)
		return 256;
	uint32_t power = 1u << (31 - __builtin_clz(size));
	if (power >= 128)
		return power / 8;
	return power >= 32 ? 16 : MINHEAPALIGN;
}

static uint32_t spanbytes(uint32_t size)
{
	uint32_t bytes = PAGESIZE;
	while (bytes % size > bytes / 8)
		bytes += PAGESIZE;
	return bytes;
}

/* The largest object of which as many fit; sizes over 1024 stay multiples of LARGESIZEDIV. */
static uint32_t widen(uint32_t size, uint32_t bytes)
{
	uint32_t most = bytes / (bytes / size) / LARGESIZEDIV * LARGESIZEDIV;
	return most > size ? most : size;
}

static void define(unsigned class, uint32_t size, uint32_t bytes)
{
	sizeclasses.size[class] = (uint16_t)size;
	sizeclasses.npages[class] = (uint8_t)(bytes / PAGESIZE);
	sizeclasses.magic[class] = UINT32_MAX / size + 1;
}

static void fillindex(void)
{
	unsigned class = 1;
	for (uint32_t i = 0; i <= SMALLSIZEMAX / MINHEAPALIGN; i++) {
		class += i * MINHEAPALIGN > sizeclasses.size[class];
		sizeclasses.small[i] = (uint8_t) class;
	}
	for (uint32_t i = 0; i <= (MAXSMALLSIZE - SMALLSIZEMAX) / LARGESIZEDIV; i++) {
		class += SMALLSIZEMAX + i * LARGESIZEDIV > sizeclasses.size[class];
		sizeclasses.large[i] = (uint8_t) class;
	}
}

void sizeclassesinit(void)
{
	unsigned class = 0;
	uint32_t last = 0, lastsize = 0;
	for (uint32_t size = MINHEAPALIGN; size <= MAXSMALLSIZE; size += stepfrom(size)) {
		uint32_t bytes = spanbytes(size);
		if (class == 0 || bytes != last || bytes / size != last / lastsize)
			class ++;
		if (class >= NSIZECLASS)
			throw("mallocinit: more than %d size classes", NSIZECLASS - 1);
		define(class, size, bytes);
		last = bytes;
		lastsize = size;
	}
	for (class = 1; class < NSIZECLASS; class ++) {
		uint32_t bytes = (uint32_t)(sizeclasses.npages[class] * PAGESIZE);
		define(class, widen(sizeclasses.size[class], bytes), bytes);
	}
	fillindex();
}
