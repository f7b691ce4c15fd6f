/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atomic.h - words that goroutines and threads share without a lock, for C and C++. Go's
 * sync/atomic. Header only: links with nothing.
 *
 * Types: gort_atomic_int32, _uint32, _int64, _uint64, _pointer (void *) and _bool. Zeroed is 0,
 * NULL or false. One must not be copied while it is shared, nor be changed except by these
 * functions. They never block and may be called anywhere, also in signal handlers.
 *
 * All of them are sequentially consistent: there is one order of all atomic operations of the
 * program on which all goroutines agree; whoever reads what another has stored also sees what that
 * one did before. runtime/MEMORY_MODEL.md has the rules.
 *
 *	T    gort_atomic_X_load(p)             the value
 *	void gort_atomic_X_store(p, v)         becomes v
 *	T    gort_atomic_X_swap(p, v)          becomes v; the value before
 *	bool gort_atomic_X_cas(p, old, v)      becomes v if it was old, and tells whether it was
 *	T    gort_atomic_X_add(p, delta)       the value after; wraps around. Integers only
 *	T    gort_atomic_X_and(p, mask)        the value before. Integers only
 *	T    gort_atomic_X_or(p, mask)         the value before. Integers only
 *
 * That add returns the new value, and and and or the old one, is as in Go.
 */
#ifndef GORT_ATOMIC_H
#define GORT_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define GORT_ATOMIC_TYPE(X, T)                                                      \
	typedef struct gort_atomic_##X {                                            \
		T v;                                                                \
	} gort_atomic_##X;                                                          \
	static inline T gort_atomic_##X##_load(const gort_atomic_##X *p)            \
	{                                                                           \
		return __atomic_load_n(&p->v, __ATOMIC_SEQ_CST);                    \
	}                                                                           \
	static inline void gort_atomic_##X##_store(gort_atomic_##X *p, T v)         \
	{                                                                           \
		__atomic_store_n(&p->v, v, __ATOMIC_SEQ_CST);                       \
	}                                                                           \
	static inline T gort_atomic_##X##_swap(gort_atomic_##X *p, T v)             \
	{                                                                           \
		return __atomic_exchange_n(&p->v, v, __ATOMIC_SEQ_CST);             \
	}                                                                           \
	static inline bool gort_atomic_##X##_cas(gort_atomic_##X *p, T old, T v)    \
	{                                                                           \
		return __atomic_compare_exchange_n(                                 \
			&p->v, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
	}

#define GORT_ATOMIC_INTEGER(X, T)                                          \
	GORT_ATOMIC_TYPE(X, T)                                             \
	static inline T gort_atomic_##X##_add(gort_atomic_##X *p, T delta) \
	{                                                                  \
		return __atomic_add_fetch(&p->v, delta, __ATOMIC_SEQ_CST); \
	}                                                                  \
	static inline T gort_atomic_##X##_and(gort_atomic_##X *p, T mask)  \
	{                                                                  \
		return __atomic_fetch_and(&p->v, mask, __ATOMIC_SEQ_CST);  \
	}                                                                  \
	static inline T gort_atomic_##X##_or(gort_atomic_##X *p, T mask)   \
	{                                                                  \
		return __atomic_fetch_or(&p->v, mask, __ATOMIC_SEQ_CST);   \
	}

GORT_ATOMIC_INTEGER(int32, int32_t)
GORT_ATOMIC_INTEGER(uint32, uint32_t)
GORT_ATOMIC_INTEGER(int64, int64_t)
GORT_ATOMIC_INTEGER(uint64, uint64_t)
GORT_ATOMIC_TYPE(pointer, void *)
GORT_ATOMIC_TYPE(bool, bool)

#undef GORT_ATOMIC_INTEGER
#undef GORT_ATOMIC_TYPE

#endif
