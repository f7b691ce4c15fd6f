/* SPDX-License-Identifier: BSD-2-Clause */
/* test_human.c - numbers as text. */
#include "add_case.h"
#include "cli/human.h"
#include "gort/snap.h"

#define SEC INT64_C(1000000000)

START_TEST(test_counts)
{
	ck_assert_str_eq(human_count(0).s, "0");
	ck_assert_str_eq(human_count(999).s, "999");
	ck_assert_str_eq(human_count(12481).s, "12,481");
	ck_assert_str_eq(human_count(-1000000).s, "-1,000,000");
	ck_assert_str_eq(human_count(INT64_MAX).s, "9,223,372,036,854,775,807");
	ck_assert_str_eq(human_count(GSNAP_UNKNOWN).s, "-");
}
END_TEST

START_TEST(test_sizes)
{
	ck_assert_str_eq(human_bytes(0).s, "0B");
	ck_assert_str_eq(human_bytes(1023).s, "1023B");
	ck_assert_str_eq(human_bytes(1536).s, "1.5K");
	ck_assert_str_eq(human_bytes(INT64_C(412) << 20).s, "412M");
	ck_assert_str_eq(human_bytes(INT64_C(2) << 30).s, "2.0G");
	ck_assert_str_eq(human_bytes(GSNAP_UNKNOWN).s, "-");
}
END_TEST

START_TEST(test_times)
{
	ck_assert_str_eq(human_time(850).s, "850ns");
	ck_assert_str_eq(human_time(11999).s, "11us");
	ck_assert_str_eq(human_time(1900000).s, "1.9ms");
	ck_assert_str_eq(human_time(250 * SEC / 1000).s, "250ms");
	ck_assert_str_eq(human_time(32 * SEC / 10).s, "3.2s");
	ck_assert_str_eq(human_time(45 * SEC).s, "45s");
	ck_assert_str_eq(human_time(764 * SEC).s, "12m44s");
	ck_assert_str_eq(human_time(10920 * SEC).s, "3h02m");
	ck_assert_str_eq(human_time(273600 * SEC).s, "3d04h");
	ck_assert_str_eq(human_time(GSNAP_UNKNOWN).s, "-");
}
END_TEST

START_TEST(test_rates)
{
	ck_assert_str_eq(human_rate(206, SEC / 2).s, "412/s");
	ck_assert_str_eq(human_rate(1, 2 * SEC).s, "0.5/s");
	ck_assert_str_eq(human_rate(0, SEC).s, "0/s");
	ck_assert_str_eq(human_rate(GSNAP_UNKNOWN, SEC).s, "-");
	ck_assert_str_eq(human_rate(5, 0).s, "-");
	ck_assert_str_eq(human_byte_rate(INT64_C(92) << 20, SEC / 2).s, "184M/s");
	ck_assert_str_eq(human_byte_rate(GSNAP_UNKNOWN, SEC).s, "-");
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("human");
	add_case(s, "counts", test_counts);
	add_case(s, "sizes", test_sizes);
	add_case(s, "times", test_times);
	add_case(s, "rates", test_rates);
	return s;
}

#include "check_main.h"
