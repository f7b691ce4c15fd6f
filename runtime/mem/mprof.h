/* SPDX-License-Identifier: BSD-2-Clause */
/* mprof.h - which stacks allocate, wait, and let others wait: mprof.c. */
#ifndef GORT_MEM_MPROF_H
#define GORT_MEM_MPROF_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

#define FUTURES 3u

struct mcache;
struct mspan;

struct counts {
	uint64_t allocs, frees;
};

enum recordkind { MEMRECORD, BLOCKRECORD, MUTEXRECORD, NRECORDKIND };

/* What is known of one stack and, of allocations, size: see mprof.c. */
struct bucket {
	struct bucket *next; /* of its hash */
	struct bucket *all;  /* of its kind */
	uint64_t hash, size;
	union {
		struct {
			struct counts active, future[FUTURES];
		};
		struct {
			double count;  /* of events, estimated */
			int64_t delay; /* ns, of all of them */
		};
	};
	uint32_t npcs;
	uint32_t kind; /* enum recordkind */
	uintptr_t pcs[];
};

/* mprof.c's own; abi.c tells where it is. */
extern struct memprof {
	struct mutex lock;
	struct bucket **hash; /* NULL before the first sample */
	struct bucket *_Atomic all[NRECORDKIND];
	uint32_t n[NRECORDKIND];
	uint32_t cycle;
	bool flushed;              /* the record of this cycle has been added */
	_Atomic int64_t blockrate; /* ns; 0: off */
	_Atomic int64_t mutexrate; /* one event in so many; 0: off */
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

/* ---- waiting ---- */

/*
 * Whether a goroutine that blocks must do so slowly: for the block profile, or for a race detector
 * (sched/race.h); in a semaphore: for the block or the mutex profile. Both change only while the
 * world is stopped, so that they are tested by one instruction, and only by whoever is about to
 * block or to wake.
 */
extern bool blockwatched, semawatched;

/* After optionsinit and raceinit. */
void mprofinit(void);
/* The calling goroutine has been blocked for so long. */
void blockevent(int64_t ns);
/* What the calling goroutine has just unlocked made others wait for so long. */
void mutexevent(int64_t ns);

/* What was recorded of one stack; of allocations: of one size too, up to the last collection. */
struct memrecord {
	union {
		struct {
			uint64_t allocs, frees; /* objects */
			uint64_t size;          /* of each, bytes */
		};
		struct {
			int64_t count; /* events */
			int64_t delay; /* ns */
		};
	};
	const uintptr_t *pcs; /* leaf first: return addresses */
	uint32_t npcs;
};

/* In a stop: where the object of s at base was allocated, if it was sampled; else no pcs. */
void memrecordof(const struct mspan *s, uintptr_t base, struct memrecord *r);

/* At most max of all records of a kind; returns how many there are. */
uint32_t profilerecords(enum recordkind kind, struct memrecord *records, uint32_t max);

#endif
