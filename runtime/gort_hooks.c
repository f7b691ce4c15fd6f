/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort_hooks.c - what code compiled by gort-cc calls before each store: gort_hooks.o, linked into
 * every program and library that gort-cc links, never into libgort.
 *
 * The calls are ThreadSanitizer's, which both compilers know how to insert. They come before the
 * access and get the address only. So the barrier is that of a hook (tests/model, hook.writers):
 * the address of the slot is saved, then the flag is tested, then the old value is logged; a
 * stop between here and the store finds the slot's value by that address. Then comes the race
 * detector's turn, if one has filled gort_race.
 *
 * Hidden: each module calls its own copy, without a PLT. Whatever is stored by a hook itself is
 * stored after the same steps.
 */
#include <stdbool.h>
#include <stddef.h>

#include "gort/abi.h"
#include "gort/gort.h"

#define RETURN_PC ((uintptr_t)__builtin_return_address(0))

/* Type 2 of owner "gort": desc 1 when gort-cc found that all of the module calls these hooks. */
__asm__(".pushsection .note.gort.stamp, \"a\", @note\n\t"
	".balign 4\n\t"
	".long 5, 4, 2\n\t"
	".asciz \"gort\"\n\t"
	".balign 4\n\t"
	".long 0\n\t"
	".popsection");

/* Whether a hook has more to do than to save the slot. */
static inline bool busy(void)
{
	bool on = *(volatile const uint32_t *)&gort_writebarrier != 0;
	return __builtin_expect(on | (gort_race.access != NULL), 0);
}

static __attribute__((noinline, cold)) void slow(void *p, size_t n, uint32_t how, uintptr_t pc)
{
	if ((how & GORT_ACCESS_WRITE) && *(volatile const uint32_t *)&gort_writebarrier) {
		if (n == 8 && (uintptr_t)p % 8 == 0)
			gort_wblog(*(void *volatile *)p);
		else
			gort_wbrange(p, n);
	}
	if (gort_race.access)
		gort_race.access(p, n, how, pc);
}

static inline void before(const volatile void *p, size_t n, uint32_t how, uintptr_t pc)
{
	if (how & GORT_ACCESS_WRITE)
		*(volatile uintptr_t *)&gort_pending = (uintptr_t)p & ~(uintptr_t)7;
	else if (!gort_race.access)
		return;
	if (busy())
		slow((void *)p, n, how, pc);
}

void __tsan_init(void);
void __tsan_func_entry(void *pc);
void __tsan_func_exit(void);

void __tsan_init(void)
{
}

void __tsan_func_entry(void *pc)
{
	if (__builtin_expect(gort_race.func_entry != NULL, 0))
		gort_race.func_entry((uintptr_t)pc);
}

void __tsan_func_exit(void)
{
	if (__builtin_expect(gort_race.func_exit != NULL, 0))
		gort_race.func_exit();
}

/* ---- plain accesses ---- */

#define HOOK(name, n, how)                    \
	void __tsan_##name(void *p);          \
	void __tsan_##name(void *p)           \
	{                                     \
		before(p, n, how, RETURN_PC); \
	}
