/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fast.h - the uncontended paths of mutexes and wait groups, inlined into the program. Included by
 * gort.h; no names for users in it.
 *
 * Up to two tries before the call into the library:
 *  - while there is one P, without atomic operations: gort_elide is 1 while this thread owns
 *    the only P. Nothing else can run goroutines then, so what must not happen is that this one is
 *    switched out between its test and its store. The preemption handler refuses every pc that is
 *    followed within 64 bytes by the marker, a no-op that no compiler emits: `nopl "gort"(%rax)`;
 *  - else by one atomic operation. Unlocking a mutex needs none (sync/mutex.c), nor does the end of
 *    a read lock that never met another (sync/rwmutex.c).
 * At one P the library may take the P of a thread that sleeps in a system call. gort_elide is then
 * GORT_GATED: another thread now does without atomic operations, and this one must get the P back
 * first (gort_gate).
 *
 * Only in optimized code, and not in a program built for a race detector, which must see each call.
 */
#ifndef GORT_FAST_H
#define GORT_FAST_H

#if defined(__SANITIZE_THREAD__)
#define GORT_RACE_BUILD 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GORT_RACE_BUILD 1
#endif
#endif

enum { GORT_ATOMIC = 0, GORT_OWNER = 1, GORT_GATED = 2 };

/*
 * mode: one of the above; GORT_OWNER while this thread owns the only P. runtime/sched/{m,syscall}.c
 * locked: what the goroutine that this thread ran last stores into a mutex that it locks.
 */
struct gort_elide {
	uint32_t mode;
	uint64_t locked;
};

extern GORT_API __thread struct gort_elide gort_elide __attribute__((tls_model("initial-exec")));

/* Returns when this goroutine has a P again. runtime/sched/syscall.c */
GORT_API void gort_gate(void);

/* Where gort_elide is, from the thread pointer: the same in each thread, so it may be kept. */
static inline uintptr_t gort_elide_offset(void)
{
	uintptr_t offset;
	__asm__("movq gort_elide@gottpoff(%%rip), %0" : "=r"(offset));
	return offset;
}

/* Whether this thread has no P. After gort_gate() it has. */
static inline bool gort_gated(void)
{
	bool gated;
	__asm__ volatile("cmpl $2, %%fs:(%1)"
			 : "=@cce"(gated)
			 : "r"(gort_elide_offset())
			 : "memory");
	return gated;
}

/* 1, and in the high half the owner of mutex.c: this goroutine. */
static inline uint64_t gort_lockword(void)
{
	uint64_t word;
	__asm__ volatile("movq %%fs:8(%1), %0" : "=r"(word) : "r"(gort_elide_offset()) : "memory");
	return word;
}

/*
 * Runs ops on the word at %0, with rax free and delta in %1, and returns true from the function
 * around it; ops go to the label no, and so does all at once when elision is off: returns false.
 */
#define GORT_ELIDED(ops, word, delta)                                           \
	for (;;) {                                                              \
		__asm__ goto("cmpl $1, %%fs:(%2)\n\t"                           \
			     "jne %l[no]\n\t" ops "\n\t"                        \
			     "nopl 0x74726f67(%%rax)"                           \
			     :                                                  \
			     : "r"(word), "ri"(delta), "r"(gort_elide_offset()) \
			     : "rax", "cc", "memory"                            \
			     : no);                                             \
		return true;                                                    \
no:                                                                             \
		if (!gort_gated())                                              \
			return false;                                           \
		gort_gate();                                                    \
	}

/* 0 to 1, and the owner's number. */
static inline bool gort_mutex_lock_elided(gort_mutex *m)
{
	GORT_ELIDED("cmpl %1, (%0)\n\tjne %l[no]\n\tmovq %%fs:8(%2), %%rax\n\t"
		    "movq %%rax, (%0)",
		m->opaque, 0)
}

/* 1 to 0, and no owner. */
static inline bool gort_mutex_unlock_elided(gort_mutex *m)
{
	GORT_ELIDED("cmpl $1, (%0)\n\tjne %l[no]\n\tmovq %1, (%0)", m->opaque, 0)
}

/* The mutex has had waiters: all its unlocks are atomic from then on. */
#define GORT_MUTEX_SHARED 8u

/* Of a reader-writer mutex: the number of readers; and that it has had several at a time. */
#define GORT_RWMUTEX_READERS ((1 << 28) - 1)
#define GORT_RWMUTEX_SHARED  (1 << 29)

/* One reader more, unless the word is negative: a writer is there. */
static inline bool gort_rwmutex_rlock_elided(gort_rwmutex *rw)
{
	GORT_ELIDED("movl 24(%0), %%eax\n\taddl %1, %%eax\n\tjs %l[no]\n\tmovl %%eax, 24(%0)",
		rw->opaque, 1)
}

/* One reader less, unless there is none, or a writer. */
static inline bool gort_rwmutex_runlock_elided(gort_rwmutex *rw)
{
	GORT_ELIDED("movl 24(%0), %%eax\n\ttestl %1, %%eax\n\tjz %l[no]\n\t"
		    "subl $1, %%eax\n\tjs %l[no]\n\tmovl %%eax, 24(%0)",
		rw->opaque, GORT_RWMUTEX_READERS)
}

