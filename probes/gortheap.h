/* SPDX-License-Identifier: BSD-2-Clause */
/* gortheap.h - the heap and the collector's figures of a program on libgort. */
#ifndef GORT_PROBES_GORTHEAP_H
#define GORT_PROBES_GORTHEAP_H

#include "gortread.h"

/* Members of a struct mspan. */
enum {
	SP_START,
	SP_NPAGES,
	SP_NELEMS,
	SP_ELEMSIZE,
	SP_COUNT,
	SP_CLASS,
	SP_KIND,
	SP_STATE,
	SP_REQUIRED,
	SP_BEFORE = SP_REQUIRED,
	SP_TYPE,
	SP_FREEINDEX,
	SP_BITS,
	SP_HEAPBITS,
	SP_SPECIALS,
	SP_MEMBERS
};

/* What lies where in the heap. */
struct gortheap {
	const struct gortread *r;
	struct member span[SP_MEMBERS], base, mapped, spans;
	uint64_t pagesize, pages_per_arena, arenas, narenas;
	uint32_t span_len;
};

struct gortspan {
	uint64_t at; /* the structure */
	uint64_t v[SP_MEMBERS];
};

typedef int (*gortheap_each)(const struct gortheap *h, const struct gortspan *s, void *arg);

/* 0, -ENOTSUP when it is not published, -EFAULT. Needs no closing. */
int gortheap_open(struct gortheap *h, const struct gortread *r);
/* Calls each for every span in use, until it does not return 0; -EFAULT, -ENOMEM. */
int gortheap_walk(const struct gortheap *h, gortheap_each each, void *arg);

/* Fills what libgort publishes of its collector and leaves the rest GSNAP_UNKNOWN. */
void gortheap_gc(const struct gortread *r, struct gsnap_gc *gc);
/* The same but for what takes a walk over the heap: objects and unused memory. */
void gortheap_counters(const struct gortread *r, struct gsnap_gc *gc);
/* The same of the general statistics; cheap: nothing is counted. */
void gortheap_stats(const struct gortread *r, struct gsnap_stats *st);

#endif
