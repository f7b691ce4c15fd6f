/* SPDX-License-Identifier: BSD-2-Clause */
/* test_topnotes.c - when gort top looks for leaks: cheaply, but for the first time in minutes. */
#include <check.h>
#include "add_case.h"
#include "cli/topnotes.h"

Suite *test_suite(void);

#define MS INT64_C(1000000)
#define S  (1000 * MS)

START_TEST(interval)
{
	for (int known = 0; known < 2; known++) {
		ck_assert_int_eq(topnotes_interval(1, known), 500);
		ck_assert_int_eq(topnotes_interval(10 * MS, known), 5 * S);
	}
	ck_assert_int_eq(topnotes_interval(6 * S, false), 120 * S); /* a million goroutines */
	ck_assert_int_eq(topnotes_interval(6 * S, true), 3000 * S);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("topnotes");
	add_case(s, "interval", interval);
	return s;
}

#include "check_main.h"
