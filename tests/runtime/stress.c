/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress.c - random concurrent models on libgort, each of which knows what must come out.
 *
 * stress [SECONDS [SEED [DRIVERS [MODEL]]]]: several drivers at once run one model after the
 * other, chosen at random, or only that of index MODEL. Exit 0 when every model came out right;
 * else a message with the model and exit 1. A program that stands still is ended by SIGALRM, and
 * by the deadlock detector if all goroutines sleep.
 */
#include <gort/go.h>
#include <stdatomic.h>
#include <time.h>

static _Atomic long models[10];
static int64_t deadline;
static int only = -1;

#define CHECK(cond, ...)                                         \
	do {                                                     \
		if (!(cond)) {                                   \
			fprintf(stderr, "stress: " __VA_ARGS__); \
			fprintf(stderr, "\n");                   \
			_exit(1);                                \
		}                                                \
	} while (0)

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static unsigned next(unsigned *rnd)
{
	*rnd = *rnd * 1664525 + 1013904223;
	return *rnd >> 8;
}

static void burn(unsigned n)
{
	for (volatile unsigned i = 0; i < n; i++)
		;
}

/* ---- a pipeline keeps the order ---- */

struct item {
	long seq;
	long twice;
	char pad[24];
};

static void stage(chan(struct item) in, chan(struct item) out)
{
	chan_range (v, in)
		chan_send(out, v);
	chan_close(out);
}

static void source(chan(struct item) out, long n)
{
	for (long i = 0; i < n; i++)
		chan_send(out, (struct item){.seq = i, .twice = 2 * i});
	chan_close(out);
}

static void pipeline(unsigned *rnd)
{
	long n = next(rnd) % 300, seen = 0;
	chan(struct item) c = make_chan(struct item, next(rnd) % 4);
	go(source, c, n);
	for (unsigned stages = next(rnd) % 8; stages > 0; stages--) {
		chan(struct item) d = make_chan(struct item, next(rnd) % 4);
		go(stage, c, d);
		c = d;
	}
	chan_range (v, c) {
		CHECK(v.seq == seen && v.twice == 2 * seen, "pipeline: %ld for %ld", v.seq, seen);
		seen++;
	}
	CHECK(seen == n, "pipeline: %ld of %ld", seen, n);
}

/* ---- ping-pong, small elements ---- */

static void pong(chan(int) in, chan(int) out, long n)
{
	for (long i = 0; i < n; i++)
		chan_send(out, chan_recv(in) + 1);
}

static void pingpong(unsigned *rnd)
{
	int n = (int)(next(rnd) % 500);
	chan(int) a = make_chan(int, next(rnd) % 2), b = make_chan(int, 0);
	go(pong, a, b, n);
	for (int i = 0; i < n; i++) {
		chan_send(a, i);
		int got = chan_recv(b);
		CHECK(got == i + 1, "pingpong: %d for %d", got, i + 1);
	}
}

/* ---- a burst of more goroutines than a ring holds: each runs exactly once ---- */

static void mark(_Atomic char *slot, waitgroup *wg, unsigned work)
{
	burn(work);
	CHECK(atomic_fetch_add(slot, 1) == 0, "burst: a goroutine ran twice");
	wg_done(wg);
}

static void burst(unsigned *rnd)
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

static void tree(unsigned *rnd)
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

static void sleeps(unsigned *rnd)
{
	waitgroup wg = {0};
	unsigned n = next(rnd) % 50;
	wg_add(&wg, n);
	for (unsigned i = 0; i < n; i++)
		go(sleeper, (gort_duration)(next(rnd) % 3000 * us), &wg);
	wg_wait(&wg);
}

/* ---- many producers and consumers: nothing is lost or made up; close wakes all ---- */

static void produce(chan(long) c, long n, waitgroup *wg)
{
	for (long i = 1; i <= n; i++)
		chan_send(c, i);
	wg_done(wg);
}

static void consume(chan(long) c, _Atomic long *sum, waitgroup *wg)
{
	chan_range (v, c) {
		atomic_fetch_add(sum, v);
		if (v % 16 == 0)
			gort_gosched();
	}
	wg_done(wg);
}

static void manymany(unsigned *rnd)
{
	long n = next(rnd) % 200, producers = 1 + next(rnd) % 8, consumers = 1 + next(rnd) % 8;
	chan(long) c = make_chan(long, next(rnd) % 5);
	waitgroup in = {0}, out = {0};
	_Atomic long sum = 0;
	wg_add(&in, producers);
	wg_add(&out, consumers);
	for (long i = 0; i < consumers; i++)
		go(consume, c, &sum, &out);
	for (long i = 0; i < producers; i++)
		go(produce, c, n, &in);
	wg_wait(&in);
	chan_close(c);
	wg_wait(&out);
	CHECK(sum == producers * n * (n + 1) / 2, "manymany: sum %ld", sum);
}

/* ---- two goroutines that send to and receive from each other in one select ---- */

