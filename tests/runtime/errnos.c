/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * errnos.c - errno after a failing call is the goroutine's, also when it has moved to another
 * thread or others have run on its own. Ends once enough moves were seen.
 */
#include <gort/go.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "patience.h"

enum { MOVES = 60, DRIVERS = 16 };
static _Atomic int moves, wrong;

static long thread(void)
{
	return syscall(SYS_gettid);
}

/* Its P goes to another thread meanwhile: it comes back to a queue, and goes on elsewhere. */
static void block(void)
{
	gort_blocking_begin();
	syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){0, 1000000}, NULL);
	gort_blocking_end();
}

static void driver(int me, waitgroup *wg)
{
	for (long i = 0; atomic_load(&moves) < MOVES; i++) {
		long before = thread();
		errno = 0;
		if (i % 2 ? dup2(-1, -1) >= 0 : chdir("/nowhere") == 0)
			_exit(98);
		int want = i % 2 ? EBADF : ENOENT;
		int here = errno; /* the compiler has seen the address of errno */
		if (me % 4 == 0)
			block();
		else if (me % 4 == 2)
			gort_sleep(50 * us);
		else if (me % 4 == 1)
			usleep(30);
		else
			gort_gosched();
		if (here != want || errno != want)
			atomic_fetch_add(&wrong, 1);
		if (thread() != before)
			atomic_fetch_add(&moves, 1);
		for (volatile int spin = 0; spin < 20000; spin++)
			;
	}
	wg_done(wg);
}

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	alarm(patience(60));
	wg_add(&wg, DRIVERS);
	for (int i = 0; i < DRIVERS; i++)
		go(driver, i, &wg);
	wg_wait(&wg);
	if (wrong)
		printf("%d times another's errno\n", wrong);
	else
		puts("ok");
	return 0;
}
