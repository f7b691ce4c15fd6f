/* SPDX-License-Identifier: BSD-2-Clause */
/* fanout.c - the first program of the manual: fan-out, fan-in. */
#include <gort/go.h>

static void worker(chan(int) jobs, chan(long) out, waitgroup *wg)
{
	defer(wg_done, wg);
	chan_range (j, jobs)
		chan_send(out, (long)j * j);
}

static void feed(chan(int) jobs, int n)
{
	for (int i = 1; i <= n; i++)
		chan_send(jobs, i);
	chan_close(jobs);
}

static void close_when_done(waitgroup *wg, chan(long) out)
{
	wg_wait(wg);
	chan_close(out);
}

int gort_main(int argc, char **argv)
{
	chan(int) jobs = make_chan(int, 16);
	chan(long) out = make_chan(long, 0);
	waitgroup wg = {0};
	long sum = 0;

	(void)argc, (void)argv;
	for (int i = 0; i < 3; i++) {
		wg_add(&wg, 1);
		go(worker, jobs, out, &wg);
	}
	go(close_when_done, &wg, out);
	go(feed, jobs, 100);
	chan_range (v, out)
		sum += v;
	println("sum of squares: ", sum, ", ", 1.5, ", ", (bool)true, ", ", S("text"));
	return 0;
}
