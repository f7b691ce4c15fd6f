/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bugs.h - what the C front end finds beside races: misuse of locks, deadlocks that may happen,
 * threads that nobody joined, calls that a signal handler may not make.
 *
 * The stack of each is the calling thread's, with leaf pc. Nothing is done in a thread that the
 * detector does not know or that is inside the detector.
 */
#ifndef GORT_RACE_BUGS_H
#define GORT_RACE_BUGS_H

#include "gort/abi.h"

#include "locks.h"

/*
 * kind is one of GORT_FINDING_UNLOCK to GORT_FINDING_BAD_LOCK. The lock's memory is told of too.
 */
void bug_lock(struct thread *t, uint32_t kind, uintptr_t addr, uint64_t pc);

/* n threads that were created at the same place have ended, unjoined; who is one of them. */
void bug_thread_leak(struct thread *t, const struct past *who, uint32_t n);

/* t ends while it ignores accesses or synchronisation, as it was told at the n places. */
void bug_ignores(struct thread *t, const uint32_t *ctx, uint32_t n);

/* GORT_FINDING_SIGNAL_UNSAFE or GORT_FINDING_ERRNO. */
void bug_signal(struct thread *t, uint32_t kind, uint64_t pc);

#endif
