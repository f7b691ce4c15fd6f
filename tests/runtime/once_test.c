/* SPDX-License-Identifier: BSD-2-Clause */
/* once_test.c - once and the functions made of it: one call, one result, everybody waits for it. */
#include "child.h"
#include "suite.h"

#include <stdatomic.h>

static _Atomic int calls;

static void act(void *arg)
{
	(void)arg;
	for (int i = 0; i < 10; i++)
		gort_gosched();
	atomic_fetch_add(&calls, 1);
}

static void act_inner(void *arg)
{
	once *inner = arg;
	once_do(inner, act, NULL);
}

/* A once inside the action of another one. */
static int nested(int argc, char **argv)
{
	(void)argc, (void)argv;
	static once outer, inner;
	once_do(&outer, act_inner, &inner);
	once_do(&inner, act, NULL);
	REQUIRE(calls == 1);
	return 0;
}

static void call_func(oncefunc *f, waitgroup *wg)
{
	oncefunc_call(f);
	REQUIRE(atomic_load(&calls) == 1);
	wg_done(wg);
}

static int func(int argc, char **argv)
{
	(void)argc, (void)argv;
	static oncefunc f = {.fn = act};
	waitgroup wg = {0};
	wg_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(call_func, &f, &wg);
	wg_wait(&wg);
	oncefunc_call(&f);
	REQUIRE(calls == 1);
	return 0;
}

static void *make_value(void *arg)
{
	act(NULL);
	return (char *)arg + 1;
}

static void get_value(oncevalue *v, chan(void *) out)
{
	chan_send(out, oncevalue_get(v));
}

static int value(int argc, char **argv)
{
	(void)argc, (void)argv;
	static char text[] = "text";
	static oncevalue v = {.fn = make_value, .arg = text};
	chan(void *) out = make_chan(void *, 0);
	for (int i = 0; i < 50; i++)
		go(get_value, &v, out);
	for (int i = 0; i < 50; i++)
		REQUIRE(chan_recv(out) == text + 1);
	REQUIRE(calls == 1);
	return 0;
}

static void make_values(void *arg, void **a, void **b)
{
	act(NULL);
	*a = arg;
	*b = (char *)arg + 2;
}

static int values(int argc, char **argv)
{
	(void)argc, (void)argv;
	static char text[] = "text";
	static oncevalues v = {.fn = make_values, .arg = text};
	for (int i = 0; i < 3; i++) {
		void *a = NULL, *b = NULL;
		oncevalues_get(&v, &a, &b);
		REQUIRE(a == text && b == text + 2);
	}
	oncevalues_get(&v, NULL, NULL);
	REQUIRE(calls == 1);
	return 0;
}

START_TEST(test_results)
{
	expect_code(nested, 0);
	expect_code(func, 0);
	expect_code(value, 0);
	expect_code(values, 0);
}
END_TEST

/* ---- actions that do not return ---- */

static void exits(void *arg)
{
	act(arg);
	gort_goexit();
}

static void call_and_exit(oncefunc *f)
{
	oncefunc_call(f);
	REQUIRE(false);
}

static int no_result(int argc, char **argv)
{
	(void)argc, (void)argv;
	static oncefunc f = {.fn = exits};
	go(call_and_exit, &f);
	while (calls == 0)
		gort_gosched();
	oncefunc_call(&f);
	return 0;
}

static void panics(void *arg)
{
	gort_panicf("from the action: %s", (const char *)arg);
}

static int panicking(int argc, char **argv)
{
	(void)argc, (void)argv;
	static oncefunc f = {.fn = panics, .arg = (void *)(uintptr_t) "this"};
	oncefunc_call(&f);
	return 0;
}

static void recurse(void *arg)
{
	once_do(arg, recurse, arg);
}

static int recursive(int argc, char **argv)
{
	(void)argc, (void)argv;
	static once o;
	once_do(&o, recurse, &o);
	return 0;
}

START_TEST(test_ends)
{
	expect_fatal(no_result,
		"panic: sync: a once function has ended by gort_goexit, without a result");
	expect_fatal(panicking, "panic: from the action: this");
	expect_fatal(recursive, "fatal error: all goroutines are asleep - deadlock!");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"once", .seconds = 60,
		.units = {
			{"results", test_results},
			{"ends", test_ends},
		}});
}

#include "check_main.h"
