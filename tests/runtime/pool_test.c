/* SPDX-License-Identifier: BSD-2-Clause */
/* pool_test.c - pools: what is put comes back once, and goes after two collections. */
#include "child.h"

#include <stdatomic.h>

#include "sync/pool.h"
#include "suite.h"

struct object {
	_Atomic int held; /* somebody has got it */
	_Atomic int dropped;
	long number;
};

static struct object objects[1000];
static _Atomic long made, dropped;

static void *make_object(void *arg)
{
	REQUIRE(arg == objects);
	long i = atomic_fetch_add(&made, 1);
	REQUIRE(i < 1000);
	return &objects[i];
}

static void drop_object(void *arg, void *p)
{
	struct object *x = p;
	REQUIRE(arg == objects && atomic_load(&x->held) == 0);
	REQUIRE(atomic_fetch_add(&x->dropped, 1) == 0);
	atomic_fetch_add(&dropped, 1);
}

static sync_pool pool = {.make = make_object, .drop = drop_object, .arg = objects};

static int put_and_get(int argc, char **argv)
{
	(void)argc, (void)argv;
	static sync_pool p;
	int a, b, c;
	REQUIRE(!pool_get(&p));
	pool_put(&p, NULL);
	REQUIRE(!pool_get(&p));
	pool_put(&p, &a);
	pool_put(&p, &b);
	pool_put(&p, &c);
	REQUIRE(pool_get(&p) == &a);
	REQUIRE(pool_get(&p) == &c);
	REQUIRE(pool_get(&p) == &b);
	REQUIRE(!pool_get(&p));
	gort_pool_free(&p);
	return 0;
}

/* make is asked only when nothing is there. */
static int makes(int argc, char **argv)
{
	(void)argc, (void)argv;
	void *a = pool_get(&pool), *b = pool_get(&pool);
	REQUIRE(a == &objects[0] && b == &objects[1]);
	pool_put(&pool, a);
	REQUIRE(pool_get(&pool) == a && made == 2);
	pool_put(&pool, a);
	pool_put(&pool, b);
	gort_pool_free(&pool);
	REQUIRE(dropped == 2);
	return 0;
}

#define MANY 100

/* One collection: everything is still there. Two: everything is gone, each dropped once. */
static int collections(int argc, char **argv)
{
	(void)argc, (void)argv;
	void *x[MANY];
	for (int i = 0; i < MANY; i++)
		x[i] = pool_get(&pool);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++)
			pool_put(&pool, x[i]);
		poolCleanup();
		poolDrop();
		for (int i = 0; i < MANY; i++)
			x[i] = pool_get(&pool);
		REQUIRE(made == MANY && dropped == 0);
	}
	for (int i = 0; i < MANY; i++)
		pool_put(&pool, x[i]);
	poolCleanup();
	poolCleanup();
	REQUIRE(dropped == 0);
	poolDrop();
	REQUIRE(dropped == MANY);
	REQUIRE(pool_get(&pool) == &objects[MANY]);
	return 0;
}

/* What was used since the last collection stays, what was not goes. */
static int only_the_idle(int argc, char **argv)
{
	(void)argc, (void)argv;
	void *x[10];
	for (int i = 0; i < 10; i++)
		x[i] = pool_get(&pool);
	for (int i = 0; i < 10; i++)
		pool_put(&pool, x[i]);
	poolCleanup();
	for (int i = 0; i < 4; i++)
		x[i] = pool_get(&pool);
	for (int i = 0; i < 4; i++)
		pool_put(&pool, x[i]);
	poolCleanup();
	poolDrop();
	REQUIRE(dropped == 6 && made == 10);
	for (int i = 0; i < 4; i++)
		x[i] = pool_get(&pool);
	REQUIRE(made == 10);
	return 0;
}

/* More cycles than drops: what waits to be dropped is not lost, nor dropped twice. */
static int late_drop(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 20; round++) {
		void *x[8];
		for (int i = 0; i < 8; i++)
			x[i] = pool_get(&pool);
		for (int i = 0; i < 8; i++)
			pool_put(&pool, x[i]);
		poolCleanup();
		poolCleanup();
		if (round % 5 == 4)
			poolDrop();
	}
	gort_pool_free(&pool);
	REQUIRE(dropped == made);
	return 0;
}

static void use(unsigned seed, int rounds, waitgroup *wg)
{
	struct object *x[4];
	for (int i = 0; i < rounds; i++) {
		seed = seed * 1664525 + 1013904223;
		unsigned n = 1 + (seed >> 20) % 4;
		for (unsigned k = 0; k < n; k++) {
			x[k] = pool_get(&pool);
			REQUIRE(atomic_fetch_add(&x[k]->held, 1) == 0);
		}
		if (seed >> 30 == 0)
			gort_gosched();
		for (unsigned k = 0; k < n; k++) {
			atomic_fetch_sub(&x[k]->held, 1);
			pool_put(&pool, x[k]);
		}
	}
	wg_done(wg);
}

/* No object is with two at once, and there are never more than are in use at a time. */
static int shared_by_many(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 20);
	for (unsigned i = 0; i < 20; i++)
		go(use, i, 20000, &wg);
	wg_wait(&wg);
	REQUIRE(made <= 20 * 4 + 8); /* and one private to each P that others cannot get */
	gort_pool_free(&pool);
	REQUIRE(dropped == made);
	return 0;
}

START_TEST(test_semantics)
{
	for (int i = 0; i < 2; i++) { /* with more Ps the goroutine might move in between */
		mainfn *fn = i ? makes : put_and_get;
		struct child *c = run_child(fn, 1);
		ck_assert_msg(c->code == 0, "exit %d: %s", c->code, c->text);
	}
}
END_TEST

START_TEST(test_collections)
{
	mainfn *fns[] = {collections, only_the_idle, late_drop};
	for (size_t i = 0; i < sizeof(fns) / sizeof(*fns); i++) {
		struct child *c = run_child(fns[i], 1);
		ck_assert_msg(c->code == 0, "exit %d: %s", c->code, c->text);
	}
}
END_TEST

START_TEST(test_sharing)
{
	expect_code(shared_by_many, 0);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"pool", .seconds = 120,
		.units = {
			{"semantics", test_semantics},
			{"collections", test_collections},
			{"sharing", test_sharing},
		}});
}

#include "check_main.h"
