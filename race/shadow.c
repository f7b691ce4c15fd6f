/* SPDX-License-Identifier: BSD-2-Clause */
/* shadow.c - reserves the tables of shadow.h, and makes parts of them present. */
#include "builtins.h"

#include <errno.h>
#include <sys/mman.h>

#include "mem.h"
#include "shadow.h"
#include "sys.h"

#define AHEAD_MIN 2 /* pages */
#define AHEAD_MAX 64

static void no_shadow(long err)
{
	if (err == -EEXIST)
		race_fatal(
			"the range of the shadow memory, 0x100000000000-0x480100100000, is in use",
			"run without other libraries that map fixed addresses (sanitizers, "
			"emulators)");
	race_fatal("cannot reserve 56 TiB of address space for the shadow memory",
		"ulimit -v unlimited; sysctl vm.overcommit_memory=0 (2 forbids reservations)");
}

void shadow_map(void)
{
	size_t n = SHADOW_END - SHADOW_CELLS;
	long p = sys_mmap((void *)SHADOW_CELLS, n, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE);
	if (p != (long)SHADOW_CELLS)
		no_shadow(p < 0 ? p : -EEXIST);
	SYS3(SYS_madvise, SHADOW_CELLS, n, MADV_NOHUGEPAGE);
	SYS3(SYS_madvise, SHADOW_CELLS, n, MADV_DONTDUMP);
}

static void make_present(const void *from, const void *to)
{
	uintptr_t lo = (uintptr_t)from & ~4095ul;
	SYS3(SYS_madvise, lo, (uintptr_t)to - lo, MADV_POPULATE_WRITE);
}

static bool has_cells(uintptr_t page)
{
	return load_rlx(page_marks(page)) & PAGE_CELLS;
}

/*
 * When one page is used after the one before it, more will be; as many as were so far, within
 * limits. Else each page of cells would be faulted in twice: a look at a cell maps the page of
 * zeroes, and the first write then has to take that out of the other processors' caches. A kernel
 * that cannot do it (before 5.14) does nothing.
 */
static void read_ahead(uintptr_t page)
{
	uint32_t ahead = AHEAD_MIN;
	while (ahead < AHEAD_MAX && has_cells(page - ahead * PAGE))
		ahead *= 2;
	store_rlx(region_mark(page), 1);
	store_rlx(region_mark(page + (ahead - 1) * PAGE), 1);
	for (uint32_t i = 0; i < ahead; i++)
		atomic_fetch_or_explicit(
			page_marks(page + i * PAGE), PAGE_PRESENT, memory_order_relaxed);
	const struct cell *first = cell_of(page), *end = first + ahead * 512;
	make_present(first, end);
	make_present(wctx_of(first), wctx_of(end));
}

uintptr_t next_marked(uintptr_t addr, uintptr_t hi, uint8_t marks)
{
	while (addr < hi) {
		if (!load_rlx(region_mark(addr)))
			addr = (addr | (REGION - 1)) + 1;
		else if (!(load_rlx(page_marks(addr)) & marks))
			addr = (addr | (PAGE - 1)) + 1;
		else
			return addr;
	}
	return hi;
}

/* The region's first: whoever finds the page's mark finds the region's. */
void page_first_mark(uintptr_t addr, uint8_t mark)
{
	store_rlx(region_mark(addr), 1);
	uint8_t old = atomic_fetch_or_explicit(page_marks(addr), mark, memory_order_relaxed);
	if (mark == PAGE_CELLS && !(old & (PAGE_CELLS | PAGE_PRESENT)) && has_cells(addr - PAGE))
		read_ahead(addr & ~(PAGE - 1));
}
