/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_whole.c - programs that are timed once, from start to end; go/whole.go in C. */
#include "bench.h"

#define FANOUT 10

/* ---- skynet: a tree of goroutines, each sums what its ten children send ---- */

static void skynet(chan(long) out, long num, long size)
{
	if (size < FANOUT) {
		chan_send(out, num);
		return;
	}
	chan(long) in = make_chan(long, 0);
	long sum = 0;
	for (long i = 0; i < FANOUT; i++)
		go(skynet, in, num + i * (size / FANOUT), size / FANOUT);
	for (long i = 0; i < FANOUT; i++)
		sum += chan_recv(in);
	chan_send(out, sum);
}

static void skynet_1m(void)
{
	long leaves = scaled(1000000);
	int64_t start = nanotime();
	chan(long) out = make_chan(long, 0);
	go(skynet, out, 0, leaves);
	long sum = chan_recv(out);
	double took = (double)(nanotime() - start);
	if (leaves == 1000000 && sum != 499999500000)
		panic("skynet_1m: the sum is %ld", sum);
	report("skynet_1m", took / ms);
}

/* ---- sieve: a chain of goroutines, one a prime ---- */

static void numbers(chan(long) out)
{
	for (long i = 2;; i++)
		chan_send(out, i);
}

static void filter(chan(long) in, chan(long) out, long prime)
{
	for (;;) {
		long i = chan_recv(in);
		if (i % prime != 0)
			chan_send(out, i);
	}
}

static void sieve_1000(void)
{
	long primes = scaled(1000), prime = 0;
	int64_t start = nanotime();
	chan(long) c = make_chan(long, 0);
	go(numbers, c);
	for (long i = 0; i < primes; i++) {
		prime = chan_recv(c);
		chan(long) next = make_chan(long, 0);
		go(filter, c, next, prime);
		c = next;
	}
	double took = (double)(nanotime() - start);
	if (primes == 1000 && prime != 7919)
		panic("sieve_1000: the last prime is %ld", prime);
	report("sieve_1000", took / ms);
}

/* ---- a million goroutines that wait on one channel ---- */

struct crowd {
	waitgroup arrived, left;
	chan(long) gate;
};

/* VmRSS and VmPTE: what the kernel holds for this process, page tables included. */
static double memory(void)
{
	char line[256];
	long kib = 0, value;
	FILE *f = fopen("/proc/self/status", "r");
	if (!f)
		panic("million: /proc/self/status cannot be opened");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "VmRSS: %ld", &value) == 1 ||
			sscanf(line, "VmPTE: %ld", &value) == 1)
			kib += value;
	fclose(f);
	return (double)kib * 1024;
}

static void waiter(struct crowd *c)
{
	wg_done(&c->arrived);
	(void)chan_recv(c->gate);
	wg_done(&c->left);
}

/* Starts n goroutines and returns when they wait: ns for each. */
static double assemble(struct crowd *c, long n)
{
	int64_t start = nanotime();
	c->gate = make_chan(long, 0);
	wg_add(&c->arrived, n);
	wg_add(&c->left, n);
	for (long i = 0; i < n; i++)
		go(waiter, c);
	wg_wait(&c->arrived);
	gort_gosched();
	return (double)(nanotime() - start) / (double)n;
}

/* Wakes them by closing the channel and waits until all have ended: ns for each. */
static double dismiss(struct crowd *c, long n)
{
	int64_t start = nanotime();
	chan_close(c->gate);
	wg_wait(&c->left);
	return (double)(nanotime() - start) / (double)n;
}

static void million(void)
{
	long n = scaled(1000000);
	struct crowd c = {0};
	double before = memory();
	double cold = assemble(&c, n);
	double bytes = (memory() - before) / (double)n;
	dismiss(&c, n);
	double again = assemble(&c, n);
	double wake = dismiss(&c, n);
	report("parked_bytes_1m", bytes);
	report("spawn_cold_1m", cold);
	report("respawn_1m", again);
	report("wake_1m", wake);
}

const struct bench whole_benches[] = {
	{.id = "skynet_1m", .once = skynet_1m},
	{.id = "sieve_1000", .once = sieve_1000},
	{.id = "million", .once = million},
	{0},
};
