/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.h - the life of memory: who allocated a block, and forgetting what was known about it.
 *
 * The shadow of memory that is not in use is clear: it is cleared when a block is freed, when a
 * range is mapped or unmapped and when a thread has ended, so new owners start without a past.
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

#endif
