/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_core.c - the basic costs of libgort; go/main.go is the same in Go. README.md says what
 * one operation of each is, and the contract with scripts/bench.
 */
#include <gort/go.h>
#include <time.h>

#define BATCH 1000

static void spawn_exit(long n)
{
	waitgroup wg = {0};
	while (n > 0) {
		long now = n < BATCH ? n : BATCH;
		wg_add(&wg, now);
		for (long i = 0; i < now; i++)
			go(wg_done, &wg);
		wg_wait(&wg);
		n -= now;
	}
}

static void yielder(long n, waitgroup *wg)
{
	for (long i = 0; i < n; i++)
		gort_gosched();
	wg_done(wg);
}

static void yield_2(long n)
{
	waitgroup wg = {0};
	wg_add(&wg, 2);
	go(yielder, n / 2, &wg);
	go(yielder, n - n / 2, &wg);
	wg_wait(&wg);
}

static void echo(chan(long) in, chan(long) out)
{
	chan_range (v, in)
		chan_send(out, v);
	chan_close(out);
}

static void chan_pingpong(long n)
{
	chan(long) there = make_chan(long, 0), back = make_chan(long, 0);
	go(echo, there, back);
	for (long i = 0; i < n; i++) {
		chan_send(there, i);
		(void)chan_recv(back);
	}
	chan_close(there);
	(void)chan_recv(back);
}

static void chan_buffered(long n)
{
	chan(long) c = make_chan(long, 128);
	for (long i = 0; i < n; i++) {
		chan_send(c, i);
		(void)chan_recv(c);
	}
}

static void uncontended(long n)
{
	mutex m = {0};
	for (long i = 0; i < n; i++) {
		mutex_lock(&m);
		mutex_unlock(&m);
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

static void mutex_contended_100(long n)
{
	mutex m = {0};
	waitgroup wg = {0};
	wg_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		go(locker, n / 100 + (i < n % 100), &m, &wg);
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

static const struct {
	const char *id;
	void (*run)(long n);
} benches[] = {
	{"spawn_exit", spawn_exit},
	{"yield_2", yield_2},
	{"chan_pingpong", chan_pingpong},
	{"chan_buffered", chan_buffered},
	{"mutex", uncontended},
	{"mutex_contended_100", mutex_contended_100},
	{"cond_pingpong", cond_pingpong},
};

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ns per operation of the first run, n doubling from 1, that lasts at least `least` ns. */
static double measure(void (*run)(long), int64_t least)
{
	for (long n = 1;; n *= 2) {
		int64_t start = now();
		run(n);
		int64_t took = now() - start;
		if (took >= least || n >= 1l << 40)
			return (double)took / (double)n;
	}
}

int gort_main(int argc, char **argv)
{
	const char *text = getenv("GORT_BENCH_MS");
	int64_t millis = text && atoi(text) > 0 ? atoi(text) : 100;
	bool found = false;
	for (size_t i = 0; i < sizeof(benches) / sizeof(*benches); i++) {
		if (argc > 1 && strcmp(argv[1], benches[i].id) != 0)
			continue;
		found = true;
		printf("%s %.2f\n", benches[i].id, measure(benches[i].run, millis * ms));
	}
	if (!found)
		fprintf(stderr, "bench_core: no benchmark is called %s\n", argv[1]);
	return found ? 0 : 2;
}
