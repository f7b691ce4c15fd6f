/* SPDX-License-Identifier: BSD-2-Clause */
/* suite.h - a suite of Check whose cases hold one test each and have one limit of time. */
#ifndef GORT_TESTS_SUITE_H
#define GORT_TESTS_SUITE_H

#include <check.h>

#define MOST_UNITS 24

struct unit {
	const char *name; /* of the case; NULL ends a list */
	const TTest *test;
};

struct units {
	const char *name;
	double seconds;       /* in which each has to end */
	SFun setup, teardown; /* or NULL; in the process of the test */
	struct unit units[MOST_UNITS + 1];
};

static inline Suite *suite_of(const struct units *u)
{
	Suite *s = suite_create(u->name);
	for (const struct unit *unit = u->units; unit->name; unit++) {
		TCase *tc = tcase_create(unit->name);
		if (u->seconds)
			tcase_set_timeout(tc, u->seconds);
		tcase_add_checked_fixture(tc, u->setup, u->teardown);
		tcase_add_test(tc, unit->test);
		suite_add_tcase(s, tc);
	}
	return s;
}

#endif
