/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_main.h - main() of a Check program. Define `Suite *test_suite(void)` and include this last.
 *
 * CK_RUN_CASE picks one TCase. Check itself passes when the name matches nothing; here a run that
 * executed no test fails, so a renamed case cannot turn its ctest entry into a silent pass.
 */
#ifndef GORT_TESTS_CHECK_MAIN_H
#define GORT_TESTS_CHECK_MAIN_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In a test: this machine cannot run it. Ends the whole program with the reason, exit 77. */
#define SKIP(...)                                      \
	do {                                           \
		fprintf(stderr, "SKIP: " __VA_ARGS__); \
		fputc('\n', stderr);                   \
		exit(77);                              \
	} while (0)

/* A skip ends the forked test with 77, which Check reports as a failure with this message. */
static int failed_for_real(SRunner *sr)
{
	int failed = srunner_ntests_failed(sr), real = 0;
	TestResult **results = srunner_failures(sr);
	for (int i = 0; i < failed; i++)
		real += !strstr(tr_msg(results[i]), "Early exit with return value 77");
	free(results);
	return real;
}

/*
 * Check ends a test after 4 s of wall-clock time, which a busy machine makes of half a second. A
 * hang is ended all the same; ctest's own limits are longer.
 */
int main(void)
{
	setenv("CK_DEFAULT_TIMEOUT", "50", 0);
	SRunner *sr = srunner_create(test_suite());
	srunner_run_all(sr, CK_NORMAL);
	int run = srunner_ntests_run(sr), failed = srunner_ntests_failed(sr);
	int real = failed_for_real(sr);
	srunner_free(sr);
	if (run == 0) {
		const char *wanted = getenv("CK_RUN_CASE");
		fprintf(stderr, "no test ran (CK_RUN_CASE=%s)\n", wanted ? wanted : "");
		return 1;
	}
	return real ? 1 : failed ? 77 : 0;
}

#endif
