/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_latency.c - what those wait for who share Ps with endless loops; go/latency.go in C. */
#include "bench.h"

#define STARTS 200
#define TICK   (10 * ms)

static void note_start(int64_t *started)
{
	__atomic_store_n(started, nanotime(), __ATOMIC_SEQ_CST);
}

static int by_time(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

/*
 * A goroutine is started, then its creator computes without a call until the other has run. In
 * between it sleeps, for another time each turn, so that the second P and sysmon are found asleep
 * as deeply as they may be.
 */
static void start_latency(void)
{
	int64_t late[STARTS];
	long n = scaled(STARTS);
	for (long i = 0; i < n; i++) {
		int64_t started = 0;
		gort_sleep((1 + i % 16) * ms);
		int64_t before = nanotime();
		go(note_start, &started);
		while (__atomic_load_n(&started, __ATOMIC_SEQ_CST) == 0)
			;
		late[i] = started - before;
	}
	qsort(late, (size_t)n, sizeof(*late), by_time);
	report("start_latency", (double)late[n * 99 / 100] / us);
}

static void spin(void)
{
	for (;;)
		;
}

/*
 * How much longer than its period a ticker ever lets one wait, while four goroutines compute
 * without a call.
 */
static void ticker_lateness(void)
{
	for (int i = 0; i < 4; i++)
		go(spin);
	gort_ticker *ticker = new_ticker(TICK);
	int64_t worst = 0, last = nanotime();
	for (long i = scaled(100); i > 0; i--) {
		(void)chan_recv(ticker_chan(ticker));
		int64_t now = nanotime();
		if (now - last - TICK > worst)
			worst = now - last - TICK;
		last = now;
	}
	report("ticker_lateness", (double)worst / ms);
}

/* CPU time of the runtime's own, next to that of two goroutines that compute in turn at one P. */
static void spin_overhead(void)
{
	go(spin);
	go(spin);
	gort_sleep(100 * ms);
	double cpu = cputime();
	int64_t begin = nanotime();
	gort_sleep(500 * ms);
	cpu = cputime() - cpu;
	report("spin_overhead", 1000 * (cpu * ms / (double)(nanotime() - begin) - 1));
}

const struct bench latency_benches[] = {
	{.id = "start_latency", .once = start_latency},
	{.id = "ticker_lateness", .once = ticker_lateness},
	{.id = "spin_overhead", .once = spin_overhead},
	{0},
};
