/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tsan_atomic.c - the compiler's atomic operations of 1 to 16 bytes.
 *
 * It is always done sequentially consistent; the order the program asked for decides only what
 * happens-before edges it makes: see atomics.h.
 */
#include "builtins.h"

#include "atomics.h"
#include "front.h"

typedef uint8_t a8;
typedef uint16_t a16;
typedef uint32_t a32;
typedef uint64_t a64;
typedef unsigned __int128 a128;

/*
 * The program uses fences. From the first one on every atomic acquires and releases: a fence can
 * make any relaxed operation before or after it do so. That may hide a race; it invents none,
 * except that a relaxed load before the very first acquire fence of the process is not counted.
 */
static _Atomic bool fenced;

static bool acquires(int mo)
{
	mo &= 0x7fff;
	return mo == __ATOMIC_ACQUIRE || mo == __ATOMIC_CONSUME || mo >= __ATOMIC_ACQ_REL ||
	       load_rlx(&fenced);
}

static bool releases(int mo)
{
	return (mo & 0x7fff) >= __ATOMIC_RELEASE || load_rlx(&fenced);
}

static struct sync *begin(const volatile void *p, uint32_t n, uint64_t weak, uint64_t pc)
{
	return atomic_enter(&me, (uintptr_t)p, n, weak, pc);
}

static void end_load(struct sync *s, int mo)
{
	atomic_loaded(&me, s, acquires(mo));
}

static void end_store(struct sync *s, int mo)
{
	atomic_stored(&me, s, releases(mo));
}

static void end_update(struct sync *s, int mo)
{
	atomic_updated(&me, s, acquires(mo), releases(mo));
}

#define LOAD_STORE(bits)                                                                 \
	EXPORT a##bits __tsan_atomic##bits##_load(const volatile a##bits *p, int mo);    \
	EXPORT void __tsan_atomic##bits##_store(volatile a##bits *p, a##bits v, int mo); \
	EXPORT a##bits __tsan_atomic##bits##_load(const volatile a##bits *p, int mo)     \
	{                                                                                \
		struct sync *s = begin(p, sizeof *p, TAG_READ, PC);                      \
		a##bits v = do_load##bits(p);                                            \
		if (s)                                                                   \
			end_load(s, mo);                                                 \
		return v;                                                                \
	}                                                                                \
	EXPORT void __tsan_atomic##bits##_store(volatile a##bits *p, a##bits v, int mo)  \
	{                                                                                \
		struct sync *s = begin(p, sizeof *p, 0, PC);                             \
		do_exchange##bits(p, v);                                                 \
		if (s)                                                                   \
			end_store(s, mo);                                                \
	}

#define UPDATE(bits, op)                                                                   \
	EXPORT a##bits __tsan_atomic##bits##_##op(volatile a##bits *p, a##bits v, int mo); \
	EXPORT a##bits __tsan_atomic##bits##_##op(volatile a##bits *p, a##bits v, int mo)  \
	{                                                                                  \
		struct sync *s = begin(p, sizeof *p, 0, PC);                               \
		a##bits old = do_##op##bits(p, v);                                         \
		if (s)                                                                     \
			end_update(s, mo);                                                 \
		return old;                                                                \
	}

/* A failed exchange counts as the write it might have been. */
#define EXCHANGE_IF(bits)                                                                  \
	static bool exchange_if##bits(                                                     \
		volatile a##bits *p, a##bits *e, a##bits v, int mo, int fail, uint64_t pc) \
	{                                                                                  \
		struct sync *s = begin(p, sizeof *p, 0, pc);                               \
		a##bits found = do_cas##bits(p, *e, v);                                    \
		bool done = found == *e;                                                   \
		if (s && done)                                                             \
			end_update(s, mo);                                                 \
		else if (s)                                                                \
			end_load(s, fail);                                                 \
		if (!done)                                                                 \
			*e = found;                                                        \
		return done;                                                               \
	}                                                                                  \
	EXPORT int __tsan_atomic##bits##_compare_exchange_strong(                          \
		volatile a##bits *p, a##bits *e, a##bits v, int mo, int fail);             \
	EXPORT int __tsan_atomic##bits##_compare_exchange_weak(                            \
		volatile a##bits *p, a##bits *e, a##bits v, int mo, int fail);             \
	EXPORT a##bits __tsan_atomic##bits##_compare_exchange_val(                         \
		volatile a##bits *p, a##bits e, a##bits v, int mo, int fail);              \
	EXPORT int __tsan_atomic##bits##_compare_exchange_strong(                          \
		volatile a##bits *p, a##bits *e, a##bits v, int mo, int fail)              \
	{                                                                                  \
		return exchange_if##bits(p, e, v, mo, fail, PC);                           \
	}                                                                                  \
	EXPORT int __tsan_atomic##bits##_compare_exchange_weak(                            \
		volatile a##bits *p, a##bits *e, a##bits v, int mo, int fail)              \
	{                                                                                  \
		return exchange_if##bits(p, e, v, mo, fail, PC);                           \
	}                                                                                  \
	EXPORT a##bits __tsan_atomic##bits##_compare_exchange_val(                         \
		volatile a##bits *p, a##bits e, a##bits v, int mo, int fail)               \
	{                                                                                  \
		exchange_if##bits(p, &e, v, mo, fail, PC);                                 \
		return e;                                                                  \
	}

