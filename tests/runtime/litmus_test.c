/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * litmus_test.c - the memory model (runtime/MEMORY_MODEL.md) by small programs of two goroutines
 * on two Ps. Each runs many rounds, on fresh objects, begun at the same moment and shifted against
 * each other by a few cycles, and counts the outcomes that the model forbids.
 *
 * Every edge has a twin in which it is missing: there the same harness must see the outcome, or
 * it proves nothing. Two twins are left out, since amd64 never shows them: message passing and
 * load buffering by relaxed atomics; they could only go wrong in the compiler.
 */
#include "child.h"
#include "suite.h"

#include <gort/atomic.h>
#include <sched.h>
#include <stdatomic.h>

/* What a round uses. Data are plain words: that is what the edges are for. */
struct cell {
	long data, seen;
	long r[2];
	gort_atomic_int64 x, y;
	_Atomic long rx, ry; /* for the relaxed twins */
	chan(long) c;
	mutex m;
	rwmutex rw;
	once o;
	waitgroup wg;
	semaphore sem;
	cond cv;
} __attribute__((aligned(128)));

struct litmus {
	const char *name;
	void (*body[2])(struct cell *);
	bool (*forbidden)(const struct cell *);
	int cap; /* of c */
	void (*prepare)(struct cell *);
};

#define LITMUS(text, a, b, no, ...)                                                         \
	{                                                                                   \
		.name = (text), .body = {a, b}, .forbidden = (no)__VA_OPT__(, ) __VA_ARGS__ \
	}

/* ---- the harness ---- */

#define CELLS 250

static struct {
	const struct litmus *test;
	struct cell cell[CELLS];
	_Atomic unsigned long arrived;
	waitgroup wg;
} all;

/* Both go on at once. A goroutine that waits for long may keep the other one from running. */
static void meet(unsigned long round)
{
	atomic_fetch_add(&all.arrived, 1);
	for (unsigned i = 1; atomic_load(&all.arrived) < 2 * round; i++)
		if (i % 4096 == 0)
			gort_gosched();
}

static void side(int me)
{
	unsigned rnd = (unsigned)me * 77 + (unsigned)monotonic();
	for (unsigned long i = 0; i < CELLS; i++) {
		rnd = rnd * 1664525 + 1013904223;
		meet(i + 1);
		for (unsigned k = rnd >> 30 ? rnd >> 26 & 1 : rnd >> 24 & 63; k > 0; k--)
			__builtin_ia32_pause();
		all.test->body[me](&all.cell[i]);
	}
	wg_done(&all.wg);
}

static long batch(const struct litmus *t)
{
	long forbidden = 0;
	memset(all.cell, 0, sizeof(all.cell));
	for (int i = 0; i < CELLS; i++) {
		all.cell[i].c = make_chan(long, t->cap);
		if (t->prepare)
			t->prepare(&all.cell[i]);
	}
	all.test = t;
	all.arrived = 0;
	wg_add(&all.wg, 2);
	go(side, 0);
	go(side, 1);
	wg_wait(&all.wg);
	for (int i = 0; i < CELLS; i++)
		forbidden += t->forbidden(&all.cell[i]);
	return forbidden;
}

/* On a busy machine, where the two hardly run at once, fewer rounds. */
static void never(const struct litmus *t)
{
	int64_t end = monotonic() + sec;
	for (int i = 0; i < 2 || (i < 40 && monotonic() < end); i++) {
		long n = batch(t);
		if (n)
			dprintf(2, "%s: %ld forbidden outcomes\n", t->name, n);
		REQUIRE(n == 0);
	}
}

static void must_be_seen(const struct litmus *t)
{
	int64_t end = monotonic() + patience(40) * sec;
	while (monotonic() < end)
		if (batch(t) > 0)
			return;
	dprintf(2, "%s: not seen\n", t->name);
	REQUIRE(false);
}

static void never_all(const struct litmus *tests, size_t n)
{
	alarm(patience(220)); /* child.h gives a minute, too little for a busy machine */
	for (size_t i = 0; i < n; i++)
		never(&tests[i]);
}

static void must_be_seen_all(const struct litmus *tests, size_t n)
{
	for (size_t i = 0; i < n; i++)
		must_be_seen(&tests[i]);
}

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

/* Side 1 has read r[1] == 1, so it must have read seen == 1; and the same without a condition. */
static bool stale(const struct cell *x)
{
	return x->r[1] == 1 && x->seen != 1;
}

static bool unseen(const struct cell *x)
{
	return x->seen != 1;
}

static bool both_zero(const struct cell *x)
{
	return x->r[0] == 0 && x->r[1] == 0;
}

static bool not_two(const struct cell *x)
{
	return x->data != 2;
}

