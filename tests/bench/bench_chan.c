/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_chan.c - channels; go/chan.go in C. */
#include "bench.h"

static void echo(chan(long) in, chan(long) out)
{
	chan_range (v, in)
		chan_send(out, v);
	chan_close(out);
}

static void pingpong(long n)
{
	chan(long) there = make_chan(long, 0), back = make_chan(long, 0);
	go(echo, there, back);
	for (long i = 0; i < n; i++) {
		chan_send(there, i);
		(void)chan_recv(back);
	}
	chan_close(there);
	(void)chan_recv(back);
}

static void producer(chan(long) c, long n, waitgroup *wg)
{
	for (long i = 0; i < n; i++)
		chan_send(c, i);
	wg_done(wg);
}

static void consumer(chan(long) c, long n, waitgroup *wg)
{
	for (long i = 0; i < n; i++)
		(void)chan_recv(c);
	wg_done(wg);
}

static void oneway(long n)
{
	chan(long) c = make_chan(long, 0);
	waitgroup wg = {0};
	wg_add(&wg, 1);
	go(producer, c, n, &wg);
	for (long i = 0; i < n; i++)
		(void)chan_recv(c);
	wg_wait(&wg);
}

static void buffered(long n)
{
	chan(long) c = make_chan(long, 128);
	for (long i = 0; i < n; i++) {
		chan_send(c, i);
		(void)chan_recv(c);
	}
}

static void two_by_two(long n, gort_isize cap)
{
	chan(long) c = make_chan(long, cap);
	waitgroup wg = {0};
	wg_add(&wg, 4);
	for (int i = 0; i < 2; i++) {
		long share = i ? n / 2 : n - n / 2;
		go(producer, c, share, &wg);
		go(consumer, c, share, &wg);
	}
	wg_wait(&wg);
}

static void two_by_two_128(long n)
{
	two_by_two(n, 128);
}

static void two_by_two_1(long n)
{
	two_by_two(n, 1);
}

static void two_by_two_0(long n)
{
	two_by_two(n, 0);
}

const struct bench chan_benches[] = {
	{.id = "chan_pingpong", .run = pingpong},
	{.id = "chan_oneway", .run = oneway},
	{.id = "chan_buffered", .run = buffered},
	{.id = "chan_2p2c_128", .run = two_by_two_128},
	{.id = "chan_2p2c_1", .run = two_by_two_1},
	{.id = "chan_2p2c_0", .run = two_by_two_0},
	{0},
};
