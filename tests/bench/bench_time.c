/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_time.c - sleep and timers; go/time.go in C. */
#include "bench.h"

#define LIVE (100 * 1000)
#define HOUR (3600 * sec)

static void nothing(void)
{
}

/* Timers that stay alive; the spread is that of timeouts, all far away. */
static void fill_timers(void)
{
	for (long i = scaled(LIVE); i > 0; i--)
		time_after_func(HOUR + i * ms, nothing);
}

static void create_stop(long n)
{
	for (long i = 0; i < n; i++)
		timer_free(time_after_func(HOUR, nothing)); /* stops it, and is Go's collector */
}

static void sleep_1us(long n)
{
	for (long i = 0; i < n; i++)
		gort_sleep(1 * us);
}

const struct bench time_benches[] = {
	{.id = "timer_create_stop_100k", .run = create_stop, .setup = fill_timers},
	{.id = "sleep_1us", .run = sleep_1us},
	{0},
};
