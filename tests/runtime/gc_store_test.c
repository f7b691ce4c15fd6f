/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_store_test.c - the store API: what is logged when the barrier is on, by whom, and that nothing
 * of it is lost; no-stop sections; roots and pins. The test turns the barrier on and off itself.
 */
#include "mem/mbarrier.h"
#include "mem/mroot.h"
#include "mem/nostop.h"
#include "sched/stw.h"

#include <pthread.h>
#include <stdatomic.h>

#include "child.h"
#include "sched/runtime2.h"

struct node {
	struct node *next;
	long number;
};

#define NNODE 4000
static struct node nodes[NNODE];
static uint8_t seen[NNODE];
static long nothers; /* logged, but no node */

static void shade(uintptr_t old)
{
	size_t i = (old - (uintptr_t)nodes) / sizeof(nodes[0]);
	if (old < (uintptr_t)nodes || i >= NNODE)
		nothers++;
	else
		seen[i]++;
}

static void barrier(bool on)
{
	stopTheWorld();
	wbenable(on);
	startTheWorld(gomaxprocs);
}

static size_t flush(void)
{
	memset(seen, 0, sizeof(seen));
	nothers = 0;
	stopTheWorld();
	size_t n = wbflush(shade);
	startTheWorld(gomaxprocs);
	return n;
}

/* ---- one store ---- */

static int single_stores(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct node *slot;
	gort_store(&slot, &nodes[0]);
	gort_store(&slot, &nodes[1]);
	gort_store_racy(&slot, &nodes[2]);
	REQUIRE(slot == &nodes[2] && flush() == 0);
	barrier(true);
	gort_store(&slot, &nodes[3]);
	gort_store(&slot, NULL);
	gort_store(&slot, &nodes[4]);
	gort_store_racy(&slot, NULL);
	gort_store_racy(&slot, &nodes[5]);
	REQUIRE(slot == &nodes[5] && flush() == 3);
	REQUIRE(seen[2] == 1 && seen[3] == 1 && seen[4] == 1);
	barrier(false);
	gort_store(&slot, NULL);
	REQUIRE(flush() == 0);
	return 0;
}

static int atomic_stores(int argc, char **argv)
{
	(void)argc, (void)argv;
	static gort_atomic_pointer p;
	barrier(true);
	REQUIRE(gort_atomic_pointer_cas(&p, NULL, &nodes[0]) && flush() == 0);
	REQUIRE(!gort_atomic_pointer_cas(&p, &nodes[1], &nodes[2]) && flush() == 0);
	REQUIRE(gort_atomic_pointer_cas(&p, &nodes[0], &nodes[1]) && flush() == 1 && seen[0]);
	REQUIRE(gort_atomic_pointer_swap(&p, &nodes[2]) == &nodes[1] && flush() == 1 && seen[1]);
	gort_atomic_pointer_store(&p, NULL);
	REQUIRE(flush() == 1 && seen[2] && !gort_atomic_pointer_load(&p));
	return 0;
}

START_TEST(test_single)
{
	expect_code(single_stores, 0);
	expect_code(atomic_stores, 0);
}
END_TEST

/* ---- many words ---- */

static int ranges(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct node *from[100], *to[100];
	for (int i = 0; i < 100; i++)
		to[i] = &nodes[i];
	barrier(true);
	gort_memcpy((char *)to + 17, "bytes", 5); /* words 2 */
	REQUIRE(flush() == 1 && seen[2] == 1);
	gort_memmove(&to[10], &to[11], 20 * sizeof(to[0]));
	REQUIRE(flush() == 20 && !seen[9] && seen[10] && seen[29] && !seen[30]);
	REQUIRE(to[10] == &nodes[11]);
	gort_memset(to, 0, sizeof(to));
	REQUIRE(flush() == 100 && !to[0] && !to[99]);
	gort_memcpy(to, from, sizeof(to));
	REQUIRE(flush() == 0);
	return 0;
}

/* ---- pointers that move within one object: larger than one no-stop section ---- */

void gort_qsort(void *base, size_t n, size_t size, int (*compare)(const void *, const void *));

static int by_address(const void *a, const void *b)
{
	const char *x = *(char *const *)a, *y = *(char *const *)b;
	return x < y ? -1 : x > y;
}

struct wide {
	struct node *key, *rest[99];
};

