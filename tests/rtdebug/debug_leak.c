/* SPDX-License-Identifier: BSD-2-Clause */
/* debug_leak.c - the leak gate at the end of a program: a leak, none, and whose exit code wins. */
#include "run_victim.h"

static const char *const gate[] = {"GORT_LEAKCHECK=1", "ASAN_OPTIONS=detect_leaks=0", NULL};
static const char *const off[] = {"GORT_LEAKCHECK=0", "ASAN_OPTIONS=detect_leaks=0", NULL};

START_TEST(leak_is_66)
{
	victim_run(gate, "leak", NULL);
	expect_exit(66);
	expect("found unexpected goroutines");
	expect("chan receive \\(unreachable\\)");
	expect("feeder");
	expect("victim\\.c:[0-9]+");
}
END_TEST

START_TEST(classes)
{
	static const char *const fails[] = {
		"GORT_LEAKCHECK=blocked-forever,unreachable", "ASAN_OPTIONS=detect_leaks=0", NULL};
	static const char *const passes[] = {
		"GORT_LEAKCHECK=blocked-forever", "ASAN_OPTIONS=detect_leaks=0", NULL};
	victim_run(fails, "leak", NULL);
	expect_exit(66);
	expect("chan receive \\(unreachable\\)");
	victim_run(passes, "leak", NULL);
	expect_exit(0);
	ck_assert_str_eq(v.text, "");
}
END_TEST

/* Nothing is said, the code is the program's: gort-leak looks. */
START_TEST(waits)
{
	static const char *const waits_only[] = {
		"GORT_LEAKCHECK=wait", "ASAN_OPTIONS=detect_leaks=0", NULL};
	victim_run(waits_only, "leak", NULL);
	expect_exit(0);
	ck_assert_str_eq(v.text, "");
	victim_run(waits_only, "leak", "7");
	expect_exit(7);
}
END_TEST

START_TEST(own_code_wins)
{
	victim_run(gate, "leak", "7");
	expect_exit(7);
	expect("found unexpected goroutines");
}
END_TEST

START_TEST(no_leak_is_silent)
{
	victim_run(gate, "noleak", NULL);
	expect_exit(0);
	ck_assert_str_eq(v.text, "");
}
END_TEST

START_TEST(gate_is_off)
{
	victim_run(off, "leak", NULL);
	expect_exit(0);
	ck_assert_str_eq(v.text, "");
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("debug_leak");
	TCase *leak = tcase_create("leak"), *clean = tcase_create("clean");
	tcase_set_timeout(leak, 60);
	tcase_set_timeout(clean, 60);
	tcase_add_test(leak, leak_is_66);
	tcase_add_test(leak, classes);
	tcase_add_test(leak, waits);
	tcase_add_test(leak, own_code_wins);
	tcase_add_test(clean, no_leak_is_silent);
	tcase_add_test(clean, gate_is_off);
	suite_add_tcase(s, leak);
	suite_add_tcase(s, clean);
	return s;
}

#include "check_main.h"
