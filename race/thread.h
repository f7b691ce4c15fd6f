/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * thread.h - threads as the detector sees them, and their ids.
 *
 * A thread is two objects. struct thread is what every access touches; the front end owns it and
 * puts it where it is fastest to reach (C: thread-local storage; a goroutine: beside its g). struct
 * life holds the clock and all that must outlive the thread: from thread_fork in the parent until
 * the thread is joined or dropped.
 *
 * Thread ids are 20 bits and reused; an epoch counts the releases of an id.
 *
 * Invariants:
 *  1. An id is reused only by a creator whose clock covers the last epoch in which its former owner
 *     accessed anything, and the new owner starts after its last one. So "clock covers epoch e of
 *     id t" still means that all of the id's accesses up to e happened before. There is no global
 *     reset, ever. When 2^20 ids are in use or of dead threads that nobody waited for, the one dead
 *     longest is reused without: its accesses then count as its successor's.
 *  2. A thread's clock holds no entry for its current epoch; ordered() knows its own accesses.
 *  3. When the 32-bit epoch of an id is used up the thread goes on under a fresh id (the old one
 *     stays retired), as if it had created itself.
 *  4. struct life memory is type-stable and the id table never shrinks: another thread may look at
 *     a life that has ended and sees at worst a successor's.
 */
#ifndef GORT_RACE_THREAD_H
#define GORT_RACE_THREAD_H

#include "clock.h"
#include "shadow.h"

#define MAX_TIDS   (1u << 20)
#define FREED_TID  (MAX_TIDS - 1) /* no thread's: of memory that is not allocated, see heap.h */
#define NSPARE     8
#define SYNC_CACHE 8

struct sync;
struct held_set;

/* A read that is not in its cell yet; addr 0: none. See access.c. */
struct delayed {
	uintptr_t addr;
	uint64_t tag;
	uint32_t ctx;
	uint32_t site;
	uint32_t forgotten; /* of the page, until then */
};

/* One call: the return address into the caller, and a hash of the whole stack up to here. */
struct frame {
	uint64_t pc;
	uint64_t hash;
};

/* Who a thread was, kept for reports after it is gone: the last owners of each id. */
struct past {
	struct past *next;
	uint32_t uid; /* T0 is main, then in order of creation */
	uint32_t first_epoch;
	uint32_t parent;
	uint32_t ctx; /* where it was created; 0 = unknown */
	const char *name;
	int32_t ostid;          /* while it runs: of the OS, or -1 where it has none */
	struct lock_log *locks; /* the C front end's: locks.h */
};

struct life {
	struct clock clock;
	struct life *next, **pprev; /* all live ones; guarded by threads.lock */
	struct past *past;
	uint32_t tid;
	uint32_t epoch;  /* as in the thread's tag; other threads may read it */
	uint32_t needed; /* at the end: who reuses the id has to know of this epoch */
	uint32_t nspare;
	struct {
		uint32_t tid, epoch;
	} spare[NSPARE]; /* ids of threads this one joined: free for its next children */

	/* The slot this thread is about to take and the stack that belongs to it; see access.c. */
	_Atomic(const struct cell *) pending;
	_Atomic uint32_t pending_ctx;
	struct sync *syncs[SYNC_CACHE];
};

struct thread {
	uint64_t tag; /* epoch, id, full mask: a plain write of a whole word. 0: not recording */
	struct frame *sp;
	struct frame *lim; /* no frame fits at lim; NULL until the first call */
	struct frame *base;
	struct life *life;
	struct delayed delayed;
	const struct delayed *settling; /* while it is recorded */
	uintptr_t last_read; /* the word of the last read recorded at once, and its site */
	uint32_t last_site;
	uint32_t busy; /* inside the detector: a signal handler's accesses are not recorded */
	uint32_t ignore_accesses; /* plain ones */
	uint32_t ignore_sync;     /* also of atomics */
	uint8_t in_range;         /* one report per range */
	uint8_t range_race;       /* that report was made */
	uint8_t in_signal;        /* an asynchronous one's handler runs */
	uint8_t accessed;         /* something was recorded in this epoch */
	uint8_t in_vptr;          /* an object is being constructed or destroyed, or called */
	uint8_t moves;            /* a fiber: not always run by the same thread of the OS */
	struct held_set *held;    /* the C front end's: locks.h */
	uint32_t owed;            /* bytes of an atomic access that its cell was not told of */
	uint32_t owed_ctx;
};

