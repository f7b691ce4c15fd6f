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

COLD void selecter(chan(int) a, chan(int) b)
{
	select
	{
		case_recv(a)
		{
		}
		case_send(b, 1)
		{
		}
	}
	KEEP;
}

COLD void conder(mutex *mu, cond *c)
{
	mutex_lock(mu);
	cond_wait(c, mu);
	KEEP;
}

static waitgroup both;

/* Two of these wait for each other. */
COLD void locker(mutex *first, mutex *second)
{
	mutex_lock(first);
	wg_done(&both);
	wg_wait(&both);
	mutex_lock(second);
	KEEP;
	mutex_unlock(first);
}

COLD void spawn_waits(void)
{
	static mutex a, b, mu;
	static cond c;
	wg_add(&both, 2);
	go(locker, &a, &b);
	go(locker, &b, &a);
	go(conder, &mu, &c);
	go(selecter, make_chan(int, 0), make_chan(int, 0));
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
	spawn_waits();
	go(spinner, &spins);
	go(in_kernel, 0);
	println("ready");
	fflush(stdout);
	wg_wait(&wg);
	return 0;
}
