/* SPDX-License-Identifier: BSD-2-Clause */
/* stress_sched.c - models of goroutines: bursts, trees, sleeps, blocking calls, odd ends. */
#include "stress.h"

/* ---- a burst of more goroutines than a ring holds: each runs exactly once ---- */

static void mark(_Atomic char *slot, waitgroup *wg, unsigned work)
{
	burn(work);
	CHECK(atomic_fetch_add(slot, 1) == 0, "burst: a goroutine ran twice");
	wg_done(wg);
}

void model_burst(unsigned *rnd)
{
	long n = 200 + next(rnd) % 2000;
	unsigned work = next(rnd) % 4 ? 0 : next(rnd) % 3000;
	_Atomic char *ran = calloc((size_t)n, 1);
	waitgroup wg = {0};
	wg_add(&wg, n);
	for (long i = 0; i < n; i++)
		go(mark, ran + i, &wg, work);
	wg_wait(&wg);
	for (long i = 0; i < n; i++)
		CHECK(ran[i] == 1, "burst: goroutine %ld of %ld ran %d times", i, n, ran[i]);
	free((void *)ran);
}

/* ---- a tree of goroutines: every inner node sums its ten children ---- */

static void leaf(chan(long) up, long first, long size)
{
	long sum = 0;
	if (size == 1) {
		chan_send(up, first);
		return;
	}
	chan(long) c = make_chan(long, 0);
	for (long i = 0; i < 10; i++)
		go(leaf, c, first + i * (size / 10), size / 10);
	for (long i = 0; i < 10; i++)
		sum += chan_recv(c);
	chan_send(up, sum);
}

void model_tree(unsigned *rnd)
{
	long size = next(rnd) % 3 ? 100 : 1000;
	chan(long) c = make_chan(long, 0);
	go(leaf, c, 0l, size);
	long sum = chan_recv(c);
	CHECK(sum == size * (size - 1) / 2, "tree: sum %ld of %ld", sum, size);
}

/* ---- sleeps are never early ---- */

static void sleeper(gort_duration d, waitgroup *wg)
{
	int64_t start = now();
	gort_sleep(d);
	CHECK(now() - start >= d, "sleep: %ld ns early", (long)(d - (now() - start)));
	wg_done(wg);
}

void model_sleeps(unsigned *rnd)
{
	waitgroup wg = {0};
	unsigned n = next(rnd) % 50;
	wg_add(&wg, n);
	for (unsigned i = 0; i < n; i++)
		go(sleeper, (gort_duration)(next(rnd) % 3000 * us), &wg);
	wg_wait(&wg);
}

/* ---- blocking calls hand their P over; errno stays with the caller ---- */

static void blocker(unsigned micros, waitgroup *wg)
{
	struct timespec t = {0, micros * 1000l};
	gort_blocking_begin();
	nanosleep(&t, NULL);
	gort_blocking_end();
	wg_done(wg);
}

void model_blocking(unsigned *rnd)
{
	waitgroup wg = {0};
	unsigned n = next(rnd) % 6;
	wg_add(&wg, n);
	for (unsigned i = 0; i < n; i++)
		go(blocker, next(rnd) % 1500, &wg);
	wg_wait(&wg);
}

/* ---- goroutines that end in odd ways: goexit with defers, deep stacks, names ---- */

static void bump(_Atomic long *n)
{
	atomic_fetch_add(n, 1);
}

static void quitter(_Atomic long *n, waitgroup *wg, int depth)
{
	volatile char stack[1024];
	stack[0] = stack[1023] = (char)depth;
	if (depth < 0)
		return;
	defer(bump, n);
	if (depth == 0) {
		wg_done(wg);
		gort_set_name("quitter");
		gort_goexit();
	}
	quitter(n, wg, depth - 1);
}

void model_quits(unsigned *rnd)
{
	waitgroup wg = {0};
	_Atomic long n = 0;
	long want = 0;
	unsigned count = next(rnd) % 20;
	wg_add(&wg, count);
	for (unsigned i = 0; i < count; i++) {
		int depth = (int)(next(rnd) % 50);
		want += depth + 1;
		go(quitter, &n, &wg, depth);
	}
	wg_wait(&wg);
	while (n != want) /* the defers run after wg_done */
		gort_gosched();
}
