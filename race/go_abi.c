/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * go_abi.c - Go's front end: a goroutine is a thread of the core.
 */
#include "builtins.h"

#include <stdlib.h>

#include "go_abi.h"

#include "atomics.h"
#include "heap.h"
#include "record.h"
#include "options.h"
#include "report.h"
#include "sys.h"

#define RUNNING (-1) /* goroutines have no thread of the OS */

go_callback_fn go_callback;

static struct pool goroutines = {
	.size = sizeof(struct goroutine), .link = offsetof(struct goroutine, t.life)};

static struct goroutine *new_goroutine(void)
{
	struct goroutine *g = pool_get(&goroutines);
	g->t.ignore_sync = g->t.ignore_accesses = g->t.busy = 0;
	return g;
}

void __tsan_init(struct goroutine **g, void **proc, go_callback_fn callback)
{
	static const char *const names[] = {"GORACE", "GORT_RACE"};
	go_callback = callback;
	shadow_map();
	report_init(names, sizeof names / sizeof *names);
	*g = new_goroutine();
	thread_main(&(*g)->t, RUNNING);
	*proc = &goroutines; /* Go only keeps it */
}

void __tsan_fini(void)
{
	struct timespec ts = {
		options.atexit_sleep_ms / 1000, options.atexit_sleep_ms % 1000 * 1000000L};
	if (threads_live() > 1)
		SYS3(SYS_nanosleep, &ts, 0, 0);
	report_end();
	exit(report_count() ? (int)report_exit_code() : 0);
}

void __tsan_proc_create(void **proc)
{
	*proc = &goroutines;
}

void __tsan_proc_destroy(void *proc)
{
	(void)proc;
}

void __tsan_map_shadow(uintptr_t addr, size_t n)
{
	(void)addr;
	(void)n;
}

/* Whatever a finalizer sees happened before the object became unreachable. */
void __tsan_finalizer_goroutine(struct goroutine *g)
{
	threads_acquire_all(&g->t);
}

void __tsan_go_start(struct goroutine *parent, struct goroutine **g, uint64_t pc)
{
	struct goroutine *child = new_goroutine();
	struct life *life = parent ? thread_fork(&parent->t, ctx_of(&parent->t, pc))
				   : thread_fork(NULL, 0); /* on g0: a timer */
	thread_begin(&child->t, life, RUNNING);
	*g = child;
}

void __tsan_go_end(struct goroutine *g)
{
	struct life *life = g->t.life;
	thread_end(&g->t);
	thread_drop(life);
	frames_free(&g->t);
	pool_put(&goroutines, g);
}

void __tsan_malloc(struct goroutine *g, uint64_t pc, uintptr_t addr, size_t n)
{
	(void)g;
	(void)pc;
	memory_forget(addr, n);
}

/* What was accessed is forgotten when the memory is allocated again. */
void __tsan_free(uintptr_t addr, size_t n)
{
	sync_forget(addr, n);
}

void __tsan_acquire(struct goroutine *g, uintptr_t addr)
{
	sync_acquire(&g->t, addr);
}

void __tsan_release(struct goroutine *g, uintptr_t addr)
{
	sync_release(&g->t, addr);
}

void __tsan_release_acquire(struct goroutine *g, uintptr_t addr)
{
	sync_exchange(&g->t, addr);
}

void __tsan_release_merge(struct goroutine *g, uintptr_t addr)
{
	sync_merge(&g->t, addr);
}

void __tsan_go_ignore_sync_begin(struct goroutine *g)
{
	g->t.ignore_sync++;
}

void __tsan_go_ignore_sync_end(struct goroutine *g)
{
	g->t.ignore_sync--;
}

void __tsan_report_count(uint64_t *n)
{
	*n = report_count();
}

/* Values wider than a byte are known by their first: whoever accesses them starts there. */
static inline uint32_t byte_of(uintptr_t addr)
{
	return 1u << (addr & 7);
}

/* A word that one goroutine wrote first and many read since is inflated. */
void __tsan_read(struct goroutine *g, uintptr_t addr, uint64_t pc)
{
	const struct cell *c = cell_of(addr);
	uint64_t tag = (g->t.tag & TAG_WHO) | TAG_READ | byte_of(addr);
	if (!read_hit(&g->t, addr, byte_of(addr)) && !record_hit(c, load_acq(&c->w), tag))
		access_word(&g->t, addr, byte_of(addr), TAG_READ, pc);
}

void __tsan_write(struct goroutine *g, uintptr_t addr, uint64_t pc)
{
	if (!write_hit(&g->t, addr, byte_of(addr)))
		access_word(&g->t, addr, byte_of(addr), 0, pc);
}

