/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_select.c - select; go/select.go in C. */
#include "bench.h"

static void two_ready(long n)
{
	chan(long) a = make_chan(long, 1), b = make_chan(long, 1);
	for (long i = 0; i < n; i++) {
		chan_send(i % 2 ? b : a, i);
		select
		{
			case_recv(a)
			{
			}
			case_recv(b)
			{
			}
		}
	}
}

static void eight_ready(long n)
{
	chan(long) c[8];
	for (int i = 0; i < 8; i++)
		c[i] = make_chan(long, 1);
	for (long i = 0; i < n; i++) {
		chan_send(c[i % 8], i);
		select
		{
			case_recv(c[0])
			{
			}
			case_recv(c[1])
			{
			}
			case_recv(c[2])
			{
			}
			case_recv(c[3])
			{
			}
			case_recv(c[4])
			{
			}
			case_recv(c[5])
			{
			}
			case_recv(c[6])
			{
			}
			case_recv(c[7])
			{
			}
		}
	}
}

/* Waits for both of in n times and answers on one of out. */
static void answerer(chan(long) * in, chan(long) * out, long n)
{
	for (long i = 0; i < n; i++) {
		select
		{
			case_recv(in[0])
			{
			}
			case_recv(in[1])
			{
			}
		}
		chan_send(out[i % 2], i);
	}
}

static void two_blocked(long n)
{
	chan(long) there[2], back[2];
	for (int i = 0; i < 2; i++) {
		there[i] = make_chan(long, 0);
		back[i] = make_chan(long, 0);
	}
	go(answerer, there, back, n);
	for (long i = 0; i < n; i++) {
		chan_send(there[i % 2], i);
		select
		{
			case_recv(back[0])
			{
			}
			case_recv(back[1])
			{
			}
		}
	}
}

const struct bench select_benches[] = {
	{.id = "select2_ready", .run = two_ready},
	{.id = "select8_ready", .run = eight_ready},
	{.id = "select2_blocked", .run = two_blocked},
	{0},
};