/* Changes the counter, the high half; not below 0, nor to 0 while somebody waits (the low half). */
static inline bool gort_wg_elided(gort_waitgroup *wg, int delta){
	GORT_ELIDED("movl 4(%0), %%eax\n\taddl %1, %%eax\n\tjs %l[no]\n\tjnz 1f\n\t"
		    "cmpl $0, (%0)\n\tjne %l[no]\n1:\tmovl %%eax, 4(%0)",
		wg->opaque, delta)}

/* ---- the whole operations; the library's functions of the same names are made of them ---- */

/* The library's half of each. */
GORT_API void gort_mutex_lockslow(gort_mutex *m);
GORT_API void gort_mutex_unlockslow(gort_mutex *m);
/* counted: the reader is, and a writer is there. */
GORT_API void gort_rwmutex_rlockslow(gort_rwmutex *rw, bool counted);
/* Of one that is not shared. */
GORT_API void gort_rwmutex_runlockalone(gort_rwmutex *rw);
/* count: the word after this reader has left. A writer waits, or the reader was not counted. */
GORT_API void gort_rwmutex_runlockslow(gort_rwmutex *rw, int32_t count);
/* state: after delta was added. The counter is negative, or somebody waits. */
GORT_API void gort_wg_added(gort_waitgroup *wg, gort_isize delta, uint64_t state);
GORT_API void gort_wg_waitslow(gort_waitgroup *wg);

static inline void gort_mutex_lock_fast(gort_mutex *m)
{
	if (gort_mutex_lock_elided(m))
		return;
	uint64_t old = __atomic_load_n(m->opaque, __ATOMIC_RELAXED) & GORT_MUTEX_SHARED;
	uint64_t locked = old | gort_lockword();
	if (!__atomic_compare_exchange_n(
		    m->opaque, &old, locked, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		gort_mutex_lockslow(m);
}

static inline void gort_mutex_unlock_fast(gort_mutex *m)
{
	if (!gort_mutex_unlock_elided(m))
		gort_mutex_unlockslow(m);
}

static inline void gort_rwmutex_rlock_fast(gort_rwmutex *rw)
{
	if (gort_rwmutex_rlock_elided(rw))
		return;
	int32_t *word = (int32_t *)&rw->opaque[3];
	int32_t old = __atomic_load_n(word, __ATOMIC_RELAXED);
	bool counted = old & GORT_RWMUTEX_SHARED;
	if (counted) {
		if (__atomic_add_fetch(word, 1, __ATOMIC_ACQ_REL) >= 0)
			return;
	} else if (old == 0 && __atomic_compare_exchange_n(
				       word, &old, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		return;
	}
	gort_rwmutex_rlockslow(rw, counted);
}

static inline void gort_rwmutex_runlock_fast(gort_rwmutex *rw)
{
	if (gort_rwmutex_runlock_elided(rw))
		return;
	int32_t *word = (int32_t *)&rw->opaque[3];
	if (!(__atomic_load_n(word, __ATOMIC_RELAXED) & GORT_RWMUTEX_SHARED)) {
		gort_rwmutex_runlockalone(rw);
		return;
	}
	int32_t count = __atomic_sub_fetch(word, 1, __ATOMIC_ACQ_REL);
	if (__builtin_expect(count < GORT_RWMUTEX_SHARED, 0))
		gort_rwmutex_runlockslow(rw, count);
}

/* acq_rel: what was done before Done is seen after Wait, through the counter's zero. */
static inline void gort_wg_add_fast(gort_waitgroup *wg, gort_isize delta)
{
	if (delta == (int)delta && gort_wg_elided(wg, (int)delta))
		return;
	uint64_t state =
		__atomic_add_fetch((uint64_t *)wg->opaque, (uint64_t)delta << 32, __ATOMIC_ACQ_REL);
	bool waiters = (uint32_t)state != 0, last = state >> 32 == 0;
	if (__builtin_expect((int64_t)state < 0 || (waiters && (last || delta > 0)), 0))
		gort_wg_added(wg, delta, state);
}

/*
 * The acquire pairs with the release of the add that brings the counter to 0. It reads the counter
 * alone: the elided add stores 32 bits, and a load of 64 would wait until that store has left the
 * CPU's buffer.
 */
static inline void gort_wg_wait_fast(gort_waitgroup *wg)
{
	if (__atomic_load_n((uint32_t *)wg->opaque + 1, __ATOMIC_ACQUIRE))
		gort_wg_waitslow(wg);
}

#if defined(__OPTIMIZE__) && !defined(GORT_RACE_BUILD)

/* As in libc: a call is inlined, the name alone is the library's function. */
#define gort_mutex_lock(m)       gort_mutex_lock_fast(m)
#define gort_mutex_unlock(m)     gort_mutex_unlock_fast(m)
#define gort_rwmutex_rlock(rw)   gort_rwmutex_rlock_fast(rw)
#define gort_rwmutex_runlock(rw) gort_rwmutex_runlock_fast(rw)
#define gort_wg_add(wg, delta)   gort_wg_add_fast(wg, delta)
#define gort_wg_done(wg)         gort_wg_add_fast(wg, -1)
#define gort_wg_wait(wg)         gort_wg_wait_fast(wg)

#endif
#endif
