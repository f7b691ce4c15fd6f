/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gdead.c - a program on libgort that asks for no memory, with two goroutines each of which waits
 * for the lock that the other has; with `alive` the second one sleeps with its lock, with `write`
 * it is the writer of a reader-writer lock, and with `ended` it has ended with it. The program ends
 * when its input does.
 */
#include <gort/go.h>
#include <string.h>
#include <unistd.h>

static gort_mutex a, b;
static gort_rwmutex rw;
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

__attribute__((noinline)) static void leave(gort_mutex *m)
{
	gort_mutex_lock(m);
	have++;
}

__attribute__((noinline)) static void writes(void)
{
	gort_rwmutex_lock(&rw);
	have += 2;
	gort_sleep(3600 * sec);
	gort_rwmutex_unlock(&rw);
}

__attribute__((noinline)) static void reads(void)
{
	while (have < 2)
		gort_gosched();
	gort_rwmutex_rlock(&rw);
	gort_rwmutex_runlock(&rw);
}

static void start(const char *how)
{
	if (!strcmp(how, "write")) {
		go(reads);
		go(writes);
		return;
	}
	go(transfer, &a, &b);
	if (!strcmp(how, "alive"))
		go(keep, &b);
	else if (!strcmp(how, "ended"))
		go(leave, &b);
	else
		go(transfer, &b, &a);
}

int gort_main(int argc, char **argv)
{
	char c;
	start(argc > 1 ? argv[1] : "");
	gort_blocking_begin();
	while (read(0, &c, 1) > 0)
		;
	gort_blocking_end();
	_exit(0);
}
