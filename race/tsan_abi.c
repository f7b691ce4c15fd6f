/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsan_abi.c - the functions that gcc and clang call for plain accesses under -fsanitize=thread.
 *
 * Each takes the same-epoch hit itself, without a frame. The pc of an access is the return address:
 * the compiler puts the call right before the access, so it belongs to the same line.
 */
#include "builtins.h"

#include "front.h"
#include "record.h"

static inline uint64_t mask_at(uintptr_t a, uint32_t n)
{
	return ((1ull << n) - 1) << (a & 7);
}

static __attribute__((noinline)) void slow(uintptr_t a, uint32_t n, uint64_t weak, uint64_t pc)
{
	access_bytes(&me, a, n <= 8 ? n : 8, weak, pc);
	if (n > 8)
		access_bytes(&me, a + 8, n - 8, weak, pc);
}

/* Of n <= 8 bytes. What many read is looked for first, before anything is done for a record. */
__attribute__((noinline)) void tsan_slow_read(uintptr_t a, uint32_t n, uint64_t pc)
{
	const struct cell *c = cell_of(a);
	uint64_t w = load_acq(&c->w), mask = mask_at(a, n);
	if (unlikely(mask > 0xff))
		access_bytes(&me, a, n, TAG_READ, pc);
	else if (likely(!(w & TAG_INFLATED)) ||
		 !record_hit(c, w, (me.tag & TAG_WHO) | TAG_READ | mask))
		access_read(&me, a, (uint32_t)mask, pc);
}

__attribute__((noinline)) void tsan_slow_write(uintptr_t a, uint32_t n, uint64_t pc)
{
	uint64_t mask = mask_at(a, n);
	if (unlikely(mask > 0xff))
		access_bytes(&me, a, n, 0, pc);
	else
		access_write(&me, a, (uint32_t)mask, pc);
}

/* An access of up to 8 bytes that may lie across two words never hits: its mask is too wide. */
#define READ_WRITE(prefix, n)                                          \
	EXPORT void __tsan_##prefix##read##n(uintptr_t a);             \
	EXPORT void __tsan_##prefix##write##n(uintptr_t a);            \
	EXPORT void __tsan_##prefix##read##n(uintptr_t a)              \
	{                                                              \
		uint64_t mask = mask_at(a, n);                         \
		if (unlikely(mask > 0xff || !read_hit(&me, a, mask)))  \
			tsan_slow_read(a, n, PC);                      \
	}                                                              \
	EXPORT void __tsan_##prefix##write##n(uintptr_t a)             \
	{                                                              \
		uint64_t mask = mask_at(a, n);                         \
		if (unlikely(mask > 0xff || !write_hit(&me, a, mask))) \
			tsan_slow_write(a, n, PC);                     \
	}

/* clang, for x += y: one call for the read and the write. The write stands in for both. */
#define COMPOUND(prefix, n)                                      \
	EXPORT void __tsan_##prefix##read_write##n(uintptr_t a); \
	EXPORT void __tsan_##prefix##read_write##n(uintptr_t a)  \
	{                                                        \
		slow(a, n, 0, PC);                               \
	}

#define PLAIN16(prefix)                                    \
	EXPORT void __tsan_##prefix##read16(uintptr_t a);  \
	EXPORT void __tsan_##prefix##write16(uintptr_t a); \
	EXPORT void __tsan_##prefix##read16(uintptr_t a)   \
	{                                                  \
		slow(a, 16, TAG_READ, PC);                 \
	}                                                  \
	EXPORT void __tsan_##prefix##write16(uintptr_t a)  \
	{                                                  \
		slow(a, 16, 0, PC);                        \
	}

#define SIZES(prefix)         \
	READ_WRITE(prefix, 1) \
	READ_WRITE(prefix, 2) \
	READ_WRITE(prefix, 4) \
	READ_WRITE(prefix, 8) \
	PLAIN16(prefix)

SIZES()
SIZES(volatile_)
SIZES(unaligned_)
SIZES(unaligned_volatile_)

COMPOUND(, 1)
COMPOUND(, 2)
COMPOUND(, 4)
COMPOUND(, 8)
COMPOUND(, 16)
COMPOUND(unaligned_, 2)
COMPOUND(unaligned_, 4)
COMPOUND(unaligned_, 8)
COMPOUND(unaligned_, 16)

EXPORT void __tsan_read_range(void *p, size_t n);
EXPORT void __tsan_write_range(void *p, size_t n);
EXPORT void __tsan_vptr_update(void **p, void *value);
EXPORT void __tsan_vptr_read(void **p);
EXPORT void __tsan_func_exit(void);
EXPORT void __tsan_acquire(void *p);
EXPORT void __tsan_release(void *p);

EXPORT void __tsan_read_range(void *p, size_t n)
{
	reads(p, n, PC);
}

EXPORT void __tsan_write_range(void *p, size_t n)
{
	writes(p, n, PC);
}

static void vptr_access(void **p, uint64_t weak, uint64_t pc)
{
	me.in_vptr = 1;
	slow((uintptr_t)p, 8, weak, pc);
	me.in_vptr = 0;
}

/* A destructor stores the pointer that is there already: no change, no race. */
EXPORT void __tsan_vptr_update(void **p, void *value)
{
	if (*p != value)
		vptr_access(p, 0, PC);
}

EXPORT void __tsan_vptr_read(void **p)
{
	vptr_access(p, TAG_READ, PC);
}

/* Of its own, and the last thing that its caller does: that one then needs no registers saved. */
__attribute__((noinline, cold)) void tsan_slow_entry(uint64_t pc)
{
	func_enter(&me, pc);
}

EXPORT void __tsan_func_entry(void *pc)
{
	if (unlikely(me.sp == me.lim))
		tsan_slow_entry((uint64_t)pc);
	else
		frame_push(&me, (uint64_t)pc);
}

EXPORT void __tsan_func_exit(void)
{
	func_exit(&me);
}

EXPORT void __tsan_acquire(void *p)
{
	sync_acquire(&me, (uintptr_t)p);
}

EXPORT void __tsan_release(void *p)
{
	sync_merge(&me, (uintptr_t)p);
}
