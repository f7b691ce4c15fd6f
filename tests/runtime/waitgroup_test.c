/* SPDX-License-Identifier: BSD-2-Clause */
/* waitgroup_test.c - wait groups: Go, reuse, many waiters, misuse. */
#include "child.h"
#include "suite.h"

#include <stdatomic.h>

static void count(_Atomic long *n, long by)
{
	gort_gosched();
	atomic_fetch_add(n, by);
}

/* Wait returns only when everything that Go has started is through. */
static int go_counts(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 100; round++) {
		waitgroup wg = {0};
		_Atomic long n = 0;
		for (long i = 1; i <= 50; i++)
			wg_go(&wg, count, &n, i);
		wg_wait(&wg);
		REQUIRE(n == 50 * 51 / 2);
	}
	return 0;
}

static void nest(waitgroup *wg, _Atomic long *n, int depth)
{
	if (depth > 0) {
		wg_go(wg, nest, wg, n, depth - 1);
		wg_go(wg, nest, wg, n, depth - 1);
	}
	atomic_fetch_add(n, 1);
}

/* A goroutine of the group may start others: the counter does not reach 0 in between. */
static int go_nests(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	_Atomic long n = 0;
	wg_go(&wg, nest, &wg, &n, 9);
	wg_wait(&wg);
	REQUIRE(n == (1 << 10) - 1);
	return 0;
}

static void bump(_Atomic long *n)
{
	atomic_fetch_add(n, 1);
}

static void exits(_Atomic long *n)
{
	defer(bump, n);
	gort_goexit();
}

static int go_goexit(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	_Atomic long n = 0;
	for (int i = 0; i < 20; i++)
		wg_go(&wg, exits, &n);
	wg_wait(&wg);
	REQUIRE(n == 20);
	return 0;
}

/*
 * A call that panics is never done: else who waits could end the program, as if nothing was wrong,
 * while the panic is still asked for its text.
 */
static const char *slow_text(gort_error err)
{
	(void)err;
	for (int i = 0; i < 100; i++)
		gort_gosched();
	return "slow";
}

GORT_ERROR_TYPE(slow, .text = slow_text);

static void panics(void)
{
	static const struct gort_errorobj slow = {&gort_errortype_slow};
	gort_panic(&slow);
}

static int go_panic(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_go(&wg, panics);
	wg_wait(&wg);
	return 0;
}

static void leaves_and_panics(void)
{
	defer(panics);
	gort_goexit();
}

static int go_goexit_panic(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_go(&wg, leaves_and_panics);
	wg_wait(&wg);
	return 0;
}

static void recover_it(_Atomic long *n)
{
	*n += gort_recover() != NULL;
}

static void panics_and_recovers(_Atomic long *n)
{
	defer(recover_it, n);
	gort_panictext("recovered");
}

static void panics_and_leaves(_Atomic long *n)
{
	defer(exits, n);
	gort_panictext("overtaken");
}

static int go_recover(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	_Atomic long n = 0;
	for (int i = 0; i < 20; i++) {
		wg_go(&wg, panics_and_recovers, &n);
		wg_go(&wg, panics_and_leaves, &n);
	}
	wg_wait(&wg);
	REQUIRE(n == 40);
	return 0;
}

static void four(long a, const char *b, int *c, unsigned long d)
{
	*c = a == -7 && strcmp(b, "text") == 0 && d == ~0ul;
}

static void none(void)
{
}

static int go_arguments(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	int right = 0;
	wg_go(&wg, four, -7l, "text", &right, ~0ul);
	wg_go(&wg, none);
	wg_wait(&wg);
	REQUIRE(right == 1);
	return 0;
}

static int too_many_words(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	struct gort_call call = {.fn = none, .n = 5};
	gort_wg_go(&wg, &call);
	return 0;
}

START_TEST(test_go)
{
	expect_code(go_counts, 0);
	expect_code(go_nests, 0);
	expect_code(go_goexit, 0);
	expect_code(go_recover, 0);
	expect_code(go_arguments, 0);
	expect_fatal(go_panic, "panic: slow");
	expect_fatal(go_goexit_panic, "panic: slow");
	expect_fatal(too_many_words, "fatal error: gort_wg_go: 5 argument words, at most 4");
}
END_TEST

/* ---- rounds and waiters ---- */

struct round {
	waitgroup work, woken;
	_Atomic long done;
};

static void wait_for_work(struct round *r, long want)
{
	wg_wait(&r->work);
	REQUIRE(atomic_load(&r->done) == want);
	wg_done(&r->woken);
}

static int many_waiters(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct round r = {.done = 0};
	for (long round = 1; round <= 50; round++) {
		wg_add(&r.work, 10);
		wg_add(&r.woken, 20);
		for (int i = 0; i < 20; i++)
			go(wait_for_work, &r, round * 10);
		for (int i = 0; i < 10; i++) {
			atomic_fetch_add(&r.done, 1);
			if (i % 3 == 0)
				gort_gosched();
			wg_done(&r.work);
		}
		wg_wait(&r.woken);
	}
	return 0;
}

/* A wait for nothing returns at once, and add and done by more than one cancel out. */
static int deltas(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_wait(&wg);
	wg_add(&wg, 1000000);
	wg_add(&wg, -999999);
	wg_done(&wg);
	wg_wait(&wg);
	return 0;
}

struct freed {
	waitgroup wg;
	char rest[40];
};

static void finish(struct freed *f)
{
	wg_done(&f->wg);
}

/* The goroutine that waits may free the group at once, whoever is still in done. */
static int freed_after_wait(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 3000; i++) {
		struct freed *f = calloc(1, sizeof(*f));
		wg_add(&f->wg, 3);
		for (int k = 0; k < 3; k++)
			go(finish, f);
		wg_wait(&f->wg);
		memset(f, 0xff, sizeof(*f));
		free(f);
	}
	return 0;
}

START_TEST(test_wait)
{
	expect_code(many_waiters, 0);
	expect_code(deltas, 0);
	expect_code(freed_after_wait, 0);
}
END_TEST

/* ---- misuse ---- */

static int negative(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 1);
	wg_done(&wg);
	wg_done(&wg);
	return 0;
}

static int negative_by_add(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 3);
	wg_add(&wg, -4);
	return 0;
}

static int never_done(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 1);
	wg_wait(&wg);
	return 0;
}

START_TEST(test_misuse)
{
	expect_fatal(negative, "panic: sync: negative WaitGroup counter");
	expect_fatal(negative_by_add, "panic: sync: negative WaitGroup counter");
	expect_fatal(never_done, "fatal error: all goroutines are asleep - deadlock!");
	ck_assert_ptr_nonnull(
		strstr(run_child(never_done, 1)->text, "goroutine 1 [sync.WaitGroup.Wait]:\n"));
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"waitgroup", .seconds = 180,
		.units = {
			{"go", test_go},
			{"wait", test_wait},
			{"misuse", test_misuse},
		}});
}

#include "check_main.h"