/* ---- atomics ---- */

static void publish_atomic(struct cell *x)
{
	x->data = 1;
	gort_atomic_int64_store(&x->x, 1);
}

static void read_atomic(struct cell *x)
{
	x->r[1] = gort_atomic_int64_load(&x->x);
	x->seen = x->data;
}

static void linger(int n)
{
	for (volatile int i = 0; i < n; i++)
		;
}

static void publish_too_early(struct cell *x)
{
	gort_atomic_int64_store(&x->x, 1);
	linger(20);
	x->data = 1;
}

static void store_x_load_y(struct cell *x)
{
	gort_atomic_int64_store(&x->x, 1);
	x->r[0] = gort_atomic_int64_load(&x->y);
}

static void store_y_load_x(struct cell *x)
{
	gort_atomic_int64_store(&x->y, 1);
	x->r[1] = gort_atomic_int64_load(&x->x);
}

static void swap_x_load_y(struct cell *x)
{
	gort_atomic_int64_add(&x->x, 1);
	x->r[0] = gort_atomic_int64_load(&x->y);
}

static void relaxed_x_y(struct cell *x)
{
	atomic_store_explicit(&x->rx, 1, memory_order_relaxed);
	x->r[0] = atomic_load_explicit(&x->ry, memory_order_relaxed);
}

static void relaxed_y_x(struct cell *x)
{
	atomic_store_explicit(&x->ry, 1, memory_order_relaxed);
	x->r[1] = atomic_load_explicit(&x->rx, memory_order_relaxed);
}

static void read_twice(struct cell *x)
{
	long first = gort_atomic_int64_load(&x->x);
	x->r[1] = first;
	x->seen = gort_atomic_int64_load(&x->x) >= first;
}

static const struct litmus atomics[] = {
	LITMUS("message passing", publish_atomic, read_atomic, stale),
	LITMUS("store buffering", store_x_load_y, store_y_load_x, both_zero),
	LITMUS("store buffering, add", swap_x_load_y, store_y_load_x, both_zero),
	LITMUS("coherence", publish_atomic, read_twice, stale),
};

static const struct litmus no_atomics[] = {
	LITMUS("flag before data", publish_too_early, read_atomic, stale),
	LITMUS("relaxed store buffering", relaxed_x_y, relaxed_y_x, both_zero),
};

static int atomics_order(int argc, char **argv)
{
	(void)argc, (void)argv;
	never_all(atomics, COUNT(atomics));
	must_be_seen_all(no_atomics, COUNT(no_atomics));
	return 0;
}

/* ---- channels ---- */

static void write_send(struct cell *x)
{
	x->data = 1;
	chan_send(x->c, 1l);
}

static void receive_read(struct cell *x)
{
	x->r[1] = chan_recv(x->c);
	x->seen = x->data;
}

static void select_receive_read(struct cell *x)
{
	select
	{
		case_recv(x->c, v)
		{
			x->r[1] = v;
		}
		case_after(sec)
		{
		}
	}
	x->seen = x->data;
}

static void select_write_send(struct cell *x)
{
	x->data = 1;
	select
	{
		case_send(x->c, 1l)
		{
		}
		case_after(sec)
		{
		}
	}
}

static void poll_read(struct cell *x)
{
	select
	{
		case_recv(x->c, v)
		{
			x->r[1] = v;
		}
		case_default
		{
		}
	}
	x->seen = x->data;
}

static void read_receive(struct cell *x)
{
	x->seen = x->data;
	x->r[1] = chan_recv(x->c);
}

/* The other way round: what the receiver did is seen after the send. */
static void write_receive(struct cell *x)
{
	x->data = 1;
	x->r[0] = chan_recv(x->c);
}

static void send_read(struct cell *x)
{
	chan_send(x->c, 1l);
	x->seen = x->data;
}

/* The second send into room for one completes after the first receive. */
static void fill_send_read(struct cell *x)
{
	chan_send(x->c, 1l);
	chan_send(x->c, 2l);
	x->seen = x->data;
}

static void write_close(struct cell *x)
{
	x->data = 1;
	chan_close(x->c);
}

static void receive_end_read(struct cell *x)
{
	long v;
	x->r[1] = !chan_recv_ok(x->c, &v);
	x->seen = x->data;
}

static void poll_end_read(struct cell *x)
{
	select
	{
		case_recv(x->c, v, ok)
		{
			x->r[1] = !ok && !v;
		}
		case_default
		{
		}
	}
	x->seen = x->data;
}

/* A channel as a lock: in goes a token, out it comes again. */
static void in_out(struct cell *x)
{
	chan_send(x->c, 1l);
	long v = x->data;
	linger(20);
	x->data = v + 1;
	(void)chan_recv(x->c);
}

