/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gdead.c - a program on libgort that asks for no memory, with two goroutines each of which waits
 * for the lock that the other has; with `alive` the second one sleeps with its lock. It ends when
 * its input does.
 */
#include <gort/go.h>
#include <string.h>
#include <unistd.h>

static gort_mutex a, b;
static _Atomic int have; /* goroutines that have their first lock */

static void both(void)
{
	for (have++; have < 2;)
		gort_gosched();
}

__attribute__((noinline)) static void transfer(gort_mutex *from, gort_mutex *to)
{
	gort_mutex_lock(from);
	both();
	gort_mutex_lock(to);
	gort_mutex_unlock(to);
	gort_mutex_unlock(from);
}

__attribute__((noinline)) static void keep(gort_mutex *m)
{
	gort_mutex_lock(m);
	both();
	gort_sleep(3600 * sec);
	gort_mutex_unlock(m);
}

int gort_main(int argc, char **argv)
{
	char c;
	bool alive = argc > 1 && !strcmp(argv[1], "alive");
	go(transfer, &a, &b);
	if (alive)
		go(keep, &b);
	else
		go(transfer, &b, &a);
	gort_blocking_begin();
	while (read(0, &c, 1) > 0)
		;
	gort_blocking_end();
	_exit(0);
}
