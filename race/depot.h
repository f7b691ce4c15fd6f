/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * depot.h - call stacks as 32-bit numbers ("ctx"), so that the full stack of every last access is
 * kept however long ago it was.
 *
 * The depot is a tree of calls: a node is a pc and its parent; a stack is a leaf and its ancestors.
 * It is found by the rolling hash of the whole stack which func_enter keeps in each frame, so an
 * access whose stack was seen before costs one lookup in the thread's cache and never walks the
 * stack.
 *
 * A pair node serves a cell slot whose bytes were written at different places of one epoch: it says
 * which of two stacks belongs to which bytes.
 *
 * Rejected: a ring of events per thread replayed at report time (TSan). A found race whose old
 * access has left the ring is lost. Copying every stack as an array: deep recursion costs depth^2.
 */
#ifndef GORT_RACE_DEPOT_H
#define GORT_RACE_DEPOT_H

#include "thread.h"

/* Slow half of ctx_of: the number of t's current stack with leaf pc. 0 when the depot is full. */
uint32_t depot_put(struct thread *t, uint64_t key, uint64_t pc);

/* The bytes in mask belong to newer, the others to older. */
uint32_t depot_pair(struct thread *t, uint32_t older, uint32_t newer, uint32_t mask);

/* Leaf first, at most max; the stack of the bytes in mask. Returns the number of pcs. */
uint32_t depot_get(uint32_t ctx, uint32_t mask, uint64_t *pcs, uint32_t max);

/* The stack of an access at pc now. */
static inline uint32_t ctx_of(struct thread *t, uint64_t pc)
{
	uint64_t key = (t->sp->hash ^ pc) * HASH_MUL;
	key ^= key >> 29;
	struct ctx_entry *e = &t->life->ctxs[key >> 8 & (CTX_CACHE - 1)];
	if (unlikely(e->key != key)) {
		e->ctx = depot_put(t, key, pc);
		e->key = key;
	}
	return e->ctx;
}

#endif
