/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_sleep.c - sleeping. It orders nothing; but of a race with what was done before the
 * sleep was over the report says so, since the program may have counted on the time.
 */
#include "builtins.h"

#include <time.h>
#include <unistd.h>

#include "depot.h"
#include "front.h"
#include "report.h"

/* In which epochs the threads with low ids were when this one woke. */
static __thread struct {
	uint32_t ctx;
	uint32_t epoch[CLOCK_NEAR];
} slept __attribute__((tls_model("initial-exec")));

uint32_t front_slept(uint64_t tag)
{
	uint32_t tid = tag_tid(tag);
	return tid < CLOCK_NEAR && tag_epoch(tag) <= slept.epoch[tid] ? slept.ctx : 0;
}

/* The calling thread has slept, at a call that pc is in. */
static INLINE void woke(uint64_t pc)
{
	if (!me.tag || !thread_enter(&me))
		return;
	func_enter(&me, pc);
	slept.ctx = ctx_of(&me, OWN_PC);
	func_exit(&me);
	threads_now(slept.epoch);
	thread_leave(&me);
}

EXPORT unsigned sleep(unsigned seconds)
{
	unsigned left = NEXT(sleep)(seconds);
	woke(PC);
	return left;
}

EXPORT int usleep(useconds_t us)
{
	int err = NEXT(usleep)(us);
	woke(PC);
	return err;
}

EXPORT int nanosleep(const struct timespec *time, struct timespec *left)
{
	int err = NEXT(nanosleep)(time, left);
	woke(PC);
	return err;
}

EXPORT int clock_nanosleep(
	clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
	int err = NEXT(clock_nanosleep)(clock, flags, time, left);
	woke(PC);
	return err;
}