/* Epochs of the ids < CLOCK_NEAR that every live thread is known to have seen. */
extern _Atomic uint32_t seen_by_all[CLOCK_NEAR];

static inline bool known_to_all(uint64_t tag)
{
	uint32_t tid = tag_tid(tag);
	return tid < CLOCK_NEAR && tag_epoch(tag) <= load_rlx(&seen_by_all[tid]);
}

/* The access happened before everything t does from now on. */
static inline bool ordered(const struct thread *t, uint64_t tag)
{
	uint32_t tid = tag_tid(tag);
	return tid == tag_tid(t->tag) || tag_epoch(tag) <= clock_get(&t->life->clock, tid);
}

static inline uint32_t thread_epoch(const struct thread *t)
{
	return tag_epoch(t->tag);
}

/* Makes the calling thread the first one, and starts recording in it. */
void thread_main(struct thread *t, int32_t ostid);

/*
 * A thread whose tag was cleared to record nothing takes it up again. Nothing may have happened
 * meanwhile that another thread could be unordered with.
 */
void thread_resume(struct thread *t, int32_t ostid);

/*
 * The parent creates a child; ctx is where. The child's clock starts as the parent's, or empty when
 * that is NULL: a child of nobody.
 */
struct life *thread_fork(struct thread *parent, uint32_t ctx);

/* The child itself, first thing. Its shadow stack, if it has one already, stays. */
void thread_begin(struct thread *t, struct life *life, int32_t ostid);

/* Last thing of a thread: it records nothing from now on; its life waits for join or drop. */
void thread_end(struct thread *t);

/* t waited for the end of the thread; life is gone after this. */
void thread_join(struct thread *t, struct life *life);

/* Nobody will wait for the ended thread. */
void thread_drop(struct life *life);

/* A child that was never started (creating the OS thread failed). */
void thread_cancel(struct thread *parent, struct life *life);

/* The next epoch: what t did so far has been released. */
void thread_step(struct thread *t);

/* Recomputes seen_by_all. */
void threads_scan(void);

/* Called for each access that did not fit its cell: does so once in a while. */
void threads_scan_due(void);

/* Threads that have not ended. */
uint32_t threads_live(void);

/* t learns all that any thread, dead or alive, has done. */
void threads_acquire_all(struct thread *t);

/* The epochs that the owners of the ids < CLOCK_NEAR are in, or ended in. */
void threads_now(uint32_t epoch[CLOCK_NEAR]);

/* Who had the id at that epoch; NULL when that owner is no longer remembered. */
const struct past *thread_past(uint32_t tid, uint32_t epoch);

/* The thread of that number, while it is remembered; looks through all of them. */
const struct past *thread_numbered(uint32_t uid);

/* The live owner of the id, or NULL. The answer may be stale (invariant 4). */
struct life *thread_life(uint32_t tid);

/* Slow half of a call: makes room for one more frame. */
void frames_grow(struct thread *t);
void frames_free(struct thread *t);

/* Records the delayed read (access.c). */
void access_delayed(struct thread *t);

/* Before anything that orders t with other threads. */
static inline void thread_settle(struct thread *t)
{
	if (unlikely(t->delayed.addr))
		access_delayed(t);
}

/* Into the detector, until thread_leave(); false when the thread is in it already. */
static inline bool thread_enter(struct thread *t)
{
	if (t->busy)
		return false;
	t->busy = 1;
	compiler_barrier();
	thread_settle(t);
	return true;
}

static inline void thread_leave(struct thread *t)
{
	compiler_barrier();
	t->busy = 0;
}

#define HASH_MUL 0x9e3779b97f4a7c15ull

/* There is room. */
static inline void frame_push(struct thread *t, uint64_t pc)
{
	struct frame *f = t->sp;
	f[1].hash = (f->hash + pc) * HASH_MUL;
	f[1].pc = pc;
	t->sp = f + 1;
}

static inline void func_enter(struct thread *t, uint64_t pc)
{
	if (unlikely(t->sp == t->lim))
		frames_grow(t);
	frame_push(t, pc);
}

static inline void func_exit(struct thread *t)
{
	if (likely(t->sp != t->base))
		t->sp--;
}

#endif
