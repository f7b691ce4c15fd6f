/* SPDX-License-Identifier: BSD-2-Clause */
/* clock_test.c - vector clocks against flat arrays, and that copies share. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "access.h"
#include "clock.h"
#include "suite.h"

#define NCLOCKS 6
#define NIDS    70000

static uint32_t seed = 1;
static uint32_t model[NCLOCKS][NIDS];
static struct clock clocks[NCLOCKS];

void on_race(const struct race *r)
{
	(void)r;
}

static uint32_t rnd(uint32_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % n;
}

static uint32_t some_id(void)
{
	static const uint32_t range[] = {8, 64, 200, 1100, 5000, NIDS};
	return rnd(range[rnd(6)]);
}

static void compare(uint32_t k)
{
	for (uint32_t i = 0; i < NIDS; i++) {
		if (clock_get(&clocks[k], i) != model[k][i])
			ck_abort_msg("clock %u entry %u: %u, not %u", k, i,
				clock_get(&clocks[k], i), model[k][i]);
	}
}

static void join_model(uint32_t d, uint32_t s)
{
	for (uint32_t i = 0; i < NIDS; i++) {
		if (model[d][i] < model[s][i])
			model[d][i] = model[s][i];
	}
}

static void step(void)
{
	uint32_t k = rnd(NCLOCKS), s = rnd(NCLOCKS), what = rnd(20);
	if (what < 14) {
		uint32_t id = some_id(), epoch = 1 + rnd(1000);
		clock_raise(&clocks[k], id, epoch);
		if (model[k][id] < epoch)
			model[k][id] = epoch;
	} else if (what < 17) {
		clock_join(&clocks[k], &clocks[s]);
		join_model(k, s);
	} else if (what < 19) {
		clock_copy(&clocks[k], &clocks[s]);
		memmove(model[k], model[s], sizeof model[k]);
	} else if (rnd(5) == 0) {
		clock_reset(&clocks[k]);
		memset(model[k], 0, sizeof model[k]);
	}
}

START_TEST(entries)
{
	for (int i = 0; i < 4000; i++) {
		step();
		if (i % 100 == 0)
			compare(rnd(NCLOCKS));
	}
	for (uint32_t k = 0; k < NCLOCKS; k++) {
		compare(k);
		clock_reset(&clocks[k]);
	}
	ck_assert_uint_eq(clock_nodes(), 0);
}
END_TEST

/* A copy of a clock of 50,000 entries and one entry more cost no node. */
START_TEST(sharing)
{
	for (uint32_t i = 64; i < 50064; i++)
		clock_raise(&clocks[0], i, i);
	uint64_t before = clock_nodes();
	ck_assert_uint_gt(before, 50000 / 64);
	clock_copy(&clocks[1], &clocks[0]);
	clock_raise(&clocks[1], 60000, 7);
	clock_join(&clocks[1], &clocks[0]);
	ck_assert_uint_le(clock_nodes(), before + 8);
	ck_assert_uint_eq(clock_get(&clocks[1], 60000), 7);
	clock_raise(&clocks[1], 60001, 8);
	ck_assert_uint_le(clock_nodes(), before + 16);
	clock_join(&clocks[0], &clocks[1]);
	ck_assert_uint_eq(clock_get(&clocks[0], 60000), 7);
	ck_assert_uint_eq(clock_get(&clocks[0], 60001), 8);
	ck_assert_uint_eq(clock_get(&clocks[0], 50063), 50063);
	clock_reset(&clocks[0]);
	clock_reset(&clocks[1]);
	ck_assert_uint_eq(clock_nodes(), 0);
}
END_TEST

/* 20,000 live children of one thread that has seen them all: nodes stay linear, not quadratic. */
START_TEST(forks)
{
	enum { N = 20000 };
	struct clock *child = calloc(N, sizeof *child);
	ck_assert_ptr_nonnull(child);
	for (uint32_t i = 0; i < N; i++) {
		clock_copy(&child[i], &clocks[0]);
		clock_raise(&child[i], 0, i + 1);
		clock_raise(&clocks[0], 64 + i, 1);
	}
	ck_assert_uint_lt(clock_nodes(), 6 * N);
	for (uint32_t i = 0; i < N; i++) {
		clock_join(&clocks[0], &child[i]);
		clock_reset(&child[i]);
	}
	ck_assert_uint_le(clock_nodes(), N / 64 * 2);
	clock_reset(&clocks[0]);
	ck_assert_uint_eq(clock_nodes(), 0);
	free(child);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"clock", .seconds = 60,
		.units = {
			{"entries", entries},
			{"sharing", sharing},
			{"fork", forks},
		}});
}

#include "check_main.h"
