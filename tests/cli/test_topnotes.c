/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_topnotes.c - when gort top looks for leaks: cheaply, but for the first time in minutes; and
 * for how long it says of a goroutine who holds its lock.
 */
#include <check.h>
#include "add_case.h"
#include "cli/topdata.h"

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

START_TEST(locks)
{
	struct gsnap_g gs[] = {{.id = 7, .status = GSTATUS_WAITING}};
	struct livegroup group = {.n = 1};
	uint32_t of = 0;
	uint8_t is = CAT_SEMA;
	struct topnote note = {.goid = 7, .holder = 9};
	struct topdata d = {.view.s = {.gs = gs, .ngs = 1},
		.groups = {.group = &group, .n = 1, .of = &of, .nof = 1},
		.category = &is,
		.ncategory = 1,
		.notes = {.v[CHORE_LOCKS] = &note, .n[CHORE_LOCKS] = 1}};
	topnotes_group(&d.notes, &d);
	ck_assert_ptr_nonnull(topnotes_of(&d.notes, &d, &group));
	is = CAT_SLEEP; /* it has got the lock since */
	topnotes_group(&d.notes, &d);
	ck_assert_ptr_null(topnotes_of(&d.notes, &d, &group));
	is = CAT_SEMA;
	gs[0].id = 8; /* another one in its place */
	topnotes_group(&d.notes, &d);
	ck_assert_ptr_null(topnotes_of(&d.notes, &d, &group));
	free(d.notes.group);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("topnotes");
	add_case(s, "interval", interval);
	add_case(s, "locks", locks);
	return s;
}

#include "check_main.h"
