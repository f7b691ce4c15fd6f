/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * depot.h - call stacks as 32-bit numbers ("ctx"), so that the full stack of every last access is
 * kept however long ago it was.
 *
 * The depot is a tree of calls: a node is a pc and its parent; a stack is a leaf and its ancestors.
 * It is found by the rolling hash of the whole stack which func_enter keeps in each frame, so an
 * access whose stack was seen before costs one lookup in a cache and never walks the
 * stack.
 *
 * A pair node serves a cell slot whose bytes were written at different places of one epoch: it says
 * which of two stacks belongs to which bytes.
 *
 * Rejected: a ring of events per thread replayed at report time (TSan). A found race whose old
 * access has left the ring is lost. Copying every stack as an array: deep recursion costs depth^2.
 * A cache for each thread: a goroutine would take 4 KiB more.
 */
#ifndef GORT_RACE_DEPOT_H
#define GORT_RACE_DEPOT_H

#include "thread.h"

#define CTX_CACHE (1u << 14)

/*
 * What every thread looked up last, by key. An entry is two words that are read and written without
 * a lock; check = key ^ ctx tells a torn one from a whole one.
 */
struct ctx_entry {
	_Atomic uint64_t check;
	_Atomic uint64_t ctx;
};
extern struct ctx_entry ctx_cache[CTX_CACHE];

/* Slow half of ctx_of: the number of t's current stack with leaf pc. 0 when the depot is full. */
uint32_t depot_put(const struct thread *t, uint64_t key, uint64_t pc);

/* The bytes in mask belong to newer, the others to older. */
uint32_t depot_pair(uint32_t older, uint32_t newer, uint32_t mask);

/* Leaf first, at most max; the stack of the bytes in mask. Returns the number of pcs. */
uint32_t depot_get(uint32_t ctx, uint32_t mask, uint64_t *pcs, uint32_t max);

/* The stack of an access at pc now. */
static inline uint32_t ctx_of(const struct thread *t, uint64_t pc)
{
	uint64_t key = (t->sp->hash ^ pc) * HASH_MUL;
	key ^= key >> 29;
	const struct ctx_entry *e = &ctx_cache[key >> 8 & (CTX_CACHE - 1)];
	uint64_t ctx = load_rlx(&e->ctx);
	if (unlikely((load_rlx(&e->check) ^ ctx) != key))
		return depot_put(t, key, pc);
	return (uint32_t)ctx;
}

#endif
