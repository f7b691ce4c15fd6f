/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * annotations.c - what a program may tell the detector: the dynamic annotations of Valgrind and
 * TSan, the parts of sanitizer/tsan_interface.h that C programs use, and its fibers.
 *
 * A fiber is a thread of the core without one of the system: its state is exchanged with the
 * calling thread's at each switch.
 */
#include "builtins.h"

#include "base/lock.h"

#include "front.h"
#include "mem.h"
#include "report.h"
#include "sys.h"

#define ARGS const char *file, int line
#define HERE        \
	(void)file; \
	(void)line

/* Declared and defined in one. */
#define ANNOTATE(name, ...)            \
	EXPORT void name(__VA_ARGS__); \
	EXPORT void name(__VA_ARGS__)

static void ignore_accesses(int by)
{
	me.ignore_accesses += (uint32_t)by;
}

static void ignore_sync(int by)
{
	me.ignore_sync += (uint32_t)by;
}

ANNOTATE(AnnotateHappensBefore, ARGS, uintptr_t addr)
{
	HERE;
	sync_merge(&me, addr);
}

ANNOTATE(AnnotateHappensAfter, ARGS, uintptr_t addr)
{
	HERE;
	sync_acquire(&me, addr);
}

ANNOTATE(WTFAnnotateHappensBefore, ARGS, uintptr_t addr)
{
	HERE;
	sync_merge(&me, addr);
}

ANNOTATE(WTFAnnotateHappensAfter, ARGS, uintptr_t addr)
{
	HERE;
	sync_acquire(&me, addr);
}

ANNOTATE(AnnotateRWLockCreate, ARGS, uintptr_t lock)
{
	HERE;
	sync_forget(lock, 1);
}

ANNOTATE(AnnotateRWLockCreateStatic, ARGS, uintptr_t lock)
{
	HERE;
	(void)lock;
}

ANNOTATE(AnnotateRWLockDestroy, ARGS, uintptr_t lock)
{
	HERE;
	sync_forget(lock, 1);
}

ANNOTATE(AnnotateRWLockAcquired, ARGS, uintptr_t lock, uintptr_t writer)
{
	HERE;
	(void)writer;
	sync_acquire(&me, lock);
}

ANNOTATE(AnnotateRWLockReleased, ARGS, uintptr_t lock, uintptr_t writer)
{
	HERE;
	if (writer)
		sync_release(&me, lock);
	else
		sync_merge(&me, lock);
}

ANNOTATE(AnnotateIgnoreReadsBegin, ARGS)
{
	HERE;
	ignore_accesses(1);
}

ANNOTATE(AnnotateIgnoreReadsEnd, ARGS)
{
	HERE;
	ignore_accesses(-1);
}

ANNOTATE(AnnotateIgnoreWritesBegin, ARGS)
{
	HERE;
	ignore_accesses(1);
}

ANNOTATE(AnnotateIgnoreWritesEnd, ARGS)
{
	HERE;
	ignore_accesses(-1);
}

ANNOTATE(AnnotateIgnoreSyncBegin, ARGS)
{
	HERE;
	ignore_sync(1);
}

ANNOTATE(AnnotateIgnoreSyncEnd, ARGS)
{
	HERE;
	ignore_sync(-1);
}

ANNOTATE(AnnotateBenignRace, ARGS, uintptr_t addr, const char *why)
{
	HERE;
	(void)why;
	report_benign(addr, 1);
}

ANNOTATE(AnnotateBenignRaceSized, ARGS, uintptr_t addr, size_t n, const char *why)
{
	HERE;
	(void)why;
	report_benign(addr, n);
}

ANNOTATE(WTFAnnotateBenignRaceSized, ARGS, uintptr_t addr, size_t n, const char *why)
{
	HERE;
	(void)why;
	report_benign(addr, n);
}

