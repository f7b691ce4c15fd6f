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

#include "annotations.h"
#include "front.h"
#include "mem.h"
#include "report.h"
#include "sys.h"

#define MAX_IGNORED 8

/* Where this thread was told to ignore its accesses, and its synchronisation, since it did not. */
static __thread struct ignored {
	uint32_t n;
	uint32_t ctx[MAX_IGNORED];
} ignored_accesses, ignored_sync;

static void note_ignored(struct ignored *where, uint64_t pc)
{
	uint32_t i = 0, ctx = me.life ? ctx_of(&me, pc) : 0;
	while (i < where->n && where->ctx[i] != ctx)
		i++;
	if (i == where->n && ctx && i < MAX_IGNORED)
		where->ctx[where->n++] = ctx;
}

static void ignore(uint32_t *count, int by, struct ignored *where, uint64_t caller, uint64_t pc)
{
	*count += (uint32_t)by;
	enter(caller);
	if (by > 0)
		note_ignored(where, pc);
	else if (!*count)
		where->n = 0;
	leave();
}

#define IGNORE_ACCESSES(by) ignore(&me.ignore_accesses, by, &ignored_accesses, PC, OWN_PC)
#define IGNORE_SYNC(by)     ignore(&me.ignore_sync, by, &ignored_sync, PC, OWN_PC)

