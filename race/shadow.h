/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow.h - where the detector keeps what it knows about each 8-byte word of the program.
 *
 * Address map. The low 44 bits of an address index every table, so no part of the program has to
 * lie in a fixed range: any vm.mmap_rnd_bits works. All tables live in one reservation that the
 * kernel never hands out by itself (below the lowest PIE base, far above brk of a fixed-address
 * program):
 *
 *   0x100000000000  cells         16 bytes a word
 *   0x300000000000  write stacks   4 bytes a word: depot id of slot w
 *   0x380000000000  read stacks    4 bytes a word: depot id of slot r
 *   0x400000000000  heap blocks    8 bytes per 16: who allocated the block here (heap.h)
 *   0x480000000000  page marks     1 byte per 4 KiB page
 *   0x480100000000  region marks   1 byte per 4096 pages: some of them are marked
 *
 * Two addresses that differ only above bit 43 share a cell. The kernel's layout keeps the program
 * and its mappings in windows that do not meet except with a chance of (bytes used) / 2^44.
 *
 * A tag is one access: who, when, which bytes, how.
 *
 *   63..32 epoch   31..12 thread id   11 LOCKED   10 INFLATED   9 ATOMIC   8 READ   7..0 byte mask
 *
 * READ and ATOMIC are weaknesses: two accesses conflict when no weakness is common to both, and an
 * access that happened after another stands in for it when it has no weakness the other has not.
 *
 * A cell is two slots:
 *   w = 0, or the last write, or (while no write is live) a read;   r = 0 or a read.
 * What does not fit is inflated into a record (record.h): w = index<<32 | version<<12 | INFLATED, r
 * is 0 or, for a moment, the tag of a reader that is about to notice. LOCKED: a thread is rewriting
 * it. A word whose only access is the last of a chain of atomic operations is held by their sync
 * object, which has its tag and stack (sync.h): w = its address<<6 | INFLATED | ATOMIC | mask.
 *
 * Invariants:
 *  1. No access is forgotten before another that stands in for it is in the cell, or every live
 *     thread is known to have seen it (thread.h known_to_all). Nothing is replaced at random.
 *  2. A tag is never moved to another epoch: bytes are merged only within one thread and epoch.
 *  3. A writer publishes its tag in w before it reads r; a reader publishes in r before it re-reads
 *     w: of two accesses at the same moment at least one sees the other. Both publish by CAS.
 *  4. A reader trusts its tag in r only if w is not inflated and r still holds the tag afterwards.
 *  5. Tag 0 means nothing recorded; a thread whose own tag is 0 records nothing, and compares
 *     equal.
 */
#ifndef GORT_RACE_SHADOW_H
#define GORT_RACE_SHADOW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"

#define INLINE inline __attribute__((always_inline))

#define WINDOW_MASK    0xfffffffffffull
#define SHADOW_CELLS   0x100000000000ull
#define SHADOW_WCTX    0x300000000000ull
#define SHADOW_RCTX    0x380000000000ull
#define SHADOW_BLOCKS  0x400000000000ull
#define SHADOW_PAGES   0x480000000000ull
#define SHADOW_REGIONS 0x480100000000ull
#define SHADOW_END     0x480100100000ull

#define TAG_MASK     0xffull
#define TAG_READ     0x100ull
#define TAG_ATOMIC   0x200ull
#define TAG_WEAK     (TAG_READ | TAG_ATOMIC)
#define TAG_INFLATED 0x400ull
#define TAG_LOCKED   0x800ull
#define TAG_WHO      (~0xfffull)

/* A cell that a sync object holds has the first two of these three. */
#define TAG_HELD    (TAG_INFLATED | TAG_ATOMIC)
#define TAG_HELD_BY (TAG_HELD | TAG_LOCKED)

#define TAG_VERSION_STEP (1ull << 12)
#define TAG_VERSION_MASK 0xfffff000ull

#define PAGE   4096ul
#define REGION (PAGE * 4096)

/*
 * Marks of a page: cells may be used, or inflated; sync objects, heap blocks or locks may start in
 * it; its shadow was made present together with an earlier page's.
 */
#define PAGE_RECORDS 1
#define PAGE_SYNC    2
#define PAGE_BLOCKS  4
#define PAGE_CELLS   8
#define PAGE_LOCKS   16
#define PAGE_PRESENT 32

struct cell {
	_Atomic uint64_t w;
	_Atomic uint64_t r;
};

static inline struct cell *cell_of(uintptr_t addr)
{
	return (struct cell *)((addr & (WINDOW_MASK & ~7ull)) * 2 + SHADOW_CELLS);
}

static inline _Atomic uint32_t *wctx_of(const struct cell *c)
{
	return (_Atomic uint32_t *)(((uintptr_t)c - SHADOW_CELLS) / 4 + SHADOW_WCTX);
}

static inline _Atomic uint32_t *rctx_of(const struct cell *c)
{
	return (_Atomic uint32_t *)(((uintptr_t)c - SHADOW_CELLS) / 4 + SHADOW_RCTX);
}

static inline _Atomic uint8_t *page_marks(uintptr_t addr)
{
	return (_Atomic uint8_t *)((addr & WINDOW_MASK) / 4096 + SHADOW_PAGES);
}

static inline _Atomic uint8_t *region_mark(uintptr_t addr)
{
	return (_Atomic uint8_t *)((addr & WINDOW_MASK) / REGION + SHADOW_REGIONS);
}

/*
 * The first address in [addr, hi) in a page that has one of the marks; hi when there is none.
 * Regions without any are passed over: a program may reserve terabytes.
 */
uintptr_t next_marked(uintptr_t addr, uintptr_t hi, uint8_t marks);

/* Slow half of page_mark: a page that has not this mark yet. */
void page_first_mark(uintptr_t addr, uint8_t mark);

static inline void page_mark(uintptr_t addr, uint8_t mark)
{
	if (unlikely(!(load_rlx(page_marks(addr)) & mark)))
		page_first_mark(addr, mark);
}

static inline uint32_t tag_tid(uint64_t tag)
{
	return (uint32_t)tag >> 12;
}

static inline uint32_t tag_epoch(uint64_t tag)
{
	return tag >> 32;
}

/* Same thread, same epoch. */
static inline bool tag_same(uint64_t a, uint64_t b)
{
	return !((a ^ b) & TAG_WHO);
}

static inline bool tag_conflict(uint64_t a, uint64_t b)
{
	return !(a & b & TAG_WEAK);
}

/* With a after b, whatever races with b races with a. */
static inline bool tag_covers(uint64_t a, uint64_t b)
{
	return !(a & ~b & TAG_WEAK);
}

/* Reserves the tables once; fatal with the reason if it cannot. */
void shadow_map(void);

#endif
