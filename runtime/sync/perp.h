/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * perp.h - an item for each P, made when that P first needs it and never moved, so that pointers to
 * it stay good when GOMAXPROCS grows. Chunk k holds the items of the 2^k Ps from number 2^k - 1 on.
 *
 * Items are zeroed at first, and aligned so that two Ps share no cache lines. While a goroutine
 * runs in the runtime its P does not change: what only a P's owner writes needs no atomic
 * operations there.
 */
#ifndef GORT_SYNC_PERP_H
#define GORT_SYNC_PERP_H

#include <stdlib.h>
#include <string.h>

#include "base/throw.h"
#include "sched/runtime2.h"

#define PERPCHUNKS 12 /* 4095 Ps */
#define PERPALIGN  128

struct perp {
	_Atomic(char *) chunk[PERPCHUNKS];
};

static inline unsigned perpchunk(uint32_t id)
{
	return 31 - (unsigned)__builtin_clz(id + 1);
}

static __attribute__((noinline, unused)) char *perpgrow(struct perp *t, unsigned k, size_t size)
{
	char *mine = NULL, *there = NULL;
	if (k < PERPCHUNKS)
		mine = aligned_alloc(PERPALIGN, size << k);
	if (!mine)
		throw("perp: no memory for %u Ps", 1u << k);
	memset(mine, 0, size << k);
	if (cas_acqrel(&t->chunk[k], &there, mine)) /* pairs with the acquire in perpitem */
		return mine;
	free(mine);
	return there;
}

/* The item of P number id; size is that of all items of t, a multiple of PERPALIGN. */
static inline void *perpitem(struct perp *t, uint32_t id, size_t size)
{
	unsigned k = perpchunk(id);
	char *chunk = load_acq(&t->chunk[k]);
	if (unlikely(!chunk))
		chunk = perpgrow(t, k, size);
	return chunk + (id + 1 - (1u << k)) * size;
}

/* The item after p in some order, the first for NULL; NULL at the end. Only of chunks there are. */
static inline void *perpnext(struct perp *t, void *p, size_t size)
{
	unsigned k = 0;
	if (p) {
		char *chunk;
		while (!(chunk = load_acq(&t->chunk[k])) || (char *)p < chunk ||
			(char *)p >= chunk + (size << k))
			k++;
		if ((char *)p + size < chunk + (size << k))
			return (char *)p + size;
		k++;
	}
	for (; k < PERPCHUNKS; k++) {
		char *chunk = load_acq(&t->chunk[k]);
		if (chunk)
			return chunk;
	}
	return NULL;
}

static inline void perpfree(struct perp *t)
{
	for (unsigned k = 0; k < PERPCHUNKS; k++)
		free(xchg_acqrel(&t->chunk[k], NULL));
}

#endif
