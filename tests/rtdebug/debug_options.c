/* SPDX-License-Identifier: BSD-2-Clause */
/* debug_options.c - the environment that libgort reads: values, precedence, warnings. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "debug/options.h"

/* What optionsinit wrote on standard error. */
static char warned[4096];

/* Each test runs in a process of its own. */
static void read_options(void)
{
	int to[2], err = dup(2);
	ck_assert_int_eq(pipe(to), 0);
	dup2(to[1], 2);
	optionsinit();
	dup2(err, 2);
	close(to[1]);
	ssize_t n = read(to[0], warned, sizeof warned - 1);
	ck_assert_int_ge(n, 0);
	warned[n] = '\0';
	close(to[0]);
}

START_TEST(nothing_given)
{
	read_options();
	ck_assert_str_eq(warned, "");
	ck_assert_int_eq(options.gomaxprocs, 0);
	ck_assert_int_eq(options.traceback, TRACE_SINGLE);
	ck_assert_int_eq(options.stack, 0);
	ck_assert_int_eq(options.leakcheck, 0);
	ck_assert_ptr_null(options.cpuprofile);
	ck_assert_int_eq(debug.schedtrace, 0);
}
END_TEST

START_TEST(values)
{
	setenv("GOMAXPROCS", "7", 1);
	setenv("GOTRACEBACK", "crash", 1);
	setenv("GORT_STACK", "64k", 1);
	setenv("GORT_LEAKCHECK", "1", 1);
	setenv("GORT_CPUPROFILE", "/x/y", 1);
	setenv("GORT_DEBUG", "schedtrace=1000,scheddetail=1", 1);
	read_options();
	ck_assert_str_eq(warned, "");
	ck_assert_int_eq(options.gomaxprocs, 7);
	ck_assert_int_eq(options.traceback, TRACE_CRASH);
	ck_assert_int_eq(options.stack, 65536);
	ck_assert_int_eq(options.leakcheck, 1);
	ck_assert_str_eq(options.cpuprofile, "/x/y");
	ck_assert_int_eq(debug.schedtrace, 1000);
	ck_assert_int_eq(debug.scheddetail, 1);
}
END_TEST

START_TEST(leak_classes)
{
	static const struct {
		const char *text;
		int32_t bits;
	} good[] = {{"0", 0}, {"1", 1}, {"extra", 1}, {"unreachable", 2},
		{"unreachable-likely,blocked-forever", 12}, {"extra,unreachable", 3},
		{"wait", LEAKCHECK_WAIT}};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		setenv("GORT_LEAKCHECK", good[i].text, 1);
		read_options();
		ck_assert_str_eq(warned, "");
		ck_assert_int_eq(options.leakcheck, good[i].bits);
	}
	static const char *const bad[] = {
		"2", "unreachables", "unreach", "extra,,1x", "wait,extra"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		setenv("GORT_LEAKCHECK", bad[i], 1);
		read_options();
		ck_assert_ptr_nonnull(strstr(warned, "some of unreachable"));
	}
}
END_TEST

START_TEST(ours_wins)
{
	setenv("GOMAXPROCS", "7", 1);
	setenv("GORT_GOMAXPROCS", "3", 1);
	setenv("GOTRACEBACK", "2", 1);
	setenv("GORT_GOTRACEBACK", "", 1); /* empty is not given */
	setenv("STACK", "64k", 1);         /* not a name of ours nor of Go's */
	read_options();
	ck_assert_str_eq(warned, "");
	ck_assert_int_eq(options.gomaxprocs, 3);
	ck_assert_int_eq(options.traceback, TRACE_SYSTEM);
	ck_assert_int_eq(options.stack, 0);
}
END_TEST

START_TEST(sizes)
{
	static const struct {
		const char *text;
		int64_t size;
	} good[] = {{"4096", 4096}, {"512K", 512 << 10}, {"1m", 1 << 20}, {"8M", 8 << 20}};
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		setenv("GORT_STACK", good[i].text, 1);
		read_options();
		ck_assert_str_eq(warned, "");
		ck_assert_int_eq(options.stack, good[i].size);
	}
}
END_TEST

START_TEST(unknown_fields)
{
	setenv("GORT_DEBUG", ",,nosuch=1,schedtrace,=,schedtrace=5,schedtracex=9,schedtrace=6,", 1);
	read_options();
	ck_assert_str_eq(warned, "");
	ck_assert_int_eq(debug.schedtrace, 6); /* the last */
}
END_TEST

static void expect_refused(const char *name, const char *text, const char *warning)
{
	setenv(name, text, 1);
	read_options();
	ck_assert_msg(strstr(warned, warning) != NULL, "%s=%s: it wrote: %s", name, text, warned);
	ck_assert_ptr_eq(strchr(warned, '\n'), warned + strlen(warned) - 1); /* one line */
	unsetenv(name);
}

START_TEST(bad_values)
{
	expect_refused("GOMAXPROCS", "0",
		"gort: GOMAXPROCS=0 makes no sense and is left out: want a whole number from 1 to");
	expect_refused("GORT_GOMAXPROCS", "4x", "gort: GORT_GOMAXPROCS=4x makes no sense");
	expect_refused(
		"GOMAXPROCS", "99999999999999999999", "=99999999999999999999 makes no sense");
	ck_assert_int_eq(options.gomaxprocs, 0);
	expect_refused("GOTRACEBACK", "loud", "want none, single, all, system or crash");
	ck_assert_int_eq(options.traceback, TRACE_SINGLE);
	expect_refused("GORT_STACK", "12q", "want a size such as 64k");
	expect_refused("GORT_STACK", "k", "gort: GORT_STACK=k makes no sense");
	expect_refused("GORT_STACK", "-1m", "gort: GORT_STACK=-1m makes no sense");
	expect_refused("GORT_STACK", "9999999999999999m", "makes no sense");
	ck_assert_int_eq(options.stack, 0);
	expect_refused("GORT_DEBUG", "scheddetail=1,schedtrace=1s",
		"gort: GORT_DEBUG=schedtrace=1s makes no sense");
	ck_assert_int_eq(debug.schedtrace, 0);
	ck_assert_int_eq(debug.scheddetail, 1);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("debug_options");
	TCase *tc = tcase_create("values");
	tcase_add_test(tc, nothing_given);
	tcase_add_test(tc, values);
	tcase_add_test(tc, leak_classes);
	tcase_add_test(tc, ours_wins);
	tcase_add_test(tc, sizes);
	suite_add_tcase(s, tc);
	tc = tcase_create("mistakes");
	tcase_add_test(tc, unknown_fields);
	tcase_add_test(tc, bad_values);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
