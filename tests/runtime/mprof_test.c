/* SPDX-License-Identifier: BSD-2-Clause */
/* mprof_test.c - events of blocking and mutexes are sampled at the rate, and weighted for it. */
#define GORT_NO_SYNC
#define GORT_NO_UNITS
#include "child.h"

#include "gort/debug.h"
#include "mem/mprof.h"

Suite *test_suite(void);

#include "check_main.h"

#define EVENTS 100000

static __attribute__((noinline)) void blocked(int64_t ns)
{
	for (int i = 0; i < EVENTS; i++)
		blockevent(ns);
	__asm__ volatile("");
}

static __attribute__((noinline)) void contended(int64_t ns)
{
	for (int i = 0; i < EVENTS; i++)
		mutexevent(ns);
	__asm__ volatile("");
}

/* What the one bucket of the kind has got since it was asked last. */
static struct memrecord taken(enum recordkind kind)
{
	static struct memrecord before[NRECORDKIND];
	struct memrecord now = {.count = 0};
	REQUIRE(profilerecords(kind, &now, 1) <= 1);
	struct memrecord r = {
		.count = now.count - before[kind].count, .delay = now.delay - before[kind].delay};
	before[kind] = now;
	return r;
}

static void about(int64_t is, double want, double part)
{
	REQUIRE((double)is > want * (1 - part) && (double)is < want * (1 + part));
}

static int blocks(int argc, char **argv)
{
	static const struct {
		int64_t rate, ns;
		double part; /* ten times the standard deviation; 0: exact */
	} cases[] = {{1, 500, 0}, {500, 500, 0}, {400, 500, 0}, {1000, 500, 0.04},
		{100000, 500, 0.5}, {-3, 500, 0}, {0, 500, 0}};
	(void)argc, (void)argv;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		gort_blockprofile_rate(cases[i].rate);
		blocked(cases[i].ns);
		struct memrecord r = taken(BLOCKRECORD);
		int64_t n = cases[i].rate > 0 ? EVENTS : 0;
		if (cases[i].part > 0) {
			about(r.count, EVENTS, cases[i].part);
			about(r.delay, (double)EVENTS * (double)cases[i].ns, cases[i].part);
		} else {
			REQUIRE(r.count == n && r.delay == n * cases[i].ns);
		}
	}
	REQUIRE(profilerecords(MUTEXRECORD, NULL, 0) == 0);
	return 0;
}

static int mutexes(int argc, char **argv)
{
	static const int64_t rates[] = {1, 10, 1000, 0};
	int64_t before = 0;
	(void)argc, (void)argv;
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		REQUIRE(gort_mutexprofile_fraction(rates[i]) == before);
		REQUIRE(gort_mutexprofile_fraction(-1) == rates[i]);
		before = rates[i];
		contended(300);
		struct memrecord r = taken(MUTEXRECORD);
		REQUIRE(r.delay == r.count * 300);
		REQUIRE(r.count % (before ? before : 1) == 0);
		if (before <= 1)
			REQUIRE(r.count == EVENTS * before);
		else
			about(r.count, EVENTS, before == 10 ? 0.1 : 0.999);
	}
	REQUIRE(profilerecords(BLOCKRECORD, NULL, 0) == 0);
	return 0;
}

START_TEST(test_block)
{
	expect_code(blocks, 0);
}
END_TEST

START_TEST(test_mutex)
{
	expect_code(mutexes, 0);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("mprof");
	TCase *tc = tcase_create("weights");
	tcase_add_test(tc, test_block);
	tcase_add_test(tc, test_mutex);
	suite_add_tcase(s, tc);
	return s;
}
