/* SPDX-License-Identifier: BSD-2-Clause */
/* histogram_test.c - the runtime's buckets are those that readers and Go's runtime/metrics name. */
#include <check.h>
#include <string.h>

#include "gort/snap.h"
#include "sched/histogram.h"

Suite *test_suite(void);

#include "check_main.h"

static struct timeHistogram h;

_Static_assert(TIMEHISTBUCKETS == GSNAP_HIST_BUCKETS, "readers expect others");

/* The bucket that a duration is counted in: -1 below all, TIMEHISTBUCKETS beyond. */
static int bucketof(int64_t ns)
{
	memset(&h, 0, sizeof h);
	timehistrecord(&h, ns);
	for (int i = 0; i < TIMEHISTBUCKETS; i++)
		if (h.counts[i])
			return i;
	ck_assert_int_eq(h.underflow + h.overflow, 1);
	return h.underflow ? -1 : TIMEHISTBUCKETS;
}

START_TEST(test_bounds)
{
	for (int i = 0; i < TIMEHISTBUCKETS; i++) {
		int64_t from = (int64_t)gsnap_hist_from((unsigned)i);
		int64_t to = (int64_t)gsnap_hist_from((unsigned)i + 1);
		ck_assert_int_eq(bucketof(from), i);
		ck_assert_int_eq(bucketof(from + (to - from) / 2), i);
		ck_assert_int_eq(bucketof(to - 1), i);
	}
}
END_TEST

START_TEST(test_beyond)
{
	ck_assert_int_eq(bucketof(0), 0);
	ck_assert_int_eq(bucketof(-1), -1);
	ck_assert_int_eq(bucketof(INT64_MIN), -1);
	ck_assert_int_eq(bucketof((int64_t)gsnap_hist_from(TIMEHISTBUCKETS)), TIMEHISTBUCKETS);
	ck_assert_int_eq(bucketof(INT64_MAX), TIMEHISTBUCKETS);
}
END_TEST

START_TEST(test_sum)
{
	memset(&h, 0, sizeof h);
	for (int i = 0; i < 1000; i++)
		timehistrecord(&h, 300);
	ck_assert_int_eq(h.counts[4], 1000);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("histogram");
	TCase *tc = tcase_create("histogram");
	tcase_add_test(tc, test_bounds);
	tcase_add_test(tc, test_beyond);
	tcase_add_test(tc, test_sum);
	suite_add_tcase(s, tc);
	return s;
}
