/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libgort.c - the front end of programs on libgort: its goroutines are fibers, its edges come as
 * events, and where gort-cc compiled the program so do its accesses.
 *
 * libgort finds the table by its name when its scheduler starts (runtime/sched/tsan.c), whether it
 * is a library or part of the program. A program of gort-cc calls its own hooks, which lead here;
 * one compiled with -fsanitize=thread calls tsan_abi.c itself, and of the table libgort's own
 * accesses, on behalf of its callers, are all that `access` gets.
 *
 * A hook of gort-cc makes an atomic operation itself: it tells of it once before, which is the
 * release, and once after, which is the acquire. Whatever the operation reads was written behind a
 * release, so no order is missed. An order too many may come of two operations at the same moment.
 */
#include "builtins.h"

#include "front.h"
#include "gort/abi.h"

EXPORT extern const struct gort_race_hooks gort_race_detector;

static void *go_start(void *parent, uintptr_t pc)
{
	(void)parent; /* who calls */
	return fiber_create(pc);
}

static void go_end(void *g)
{
	fiber_destroy(g);
}

static void go_switch(void *g)
{
	if (g != fiber_current())
		fiber_switch(g);
}

static void acquire(void *g, const void *key)
{
	(void)g;
	sync_acquire(&me, (uintptr_t)key);
}

static void release(void *g, const void *key)
{
	(void)g;
	sync_release(&me, (uintptr_t)key);
}

static void release_merge(void *g, const void *key)
{
	(void)g;
	sync_merge(&me, (uintptr_t)key);
}

/* The first call comes from main, before it has made another thread. */
static void *this_thread(void)
{
	front_init();
	return fiber_current();
}

static void go_name(void *g, const char *name)
{
	fiber_name(g, name);
}

static void atomic_access(uintptr_t addr, size_t n, uint32_t how, uint64_t pc)
{
	bool writes = how & GORT_ACCESS_WRITE;
	if (how & GORT_ACCESS_ACQUIRE) {
		sync_acquire(&me, addr);
		return;
	}
	access_bytes(&me, addr, (uint32_t)n, writes ? TAG_ATOMIC : TAG_ATOMIC | TAG_READ, pc);
	if (how & GORT_ACCESS_RELEASE)
		sync_merge(&me, addr);
}

static void on_access(const void *p, size_t n, uint32_t how, uintptr_t pc)
{
	uintptr_t addr = (uintptr_t)p;
	bool writes = how & GORT_ACCESS_WRITE;
	uint64_t mask = n <= 8 ? ((1ull << n) - 1) << (addr & 7) : UINT64_MAX;
	if (unlikely(how & GORT_ACCESS_ATOMIC))
		atomic_access(addr, n, how, pc);
	else if (mask > 0xff)
		access_range(&me, addr, n, writes ? 0 : TAG_READ, pc);
	else if (writes ? !write_hit(&me, addr, mask) : !read_hit(&me, addr, mask))
		access_word(&me, addr, (uint32_t)mask, writes ? 0 : TAG_READ, pc);
}

static void on_entry(uintptr_t pc)
{
	func_enter(&me, pc);
}

static void on_return(void)
{
	func_exit(&me);
}

/* What was there is gone; whoever gets the memory next is not ordered with who had it. */
static void on_free(const void *p, size_t n)
{
	if (me.tag && thread_enter(&me)) {
		forget((uintptr_t)p, n);
		thread_leave(&me);
	}
}

const struct gort_race_hooks gort_race_detector = {
	.go_start = go_start,
	.go_end = go_end,
	.go_switch = go_switch,
	.acquire = acquire,
	.release = release,
	.release_merge = release_merge,
	.thread = this_thread,
	.go_name = go_name,
	.access = on_access,
	.func_entry = on_entry,
	.func_exit = on_return,
	.freed = on_free,
};
