/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mallocfast.h - the short way to a small object, inline for those who allocate (Go's
 * nextFreeFast): the next free slot of the span that the P has for the class.
 */
#ifndef GORT_MEM_MALLOCFAST_H
#define GORT_MEM_MALLOCFAST_H

#include "debug/options.h"
#include "mem/malloc.h"
#include "mem/mheap.h"
#include "sched/runtime2.h"

/* The next free slot if the cached word knows it; else 0. */
static inline uintptr_t nextFreeFast(struct mspan *s)
{
	if (unlikely(s->allocCache == 0))
		return 0;
	uint32_t bit = (uint32_t)__builtin_ctzll(s->allocCache), index = s->freeindex + bit;
	uint32_t next = index + 1;
	if (unlikely(index >= s->nelems || (next % 64 == 0 && next != s->nelems)))
		return 0;
	s->allocCache = s->allocCache >> bit >> 1;
	s->freeindex = next;
	s->allocCount++;
	return s->startAddr + index * s->elemsize;
}

/* Where the caller's P has its spans, if it may allocate at once; NULL: the long way. */
static inline struct mcache *readycache(void)
{
	struct m *mp = getm();
	return likely(mp && load_rlx(&mp->gate) == GATE_OPEN && mp->p) ? &mp->p->mcache : NULL;
}

/*
 * A slot of the class, not zeroed; *span: its span. 0 when none is known, or when it is to be
 * sampled for the heap profile: the long way, too.
 */
static inline __attribute__((always_inline)) uintptr_t takeslot(
	struct mcache *c, unsigned spanclass, struct mspan **span)
{
	struct mspan *s = *span = c->alloc[spanclass];
	if (unlikely(!s || s->elemsize >= c->nextsample))
		return 0;
	uintptr_t p = nextFreeFast(s);
	if (likely(p))
		c->nextsample -= s->elemsize;
	return p;
}

/*
 * mallocgc_noscan for a goroutine that gort_malloc_array may be called by, but what the object
 * holds may be anything: the caller writes what the program can see of it. sizeclass: of the size,
 * which is not 0; 0 when it is larger than MAXSMALLSIZE.
 */
static inline __attribute__((always_inline)) void *mallocdirty(size_t size, unsigned sizeclass)
{
	bool simple = sizeclass && size >= TINYSIZE && !debug.gcstress;
	struct mcache *c = likely(simple) ? readycache() : NULL;
	struct mspan *s;
	uintptr_t p = likely(c) ? takeslot(c, SPANCLASS(sizeclass, SPANNOSCAN), &s) : 0;
	return likely(p) ? (void *)p : mallocdirtyslow(size, sizeclass);
}

#endif
