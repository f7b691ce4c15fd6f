/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc.h - stores into collected memory, and roots: what a program tells the collector. Included by
 * gort.h.
 *
 * While goroutines run, the collector must learn of each pointer that is overwritten in memory
 * that it scans: objects of the heap, global variables, registered roots. Local variables need
 * nothing, unless other goroutines have their address. A program compiled and linked by gort-cc
 * stores as in any C program (p->next = q), and needs this page only for roots. Any other program
 * is stopped while it is collected, or leaves that to the kernel (GORT_GCMODE=kernel), or uses
 * gort_store and its kin for each pointer it stores, and GORT_GCMODE=barrier.
 *
 * Nothing here blocks. All of it may be called by any thread, but not by signal handlers.
 */
#ifndef GORT_GC_H
#define GORT_GC_H

#include <stddef.h>
#include <stdint.h>

#include "gort/atomic.h"
#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Not 0 while overwritten pointers must be logged, and always with GORT_DEBUG=gcbarriercheck=1.
 * Changes only while the program is stopped.
 */
extern GORT_API uint32_t gort_writebarrier;

/*
 * For the hooks of gort-cc: the slot that this thread's plain store is about to change; it stays
 * after the store. While its goroutine is preempted it lies in gcold.pending. A scan of the
 * goroutine's stack shades what the slot holds, if there is one: any address may be in it.
 */
extern GORT_API __thread uintptr_t gort_pending __attribute__((tls_model("initial-exec")));

/* Logs a pointer that is about to be overwritten; NULL is allowed. runtime/mem/mbarrier.c */
GORT_API void gort_wblog(const void *old);
/* Logs whatever may be a pointer in [p, p + n), which is about to be overwritten. */
GORT_API void gort_wbrange(const void *p, size_t n);

/*
 * *slot = value, in memory that the collector scans. slot is a pointer to a pointer. Others may
 * read the slot meanwhile; for two that store into one slot at once see gort_store_racy. Costs a
 * load, a test and a jump more than a plain store.
 *
 * The order is the protocol: old is loaded before the flag is tested, logged before it is
 * overwritten, and kept in a register until then, where a stop finds it. Hence the volatile
 * accesses, which the compiler keeps in order, and the empty assembly, which uses old after the
 * store; not the slot, whose address would take a register and an instruction in each loop.
 * runtime/HACKING.md, "Stores and the collector".
 */
#ifndef GORT_STORE_NOTE
#define GORT_STORE_NOTE "" /* tests/runtime/store_code.py reads a comment here */
#endif
#define gort_store(slot, value)                                                          \
	__extension__({                                                                  \
		__typeof__(*(slot)) volatile *gort_slot_ = (slot);                       \
		__typeof__(*(slot)) gort_new_ = (value);                                 \
		__typeof__(*(slot)) gort_old_ = *gort_slot_;                             \
		if (__builtin_expect(*(volatile const uint32_t *)&gort_writebarrier, 0)) \
			gort_wblog((const void *)gort_old_);                             \
		*gort_slot_ = gort_new_;                                                 \
		__asm__ volatile(GORT_STORE_NOTE : : "r"(gort_old_));                    \
	})

/*
 * The same for slots into which several store at once; also an atomic store, sequentially
 * consistent. Nobody is stopped within it.
 */
#define gort_store_racy(slot, value)                                                           \
	__extension__({                                                                        \
		__typeof__(*(slot)) *gort_slot_ = (slot);                                      \
		__typeof__(*(slot)) gort_new_ = (value);                                       \
		(void)gort_swap_racy((void *volatile *)(void *)gort_slot_, (void *)gort_new_); \
	})
/* Atomically *slot = value; returns what was there. */
GORT_API void *gort_swap_racy(void *volatile *slot, void *value);
/* Atomically *slot = value if it was old, and tells whether it was. */
GORT_API bool gort_cas_racy(void *volatile *slot, void *old, void *value);

/* The pointers of gort/atomic.h, now that there is a collector to tell. */
#define gort_atomic_pointer_store(p, value)    ((void)gort_swap_racy(&(p)->v, (value)))
#define gort_atomic_pointer_swap(p, value)     gort_swap_racy(&(p)->v, (value))
#define gort_atomic_pointer_cas(p, old, value) gort_cas_racy(&(p)->v, (old), (value))

/* memcpy, memmove, memset into memory that the collector scans. */
GORT_API void *gort_memcpy(void *dst, const void *src, size_t n);
GORT_API void *gort_memmove(void *dst, const void *src, size_t n);
GORT_API void *gort_memset(void *dst, int c, size_t n);

/*
 * How the collector learns of this program's stores: "barrier", from the program, when all of it
 * was made by gort-cc; "kernel", from the kernel, which watches its pages; "stw", not at all: it
 * stops the program for the whole collection. So it does today in mode "kernel", too, unless
 * GORT_GCMODE=kernel asks for it; where the kernel is older than 6.7 that is "stw". *why, unless
 * why is NULL, becomes the file without gort-cc's stamp that made it "kernel", else NULL.
 */
GORT_API const char *gort_gcmode(const char **why);

/* ---- roots: runtime/mem/mroot.c ---- */

/*
 * Memory of malloc and mmap is not looked at. GORT_DEBUG=gcmalloccheck=1 names each object that is
 * freed while such memory points to it; memory that was freed itself may be among it, if nothing
 * has been written there since. GORT_GCROOTS=all looks at all of it.
 * GORT_DEBUG=gcbarriercheck=1, in mode barrier, names each word of an object that was overwritten
 * without a barrier while the collector was marking.
 *
 * The n bytes at p, aligned to 8, are scanned like a global variable: memory of malloc or mmap
 * that holds pointers to collected objects. They must stay readable until gort_root_remove is
 * called with the same p, and before they are freed. Ends the program when p is registered
 * already, or, in gort_root_remove, is not.
 */
GORT_API void gort_root_add(const void *p, size_t n);
GORT_API void gort_root_remove(const void *p);

/*
 * Keeps the object that p points to, or into, until gort_unpin(p) has been called as often as
 * gort_pin(p): for a pointer that only C memory or the kernel holds. Go's runtime.Pinner. NULL
 * does nothing. gort_unpin ends the program when p is not pinned.
 */
GORT_API void gort_pin(const void *p);
GORT_API void gort_unpin(const void *p);

/* The object that p points to is in use up to here. Go's runtime.KeepAlive. */
static inline void gort_keepalive(const void *p)
{
	__asm__ volatile("" : : "r"(p) : "memory");
}

#ifdef __cplusplus
}
#endif

#endif
