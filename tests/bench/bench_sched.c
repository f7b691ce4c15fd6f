/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_sched.c - starting, switching and ending goroutines; go/sched.go in C. */
#include "bench.h"

#define BATCH    1000
#define YIELDERS 1000

static void spawn_exit(long n)
{
	waitgroup wg = {0};
	while (n > 0) {
		long now = n < BATCH ? n : BATCH;
		wg_add(&wg, now);
		for (long i = 0; i < now; i++)
			go(wg_done, &wg);
		wg_wait(&wg);
		n -= now;
	}
}

static void yielder(long n, waitgroup *wg)
{
	for (long i = 0; i < n; i++)
		gort_gosched();
	wg_done(wg);
}

static void yield_among(long goroutines, long n)
{
	waitgroup wg = {0};
	wg_add(&wg, goroutines);
	for (long i = 0; i < goroutines; i++)
		go(yielder, n / goroutines + (i < n % goroutines), &wg);
	wg_wait(&wg);
}

static void yield_2(long n)
{
	yield_among(2, n);
}

static void yield_1000(long n)
{
	yield_among(YIELDERS, n);
}

const struct bench sched_benches[] = {
	{.id = "spawn_exit", .run = spawn_exit},
	{.id = "yield_2", .run = yield_2},
	{.id = "yield_1000", .run = yield_1000, .least = 50 * YIELDERS},
	{0},
};