static int moves(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct node *v[NNODE];
	static struct wide w[30];
	for (int i = 0; i < NNODE; i++)
		v[i] = &nodes[i];
	barrier(true);
	gort_memmove(v + 3, v, sizeof(v) - 3 * sizeof(v[0]));
	REQUIRE(flush() == NNODE - 3 && !seen[2] && seen[3] && seen[NNODE - 1]);
	for (int i = 3; i < NNODE; i++)
		REQUIRE(v[i] == &nodes[i - 3]);
	gort_memmove(v, v + 3, sizeof(v) - 3 * sizeof(v[0]));
	for (int i = 0; i < NNODE - 3; i++)
		REQUIRE(v[i] == &nodes[i]);
	for (int i = 0; i < NNODE; i++)
		v[i] = &nodes[(long)i * 1237 % NNODE];
	flush();
	gort_qsort(v, NNODE, sizeof(v[0]), by_address);
	REQUIRE(flush() > NNODE / 2);
	for (int i = 0; i < 30; i++)
		w[i].key = w[i].rest[98] = &nodes[i * 7 % 30];
	gort_qsort(w, 30, sizeof(w[0]), by_address);
	for (int i = 0; i < NNODE; i++)
		REQUIRE(v[i] == &nodes[i]);
	for (int i = 0; i < 30; i++)
		REQUIRE(w[i].key == &nodes[i] && w[i].rest[98] == &nodes[i]);
	return 0;
}

START_TEST(test_ranges)
{
	expect_code(ranges, 0);
	expect_code(moves, 0);
}
END_TEST

/* ---- nothing is lost: full blocks, many Ps, threads without a P, preemption ---- */

static struct node *slots[8];

static void overwrite(long who, waitgroup *wg)
{
	for (long i = who; i < NNODE; i += 8)
		gort_store(&slots[who], &nodes[i]);
	gort_store(&slots[who], NULL);
	wg_done(wg);
}

static bool all_seen(void)
{
	for (int i = 0; i < NNODE; i++)
		if (seen[i] != 1)
			return false;
	return nothers == 0;
}

static int many_stores(int argc, char **argv)
{
	(void)argc, (void)argv;
	barrier(true);
	for (int round = 0; round < 20; round++) {
		waitgroup wg = {0};
		wg_add(&wg, 8);
		for (long who = 0; who < 8; who++)
			go(overwrite, who, &wg);
		wg_wait(&wg);
		REQUIRE(flush() == NNODE && all_seen());
	}
	return 0;
}

static void *overwrite_in_thread(void *arg)
{
	for (long i = 0; i < NNODE; i++)
		gort_store(&slots[0], &nodes[i]);
	gort_store(&slots[0], NULL);
	return arg;
}

static int foreign_stores(int argc, char **argv)
{
	(void)argc, (void)argv;
	pthread_t t;
	barrier(true);
	REQUIRE(pthread_create(&t, NULL, overwrite_in_thread, NULL) == 0);
	REQUIRE(pthread_join(t, NULL) == 0);
	REQUIRE(flush() == NNODE && all_seen());
	return 0;
}

static int drained_early(int argc, char **argv)
{
	(void)argc, (void)argv;
	barrier(true);
	REQUIRE(!wbdrain(shade));
	for (int round = 0; round < 3; round++) {
		memset(seen, 0, sizeof(seen));
		overwrite_in_thread(NULL);
		int blocks = 0;
		while (wbdrain(shade))
			blocks++;
		REQUIRE(blocks > 1);
		stopTheWorld();
		wbflush(shade);
		startTheWorld(gomaxprocs);
		REQUIRE(all_seen());
	}
	return 0;
}

START_TEST(test_log)
{
	expect_code(many_stores, 0);
	expect_code(foreign_stores, 0);
	expect_code(drained_early, 0);
	setenv("GORT_DEBUG", "preempt=50us", 1);
	expect_code(many_stores, 0);
}
END_TEST

/* ---- the pending slot goes with a goroutine that is preempted ---- */

static _Atomic int ready, mismatches;

static void keep_pending(uintptr_t mine)
{
	gort_pending = mine;
	atomic_fetch_add(&ready, 1);
	for (volatile long i = 0; i < 30000000 && atomic_load(&ready) < 12; i = i + 1)
		if (*(volatile uintptr_t *)&gort_pending != mine)
			atomic_fetch_add(&mismatches, 1);
	atomic_fetch_add(&ready, 1);
}

