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
 * In synctest_test time stands still. When all goroutines wait, for channels, locks, conditions,
 * each other or timers, it becomes the time of the next timer, at once; sleeps last exactly as long
 * as they say. A goroutine in a system call, or one that waits for a descriptor, holds time up.
 *
 * Differences from Go. Time is that of the whole program: gort_now, timers, sleeps and deadlines of
 * goroutines that were there before, too; so a test that runs beside others (t_parallel) cannot use
 * it. Time begins where it was, and is ahead of the clock afterwards. Locks count as waiting.
 */
#ifndef GORT_SYNCTEST_H
#define GORT_SYNCTEST_H

#include "gort/testing.h"

/*
 * Calls fn(t, arg) in a goroutine of its own and returns when all goroutines that it has started
 * have ended. Panics when that cannot happen ("deadlock: ..."), in a parallel test, and when such a
 * call is under way. A t_fatal or t_skip of fn ends the caller's goroutine, too. Go's Test.
 */
GORT_API void gort_synctest_test(
	struct gort_t *t, void (*fn)(struct gort_t *t, void *arg), void *arg);
/*
 * Blocks until every other goroutine waits; time does not go on before. Panics outside
 * gort_synctest_test. Go's Wait.
 */
GORT_API void gort_synctest_wait(void);

#define synctest_test gort_synctest_test
#define synctest_wait gort_synctest_wait

#endif
