/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gtarget.c - a program on libgort with goroutines parked in every way that test_gortlive knows,
 * and some that run. `gtarget N` starts N of each kind; it ends with its input.
 */
#include <gort/go.h>

#define KEEP __asm__ volatile("" ::: "memory")
#define COLD __attribute__((noinline)) static

COLD void receive_leaf(chan(int) c)
{
	(void)chan_recv(c);
	KEEP;
}

COLD void receiver(chan(int) c)
{
	receive_leaf(c);
	KEEP;
}

COLD void sender(chan(int) c)
{
	gort_set_name("sender");
	chan_send(c, 1);
	KEEP;
}

COLD void sleeper(void)
{
	gort_sleep(3600 * sec);
	KEEP;
}

COLD void waiter(waitgroup *wg)
{
	wg_wait(wg);
	KEEP;
}

COLD void in_kernel(int fd)
{
	char c;
	gort_blocking_begin();
	if (read(fd, &c, 1) <= 0)
		_exit(0);
	gort_blocking_end();
	KEEP;
}

COLD void spinner(volatile unsigned long *n)
{
	for (;;)
		++*n;
}

COLD void spawn_all(int each, waitgroup *wg)
{
	chan(int) never = make_chan(int, 0), full = make_chan(int, 0);
	for (int i = 0; i < each; i++) {
		go(receiver, never);
		go(sender, full);
		go(sleeper);
		go(waiter, wg);
	}
}

int gort_main(int argc, char **argv)
{
	static waitgroup wg;
	static volatile unsigned long spins;
	wg_add(&wg, 1);
	spawn_all(argc > 1 ? atoi(argv[1]) : 1, &wg);
	go(spinner, &spins);
	go(in_kernel, 0);
	println("ready");
	fflush(stdout);
	wg_wait(&wg);
	return 0;
}
