/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heap.c - block starts are kept beside the shadow, in one 8-byte slot per 16 bytes of memory: ctx
 * in the low half, then 24 bits of uid + 1 and 8 of slack; 0 = no block starts here.
 *
 * Large ranges are given back to the kernel page by page of shadow; only pages whose mark says that
 * they have inflated words are looked through first, for their records.
 */
#include "builtins.h"

#include <sys/mman.h>

#include "access.h"
#include "heap.h"
#include "record.h"
#include "sync.h"
#include "sys.h"

#define LARGE    65536
#define MAX_BACK (256ul << 20)
#define MARKED   1024

static _Atomic uint64_t *block_slot(uintptr_t p)
{
	return (_Atomic uint64_t *)((p & (WINDOW_MASK & ~15ull)) / 2 + SHADOW_BLOCKS);
}

void block_new(struct thread *t, uintptr_t p, size_t slack, uint64_t pc)
{
	if (!t->life || !thread_enter(t))
		return;
	uint64_t ctx = ctx_of(t, pc), uid = t->life->past->uid;
	if (uid > BLOCK_NOBODY)
		uid = BLOCK_NOBODY;
	page_mark(p, PAGE_BLOCKS);
	store_rel(block_slot(p), (slack < 255 ? slack << 56 : 0) | (uid + 1) << 32 | ctx);
	thread_leave(t);
}

void block_gone(uintptr_t p)
{
	if (load_rlx(page_marks(p)) & PAGE_BLOCKS)
		store_rlx(block_slot(p), 0);
}

bool block_find(uintptr_t addr, struct block *b)
{
	uintptr_t low = addr > MAX_BACK ? addr - MAX_BACK : 0;
	for (uintptr_t p = addr & ~15ul; p > low && p <= addr; p -= 16) { /* not round below 0 */
		if (!(load_rlx(page_marks(p)) & PAGE_BLOCKS)) {
			p &= ~(PAGE - 1);
			continue;
		}
		uint64_t v = load_acq(block_slot(p));
		if (v) {
			*b = (struct block){p, (uint32_t)v, (uint32_t)(v >> 32 & 0xffffff) - 1,
				(uint32_t)(v >> 56)};
			return true;
		}
	}
	return false;
}

/* Reading shadow never written would map it; most new memory is in pages without a mark. */
static void forget_words(uintptr_t lo, uintptr_t hi)
{
	for (uintptr_t next; (lo = next_marked(lo, hi, PAGE_CELLS | PAGE_RECORDS)) < hi;
		lo = next) {
		next = (lo | (PAGE - 1)) + 1;
		xadd_sc(times_forgotten(lo), 1);
		struct cell *c = cell_of(lo), *end = c + ((hi < next ? hi : next) - lo + 7) / 8;
		for (; c < end; c++) {
			if (load_rlx(&c->w) | load_rlx(&c->r))
				cell_forget(c);
		}
	}
}

static void give_back(const void *table, size_t n)
{
	uintptr_t lo = ((uintptr_t)table + PAGE - 1) & ~(PAGE - 1);
	uintptr_t hi = ((uintptr_t)table + n) & ~(PAGE - 1);
	if (hi > lo)
		SYS3(SYS_madvise, lo, hi - lo, MADV_DONTNEED);
}

/* Page-aligned bounds. Stack numbers are only meaningful beside a tag: they need no clearing. */
static void forget_pages(uintptr_t lo, uintptr_t hi)
{
	uint8_t any = 0;
	for (uintptr_t p = lo; (p = next_marked(p, hi, 0xff)) < hi; p += PAGE) {
		uint8_t marks = load_rlx(page_marks(p));
		any |= marks;
		if (marks & PAGE_CELLS)
			xadd_sc(times_forgotten(p), 1);
		if (marks & PAGE_RECORDS)
			forget_words(p, p + PAGE);
		store_rlx(page_marks(p), 0);
	}
	if (!any)
		return;
	give_back(cell_of(lo), (hi - lo) * 2);
	give_back(wctx_of(cell_of(lo)), (hi - lo) / 2);
	give_back(rctx_of(cell_of(lo)), (hi - lo) / 2);
	give_back(block_slot(lo), (hi - lo) / 2);
}

void memory_renewed(uintptr_t addr, size_t n)
{
	uintptr_t lo = addr & ~7ul, hi = addr + n;
	uintptr_t first = (lo + PAGE - 1) & ~(PAGE - 1), last = hi & ~(PAGE - 1);
	if (n < LARGE) {
		forget_words(lo, hi);
		return;
	}
	forget_words(lo, first);
	forget_pages(first, last);
	forget_words(last, hi);
}

void memory_forget(uintptr_t addr, size_t n)
{
	if (!n || n > WINDOW_MASK / 2)
		return;
	sync_forget(addr, n);
	memory_renewed(addr, n);
}

/* Whole words of one or two pages. */
static void mark_freed(uintptr_t lo, uintptr_t hi, uint64_t tag, uint32_t ctx)
{
	xadd_sc(times_forgotten(lo), 1);
	xadd_sc(times_forgotten(hi - 1), 1);
	page_mark(lo, PAGE_CELLS);
	page_mark(hi - 1, PAGE_CELLS);
	for (struct cell *c = cell_of(lo); lo < hi; lo += 8, c++) {
		if (load_rlx(&c->w) & TAG_INFLATED)
			cell_forget(c);
		store_rlx(&c->r, 0);
		store_rlx(wctx_of(c), ctx);
		store_rel(&c->w, tag); /* after the stack that it is read with */
	}
}

/*
 * Large blocks are left out: libc gives their memory back to the system, and then it may become
 * what nobody calls us for, such as a library's.
 */
void memory_freed(struct thread *t, uintptr_t addr, size_t n, uint64_t pc)
{
	if (n >= LARGE) {
		memory_forget(addr, n);
		return;
	}
	uint64_t tag = (uint64_t)(t->life->past->uid + 1) << 32 | FREED_TID << 12 | TAG_MASK;
	uintptr_t lo = (addr + 7) & ~7ul, hi = (addr + n) & ~7ul;
	if (hi > lo + MARKED)
		hi = lo + MARKED;
	sync_forget(addr, n);
	if (hi > lo)
		mark_freed(lo, hi, tag, ctx_of(t, pc));
	if (addr + n > hi)
		forget_words(hi & ~7ul, addr + n);
}
