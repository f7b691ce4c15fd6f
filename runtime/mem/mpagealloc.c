/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mpagealloc.c - which pages of an arena are used (Go's mpagealloc.go): a bitmap, searched from its
 * first word with a free page, with a bound for the longest run so that a full arena is skipped.
 *
 * Rejected: Go's tree of summaries over the whole address space. First fit within the first arena
 * that may have room looks at 128 words at worst, 16 for each GiB that is full.
 */
#include "mem/mheap.h"

#define WORDS (PAGESPERARENA / 64)

/* The bits of word w that belong to pages [page, page + n). */
static uint64_t maskof(uint32_t w, uint32_t page, uint32_t n)
{
	uint32_t lo = w * 64 < page ? page - w * 64 : 0;
	uint32_t hi = page + n < w * 64 + 64 ? page + n - w * 64 : 64;
	return (hi == 64 ? 0 : UINT64_MAX << hi) ^ UINT64_MAX << lo;
}

/* A search in progress: the run of free pages that ends at the current bit. */
struct run {
	uint32_t start, length, longest;
};

static void extend(struct run *r, uint32_t at, uint32_t n)
{
	if (r->length == 0)
		r->start = at;
	r->length += n;
}

static void endrun(struct run *r)
{
	if (r->length > r->longest)
		r->longest = r->length;
	r->length = 0;
}

/* Adds the bits of one word; true when the run is long enough. */
static bool searchword(struct run *r, uint32_t base, uint64_t used, uint32_t n)
{
	for (uint32_t at = 0; at < 64;) {
		uint64_t rest = used >> at;
		uint32_t zeros = rest ? (uint32_t)__builtin_ctzll(rest) : 64 - at;
		if (zeros)
			extend(r, base + at, zeros);
		if (r->length >= n)
			return true;
		at += zeros;
		if (at == 64)
			break;
		endrun(r);
		rest = ~(used >> at);
		at += rest ? (uint32_t)__builtin_ctzll(rest) : 64;
	}
	return false;
}

static uint32_t search(struct heapArena *ha, uint32_t n)
{
	struct run r = {0};
	for (uint32_t w = ha->firstfree; w < WORDS; w++) {
		if (ha->used[w] == UINT64_MAX)
			endrun(&r);
		else if (searchword(&r, w * 64, ha->used[w], n))
			return r.start;
	}
	endrun(&r);
	ha->maxfree = r.longest;
	return PAGESPERARENA;
}

uint32_t pagestouched(struct heapArena *ha, uint32_t page, uint32_t n)
{
	uint32_t clean = 0;
	for (uint32_t w = page / 64; w <= (page + n - 1) / 64; w++) {
		uint64_t mask = maskof(w, page, n);
		clean += popcount(ha->clean[w] & mask);
		ha->clean[w] &= ~mask;
	}
	return clean;
}

uint32_t pagesuse(struct heapArena *ha, uint32_t page, uint32_t n)
{
	for (uint32_t w = page / 64; w <= (page + n - 1) / 64; w++)
		ha->used[w] |= maskof(w, page, n);
	return pagestouched(ha, page, n);
}

uint32_t pagesalloc(struct heapArena *ha, uint32_t n)
{
	if (ha->maxfree < n)
		return PAGESPERARENA;
	while (ha->firstfree < WORDS && ha->used[ha->firstfree] == UINT64_MAX)
		ha->firstfree++;
	return search(ha, n);
}

void pagesfree(struct heapArena *ha, uint32_t page, uint32_t n)
{
	for (uint32_t w = page / 64; w <= (page + n - 1) / 64; w++)
		ha->used[w] &= ~maskof(w, page, n);
	ha->maxfree = PAGESPERARENA; /* unknown: the next search tells */
	if (page / 64 < ha->firstfree)
		ha->firstfree = page / 64;
}

void pagesadd(struct heapArena *ha, uint32_t page, uint32_t n)
{
	for (uint32_t w = page / 64; w <= (page + n - 1) / 64; w++)
		ha->clean[w] |= maskof(w, page, n);
	pagesfree(ha, page, n);
}
