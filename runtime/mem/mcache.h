/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mcache.h - the spans that a P allocates small objects from (Go's mcache.go). Only the owner of
 * the P touches it; the collector does while the world is stopped.
 */
#ifndef GORT_MEM_MCACHE_H
#define GORT_MEM_MCACHE_H

#include "mem/sizeclasses.h"

struct mspan;

/*
 * What the objects of a span may hold. Conservative: any word may be a pointer; typed: the span's
 * heap bitmap tells which.
 */
enum spankind { SPANSCAN, SPANNOSCAN, SPANTYPED, NSPANKIND };

#define NSPANCLASS      (NSIZECLASS * NSPANKIND)
#define TINYSIZE        16u
#define TINYSPANCLASS   SPANCLASS(2, SPANNOSCAN)
#define SPANCLASS(c, k) ((unsigned)(k)*NSIZECLASS + (unsigned)(c))

struct mcache {
	struct mspan *alloc[NSPANCLASS]; /* NULL: none yet */
	uintptr_t tiny;                  /* block of TINYSIZE that tiny objects share, or 0 */
	uint32_t tinyoffset;             /* where the next one goes */
	uint64_t nextsample;             /* bytes; an object of so many or more is sampled */
	uint64_t random;                 /* mprof.c */
	uint64_t tinyallocs;             /* objects in such blocks */
	uint64_t nlarge, largebytes;     /* objects with spans of their own, ever */
	uint64_t nsmall[NSPANCLASS];     /* slots taken of spans that were given back */
};

#endif
