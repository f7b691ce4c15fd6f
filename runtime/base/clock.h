/* SPDX-License-Identifier: BSD-2-Clause */
/* clock.h - the runtime's clock: CLOCK_MONOTONIC nanoseconds through the vdso (Go's nanotime). */
#ifndef GORT_BASE_CLOCK_H
#define GORT_BASE_CLOCK_H

#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/syscall.h"

static inline int64_t nanotime(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* CPU time of a thread of this process; negative when unknown. Stands still while it sleeps. */
static inline int64_t threadcpu(int32_t tid)
{
	enum { PERTHREAD = 4, SCHED = 2 }; /* the kernel's posix-timers.h */
	struct timespec ts;
	long clock = ~(long)tid * 8 + (PERTHREAD | SCHED);
	if (rawsyscall(SYS_clock_gettime, (int)clock, (long)&ts, 0, 0) != 0)
		return -1;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#endif