ANNOTATE(AnnotateNewMemory, ARGS, uintptr_t addr, size_t n)
{
	HERE;
	if (me.tag)
		forget(addr, n);
}

ANNOTATE(AnnotateThreadName, ARGS, const char *name)
{
	HERE;
	name_thread(name);
}

/* Hints for other detectors. */
#define NOTHING(name, ...)          \
	ANNOTATE(name, __VA_ARGS__) \
	{                           \
		HERE;               \
	}

NOTHING(AnnotateCondVarSignal, ARGS)
NOTHING(AnnotateCondVarSignalAll, ARGS)
NOTHING(AnnotateCondVarWait, ARGS)
NOTHING(AnnotateEnableRaceDetection, ARGS)
NOTHING(AnnotateExpectRace, ARGS)
NOTHING(AnnotateFlushExpectedRaces, ARGS)
NOTHING(AnnotateFlushState, ARGS)
NOTHING(AnnotateMemoryIsInitialized, ARGS)
NOTHING(AnnotateMemoryIsUninitialized, ARGS)
NOTHING(AnnotateMutexIsNotPHB, ARGS)
NOTHING(AnnotateMutexIsUsedAsCondVar, ARGS)
NOTHING(AnnotateNoOp, ARGS)
NOTHING(AnnotatePCQCreate, ARGS)
NOTHING(AnnotatePCQDestroy, ARGS)
NOTHING(AnnotatePCQGet, ARGS)
NOTHING(AnnotatePCQPut, ARGS)
NOTHING(AnnotatePublishMemoryRange, ARGS)
NOTHING(AnnotateTraceMemory, ARGS)
NOTHING(AnnotateUnpublishMemoryRange, ARGS)

EXPORT int RunningOnValgrind(void);
EXPORT double ValgrindSlowdown(void);
EXPORT const char *ThreadSanitizerQuery(const char *question);

EXPORT int RunningOnValgrind(void)
{
	return 0;
}

EXPORT double ValgrindSlowdown(void)
{
	return 10;
}

EXPORT const char *ThreadSanitizerQuery(const char *question)
{
	(void)question;
	return "";
}

ANNOTATE(__tsan_ignore_thread_begin, void)
{
	ignore_accesses(1);
}

ANNOTATE(__tsan_ignore_thread_end, void)
{
	ignore_accesses(-1);
}

/* Mutexes that the program made itself; what they do inside is not looked at. */
enum {
	MUTEX_LINKER_INIT = 1 << 0,
	MUTEX_READ = 1 << 3,
	MUTEX_TRY_FAILED = 1 << 5,
};

static void inside_mutex(int by)
{
	ignore_accesses(by);
	ignore_sync(by);
}

ANNOTATE(__tsan_mutex_create, uintptr_t m, unsigned flags)
{
	if (!(flags & MUTEX_LINKER_INIT))
		sync_forget(m, 1);
}

ANNOTATE(__tsan_mutex_destroy, uintptr_t m, unsigned flags)
{
	(void)flags;
	sync_forget(m, 1);
}

ANNOTATE(__tsan_mutex_pre_lock, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(1);
}

ANNOTATE(__tsan_mutex_post_lock, uintptr_t m, unsigned flags, int recursion)
{
	(void)recursion;
	inside_mutex(-1);
	if (!(flags & MUTEX_TRY_FAILED))
		sync_acquire(&me, m);
}

EXPORT int __tsan_mutex_pre_unlock(uintptr_t m, unsigned flags);

EXPORT int __tsan_mutex_pre_unlock(uintptr_t m, unsigned flags)
{
	if (flags & MUTEX_READ)
		sync_merge(&me, m);
	else
		sync_release(&me, m);
	inside_mutex(1);
	return 1;
}

ANNOTATE(__tsan_mutex_post_unlock, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(-1);
}

ANNOTATE(__tsan_mutex_pre_signal, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(1);
}

ANNOTATE(__tsan_mutex_post_signal, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(-1);
}

