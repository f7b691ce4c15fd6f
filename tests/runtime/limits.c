/* SPDX-License-Identifier: BSD-2-Clause */
/* limits.c - limits MODE [N]: programs that limits.sh runs where something is scarce. */
#include <fcntl.h>
#include <gort/go.h>

static void parked(chan(int) gate)
{
	(void)chan_recv(gate);
}

static void worker(chan(long) in, chan(long) out)
{
	chan_range (v, in) {
		gort_sleep(100 * us);
		chan_send(out, 2 * v);
	}
	chan_close(out);
}

/* What an ordinary small program does. */
static int small(void)
{
	chan(long) in = make_chan(long, 4), out = make_chan(long, 0);
	chan(int) gate = make_chan(int, 0);
	long sum = 0;
	go(worker, in, out);
	for (int i = 0; i < 100; i++)
		go(parked, gate);
	for (long i = 0; i < 20; i++) {
		chan_send(in, i);
		sum += chan_recv(out);
	}
	chan_close(in);
	chan_close(gate);
	println("sum ", sum);
	return sum == 380 ? 0 : 1;
}

static int many(long n)
{
	chan(int) gate = make_chan(int, 0);
	for (long i = 0; i < n; i++)
		go(parked, gate);
	gort_sleep(1 * ms);
	println("all ", n, " started");
	return 0;
}

static void blocked(waitgroup *wg)
{
	gort_blocking_begin();
	usleep(300000);
	gort_blocking_end();
	wg_done(wg);
}

/* Each goroutine keeps a thread of its own in the kernel. */
static int threads(long n)
{
	waitgroup wg = {0};
	wg_add(&wg, n);
	for (long i = 0; i < n; i++)
		go(blocked, &wg);
	wg_wait(&wg);
	println("all ", n, " blocked");
	return 0;
}

static void openall(void)
{
	while (open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0)
		;
}

/* early: the poller was there before the descriptors ran out. */
static int opens(bool early)
{
	if (early)
		gort_sleep(1 * ms);
	openall();
	gort_sleep(1 * ms);
	return small();
}

static int deadlock(void)
{
	openall();
	(void)chan_recv(make_chan(int, 0));
	return 0;
}

int gort_main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	long n = argc > 2 ? atol(argv[2]) : 0;
	if (!strcmp(mode, "small"))
		return small();
	if (!strcmp(mode, "many"))
		return many(n);
	if (!strcmp(mode, "threads"))
		return threads(n);
	if (!strcmp(mode, "opens"))
		return opens(n);
	if (!strcmp(mode, "deadlock"))
		return deadlock();
	fprintf(stderr, "limits: no mode '%s'\n", mode);
	return 1;
}