static void crosser(chan(struct item) in, chan(struct item) out, long n, waitgroup *wg)
{
	long sent = 0, got = 0;
	while (sent < n || got < n) {
		select
		{
			case_send(
				sent < n ? out : nil, (struct item){.seq = sent, .twice = 2 * sent})
			{
				sent++;
			}
			case_recv(got < n ? in : nil, v)
			{
				CHECK(v.seq == got && v.twice == 2 * got, "cross: %ld for %ld",
					v.seq, got);
				got++;
			}
		}
	}
	wg_done(wg);
}

static void cross(unsigned *rnd)
{
	long n = next(rnd) % 500;
	chan(struct item) x = make_chan(struct item, next(rnd) % 3 ? 0 : next(rnd) % 3);
	chan(struct item) y = make_chan(struct item, next(rnd) % 3 ? 0 : next(rnd) % 3);
	waitgroup wg = {0};
	wg_add(&wg, 2);
	go(crosser, x, y, n, &wg);
	go(crosser, y, x, n, &wg);
	wg_wait(&wg);
}

/*
 * ---- a mesh of selects, plain sends and plain receives on the same channels: every value arrives
 * once. Every node receives from all channels until all is sent, so that no send is stuck ----
 */

#define MESH 3

struct mesh {
	chan(long) c[MESH];
	chan(char) done;
	_Atomic long sent, got;
	waitgroup senders, nodes, plain;
	bool timers;
};

static void node(struct mesh *m, unsigned seed, long left)
{
	unsigned rnd = seed;
	for (bool more = true; more;) {
		long value = 1 + next(&rnd) % 1000;
		chan(long) to = left > 0 ? m->c[next(&rnd) % MESH] : nil;
		select
		{
			case_recv(m->c[0], v)
			{
				atomic_fetch_add(&m->got, v);
			}
			case_recv(m->c[1], v)
			{
				atomic_fetch_add(&m->got, v);
			}
			case_recv(m->c[2], v)
			{
				atomic_fetch_add(&m->got, v);
			}
			case_send(to, value)
			{
				atomic_fetch_add(&m->sent, value);
				if (--left == 0)
					wg_done(&m->senders);
			}
			if (m->timers)
				case_after(next(&rnd) % 50 * us)
				{
					gort_gosched();
				}
			case_done(m->done)
			{
				more = false;
			}
		}
	}
	wg_done(&m->nodes);
}

static void meshsend(struct mesh *m, chan(long) c, long n)
{
	for (long i = 1; i <= n; i++) {
		chan_send(c, i);
		atomic_fetch_add(&m->sent, i);
	}
	wg_done(&m->senders);
}

static void mesh(unsigned *rnd)
{
	struct mesh m = {.done = make_chan(char, 0), .timers = next(rnd) % 3 == 0};
	long nodes = 2 + next(rnd) % 6, n = 1 + next(rnd) % 100;
	wg_add(&m.senders, nodes + MESH);
	wg_add(&m.nodes, nodes);
	wg_add(&m.plain, MESH);
	for (int i = 0; i < MESH; i++) {
		m.c[i] = make_chan(long, next(rnd) % 3);
		go(consume, m.c[i], &m.got, &m.plain);
	}
	for (int i = 0; i < MESH; i++)
		go(meshsend, &m, m.c[i], n);
	for (long i = 0; i < nodes; i++)
		go(node, &m, next(rnd), n);
	wg_wait(&m.senders);
	chan_close(m.done);
	wg_wait(&m.nodes);
	for (int i = 0; i < MESH; i++)
		chan_close(m.c[i]);
	wg_wait(&m.plain);
	CHECK(m.sent == m.got, "mesh: %ld sent, %ld received", m.sent, m.got);
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

static void blocking(unsigned *rnd)
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

static void quits(unsigned *rnd)
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

static void (*const model[])(unsigned *rnd) = {
	pipeline, pingpong, burst, tree, sleeps, manymany, cross, mesh, blocking, quits};
#define NMODELS (sizeof(model) / sizeof(*model))

static void driver(unsigned seed, waitgroup *wg)
{
	unsigned rnd = seed;
	while (now() < deadline) {
		unsigned m = only >= 0 ? (unsigned)only : next(&rnd) % NMODELS;
		model[m](&rnd);
		atomic_fetch_add(&models[m], 1);
	}
	wg_done(wg);
}

int gort_main(int argc, char **argv)
{
	int seconds = argc > 1 ? atoi(argv[1]) : 2;
	unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : (unsigned)now();
	int drivers = argc > 3 ? atoi(argv[3]) : 16;
	only = argc > 4 ? atoi(argv[4]) : -1;
	waitgroup wg = {0};
	alarm((unsigned)seconds + 60);
	deadline = now() + seconds * sec;
	wg_add(&wg, drivers);
	for (int i = 0; i < drivers; i++)
		go(driver, seed + (unsigned)i * 7919u, &wg);
	wg_wait(&wg);
	printf("seed %u:", seed);
	for (size_t i = 0; i < NMODELS; i++)
		printf(" %ld", models[i]);
	printf("\n");
	return 0;
}
