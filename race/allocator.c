/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * allocator.c - sanitizer/allocator_interface.h: what a program may ask about the heap, and hooks
 * that are told of every block. The heap is libc's, or the program's own.
 *
 * Blocks that a thread allocated which the detector does not know are unknown here too.
 */
#include "builtins.h"

#include <malloc.h>

#include "front.h"

#define MAX_HOOKS 5

#define API(type, name, ...)           \
	EXPORT type name(__VA_ARGS__); \
	EXPORT type name(__VA_ARGS__)

struct hooks {
	void (*allocated)(const volatile void *p, size_t n);
	void (*freed)(const volatile void *p);
};

static struct {
	struct mutex lock;
	_Atomic uint32_t n;
	struct hooks v[MAX_HOOKS];
} hooks;

/* A program's own go before these. */
EXPORT __attribute__((weak)) void __sanitizer_malloc_hook(const volatile void *p, size_t n);
EXPORT __attribute__((weak)) void __sanitizer_free_hook(const volatile void *p);

EXPORT __attribute__((weak)) void __sanitizer_malloc_hook(const volatile void *p, size_t n)
{
	(void)p;
	(void)n;
}

EXPORT __attribute__((weak)) void __sanitizer_free_hook(const volatile void *p)
{
	(void)p;
}

void told_allocated(const void *p, size_t n)
{
	if (me.busy || !active)
		return;
	__sanitizer_malloc_hook(p, n);
	for (uint32_t i = 0, count = load_acq(&hooks.n); i < count; i++)
		hooks.v[i].allocated(p, n);
}

void told_freed(const void *p)
{
	if (me.busy || !active)
		return;
	__sanitizer_free_hook(p);
	for (uint32_t i = 0, count = load_acq(&hooks.n); i < count; i++)
		hooks.v[i].freed(p);
}

/* 0: there are too many. */
API(int, __sanitizer_install_malloc_and_free_hooks,
	void (*allocated)(const volatile void *p, size_t n), void (*freed)(const volatile void *p))
{
	lock(&hooks.lock);
	uint32_t i = load_rlx(&hooks.n);
	if (i < MAX_HOOKS) {
		hooks.v[i] = (struct hooks){allocated, freed};
		store_rel(&hooks.n, i + 1); /* pairs with told_allocated, told_freed */
	}
	unlock(&hooks.lock);
	return i < MAX_HOOKS ? (int)i + 1 : 0;
}

static bool owned(const void *p, struct block *b)
{
	return p && block_find((uintptr_t)p, b) && b->start == (uintptr_t)p;
}

API(int, __sanitizer_get_ownership, const volatile void *p)
{
	struct block b;
	return owned((const void *)p, &b);
}

API(size_t, __sanitizer_get_allocated_size, const volatile void *p)
{
	struct block b;
	return owned((const void *)p, &b) ? malloc_usable_size((void *)p) - b.slack : 0;
}

API(size_t, __sanitizer_get_estimated_allocated_size, size_t n)
{
	return n;
}

API(size_t, __sanitizer_get_current_allocated_bytes, void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}

API(size_t, __sanitizer_get_heap_size, void)
{
	struct mallinfo2 m = mallinfo2();
	return m.arena + m.hblkhd;
}

API(size_t, __sanitizer_get_free_bytes, void)
{
	return mallinfo2().fordblks;
}

/* libc does not say. */
API(size_t, __sanitizer_get_unmapped_bytes, void)
{
	return 0;
}
