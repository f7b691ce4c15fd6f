/* SPDX-License-Identifier: BSD-2-Clause */
/* add_case.h - one test is one TCase here, so that ctest shows each by its name. */
#ifndef GORT_TESTS_CLI_ADD_CASE_H
#define GORT_TESTS_CLI_ADD_CASE_H

#include <check.h>

static void add_case(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	tcase_add_test(tc, test);
	suite_add_tcase(s, tc);
}

#endif
