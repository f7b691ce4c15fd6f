/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.h - the life of memory: who allocated a block, and forgetting what was known about it.
 *
 * The shadow of memory that is not in use is clear: it is cleared when a block is freed, when a
 * range is mapped or unmapped and when a thread has ended, so new owners start without a past.
 *
 * Except for the first words of a freed block: these are written by FREED_TID, a thread whose
 * accesses come before nobody's, until the block is allocated again. So whoever touches them, the
 * thread that freed them too, finds a conflict. The epoch of such a tag is the number of the thread
 * that freed, plus one.
 */
#ifndef GORT_RACE_HEAP_H
#define GORT_RACE_HEAP_H

#include "thread.h"

struct block {
	uintptr_t start;
	uint32_t ctx;   /* where it was allocated */
	uint32_t uid;   /* by which thread; BLOCK_NOBODY: not known */
	uint32_t slack; /* so many bytes more than asked for; 0 also when more than 254 */
};

#define BLOCK_NOBODY 0xfffffeu

/* Notes that t allocated the block at p, also while t records nothing else. */
void block_new(struct thread *t, uintptr_t p, size_t slack, uint64_t pc);

/* The block at p is not allocated any more. */
void block_gone(uintptr_t p);

/* The nearest block that starts at or below addr, at most 256 MiB away, whatever its size. */
bool block_find(uintptr_t addr, struct block *b);

/* Nothing is known about [addr, addr+n) from now on. */
void memory_forget(uintptr_t addr, size_t n);

/* The same for a block that has just been allocated: its synchronisation was forgotten with it. */
void memory_renewed(uintptr_t addr, size_t n);

/* The block at addr was freed by t, which records, at pc: an access from now on is a mistake. */
void memory_freed(struct thread *t, uintptr_t addr, size_t n, uint64_t pc);

/* Of a tag of FREED_TID: the number of the thread that freed. */
static inline uint32_t freed_by(uint64_t tag)
{
	return tag_epoch(tag) - 1;
}

#endif
