/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atomic.h - C11 atomics with the memory order in the name.
 *
 * _rlx relaxed, _acq acquire, _rel release, _acqrel both, _sc sequentially consistent. Every
 * release in the runtime says in a comment which acquire it pairs with. On amd64 relaxed, acquire
 * and release loads and stores are plain moves; only exchanges, additions and _sc stores lock the
 * bus.
 */
#ifndef GORT_BASE_ATOMIC_H
#define GORT_BASE_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

#define load_rlx(p)     atomic_load_explicit((p), memory_order_relaxed)
#define load_acq(p)     atomic_load_explicit((p), memory_order_acquire)
#define load_sc(p)      atomic_load_explicit((p), memory_order_seq_cst)
#define store_rlx(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define store_rel(p, v) atomic_store_explicit((p), (v), memory_order_release)
#define store_sc(p, v)  atomic_store_explicit((p), (v), memory_order_seq_cst)

#define xchg_acq(p, v)    atomic_exchange_explicit((p), (v), memory_order_acquire)
#define xchg_acqrel(p, v) atomic_exchange_explicit((p), (v), memory_order_acq_rel)
#define xchg_sc(p, v)     atomic_exchange_explicit((p), (v), memory_order_seq_cst)
#define xadd_rlx(p, v)    atomic_fetch_add_explicit((p), (v), memory_order_relaxed)
#define xadd_acqrel(p, v) atomic_fetch_add_explicit((p), (v), memory_order_acq_rel)
#define xadd_sc(p, v)     atomic_fetch_add_explicit((p), (v), memory_order_seq_cst)
#define or_acqrel(p, v)   atomic_fetch_or_explicit((p), (v), memory_order_acq_rel)
#define and_acqrel(p, v)  atomic_fetch_and_explicit((p), (v), memory_order_acq_rel)

/* Compare-and-swap: true when *p was *old and is now v; else *old holds what was found. */
#define cas_acq(p, old, v)                       \
	atomic_compare_exchange_strong_explicit( \
		(p), (old), (v), memory_order_acquire, memory_order_relaxed)
#define cas_rel(p, old, v)                       \
	atomic_compare_exchange_strong_explicit( \
		(p), (old), (v), memory_order_release, memory_order_relaxed)
#define cas_acqrel(p, old, v)                    \
	atomic_compare_exchange_strong_explicit( \
		(p), (old), (v), memory_order_acq_rel, memory_order_relaxed)
#define cas_sc(p, old, v)                        \
	atomic_compare_exchange_strong_explicit( \
		(p), (old), (v), memory_order_seq_cst, memory_order_relaxed)

/* Keeps the compiler from moving memory accesses across; emits nothing. */
#define compiler_barrier() __asm__ volatile("" ::: "memory")

/* Hint that a spin loop waits. */
static inline void procyield(int n)
{
	for (int i = 0; i < n; i++)
		__builtin_ia32_pause();
}

#endif