/* Every operation is a compare-and-swap loop or the instruction itself; returns the old value. */
#define BY_INSTRUCTION(bits, op)                                     \
	static a##bits do_##op##bits(volatile a##bits *p, a##bits v) \
	{                                                            \
		return __atomic_##op(p, v, __ATOMIC_SEQ_CST);        \
	}

#define BY_LOOP(bits, op, expr)                                              \
	static a##bits do_##op##bits(volatile a##bits *p, a##bits v)         \
	{                                                                    \
		a##bits old = *p, was;                                       \
		while ((was = do_cas##bits(p, old, (a##bits)(expr))) != old) \
			old = was;                                           \
		return old;                                                  \
	}

#define NATIVE(bits)                                                                              \
	static a##bits do_load##bits(const volatile a##bits *p)                                   \
	{                                                                                         \
		return __atomic_load_n(p, __ATOMIC_SEQ_CST);                                      \
	}                                                                                         \
	static a##bits do_cas##bits(volatile a##bits *p, a##bits e, a##bits v)                    \
	{                                                                                         \
		__atomic_compare_exchange_n(p, &e, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		return e;                                                                         \
	}                                                                                         \
	static a##bits do_exchange##bits(volatile a##bits *p, a##bits v)                          \
	{                                                                                         \
		return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                               \
	}                                                                                         \
	BY_INSTRUCTION(bits, fetch_add)                                                           \
	BY_INSTRUCTION(bits, fetch_sub)                                                           \
	BY_INSTRUCTION(bits, fetch_and)                                                           \
	BY_INSTRUCTION(bits, fetch_or)                                                            \
	BY_INSTRUCTION(bits, fetch_xor)                                                           \
	BY_LOOP(bits, fetch_nand, ~(old & v))

NATIVE(8)
NATIVE(16)
NATIVE(32)
NATIVE(64)

/* 16 bytes: cmpxchg16b, without libatomic. */
static a128 do_cas128(volatile a128 *p, a128 e, a128 v)
{
	uint64_t lo = (uint64_t)e, hi = (uint64_t)(e >> 64);
	__asm__ volatile("lock cmpxchg16b %2"
			 : "+a"(lo), "+d"(hi), "+m"(*p)
			 : "b"((uint64_t)v), "c"((uint64_t)(v >> 64))
			 : "cc", "memory");
	return (a128)hi << 64 | lo;
}

static a128 do_load128(const volatile a128 *p)
{
	return do_cas128((volatile a128 *)p, 0, 0);
}

BY_LOOP(128, exchange, v)
BY_LOOP(128, fetch_add, old + v)
BY_LOOP(128, fetch_sub, old - v)
BY_LOOP(128, fetch_and, old &v)
BY_LOOP(128, fetch_or, old | v)
BY_LOOP(128, fetch_xor, old ^ v)
BY_LOOP(128, fetch_nand, ~(old &v))

#define ALL(bits)                \
	LOAD_STORE(bits)         \
	UPDATE(bits, exchange)   \
	UPDATE(bits, fetch_add)  \
	UPDATE(bits, fetch_sub)  \
	UPDATE(bits, fetch_and)  \
	UPDATE(bits, fetch_or)   \
	UPDATE(bits, fetch_xor)  \
	UPDATE(bits, fetch_nand) \
	EXCHANGE_IF(bits)

ALL(8)
ALL(16)
ALL(32)
ALL(64)
ALL(128)

EXPORT void __tsan_atomic_thread_fence(int mo);
EXPORT void __tsan_atomic_signal_fence(int mo);

EXPORT void __tsan_atomic_thread_fence(int mo)
{
	if ((mo & 0x7fff) != __ATOMIC_RELAXED)
		store_rlx(&fenced, true);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

EXPORT void __tsan_atomic_signal_fence(int mo)
{
	(void)mo;
	compiler_barrier();
}
