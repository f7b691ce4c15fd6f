/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt_loops - one P and goroutines that never call anything, for dumps: says "ready" when each
 * of them has been preempted, and goes on.
 */
#include <gort/go.h>

static volatile long counts[3];

__attribute__((noinline)) static void endless_loop(volatile long *count)
{
	while (*count >= 0) /* a condition: clang gives the jump of for (;;) no line */
		++*count;
}

static void looper(int i)
{
	endless_loop(&counts[i]);
	puts("not reached");
}

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 3; i++)
		go(looper, i);
	while (!counts[0] || !counts[1] || !counts[2])
		gort_sleep(ms);
	puts("ready");
	fflush(stdout);
	gort_sleep(60 * sec);
	return 0;
}
