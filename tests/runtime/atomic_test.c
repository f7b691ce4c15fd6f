/* SPDX-License-Identifier: BSD-2-Clause */
/* atomic_test.c - gort/atomic.h: what each operation returns, and that none is lost. */
#include "child.h"
#include "suite.h"

#include <gort/atomic.h>

#define CHECK_WORD(X, T)                                                  \
	static void check_##X(T top)                                      \
	{                                                                 \
		gort_atomic_##X a = {0};                                  \
		REQUIRE(gort_atomic_##X##_load(&a) == 0);                 \
		gort_atomic_##X##_store(&a, 5);                           \
		REQUIRE(gort_atomic_##X##_swap(&a, 6) == 5);              \
		REQUIRE(!gort_atomic_##X##_cas(&a, 5, 7));                \
		REQUIRE(gort_atomic_##X##_load(&a) == 6);                 \
		REQUIRE(gort_atomic_##X##_cas(&a, 6, 7));                 \
		REQUIRE(gort_atomic_##X##_add(&a, 3) == 10);              \
		REQUIRE(gort_atomic_##X##_add(&a, (T)-4) == 6);           \
		REQUIRE(gort_atomic_##X##_or(&a, 9) == 6);                \
		REQUIRE(gort_atomic_##X##_and(&a, 12) == 15);             \
		REQUIRE(gort_atomic_##X##_swap(&a, top) == 12);           \
		REQUIRE(gort_atomic_##X##_add(&a, 1) == (T)(top + (T)1)); \
	}

CHECK_WORD(int32, int32_t)
CHECK_WORD(uint32, uint32_t)
CHECK_WORD(int64, int64_t)
CHECK_WORD(uint64, uint64_t)

static int results(int argc, char **argv)
{
	(void)argc, (void)argv;
	check_int32(-1);
	check_uint32(UINT32_MAX);
	check_int64(-1);
	check_uint64(UINT64_MAX);
	gort_atomic_pointer p = {0};
	int x, y;
	REQUIRE(!gort_atomic_pointer_load(&p) && !gort_atomic_pointer_cas(&p, &x, &y));
	gort_atomic_pointer_store(&p, &x);
	REQUIRE(gort_atomic_pointer_cas(&p, &x, &y) && gort_atomic_pointer_swap(&p, &x) == &y);
	gort_atomic_bool b = {false};
	REQUIRE(!gort_atomic_bool_swap(&b, true) && gort_atomic_bool_load(&b));
	REQUIRE(!gort_atomic_bool_cas(&b, false, true) && gort_atomic_bool_cas(&b, true, false));
	gort_atomic_bool_store(&b, true);
	REQUIRE(gort_atomic_bool_load(&b));
	return 0;
}

static struct {
	gort_atomic_int64 sum, casum;
	gort_atomic_uint32 bits;
	waitgroup wg;
} x;

static void hammer(uint32_t bit)
{
	for (int i = 0; i < 20000; i++) {
		int64_t old;
		gort_atomic_int64_add(&x.sum, 3);
		do
			old = gort_atomic_int64_load(&x.casum);
		while (!gort_atomic_int64_cas(&x.casum, old, old + 1));
		REQUIRE(!(gort_atomic_uint32_or(&x.bits, 1u << bit) & 1u << bit));
		REQUIRE(gort_atomic_uint32_and(&x.bits, ~(1u << bit)) & 1u << bit);
		if (i % 64 == 0)
			gort_gosched();
	}
	wg_done(&x.wg);
}

static int together(int argc, char **argv)
{
	(void)argc, (void)argv;
	wg_add(&x.wg, 16);
	for (uint32_t i = 0; i < 16; i++)
		go(hammer, i);
	wg_wait(&x.wg);
	REQUIRE(gort_atomic_int64_load(&x.sum) == 16 * 20000 * 3);
	REQUIRE(gort_atomic_int64_load(&x.casum) == 16 * 20000);
	REQUIRE(gort_atomic_uint32_load(&x.bits) == 0);
	return 0;
}

START_TEST(test_atomic)
{
	expect_code(results, 0);
	expect_code(together, 0);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"atomic", .seconds = 60,
		.units = {
			{"atomic", test_atomic},
		}});
}

#include "check_main.h"