#define HOOKS(n)                                                \
	HOOK(read##n, n, GORT_ACCESS_READ)                      \
	HOOK(volatile_read##n, n, GORT_ACCESS_READ)             \
	HOOK(unaligned_read##n, n, GORT_ACCESS_READ)            \
	HOOK(unaligned_volatile_read##n, n, GORT_ACCESS_READ)   \
	HOOK(write##n, n, GORT_ACCESS_WRITE)                    \
	HOOK(volatile_write##n, n, GORT_ACCESS_WRITE)           \
	HOOK(unaligned_write##n, n, GORT_ACCESS_WRITE)          \
	HOOK(unaligned_volatile_write##n, n, GORT_ACCESS_WRITE) \
	HOOK(read_write##n, n, GORT_ACCESS_WRITE)               \
	HOOK(unaligned_read_write##n, n, GORT_ACCESS_WRITE)

HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)
HOOK(vptr_read, 8, GORT_ACCESS_READ)

void __tsan_vptr_update(void *p, void *value);
void __tsan_read_range(void *p, size_t n);
void __tsan_write_range(void *p, size_t n);

void __tsan_vptr_update(void *p, void *value)
{
	(void)value;
	before(p, 8, GORT_ACCESS_WRITE, RETURN_PC);
}

void __tsan_read_range(void *p, size_t n)
{
	before(p, n, GORT_ACCESS_READ, RETURN_PC);
}

void __tsan_write_range(void *p, size_t n)
{
	before(p, n, GORT_ACCESS_WRITE, RETURN_PC);
}

/* ---- atomic operations, which are made here: all of them sequentially consistent ---- */

/*
 * A fence can make any relaxed operation before or after it release or acquire: from the first one
 * on, all of this module do.
 */
static volatile bool fenced;

static inline uint32_t releases(int order)
{
	return (order & 0x7fff) >= __ATOMIC_RELEASE || fenced ? GORT_ACCESS_RELEASE : 0;
}

static inline void begin(const volatile void *p, size_t n, uint32_t how, uintptr_t pc)
{
	before(p, n, GORT_ACCESS_ATOMIC | how, pc);
}

static inline void end(const volatile void *p, size_t n, int order, uintptr_t pc)
{
	if (__builtin_expect(gort_race.access == NULL, 1))
		return;
	order &= 0x7fff;
	if ((order != __ATOMIC_RELAXED && order != __ATOMIC_RELEASE) || fenced)
		gort_race.access((const void *)p, n, GORT_ACCESS_ATOMIC | GORT_ACCESS_ACQUIRE, pc);
}

#define LOADS(p)         begin(p, sizeof(*(p)), GORT_ACCESS_READ, RETURN_PC)
#define STORES(p, order) begin(p, sizeof(*(p)), GORT_ACCESS_WRITE | releases(order), RETURN_PC)
#define END(p, order)    end(p, sizeof(*(p)), order, RETURN_PC)

#define FETCH(bits, T, op)                                                 \
	T __tsan_atomic##bits##_fetch_##op(volatile T *p, T v, int order); \
	T __tsan_atomic##bits##_fetch_##op(volatile T *p, T v, int order)  \
	{                                                                  \
		STORES(p, order);                                          \
		v = __atomic_fetch_##op(p, v, __ATOMIC_SEQ_CST);           \
		END(p, order);                                             \
		return v;                                                  \
	}

#define EXCHANGE(bits, T, name, weak)                                                         \
	int __tsan_atomic##bits##_##name(volatile T *p, T *old, T v, int order, int failure); \
	int __tsan_atomic##bits##_##name(volatile T *p, T *old, T v, int order, int failure)  \
	{                                                                                     \
		(void)failure;                                                                \
		STORES(p, order);                                                             \
		bool done = __atomic_compare_exchange_n(                                      \
			p, old, v, weak, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                 \
		END(p, order);                                                                \
		return done;                                                                  \
	}

#define ATOMIC(bits, T)                                                         \
	T __tsan_atomic##bits##_load(const volatile T *p, int order);           \
	void __tsan_atomic##bits##_store(volatile T *p, T v, int order);        \
	T __tsan_atomic##bits##_exchange(volatile T *p, T v, int order);        \
	T __tsan_atomic##bits##_compare_exchange_val(                           \
		volatile T *p, T old, T v, int order, int failure);             \
	T __tsan_atomic##bits##_load(const volatile T *p, int order)            \
	{                                                                       \
		LOADS(p);                                                       \
		T v = __atomic_load_n(p, __ATOMIC_SEQ_CST);                     \
		END(p, order);                                                  \
		return v;                                                       \
	}                                                                       \
	void __tsan_atomic##bits##_store(volatile T *p, T v, int order)         \
	{                                                                       \
		STORES(p, order);                                               \
		if (order == __ATOMIC_SEQ_CST)                                  \
			__atomic_store_n(p, v, __ATOMIC_SEQ_CST);               \
		else                                                            \
			__atomic_store_n(p, v, __ATOMIC_RELEASE);               \
	}                                                                       \
	T __tsan_atomic##bits##_exchange(volatile T *p, T v, int order)         \
	{                                                                       \
		STORES(p, order);                                               \
		v = __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                \
		END(p, order);                                                  \
		return v;                                                       \
	}                                                                       \
	T __tsan_atomic##bits##_compare_exchange_val(                           \
		volatile T *p, T old, T v, int order, int failure)              \
	{                                                                       \
		(void)failure;                                                  \
		STORES(p, order);                                               \
		__atomic_compare_exchange_n(                                    \
			p, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		END(p, order);                                                  \
		return old;                                                     \
	}                                                                       \
	EXCHANGE(bits, T, compare_exchange_strong, false)                       \
	EXCHANGE(bits, T, compare_exchange_weak, true)                          \
	FETCH(bits, T, add)                                                     \
	FETCH(bits, T, sub)                                                     \
	FETCH(bits, T, and)                                                     \
	FETCH(bits, T, or)                                                      \
	FETCH(bits, T, xor)                                                     \
	FETCH(bits, T, nand)

ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

void __tsan_atomic_thread_fence(int order)
{
	(void)order;
	fenced = true;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void __tsan_atomic_signal_fence(int order)
{
	(void)order;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}