void __tsan_read_pc(struct goroutine *g, uintptr_t addr, uint64_t callpc, uint64_t pc)
{
	func_enter(&g->t, callpc);
	__tsan_read(g, addr, pc);
	func_exit(&g->t);
}

void __tsan_write_pc(struct goroutine *g, uintptr_t addr, uint64_t callpc, uint64_t pc)
{
	func_enter(&g->t, callpc);
	__tsan_write(g, addr, pc);
	func_exit(&g->t);
}

void __tsan_read_range(struct goroutine *g, uintptr_t addr, size_t n, uint64_t pc)
{
	access_range(&g->t, addr, n, TAG_READ, pc);
}

void __tsan_write_range(struct goroutine *g, uintptr_t addr, size_t n, uint64_t pc)
{
	access_range(&g->t, addr, n, 0, pc);
}

void __tsan_func_enter(struct goroutine *g, uint64_t pc)
{
	func_enter(&g->t, pc);
}

void __tsan_func_exit(struct goroutine *g)
{
	func_exit(&g->t);
}

/* pc is in the sync/atomic function, callpc in its caller. */
static struct sync *enter(
	struct goroutine *g, const void *p, uint32_t n, uint64_t weak, uint64_t callpc, uint64_t pc)
{
	func_enter(&g->t, callpc);
	struct sync *s = atomic_enter(&g->t, (uintptr_t)p, n, weak, pc);
	func_exit(&g->t);
	return s;
}

#define AT(type, frame, offset) (*(type *)((char *)(frame) + (offset)))

#define LOAD(bits)                                                                   \
	void __tsan_go_atomic##bits##_load(                                          \
		struct goroutine *g, uint64_t callpc, uint64_t pc, void *frame)      \
	{                                                                            \
		const uint##bits##_t *p = AT(const uint##bits##_t *, frame, 0);      \
		struct sync *s = enter(g, p, sizeof *p, TAG_READ, callpc, pc);       \
		AT(uint##bits##_t, frame, 8) = __atomic_load_n(p, __ATOMIC_SEQ_CST); \
		if (s)                                                               \
			atomic_loaded(&g->t, s, true);                               \
	}

#define STORE(bits)                                                             \
	void __tsan_go_atomic##bits##_store(                                    \
		struct goroutine *g, uint64_t callpc, uint64_t pc, void *frame) \
	{                                                                       \
		uint##bits##_t *p = AT(uint##bits##_t *, frame, 0);             \
		uint##bits##_t v = AT(uint##bits##_t, frame, 8);                \
		struct sync *s = enter(g, p, sizeof *p, 0, callpc, pc);         \
		__atomic_store_n(p, v, __ATOMIC_SEQ_CST);                       \
		if (s)                                                          \
			atomic_stored(&g->t, s, true);                          \
	}

#define UPDATE(bits, name, op)                                                         \
	void __tsan_go_atomic##bits##_##name(                                          \
		struct goroutine *g, uint64_t callpc, uint64_t pc, void *frame)        \
	{                                                                              \
		uint##bits##_t *p = AT(uint##bits##_t *, frame, 0);                    \
		uint##bits##_t v = AT(uint##bits##_t, frame, 8);                       \
		struct sync *s = enter(g, p, sizeof *p, 0, callpc, pc);                \
		AT(uint##bits##_t, frame, 16) = __atomic_##op(p, v, __ATOMIC_SEQ_CST); \
		if (s)                                                                 \
			atomic_updated(&g->t, s, true, true);                          \
	}

/* The new value and the result follow the old value without a gap. */
#define COMPARE(bits, new_at, result_at)                                        \
	void __tsan_go_atomic##bits##_compare_exchange(                         \
		struct goroutine *g, uint64_t callpc, uint64_t pc, void *frame) \
	{                                                                       \
		uint##bits##_t *p = AT(uint##bits##_t *, frame, 0);             \
		uint##bits##_t old = AT(uint##bits##_t, frame, 8);              \
		uint##bits##_t v = AT(uint##bits##_t, frame, new_at);           \
		struct sync *s = enter(g, p, sizeof *p, 0, callpc, pc);         \
		bool done = __atomic_compare_exchange_n(                        \
			p, &old, v, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
		AT(uint8_t, frame, result_at) = done;                           \
		if (s && done)                                                  \
			atomic_updated(&g->t, s, true, true);                   \
		else if (s)                                                     \
			atomic_loaded(&g->t, s, true);                          \
	}

#define ALL(bits)                          \
	LOAD(bits)                         \
	STORE(bits)                        \
	UPDATE(bits, exchange, exchange_n) \
	UPDATE(bits, fetch_add, fetch_add) \
	UPDATE(bits, fetch_and, fetch_and) \
	UPDATE(bits, fetch_or, fetch_or)

ALL(32)
ALL(64)
COMPARE(32, 12, 16)
COMPARE(64, 16, 24)
