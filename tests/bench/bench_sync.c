/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_sync.c - locks, wait group, condition variable; go/sync.go in C. */
#include "bench.h"

#define LOCKERS 100

static void uncontended(long n)
{
	mutex m = {0};
	for (long i = 0; i < n; i++) {
		mutex_lock(&m);
		mutex_unlock(&m);
	}
}

static void read_lock(long n)
{
	rwmutex rw = {0};
	for (long i = 0; i < n; i++) {
		rwmutex_rlock(&rw);
		rwmutex_runlock(&rw);
	}
}

static void wait_group(long n)
{
	waitgroup wg = {0};
	for (long i = 0; i < n; i++) {
		wg_add(&wg, 1);
		wg_done(&wg);
		wg_wait(&wg);
	}
}

static void locker(long n, mutex *m, waitgroup *wg)
{
	for (long i = 0; i < n; i++) {
		mutex_lock(m);
		mutex_unlock(m);
	}
	wg_done(wg);
}

static void contended(long n)
{
	mutex m = {0};
	waitgroup wg = {0};
	wg_add(&wg, LOCKERS);
	for (int i = 0; i < LOCKERS; i++)
		go(locker, n / LOCKERS + (i < n % LOCKERS), &m, &wg);
	wg_wait(&wg);
}

struct table {
	mutex m;
	cond c;
	int turn;
};

static void player(long n, struct table *t, int me, waitgroup *wg)
{
	mutex_lock(&t->m);
	for (long i = 0; i < n; i++) {
		while (t->turn != me)
			cond_wait(&t->c, &t->m);
		t->turn = !me;
		cond_signal(&t->c);
	}
	mutex_unlock(&t->m);
	wg_done(wg);
}

static void cond_pingpong(long n)
{
	struct table t = {0};
	waitgroup wg = {0};
	wg_add(&wg, 2);
	go(player, n, &t, 0, &wg);
	go(player, n, &t, 1, &wg);
	wg_wait(&wg);
}

const struct bench sync_benches[] = {
	{.id = "mutex", .run = uncontended},
	{.id = "rlock", .run = read_lock},
	{.id = "waitgroup", .run = wait_group},
	{.id = "mutex_contended_100", .run = contended, .least = 1000 * LOCKERS},
	{.id = "cond_pingpong", .run = cond_pingpong},
	{0},
};