static const struct litmus channels[] = {
	LITMUS("send, receive", write_send, receive_read, stale),
	LITMUS("send, receive, buffered", write_send, receive_read, stale, .cap = 1),
	LITMUS("send, select", write_send, select_receive_read, stale),
	LITMUS("select, receive", select_write_send, receive_read, stale),
	LITMUS("select, select, buffered", select_write_send, select_receive_read, stale, .cap = 2),
	LITMUS("send, poll", write_send, poll_read, stale, .cap = 1),
	LITMUS("receive, send", write_receive, send_read, unseen),
	LITMUS("first receive, second send", write_receive, fill_send_read, unseen, .cap = 1),
	LITMUS("close, receive", write_close, receive_end_read, stale),
	LITMUS("close, receive, buffered", write_close, receive_end_read, stale, .cap = 1),
	LITMUS("close, poll", write_close, poll_end_read, stale),
	LITMUS("one token", in_out, in_out, not_two, .cap = 1),
};

static const struct litmus no_channels[] = {
	LITMUS("read, receive", write_send, read_receive, stale),
	LITMUS("receive, buffered send", write_receive, send_read, unseen, .cap = 1),
	LITMUS("first receive, second of two", write_receive, fill_send_read, unseen, .cap = 2),
	LITMUS("two tokens", in_out, in_out, not_two, .cap = 2),
};

static int channels_order(int argc, char **argv)
{
	(void)argc, (void)argv;
	never_all(channels, COUNT(channels));
	must_be_seen_all(no_channels, COUNT(no_channels));
	return 0;
}

/* ---- locks ---- */

static void increment(struct cell *x)
{
	long v = x->data;
	linger(20);
	x->data = v + 1;
}

static void lock_increment(struct cell *x)
{
	mutex_lock(&x->m);
	increment(x);
	mutex_unlock(&x->m);
}

static void try_increment(struct cell *x)
{
	while (!mutex_trylock(&x->m))
		gort_gosched();
	increment(x);
	mutex_unlock(&x->m);
}

static void wlock_increment(struct cell *x)
{
	rwmutex_lock(&x->rw);
	increment(x);
	rwmutex_unlock(&x->rw);
}

/* A reader sees all of a write or nothing, and the next writer all that the reader did. */
static void wlock_write(struct cell *x)
{
	rwmutex_lock(&x->rw);
	x->r[1] = 1;
	increment(x);
	rwmutex_unlock(&x->rw);
}

static void rlock_read(struct cell *x)
{
	rwmutex_rlock(&x->rw);
	long v = x->r[1];
	x->seen = v == x->data;
	rwmutex_runlock(&x->rw);
}

static void nolock_read(struct cell *x)
{
	long v = *(volatile long *)&x->r[1];
	x->seen = v == *(volatile long *)&x->data;
}

static void sem_increment(struct cell *x)
{
	sem_acquire(&x->sem, 1);
	increment(x);
	sem_release(&x->sem, 1);
}

static void one_permit(struct cell *x)
{
	x->sem.free = 1;
}

static void two_permits(struct cell *x)
{
	x->sem.free = 2;
}

static void write_signal(struct cell *x)
{
	x->data = 1;
	mutex_lock(&x->m);
	x->r[0] = 1;
	cond_signal(&x->cv);
	mutex_unlock(&x->m);
}

static void wait_read(struct cell *x)
{
	mutex_lock(&x->m);
	while (!x->r[0])
		cond_wait(&x->cv, &x->m);
	mutex_unlock(&x->m);
	x->seen = x->data;
}

static const struct litmus locks[] = {
	LITMUS("mutex", lock_increment, lock_increment, not_two),
	LITMUS("trylock", lock_increment, try_increment, not_two),
	LITMUS("rwmutex, writers", wlock_increment, wlock_increment, not_two),
	LITMUS("rwmutex, a reader", wlock_write, rlock_read, unseen),
	LITMUS("semaphore", sem_increment, sem_increment, not_two, .prepare = one_permit),
	LITMUS("condition", write_signal, wait_read, unseen),
};

static const struct litmus no_locks[] = {
	LITMUS("no lock", increment, increment, not_two),
	LITMUS("a reader without lock", wlock_write, nolock_read, unseen),
	LITMUS("two permits", sem_increment, sem_increment, not_two, .prepare = two_permits),
};

static int locks_order(int argc, char **argv)
{
	(void)argc, (void)argv;
	never_all(locks, COUNT(locks));
	must_be_seen_all(no_locks, COUNT(no_locks));
	return 0;
}

/* ---- once, wait group, go ---- */

static void initialize(void *arg)
{
	struct cell *x = arg;
	linger(20);
	x->data++;
}

