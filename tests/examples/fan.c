/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fan.c - fan-out, fan-in: three workers square the numbers 1 to 100, the main goroutine adds up.
 *
 * The jobs are fed by a goroutine of their own. Were they sent by the main goroutine, it could
 * block on a full job channel while the workers block on results that nobody takes: a deadlock.
 */
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
	(void)argc, (void)argv;
	chan(int) jobs = make_chan(int, 16);
	chan(long) out = make_chan(long, 0);
	waitgroup wg = {0};

	for (int i = 0; i < 3; i++) {
		wg_add(&wg, 1);
		go(worker, jobs, out, &wg);
	}
	go(close_when_done, &wg, out);
	go(feed, jobs, 100);

	long sum = 0;
	chan_range (v, out)
		sum += v;
	println("sum of squares: ", sum);
	return 0;
}