void ignores_checked(void)
{
	if (me.ignore_accesses && ignored_accesses.n)
		bug_ignores(&me, ignored_accesses.ctx, ignored_accesses.n);
	if (me.ignore_sync && ignored_sync.n)
		bug_ignores(&me, ignored_sync.ctx, ignored_sync.n);
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

ANNOTATE(AnnotateIgnoreReadsBegin, ARGS)
{
	HERE;
	IGNORE_ACCESSES(1);
}

ANNOTATE(AnnotateIgnoreReadsEnd, ARGS)
{
	HERE;
	IGNORE_ACCESSES(-1);
}

ANNOTATE(AnnotateIgnoreWritesBegin, ARGS)
{
	HERE;
	IGNORE_ACCESSES(1);
}

ANNOTATE(AnnotateIgnoreWritesEnd, ARGS)
{
	HERE;
	IGNORE_ACCESSES(-1);
}

ANNOTATE(AnnotateIgnoreSyncBegin, ARGS)
{
	HERE;
	IGNORE_SYNC(1);
}

ANNOTATE(AnnotateIgnoreSyncEnd, ARGS)
{
	HERE;
	IGNORE_SYNC(-1);
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
	if (me.life)
		name_thread(me.life->past, name);
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
	IGNORE_ACCESSES(1);
}

ANNOTATE(__tsan_ignore_thread_end, void)
{
	IGNORE_ACCESSES(-1);
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

EXPORT size_t __tsan_testonly_shadow_stack_current_size(void);

EXPORT size_t __tsan_testonly_shadow_stack_current_size(void)
{
	return (size_t)(me.sp - me.base);
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

/* Objects of a library that has its own names for them: accesses of their first byte. */
EXPORT void *__tsan_external_register_tag(const char *name);

EXPORT void *__tsan_external_register_tag(const char *name)
{
	return (void *)name;
}

ANNOTATE(__tsan_external_register_header, void *tag, const char *header)
{
	(void)tag;
	(void)header;
}

ANNOTATE(__tsan_external_assign_tag, void *addr, void *tag)
{
	(void)addr;
	(void)tag;
}

ANNOTATE(__tsan_external_read, uintptr_t addr, uint64_t pc, void *tag)
{
	(void)tag;
	enter(pc);
	access_bytes(&me, addr, 1, TAG_READ, PC);
	leave();
}

ANNOTATE(__tsan_external_write, uintptr_t addr, uint64_t pc, void *tag)
{
	(void)tag;
	enter(pc);
	access_bytes(&me, addr, 1, 0, PC);
	leave();
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

/*
 * A heap that the program manages and moves itself: TSan made these for Java. Of each object the
 * size is kept, in words, by its first word.
 */
static struct {
	uintptr_t start;
	size_t words;
	_Atomic uint32_t *objects;
} java;

ANNOTATE(__tsan_java_init, uintptr_t heap, size_t n)
{
	java.start = heap;
	java.objects = mem_map(n / 8 * sizeof *java.objects);
	java.words = n / 8;
}

static _Atomic uint32_t *java_object(uintptr_t addr)
{
	size_t i = (addr - java.start) / 8;
	return i < java.words ? &java.objects[i] : NULL;
}

static void java_forget(uintptr_t addr, size_t n)
{
	for (uintptr_t end = addr + n; addr < end; addr += 8) {
		if (java_object(addr))
			store_rlx(java_object(addr), 0);
	}
}

/* The sizes go along in the order in which none is overwritten before it is read. */
static void java_move(uintptr_t from, uintptr_t to, size_t n)
{
	for (size_t i = 0; i < n; i += 8) {
		size_t at = to < from ? i : (n - 1) / 8 * 8 - i;
		_Atomic uint32_t *old = java_object(from + at), *new = java_object(to + at);
		uint32_t size = old ? load_rlx(old) : 0;
		if (old)
			store_rlx(old, 0);
		if (new)
			store_rlx(new, size);
	}
}

EXPORT int __tsan_java_fini(void);

EXPORT int __tsan_java_fini(void)
{
	return exit_code(0);
}

ANNOTATE(__tsan_java_alloc, uintptr_t addr, size_t n)
{
	if (java_object(addr))
		store_rlx(java_object(addr), (uint32_t)(n / 8));
	if (me.tag)
		forget(addr, n);
}

ANNOTATE(__tsan_java_free, uintptr_t addr, size_t n)
{
	java_forget(addr, n);
	if (me.tag)
		forget(addr, n);
}

/* The new place starts without a past: a race across a move is not found. */
ANNOTATE(__tsan_java_move, uintptr_t from, uintptr_t to, size_t n)
{
	java_move(from, to, n);
	if (!me.tag)
		return;
	memory_forget(from, n);
	memory_forget(to, n);
}

EXPORT size_t __tsan_java_find(uintptr_t *from, uintptr_t to);

/* The size of the first object at or after *from and before to, which becomes *from; or 0. */
EXPORT size_t __tsan_java_find(uintptr_t *from, uintptr_t to)
{
	for (uintptr_t addr = (*from + 7) & ~7ul; addr < to; addr += 8) {
		_Atomic uint32_t *object = java_object(addr);
		if (!object || !load_rlx(object))
			continue;
		*from = addr;
		return (size_t)load_rlx(object) * 8;
	}
	return 0;
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

#define FIBER_NO_SYNC 1

static struct pool fibers = {.size = sizeof(struct thread), .link = offsetof(struct thread, life)};

/* Where the state of the running fiber goes when it is switched away from. */
static __thread struct thread *current __attribute__((tls_model("initial-exec")));

struct thread *fiber_current(void)
{
	if (!current)
		current = pool_get(&fibers);
	return current;
}

struct thread *fiber_create(uint64_t pc)
{
	if (!me.tag)
		front_start();
	struct thread *f = pool_get(&fibers);
	*f = (struct thread){.moves = 1};
	thread_begin(f, thread_fork(&me, ctx_of(&me, pc)), sys_gettid());
	return f;
}

void fiber_destroy(struct thread *f)
{
	struct life *life = f->life;
	thread_end(f);
	locks_end(f);
	frames_free(f);
	thread_drop(life);
	pool_put(&fibers, f);
}

void fiber_switch(struct thread *f)
{
	struct thread *from = fiber_current();
	int32_t ostid = me.life ? me.life->past->ostid : 0;
	*from = me;
	me = *f;
	current = f;
	if (me.life && ostid)
		me.life->past->ostid = ostid;
}

void fiber_name(struct thread *f, const char *name)
{
	struct life *life = f == fiber_current() ? me.life : f->life;
	if (life)
		name_thread(life->past, name);
}

EXPORT void *__tsan_get_current_fiber(void);
EXPORT void *__tsan_create_fiber(unsigned flags);

EXPORT void *__tsan_get_current_fiber(void)
{
	return fiber_current();
}

EXPORT void *__tsan_create_fiber(unsigned flags)
{
	(void)flags;
	return fiber_create(PC);
}

ANNOTATE(__tsan_destroy_fiber, struct thread *f)
{
	fiber_destroy(f);
}

ANNOTATE(__tsan_switch_to_fiber, struct thread *f, unsigned flags)
{
	if (f == fiber_current())
		return;
	if (!(flags & FIBER_NO_SYNC))
		sync_merge(&me, (uintptr_t)f);
	fiber_switch(f);
	if (!(flags & FIBER_NO_SYNC))
		sync_acquire(&me, (uintptr_t)f);
}

ANNOTATE(__tsan_set_fiber_name, struct thread *f, const char *name)
{
	fiber_name(f, name);
}

ANNOTATE(__tsan_flush_memory, void)
{
}
