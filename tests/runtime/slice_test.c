/* SPDX-License-Identifier: BSD-2-Clause */
/* slice_test.c - slices: aliasing, capacities, bounds; the differential test has the rest. */
#include <gort/gort.h>

#include "child.h"

typedef slice(int) ints;
typedef slice(string) strings;
struct pair {
	long a, b;
};
typedef slice(struct pair) pairs;

static int sum(ints s)
{
	int n = 0;
	for
		range(i, v, s) n += v;
	return n;
}

/* The example of the seed, section 8. */
static int aliasing(int argc, char **argv)
{
	(void)argc, (void)argv;
	ints a = slice_of(ints, 1, 2, 3, 4, 5), b = sub(a, 1, 4);
	at(b, 0) = 99;
	REQUIRE(b.len == 3 && b.cap == 4 && at(a, 1) == 99);
	append(&b, 10);
	REQUIRE(b.len == 4 && b.cap == 4 && at(a, 4) == 10);
	append(&b, 11);
	at(b, 0) = 1;
	REQUIRE(at(a, 1) == 99 && b.cap == 8);
	ints c = sub3(a, 1, 2, 2);
	append(&c, 7);
	REQUIRE(c.len == 2 && at(a, 2) == 3 && at(c, 1) == 7);
	return 0;
}

static int capacities(int argc, char **argv)
{
	(void)argc, (void)argv;
	ints a = {0};
	isize grown = 0, last = 0;
	for (int i = 0; i < 100000; i++) {
		append(&a, i);
		grown += a.cap != last;
		last = a.cap;
	}
	REQUIRE(grown == 26 && last > 100000 && sum(sub(a, 0, 1000)) == 499500);
	strings s = {0};
	for (int i = 0; i < 33; i++)
		append(&s, S("x"));
	REQUIRE(s.cap == 71 && s.ptr[32].len == 1);
	gort_bytes b = {0};
	append(&b, 'x');
	REQUIRE(b.cap == 8);
	append_slice(&b, S("yz"));
	append_slice(&b, b);
	REQUIRE(b.len == 6 && memcmp(b.ptr, "xyzxyz", 6) == 0);
	return 0;
}

/* What lies behind the length is zero, also where the memory was used before. */
static int tails(int argc, char **argv)
{
	(void)argc, (void)argv;
	enum { ROUNDS = 280, SIZES = 14 };
	for (int i = 0; i < ROUNDS; i++) {
		ints old = make_slice(ints, 4 << i % SIZES);
		memset(old.ptr, 0xff, (size_t)old.len * sizeof(int));
	}
	gort_gc();
	for (int i = 0; i < ROUNDS; i++) {
		ints a = {0};
		for (int k = 0; k < 4 << i % SIZES; k++)
			append(&a, 0);
		append(&a, 0);
		REQUIRE(sum(sub(a, 0, a.cap)) == 0);
	}
	return 0;
}

static int making(int argc, char **argv)
{
	(void)argc, (void)argv;
	ints a = make_slice(ints, 3), b = make_slice(ints, 0, 10), none = {0};
	REQUIRE(a.len == 3 && a.cap == 3 && sum(a) == 0 && b.len == 0 && b.cap == 10);
	append(&b, 1, 2, 3, 4);
	REQUIRE(copy(a, b) == 3 && sum(a) == 6);
	REQUIRE(copy(sub(b, 1, 4), b) == 3 && sum(b) == 1 + 1 + 2 + 3);
	slice_clear(b);
	REQUIRE(sum(b) == 0 && b.len == 4);
	append_slice(&none, none);
	REQUIRE(none.ptr == nil && make_slice(ints, 0).ptr != nil);
	pairs p = {0};
	append(&p, {1, 2}, {3, 4});
	REQUIRE(p.len == 2 && at(p, 1).b == 4);
	return 0;
}

static int ranging(int argc, char **argv)
{
	(void)argc, (void)argv;
	ints a = slice_of(ints, 1, 2, 3, 4);
	int turns = 0;
	for
		range(i, v, a)
		{
			if (v == 2)
				continue;
			if (v == 4)
				break;
			append(&a, v); /* the length is that at the beginning */
			i += 100;      /* a copy, as v is */
			v = 0;
			turns++;
		}
	REQUIRE(turns == 2 && a.len == 6 && at(a, 0) == 1);
	if (turns)
		for
			range(i, c, S("ab")) turns += c == 'a' + i;
	REQUIRE(turns == 4);
	return 0;
}

static int which;

static int out_of_range(int argc, char **argv)
{
	(void)argc, (void)argv;
	ints a = make_slice(ints, 2, 4);
	volatile isize minus = -1, five = 5, three = 3;
	switch (which) {
	case 0:
		return at(a, five);
	case 1:
		return at(a, minus);
	case 2:
		return (int)sub(a, 0, five).len;
	case 3:
		return (int)sub(a, three, 2).len;
	case 4:
		return (int)sub(a, minus, 2).len;
	case 5:
		return (int)sub3(a, 0, 1, five).len;
	case 6:
		return (int)sub3(a, 0, three, 2).len;
	case 7:
		return (int)sub3(a, three, 2, 4).len;
	case 8:
		return (int)make_slice(ints, minus).len;
	default:
		return (int)make_slice(ints, 2, minus + 2).len;
	}
}

START_TEST(values)
{
	expect_code(aliasing, 0);
	expect_code(capacities, 0);
	expect_code(tails, 0);
	expect_code(making, 0);
	expect_code(ranging, 0);
}
END_TEST

START_TEST(bounds)
{
	static const char *const texts[] = {"index out of range [5] with length 2",
		"index out of range [-1]", "slice bounds out of range [:5] with capacity 4",
		"slice bounds out of range [3:2]", "slice bounds out of range [-1:]",
		"slice bounds out of range [::5] with capacity 4",
		"slice bounds out of range [:3:2]", "slice bounds out of range [3:2:]",
		"makeslice: len out of range", "makeslice: cap out of range"};
	for (which = 0; which < 10; which++) {
		char head[100];
		snprintf(head, sizeof(head), "panic: runtime error: %s", texts[which]);
		expect_fatal(out_of_range, head);
	}
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("slice");
	TCase *t = tcase_create("values");
	tcase_add_test(t, values);
	suite_add_tcase(s, t);
	t = tcase_create("bounds");
	tcase_set_timeout(t, 120);
	tcase_add_test(t, bounds);
	suite_add_tcase(s, t);
	return s;
}

#include "check_main.h"
