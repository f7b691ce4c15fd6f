/* SPDX-License-Identifier: BSD-2-Clause */
/* access.h - records the program's accesses in the shadow and finds conflicts among them. */
#ifndef GORT_RACE_ACCESS_H
#define GORT_RACE_ACCESS_H

#include "depot.h"

/* One access to one word: addr is word-aligned, tag says who, how and which bytes. */
struct access {
	struct thread *t;
	uintptr_t addr;
	uint64_t tag;
	uint32_t ctx;
};

/* Two accesses without order that conflict in the bytes of mask. */
struct race {
	struct thread *t;
	uintptr_t addr;
	uint32_t mask;
	uint32_t ctx;
	uint32_t old_ctx;
	uint64_t tag;
	uint64_t old_tag;
};

/* Called for each race, outside of all locks on cells. report.c, or a test. */
void on_race(const struct race *r);

/*
 * Same-epoch hits, for the front ends: the word is recorded already (or t does not record). The
 * bytes of mask must lie in one word.
 */
static inline bool write_hit(const struct thread *t, uintptr_t addr, uint64_t mask)
{
	return !((load_rlx(&cell_of(addr)->w) ^ t->tag) & (~TAG_MASK | mask));
}

static inline bool read_hit(const struct thread *t, uintptr_t addr, uint64_t mask)
{
	const struct cell *c = cell_of(addr);
	uint64_t w = load_rlx(&c->w) ^ t->tag, r = load_rlx(&c->r) ^ (t->tag | TAG_READ);
	uint64_t all = ~TAG_MASK | mask;
	return !(r & all) || !(w & all & ~TAG_READ);
}

/*
 * How often cells of the page at addr, or of one that shares the count, were made to forget.
 * Counted by a locked instruction before the cells are looked at: a delayed read that is put into
 * its cell is either forgotten with it, or sees the count.
 */
static inline _Atomic uint32_t *times_forgotten(uintptr_t addr)
{
	extern _Atomic uint32_t forgotten_pages[4096];
	return &forgotten_pages[addr >> 12 & 4095];
}

/* n <= 8 bytes at any address; weak is a set of TAG_READ, TAG_ATOMIC. */
void access_bytes(struct thread *t, uintptr_t addr, uint32_t n, uint64_t weak, uint64_t pc);

/* Of an atomic operation, for a caller that has set t->busy already. */
void access_inside(struct thread *t, uintptr_t addr, uint32_t n, uint64_t weak, uint64_t pc);

/* The atomic access to the word of addr that t owes (sync.h). */
void access_owed(struct thread *t, uintptr_t addr);

/* The bytes of mask in the word at addr: a plain read, a plain write, any. */
void access_read(struct thread *t, uintptr_t addr, uint32_t mask, uint64_t pc);
void access_write(struct thread *t, uintptr_t addr, uint32_t mask, uint64_t pc);
void access_word(struct thread *t, uintptr_t addr, uint32_t mask, uint64_t weak, uint64_t pc);

/* Any number of bytes; at most one race of the range is reported. */
void access_range(struct thread *t, uintptr_t addr, size_t n, uint64_t weak, uint64_t pc);

/* Reports a race of a's against old, whose bytes over conflict. */
void race_found(const struct access *a, uint64_t old, uint32_t old_ctx, uint32_t over);

/* The stack that belongs to tag old in a slot, even while its thread is still writing it there. */
uint32_t slot_ctx(const struct cell *c, uint64_t old, _Atomic uint32_t *slot);

#endif