ANNOTATE(__tsan_mutex_pre_divert, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(-1);
}

ANNOTATE(__tsan_mutex_post_divert, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(1);
}

/*
 * A barrier that orders nothing, for tests of detectors: bit 31 is the round's parity, the rest of
 * the upper half counts arrivals, the lower half is how many make a round.
 */
#define BARRIER_ROUND  (1u << 31)
#define BARRIER_ARRIVE (1u << 16)

ANNOTATE(__tsan_testonly_barrier_init, _Atomic uint32_t *b, unsigned n)
{
	store_rlx(b, n);
}

ANNOTATE(__tsan_testonly_barrier_wait, _Atomic uint32_t *b)
{
	uint32_t old = load_acq(b), new;
	do {
		new = old + BARRIER_ARRIVE;
		if ((new & ~BARRIER_ROUND) >> 16 == (uint16_t)old)
			new = (~old & BARRIER_ROUND) | (uint16_t)old;
	} while (!cas_acqrel(b, &old, new));
	for (unsigned i = 0; !((load_acq(b) ^ old) & BARRIER_ROUND); i++)
		osyield_backoff(i);
}

/* Accesses whose pc the caller knows. */
#define ACCESS_PC(n)                                                \
	ANNOTATE(__tsan_read##n##_pc, uintptr_t addr, uint64_t pc)  \
	{                                                           \
		access_range(&me, addr, n, TAG_READ, pc);           \
	}                                                           \
	ANNOTATE(__tsan_write##n##_pc, uintptr_t addr, uint64_t pc) \
	{                                                           \
		access_range(&me, addr, n, 0, pc);                  \
	}

ACCESS_PC(1)
ACCESS_PC(2)
ACCESS_PC(4)
ACCESS_PC(8)
ACCESS_PC(16)

ANNOTATE(__tsan_read_range_pc, uintptr_t addr, size_t n, uint64_t pc)
{
	access_range(&me, addr, n, TAG_READ, pc);
}

ANNOTATE(__tsan_write_range_pc, uintptr_t addr, size_t n, uint64_t pc)
{
	access_range(&me, addr, n, 0, pc);
}

#define UNALIGNED(bits)                                                           \
	EXPORT uint##bits##_t __sanitizer_unaligned_load##bits(const void *p);    \
	EXPORT void __sanitizer_unaligned_store##bits(void *p, uint##bits##_t v); \
	EXPORT uint##bits##_t __sanitizer_unaligned_load##bits(const void *p)     \
	{                                                                         \
		uint##bits##_t v;                                                 \
		access_bytes(&me, (uintptr_t)p, bits / 8, TAG_READ, PC);          \
		race_memcpy(&v, p, sizeof v);                                     \
		return v;                                                         \
	}                                                                         \
	EXPORT void __sanitizer_unaligned_store##bits(void *p, uint##bits##_t v)  \
	{                                                                         \
		access_bytes(&me, (uintptr_t)p, bits / 8, 0, PC);                 \
		race_memcpy(p, &v, sizeof v);                                     \
	}

UNALIGNED(16)
UNALIGNED(32)
UNALIGNED(64)

/* A heap that the program manages and moves itself: TSan made these for Java. */
ANNOTATE(__tsan_java_init, uintptr_t heap, size_t n)
{
	(void)heap;
	(void)n;
}

EXPORT int __tsan_java_fini(void);

EXPORT int __tsan_java_fini(void)
{
	return exit_code(0);
}

ANNOTATE(__tsan_java_alloc, uintptr_t addr, size_t n)
{
	if (me.tag)
		forget(addr, n);
}

ANNOTATE(__tsan_java_free, uintptr_t addr, size_t n)
{
	if (me.tag)
		forget(addr, n);
}

/* The new place starts without a past: a race across a move is not found. */
ANNOTATE(__tsan_java_move, uintptr_t from, uintptr_t to, size_t n)
{
	if (!me.tag)
		return;
	memory_forget(from, n);
	memory_forget(to, n);
}

ANNOTATE(__tsan_java_finalize, void)
{
	threads_acquire_all(&me);
}

ANNOTATE(__tsan_java_acquire, uintptr_t addr)
{
	sync_acquire(&me, addr);
}

ANNOTATE(__tsan_java_release, uintptr_t addr)
{
	sync_merge(&me, addr);
}

ANNOTATE(__tsan_java_release_store, uintptr_t addr)
{
	sync_release(&me, addr);
}

/* Returns how often the lock was held before. */
static int change_depth(uintptr_t m, int by)
{
	if (!me.tag || !thread_enter(&me))
		return 1;
	struct sync *s = sync_enter(&me, m);
	int depth = s->depth;
	s->depth = depth + by > 0 ? depth + by : 0;
	sync_leave(s);
	thread_leave(&me);
	return depth;
}

ANNOTATE(__tsan_java_mutex_lock, uintptr_t m)
{
	sync_acquire(&me, m);
	change_depth(m, 1);
}

ANNOTATE(__tsan_java_mutex_unlock, uintptr_t m)
{
	if (change_depth(m, -1) <= 1)
		sync_release(&me, m);
}

ANNOTATE(__tsan_java_mutex_read_lock, uintptr_t m)
{
	sync_acquire(&me, m);
}

ANNOTATE(__tsan_java_mutex_read_unlock, uintptr_t m)
{
	sync_merge(&me, m);
}

ANNOTATE(__tsan_java_mutex_lock_rec, uintptr_t m, int depth)
{
	sync_acquire(&me, m);
	change_depth(m, depth);
}

EXPORT int __tsan_java_mutex_unlock_rec(uintptr_t m);

EXPORT int __tsan_java_mutex_unlock_rec(uintptr_t m)
{
	int depth = change_depth(m, INT32_MIN / 2);
	sync_release(&me, m);
	return depth;
}

#define FIBER_NO_SYNC 1

static struct pool fibers = {.size = sizeof(struct thread), .link = offsetof(struct thread, life)};

/* Where the state of the running fiber goes when it is switched away from. */
static __thread struct thread *current __attribute__((tls_model("initial-exec")));

EXPORT void *__tsan_get_current_fiber(void);
EXPORT void *__tsan_create_fiber(unsigned flags);

EXPORT void *__tsan_get_current_fiber(void)
{
	if (!current)
		current = pool_get(&fibers);
	return current;
}

EXPORT void *__tsan_create_fiber(unsigned flags)
{
	(void)flags;
	if (!me.tag)
		front_start();
	struct thread *f = pool_get(&fibers);
	*f = (struct thread){0};
	thread_begin(f, thread_fork(&me, ctx_of(&me, PC)), sys_gettid());
	return f;
}

ANNOTATE(__tsan_destroy_fiber, struct thread *f)
{
	struct life *life = f->life;
	thread_end(f);
	locks_end(f);
	frames_free(f);
	thread_drop(life);
	pool_put(&fibers, f);
}

ANNOTATE(__tsan_switch_to_fiber, struct thread *f, unsigned flags)
{
	struct thread *from = __tsan_get_current_fiber();
	if (f == from)
		return;
	if (!(flags & FIBER_NO_SYNC))
		sync_merge(&me, (uintptr_t)f);
	*from = me;
	me = *f;
	current = f;
	if (!(flags & FIBER_NO_SYNC))
		sync_acquire(&me, (uintptr_t)f);
}

ANNOTATE(__tsan_set_fiber_name, struct thread *f, const char *name)
{
	struct thread *from = __tsan_get_current_fiber();
	if (f == from) {
		name_thread(name);
		return;
	}
	struct thread mine = me;
	me = *f;
	name_thread(name);
	me = mine;
}

ANNOTATE(__tsan_flush_memory, void)
{
}
