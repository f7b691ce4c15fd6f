/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locks.h - which locks a thread holds, in which order locks are taken, and where they were made.
 *
 * Two locks that are taken in both orders can deadlock, whether or not they did: each time a thread
 * asks for a lock while it holds another, an edge joins the two, and a cycle of edges is a finding.
 *
 * The edges of an attempt that cannot block (trylock) are left out, and a cycle two of whose edges
 * were only seen under a common other lock (a gate) is none: the threads cannot meet in it.
 *
 * Rejected: telling readers from writers. A reader waits for a writer who waits for another reader
 * where writers go first, as POSIX permits.
 */
#ifndef GORT_RACE_LOCKS_H
#define GORT_RACE_LOCKS_H

#include "report.h"

#define MAX_HELD   64
#define MAX_CYCLE  20
#define LOGGED     FRONT_LOCKS
#define LOG_LENGTH 16

struct held {
	uintptr_t addr;
	uint32_t ctx;   /* where it was taken */
	uint32_t depth; /* of a recursive lock */
	bool reader;
};

/*
 * What a thread held in its last epochs, for reports: an entry for each set of locks but the empty
 * one. The set changes only between epochs that have accesses, since lock_taken() and lock_given()
 * start a new one when need be. Other threads read it, and may find an entry being replaced by a
 * later one: its `first` is 0 meanwhile, and then they know nothing.
 */
struct lock_log {
	_Atomic uint32_t n; /* of them in all; the i-th is entry[i % LOG_LENGTH] */
	struct lock_entry {
		_Atomic uint32_t first, last; /* epochs */
		_Atomic uint32_t n;           /* at most LOGGED of them */
		_Atomic uintptr_t addr[LOGGED];
	} entry[LOG_LENGTH];
};

/* The locks that who held in that epoch, with FRONT_READER; 0 when that is no longer known. */
uint32_t locks_at(const struct past *who, uint32_t epoch, uintptr_t addr[LOGGED]);

/* What a thread holds, outermost first; the first MAX_HELD of them. */
struct held_set {
	struct held_set *link;
	struct lock_log *log;
	uint64_t hash; /* a sum over the addresses */
	uint32_t n;
	struct held v[MAX_HELD];
	uint64_t known[64]; /* combinations of held and wanted whose edges are known */
};

/* The thread that tid and epoch name held `from`, taken at held_ctx, and asked for `to` at ctx. */
struct lock_edge {
	uintptr_t from, to;
	uint32_t held_ctx, ctx;
	uint32_t tid, epoch;
};

/* The cycle is longer than MAX_CYCLE. */
void on_long_lock_cycle(void);

/* Called for each new cycle, with the locks of this module held. Each edge leads to the next. */
void on_lock_cycle(const struct lock_edge *edges, uint32_t n);

/* The lock at addr was initialised. */
void lock_new(struct thread *t, uintptr_t addr, uint64_t pc);

/* Where it was, or 0. */
uint32_t lock_origin(uintptr_t addr);

/* t is about to wait for the lock. */
void lock_wanted_slow(struct thread *t, uintptr_t addr, uint64_t pc);

/* t has it; before anything is accessed under it. */
void lock_taken(struct thread *t, uintptr_t addr, uint64_t pc, bool reader);

/* t gives it back, after it was released. */
void lock_given(struct thread *t, uintptr_t addr);

/* t's entry of the lock, NULL when it does not hold it. */
const struct held *lock_held(const struct thread *t, uintptr_t addr);

/* Locks in [addr, addr+n) are gone. */
void locks_forget(uintptr_t addr, size_t n);

/* The thread ends. */
void locks_end(struct thread *t);

static inline void lock_wanted(struct thread *t, uintptr_t addr, uint64_t pc)
{
	if (unlikely(t->held && t->held->n))
		lock_wanted_slow(t, addr, pc);
}

#endif