static int pending(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (uintptr_t i = 1; i <= 6; i++)
		go(keep_pending, i);
	while (atomic_load(&ready) < 12)
		gort_sleep(ms);
	REQUIRE(atomic_load(&mismatches) == 0);
	return 0;
}

START_TEST(test_pending)
{
	setenv("GORT_DEBUG", "preempt=50us", 1);
	expect_code(pending, 0);
}
END_TEST

/* ---- no-stop sections ---- */

static int stops;

static void count_stop(void)
{
	stops++;
}

START_TEST(test_nostop)
{
	nostop_stop = count_stop;
	ck_assert(!nostop_defer());
	nostop_begin();
	nostop_end();
	ck_assert_int_eq(stops, 0);
	nostop_begin();
	nostop_begin();
	ck_assert(nostop_defer());
	nostop_end();
	ck_assert_int_eq(stops, 0);
	nostop_end();
	ck_assert_int_eq(stops, 1);
	nostop_begin();
	nostop_end();
	ck_assert_int_eq(stops, 1);
}
END_TEST

/* ---- roots and pins ---- */

static size_t nroots, rootbytes;

static void count_root(const void *p, size_t n)
{
	(void)p;
	nroots++;
	rootbytes += n;
}

static void expect_roots(size_t n, size_t bytes)
{
	nroots = rootbytes = 0;
	rootsdo(count_root);
	REQUIRE(nroots == n && rootbytes == bytes);
}

static int roots(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct node *block[2] = {&nodes[7], NULL};
	expect_roots(0, 0);
	gort_root_add(block, sizeof(block));
	gort_pin(NULL);
	gort_pin(&nodes[1]);
	gort_pin(&nodes[1]);
	expect_roots(2, sizeof(block) + 8);
	gort_unpin(&nodes[1]);
	expect_roots(2, sizeof(block) + 8);
	barrier(true);
	gort_unpin(&nodes[1]);
	REQUIRE(flush() == 1 && seen[1] == 1);
	gort_root_remove(block);
	REQUIRE(flush() == 1 && seen[7] == 1);
	expect_roots(0, 0);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 1000; i++)
			gort_pin(&nodes[i]);
		expect_roots(1000, 8000);
		for (int i = 0; i < 1000; i++)
			gort_unpin(&nodes[i]);
		expect_roots(0, 0);
	}
	return 0;
}

static int twice(int argc, char **argv)
{
	(void)argv;
	gort_root_add(&argc, 8);
	gort_root_add(&argc, 8);
	return 0;
}

static int not_pinned(int argc, char **argv)
{
	(void)argv;
	gort_unpin(&argc);
	return 0;
}

START_TEST(test_roots)
{
	expect_code(roots, 0);
	ck_assert_int_eq(run_child(twice, 1)->code, 2);
	ck_assert_int_eq(run_child(not_pinned, 1)->code, 2);
}
END_TEST

/* ---- what libgort itself overwrites ---- */

static struct node **heapslot(int i)
{
	struct node **slot = gort_malloc(sizeof(*slot));
	*slot = &nodes[i];
	return slot;
}

static void sendnode(struct gort_chan *c, int i)
{
	struct node *n = &nodes[i];
	gort_chan_send(c, &n);
}

/* Room that was received from is overwritten by the next send; a receive overwrites its place. */
static int channels(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_chan *c = gort_chan_make(sizeof(struct node *), 1);
	struct node **slot = heapslot(3);
	sendnode(c, 1);
	(void)gort_chan_recv(c, &(struct node *){NULL});
	barrier(true);
	sendnode(c, 2);
	REQUIRE(flush() == 1 && seen[1]);
	REQUIRE(gort_chan_recv(c, slot) && *slot == &nodes[2] && flush() == 1 && seen[3]);
	go(sendnode, c, 4);
	REQUIRE(gort_chan_recv(c, slot) && *slot == &nodes[4]); /* a wait */
	flush();
	struct node **other = heapslot(5);
	REQUIRE(flush() == 0);
	go(sendnode, c, 6);
	struct gort_case cases[] = {{.c = c, .v = other, .kind = GORT_CASE_RECV}};
	REQUIRE(gort_select(cases, 1, true) == 0 && *other == &nodes[6]);
	flush();
	*other = &nodes[7];
	gort_chan_close(c);
	REQUIRE(!gort_chan_recv(c, other) && !*other && flush() == 1 && seen[7]);
	return 0;
}

