/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.h - what the program synchronises on: a clock for each address that was ever released.
 *
 * acquire: the thread learns what the object's releasers knew. release: the object's clock becomes
 * the thread's (a mutex: the last owner knew all before). merge: it becomes the maximum (many
 * release, one acquires). Each release ends the thread's epoch.
 *
 * Objects are found by a hash of the address's cache line, so that freeing memory finds all objects
 * in a line in one chain. Lookups take no lock.
 *
 * Invariants:
 *  1. The memory of a struct sync is type-stable. An object is valid while its addr is the address
 *     sought and its lock is held; caches and chains may point to one that is not, and say so.
 *  2. addr is set and cleared under the line's lock and the object's.
 *  3. clock.note is 1 + the number of the thread whose clock was copied there last, 0 when another
 *     has been added since. That thread has nothing to learn there: a lock that it takes again
 *     before anybody else costs no look at the clock, and no lock.
 *  4. A cell is held by an object when its only access was an atomic operation there: note_tag and
 *     note_ctx are that access. Operations that acquire and release come one after the other, each
 *     ordered after the one before once it has acquired, and stand in for it: only the note
 *     changes, and threads that contend for a counter do not contend for its cell as well. Every
 *     other access finds the cell inflated, and first gives it its access back. A cell is taken and
 *     given back with the object's lock.
 *
 * Lock order: a line's lock, then an object's, then a cell's LOCKED bit, then pools. Inside one
 * object a thread may wait for another that holds a cell of the same word: whoever has the lock of
 * that one finds its own cell and waits for none.
 */
#ifndef GORT_RACE_SYNC_H
#define GORT_RACE_SYNC_H

#include "mem.h"
#include "thread.h"

/* With few threads the first cache line is all that is used. */
struct sync {
	struct mutex lock;
	_Atomic uint64_t addr;
	struct clock clock; /* lock */
	_Atomic(struct sync *) next;
	struct sync *link;
	/* Of a lock that the program told of (annotate_lock.c); lock */
	int32_t depth;  /* of a recursive lock: Java */
	uint32_t owner; /* 1 + the uid of the writer; 0: none */
	uint32_t holds; /* how often it did */
	uint32_t made;  /* flags it was created with */
} __attribute__((aligned(64)));

/* The object of addr, created if need be, locked; a cell of several operations (atomics). */
struct sync *sync_enter(struct thread *t, uintptr_t addr);

static inline void sync_leave(struct sync *s)
{
	unlock(&s->lock);
}

/* The parts, with s locked. After a give or an add the thread must step once. */
static inline void sync_take(struct thread *t, struct sync *s)
{
	clock_join(&t->life->clock, &s->clock);
}

void sync_give(struct thread *t, struct sync *s);
void sync_add(struct thread *t, struct sync *s);

/* w of a cell that s holds, without its mask; and whether any object holds one. */
static inline uint64_t held_by(const struct sync *s)
{
	return (uintptr_t)s << 6 | TAG_HELD;
}

static inline bool is_held(uint64_t w)
{
	return (w & TAG_HELD_BY) == TAG_HELD;
}

/* Gives the cell of s its access back, if s holds it; s locked. */
void sync_put_back(struct sync *s);

/* The same of the object that w of some cell named. */
void sync_let_go(uint64_t w);

/* The access that t owes is recorded after all; s locked. */
void sync_owed(struct thread *t, struct sync *s);

/* t acquires and releases: its access is in the note, or in the cell, which s may hold from now. */
void sync_chain(struct thread *t, struct sync *s);

/* The whole. Each does nothing in a thread that is not recording. */
void sync_acquire(struct thread *t, uintptr_t addr);
void sync_release(struct thread *t, uintptr_t addr);
void sync_merge(struct thread *t, uintptr_t addr);

/* The same of a lock that t holds: nobody else acquires or releases the object meanwhile. */
void sync_acquire_owned(struct thread *t, uintptr_t addr);
void sync_release_owned(struct thread *t, uintptr_t addr);

/* Release, and learn what the object held before. */
void sync_exchange(struct thread *t, uintptr_t addr);

/* Objects in [addr, addr+n) are gone: destroyed, or their memory was freed. */
void sync_forget(uintptr_t addr, size_t n);

/* Objects in use, for tests. */
uint32_t syncs_live(void);

#endif
