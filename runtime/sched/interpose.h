/* SPDX-License-Identifier: BSD-2-Clause */
/* interpose.h - what the interposed functions of libc share. The table of them is interpose.c. */
#ifndef GORT_SCHED_INTERPOSE_H
#define GORT_SCHED_INTERPOSE_H

#include "base/syscall.h"
#include "gort/errno.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sched/sanitizer.h"

/* A name of libc that libgort takes over, with libc's prototype. */
#define INTERPOSE __attribute__((visibility("default")))

/*
 * Whether the caller is a goroutine that may park or leave its P: not a thread of the program, not
 * the scheduler, not a signal handler (they run on another stack), not libgort inside a wait of its
 * own, not the child of a fork. It has a P when this returns true.
 */
static inline __attribute__((always_inline)) bool ingoroutine(void)
{
	struct m *mp = getm();
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);
	if (!mp || !mp->curg || mp->noretake ||
		sp - mp->curg->stack.lo >= mp->curg->stack.hi - mp->curg->stack.lo)
		return false;
	if (unlikely(racelayer) && tsaninside())
		return false;
	uint32_t gate = load_rlx(&mp->gate);
	if (likely(gate == GATE_OPEN))
		return true;
	if (gate == GATE_SYSCALL || gate == GATE_FORKED)
		return false;
	getgchecked("libc");
	return true;
}

/* Whether it may also park, and so go on on another thread: it holds no lock of this one. */
static inline __attribute__((always_inline)) bool maypark(void)
{
	return ingoroutine() && !gcold(getm()->curg)->locks;
}

/*
 * Evaluates a call that may block the thread, in the syscall state. In the interposed function
 * itself, so that a traceback begins at its caller. errno is the goroutine's, also on another
 * thread.
 */
#define INSYSCALL(call)                                                      \
	__extension__({                                                      \
		uintptr_t *frame_ = __builtin_frame_address(0);              \
		savecallee(gcold(getm()->curg));                             \
		entersyscall(frame_[1], (uintptr_t)(frame_ + 2), frame_[0]); \
		__auto_type value_ = (call);                                 \
		int errno_ = errno;                                          \
		exitsyscall();                                               \
		errno = errno_;                                              \
		value_;                                                      \
	})

/*
 * A system call for whoever is no goroutine: a cancellation point, as in libc, for threads of the
 * program.
 */
long plaincall(long nr, long a, long b, long c, long d, long e, long f);

/* Blocks the thread, as a goroutine or not. */
#define BLOCKINGCALL(nr, a, b, c, d, e, f)                                                     \
	(ingoroutine() ? INSYSCALL(rawsyscall6(nr, (long)(a), (long)(b), (long)(c), (long)(d), \
				 (long)(e), (long)(f)))                                        \
		       : plaincall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e),  \
				 (long)(f)))

/* The kernel's answer as libc gives it. */
static inline long libcresult(long r)
{
	if (likely((unsigned long)r < -4095UL))
		return r;
	errno = (int)-r;
	return -1;
}

#endif
