/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netpoll.h - the seam between the scheduler and whatever waits for the kernel (Go's netpoll.go).
 *
 * At most one M is in netpoll(delay != 0); it has no P and sched.lastpoll is 0 meanwhile.
 */
#ifndef GORT_SCHED_NETPOLL_H
#define GORT_SCHED_NETPOLL_H

#include "sched/runtime2.h"

/* Goroutines parked on a descriptor. While it is not 0 the program is not deadlocked. */
extern _Atomic int32_t netpollWaiters;

static inline bool netpollAnyWaiters(void)
{
	return load_rlx(&netpollWaiters) > 0;
}

/*
 * Goroutines that have become ready, marked _Grunnable, on no queue. delay in ns: 0 does not wait,
 * negative waits without limit, else at most so long; netpollBreak ends the wait early.
 */
struct gQueue netpoll(int64_t delay);
/* Ends the running or else the next wait. Any thread may call it. */
void netpollBreak(void);

#endif
