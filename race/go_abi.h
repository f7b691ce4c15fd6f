/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * go_abi.h - what Go's runtime calls in a program built with -race (runtime/race.go and
 * race_amd64.s of Go 1.22-1.27).
 *
 * Go passes the goroutine's context explicitly, calls on the stack of g0 or gsignal and has checked
 * that addresses lie in its heap or data. Atomics get a pointer to the frame of the sync/atomic
 * function: [0] the address, [8] the operands, then the result.
 */
#ifndef GORT_RACE_GO_ABI_H
#define GORT_RACE_GO_ABI_H

#include "access.h"

/* What Go calls its race context. */
struct goroutine {
	struct thread t; /* first: go_fast.S reads tag, sp, lim and base */
};

/* Commands of Go's callback. */
enum { GO_SYMBOLIZE_CODE = 1 };

typedef void (*go_callback_fn)(uintptr_t cmd, void *ctx);

/* Given to __tsan_init. Must be called on the stack that Go has called the detector on. */
extern go_callback_fn go_callback;

#define GO_ATOMICS(X, bits)            \
	X(go_atomic##bits##_load)      \
	X(go_atomic##bits##_store)     \
	X(go_atomic##bits##_exchange)  \
	X(go_atomic##bits##_fetch_add) \
	X(go_atomic##bits##_fetch_and) \
	X(go_atomic##bits##_fetch_or)  \
	X(go_atomic##bits##_compare_exchange)

/* All of them, without the prefix __tsan_. */
#define GO_ENTRIES(X)           \
	X(init)                 \
	X(fini)                 \
	X(proc_create)          \
	X(proc_destroy)         \
	X(map_shadow)           \
	X(finalizer_goroutine)  \
	X(go_start)             \
	X(go_end)               \
	X(malloc)               \
	X(free)                 \
	X(acquire)              \
	X(release)              \
	X(release_acquire)      \
	X(release_merge)        \
	X(go_ignore_sync_begin) \
	X(go_ignore_sync_end)   \
	X(report_count)         \
	X(read)                 \
	X(write)                \
	X(read_pc)              \
	X(write_pc)             \
	X(read_range)           \
	X(write_range)          \
	X(func_enter)           \
	X(func_exit)            \
	GO_ATOMICS(X, 32)       \
	GO_ATOMICS(X, 64)

void __tsan_init(struct goroutine **g, void **proc, go_callback_fn callback);
void __tsan_fini(void);
void __tsan_proc_create(void **proc);
void __tsan_proc_destroy(void *proc);
void __tsan_map_shadow(uintptr_t addr, size_t n);
void __tsan_finalizer_goroutine(struct goroutine *g);
void __tsan_go_start(struct goroutine *parent, struct goroutine **g, uint64_t pc);
void __tsan_go_end(struct goroutine *g);
void __tsan_malloc(struct goroutine *g, uint64_t pc, uintptr_t addr, size_t n);
void __tsan_free(uintptr_t addr, size_t n);
void __tsan_acquire(struct goroutine *g, uintptr_t addr);
void __tsan_release(struct goroutine *g, uintptr_t addr);
void __tsan_release_acquire(struct goroutine *g, uintptr_t addr);
void __tsan_release_merge(struct goroutine *g, uintptr_t addr);
void __tsan_go_ignore_sync_begin(struct goroutine *g);
void __tsan_go_ignore_sync_end(struct goroutine *g);
void __tsan_report_count(uint64_t *n);
void __tsan_read(struct goroutine *g, uintptr_t addr, uint64_t pc);
void __tsan_write(struct goroutine *g, uintptr_t addr, uint64_t pc);
void __tsan_read_pc(struct goroutine *g, uintptr_t addr, uint64_t callpc, uint64_t pc);
void __tsan_write_pc(struct goroutine *g, uintptr_t addr, uint64_t callpc, uint64_t pc);
void __tsan_read_range(struct goroutine *g, uintptr_t addr, size_t n, uint64_t pc);
void __tsan_write_range(struct goroutine *g, uintptr_t addr, size_t n, uint64_t pc);
void __tsan_func_enter(struct goroutine *g, uint64_t pc);
void __tsan_func_exit(struct goroutine *g);

#define GO_DECLARE_ATOMIC(name) \
	void __tsan_##name(struct goroutine *g, uint64_t callpc, uint64_t pc, void *frame);
GO_ATOMICS(GO_DECLARE_ATOMIC, 32)
GO_ATOMICS(GO_DECLARE_ATOMIC, 64)

#endif
