/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort/synctest.h - tests of what takes time, in no time (Go's testing/synctest). For C; includes
 * testing.h.
 *
 *	static void expires(struct gort_t *t, void *arg)
 *	{
 *		struct gort_cancel *cancel;
 *		context ctx = ctx_with_timeout(ctx_background(), 3600 * sec, &cancel);
 *		gort_sleep(3600 * sec - 1);
 *		synctest_wait();
 *		t_eq(t, ctx_err(ctx), (error)nil);
 *		gort_sleep(1);
 *		synctest_wait();
 *		t_eq(t, ctx_err(ctx), ctx_deadline_exceeded);
 *	}
 *	TEST(test_timeout) { synctest_test(t, expires, nil); }
 *
 * fn and the goroutines that it starts, and those they start, are a bubble. Their time stands
 * still: gort_now, timers, sleeps, timeouts and deadlines. When all of them wait for each other or
 * for their time, it becomes the time of their next timer, at once; sleeps last exactly as long as
 * they say. Who waits so: for channels made in the bubble, conditions, wait groups, sleeps and
 * timers. Who runs, is in a system call, or waits for a descriptor, or for a channel or lock that
 * others have, holds time up. Other goroutines go by the clock meanwhile: tests may be parallel
 * (t_parallel before synctest_test), each in a bubble of its own, 63 at once.
 *
 * Differences from Go. Time begins with the clock's, not in the year 2000. A wait group counts as
 * the bubble's wherever it was made. A lock that only goroutines of the bubble can hold, since all
 * others wait, too, does not hold time up. Channels and timers of a bubble may be used from outside
 * it without a panic, but wake its goroutines at times that nobody can tell.
 */
#ifndef GORT_SYNCTEST_H
#define GORT_SYNCTEST_H

#include "gort/testing.h"

/*
 * Calls fn(t, arg) in a goroutine of its own and returns when all goroutines of the bubble have
 * ended; its timers are dropped then. Panics when that cannot happen ("deadlock: ..."), and within
 * a bubble. A t_fatal or t_skip of fn ends the caller's goroutine, too. fn must not call t_run or
 * t_parallel. Go's synctest.Test.
 */
GORT_API void gort_synctest_test(
	struct gort_t *t, void (*fn)(struct gort_t *t, void *arg), void *arg);
/*
 * Blocks until every other goroutine of the bubble waits so; time does not go on before. Panics
 * outside a bubble. Go's synctest.Wait.
 */
GORT_API void gort_synctest_wait(void);

#define synctest_test gort_synctest_test
#define synctest_wait gort_synctest_wait

#endif
