/* SPDX-License-Identifier: BSD-2-Clause */
/* mprof.h - which stacks allocate: mprof.c. */
#ifndef GORT_MEM_MPROF_H
#define GORT_MEM_MPROF_H

#include <stdint.h>

#include "base/lock.h"

#define FUTURES 3u

struct mcache;
struct mspan;

struct counts {
	uint64_t allocs, frees;
};

/* What is known of one stack and size: see mprof.c. */
struct bucket {
	struct bucket *next; /* of its hash */
	struct bucket *all;
	uint64_t hash, size;
	struct counts active, future[FUTURES];
	uint32_t npcs;
	uintptr_t pcs[];
};

/* mprof.c's own; abi.c tells where it is. */
extern struct memprof {
	struct mutex lock;
	struct bucket **hash; /* NULL before the first sample */
	struct bucket *_Atomic all;
	uint32_t n;
	uint32_t cycle;
	bool flushed; /* the record of this cycle has been added */
} prof;

/* p, of s, has been allocated by the owner of c, and c->nextsample bytes were not left. */
void profilealloc(struct mcache *c, struct mspan *s, void *p);
/* By the sweeper: one of the objects of b has been freed. */
void mProf_Free(struct bucket *b);
/* In a stop: marking has ended, and what is swept from now on belongs to that cycle. */
void mProf_NextCycle(void);
/* Anywhere in between: what the cycle before has swept counts from now on. */
void mProf_Flush(void);
/* All has been swept: counts at once, and not only when the next cycle has ended. */
void mProf_PostSweep(void);

/* What was sampled of one stack and size, up to the last collection. */
struct memrecord {
	uint64_t allocs, frees; /* objects */
	uint64_t size;          /* of each, bytes */
	const uintptr_t *pcs;   /* leaf first: return addresses */
	uint32_t npcs;
};

/* In a stop: where the object of s at base was allocated, if it was sampled; else no pcs. */
void memrecordof(const struct mspan *s, uintptr_t base, struct memrecord *r);

/* At most max of all records; returns how many there are. */
uint32_t memprofile(struct memrecord *records, uint32_t max);

#endif