struct large {
	struct node *n[3];
};

/* A receiver that waits: the sender, or who closes, writes to its place. */
static void receiver(struct gort_chan *c, struct large *to, waitgroup *wg)
{
	(void)gort_chan_recv(c, to);
	wg_done(wg);
}

static int handed(bool close)
{
	struct gort_chan *c = gort_chan_make(sizeof(struct large), 0);
	struct large *to = gort_new(struct large), v = {{&nodes[20]}};
	waitgroup wg = {0};
	to->n[2] = &nodes[8];
	wg_add(&wg, 1);
	go(receiver, c, to, &wg);
	gort_sleep(5 * ms);
	barrier(true);
	if (close)
		gort_chan_close(c);
	else
		gort_chan_send(c, &v);
	wg_wait(&wg);
	flush();
	REQUIRE(seen[8] && !to->n[2] && to->n[0] == (close ? NULL : &nodes[20]));
	barrier(false);
	return 0;
}

static int waiting_small(void)
{
	struct gort_chan *c = gort_chan_make(sizeof(struct node *), 0);
	struct node **to = heapslot(9);
	waitgroup wg = {0};
	wg_add(&wg, 1);
	go(receiver, c, (struct large *)to, &wg);
	gort_sleep(5 * ms);
	barrier(true);
	sendnode(c, 10);
	wg_wait(&wg);
	flush();
	REQUIRE(seen[9] && *to == &nodes[10]);
	barrier(false);
	return 0;
}

static int handing(int argc, char **argv)
{
	(void)argc, (void)argv;
	return handed(false) | handed(true) | waiting_small();
}

static void timed(struct node *n)
{
	(void)n;
}

static int maps_and_timers(int argc, char **argv)
{
	(void)argc, (void)argv;
	static gort_sync_map m;
	void *v;
	gort_sync_map_store(&m, (void *)1, &nodes[1]);
	gort_timer_free(time_after_func(3600 * sec, timed, &nodes[2]));
	barrier(true);
	gort_sync_map_store(&m, (void *)1, &nodes[3]);
	REQUIRE(flush() >= 1 && seen[1]);
	gort_sync_map_load_and_delete(&m, (void *)1, &v);
	REQUIRE(v == &nodes[3] && flush() >= 1);
	time_after_func(3600 * sec, timed, &nodes[4]);
	flush();
	REQUIRE(seen[2]);
	return 0;
}

/* Its link to its parent goes when it is released; what it held when it is used again. */
static int contexts(int argc, char **argv)
{
	(void)argc, (void)argv;
	static int key;
	gort_context one = gort_ctx_with_value(gort_ctx_background(), &key, &nodes[1]);
	gort_ctx_release(one);
	barrier(true);
	gort_context two = gort_ctx_with_value(gort_ctx_background(), &key, &nodes[2]);
	REQUIRE(two == one && flush() >= 1 && seen[1] && !seen[2]);
	struct gort_cancel *cancel, *child;
	gort_context up = gort_ctx_with_cancel(two, &cancel);
	gort_ctx_with_cancel(up, &child);
	gort_ctx_with_cancel(up, &child);
	flush();
	gort_cancel_now(child);
	REQUIRE(flush() >= 1);
	gort_cancel_now(cancel);
	REQUIRE(flush() >= 1);
	return 0;
}

START_TEST(test_structures)
{
	expect_code(channels, 0);
	expect_code(handing, 0);
	expect_code(maps_and_timers, 0);
	expect_code(contexts, 0);
}
END_TEST

static void add_case(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 110);
	tcase_add_test(tc, test);
	suite_add_tcase(s, tc);
}

static Suite *test_suite(void)
{
	Suite *s = suite_create("gc_store");
	add_case(s, "single", test_single);
	add_case(s, "ranges", test_ranges);
	add_case(s, "log", test_log);
	add_case(s, "pending", test_pending);
	add_case(s, "nostop", test_nostop);
	add_case(s, "roots", test_roots);
	add_case(s, "structures", test_structures);
	return s;
}

#include "check_main.h"