static void once_0(struct cell *x)
{
	once_do(&x->o, initialize, x);
	x->r[0] = x->data;
}

static void once_1(struct cell *x)
{
	once_do(&x->o, initialize, x);
	x->r[1] = x->data;
}

/* What once must not be: the loser of the swap returns while the winner still works. */
static void badonce_0(struct cell *x)
{
	if (gort_atomic_int64_cas(&x->x, 0, 1))
		initialize(x);
	x->r[0] = *(volatile long *)&x->data;
}

static void badonce_1(struct cell *x)
{
	if (gort_atomic_int64_cas(&x->x, 0, 1))
		initialize(x);
	x->r[1] = *(volatile long *)&x->data;
}

static bool not_one_each(const struct cell *x)
{
	return x->r[0] != 1 || x->r[1] != 1;
}

static void one_worker(struct cell *x)
{
	wg_add(&x->wg, 1);
}

static void write_done(struct cell *x)
{
	x->data = 1;
	wg_done(&x->wg);
}

static void wait_all_read(struct cell *x)
{
	wg_wait(&x->wg);
	x->seen = x->data;
}

static void done_write(struct cell *x)
{
	wg_done(&x->wg);
	linger(50);
	x->data = 1;
}

static void started(struct cell *x)
{
	x->seen = x->data;
	wg_done(&x->wg);
}

static void write_go(struct cell *x)
{
	x->data = 1;
	go(started, x);
}

static void wait_all(struct cell *x)
{
	wg_wait(&x->wg);
}

static void go_write(struct cell *x)
{
	go(started, x);
	linger(100);
	gort_gosched(); /* the new goroutine may run, here or elsewhere */
	x->data = 1;
}

static const struct litmus starts[] = {
	LITMUS("once", once_0, once_1, not_one_each),
	LITMUS("done, wait", write_done, wait_all_read, unseen, .prepare = one_worker),
	LITMUS("go", write_go, wait_all, unseen, .prepare = one_worker),
};

static const struct litmus no_starts[] = {
	LITMUS("once by compare and swap", badonce_0, badonce_1, not_one_each),
	LITMUS("write after done", done_write, wait_all_read, unseen, .prepare = one_worker),
	LITMUS("write after go", go_write, wait_all, unseen, .prepare = one_worker),
};

static int starts_order(int argc, char **argv)
{
	(void)argc, (void)argv;
	never_all(starts, COUNT(starts));
	must_be_seen_all(no_starts, COUNT(no_starts));
	return 0;
}

/* ---- maps and pools ---- */

static sync_map map;
static sync_pool pool;

static void write_store(struct cell *x)
{
	x->data = 1;
	gort_sync_map_store(&map, x, x);
}

static void load_read(struct cell *x)
{
	void *v;
	x->r[1] = gort_sync_map_load(&map, x, &v);
	x->seen = x->data;
}

static void forget(struct cell *x)
{
	gort_sync_map_delete(&map, x);
}

static void empty(struct cell *x)
{
	(void)x;
	gort_pool_free(&pool);
}

static void write_put(struct cell *x)
{
	x->data = 1;
	pool_put(&pool, x);
}

static void get_read(struct cell *x)
{
	struct cell *y = pool_get(&pool);
	x->r[1] = 1;
	x->seen = !y || y->data == 1;
}

static const struct litmus stores[] = {
	LITMUS("map", write_store, load_read, stale, .prepare = forget),
	LITMUS("pool", write_put, get_read, stale, .prepare = empty),
};

static int stores_order(int argc, char **argv)
{
	(void)argc, (void)argv;
	never_all(stores, COUNT(stores));
	return 0;
}

/* On two Ps; the twins need two CPUs to be seen. */
static void expect_order(mainfn *fn)
{
	cpu_set_t cpus;
	if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0 && CPU_COUNT(&cpus) < 2) {
		fprintf(stderr, "SKIP: two goroutines at once need two CPUs\n");
		exit(77);
	}
	struct child *c = run_child(fn, 2);
	ck_assert_msg(c->code == 0, "exit %d: %s", c->code, c->text);
}

START_TEST(test_atomics)
{
	expect_order(atomics_order);
}
END_TEST

START_TEST(test_channels)
{
	expect_order(channels_order);
}
END_TEST

START_TEST(test_locks)
{
	expect_order(locks_order);
}
END_TEST

START_TEST(test_starts)
{
	expect_order(starts_order);
}
END_TEST

START_TEST(test_stores)
{
	expect_order(stores_order);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"litmus", .seconds = 240,
		.units = {
			{"atomics", test_atomics},
			{"channels", test_channels},
			{"locks", test_locks},
			{"starts", test_starts},
			{"stores", test_stores},
		}});
}

#include "check_main.h"
