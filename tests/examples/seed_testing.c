/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seed_testing.c - as seed.c, the section on tests (16): a test, a table of tests, a benchmark, a
 * fuzz target. seed/testing is the same in Go; the flags are go test's. SEED_FAIL=1 makes a test
 * fail.
 */
#include <gort/testing.h>

static int add(int a, int b)
{
	return a + b;
}

TEST(test_add)
{
	int got = add(1, getenv("SEED_FAIL") ? 3 : 2);
	if (got != 3)
		t_error(t, "Add(1,2) = %d, want 3", got);
}

static const struct {
	const char *name;
	int in, want;
} tests[] = {{"zero", 0, 0}, {"pos", 1, 2}};

TEST(test_double)
{
	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (!t_case(t, tests[i].name))
			continue;
		int got = 2 * tests[i].in;
		if (got != tests[i].want)
			t_error(t, "got %d want %d", got, tests[i].want);
	}
}

BENCH(bench_x)
{
	for (long i = 0; i < b->n; i++)
		__asm__ volatile("" : : "r"(add(1, (int)i)));
}

BENCH(bench_strings)
{
	b_report_allocs(b);
	while (b_loop(b))
		__asm__ volatile("" : : "r"(str_repeat(S("x"), 64).ptr));
}

static isize parse(string s)
{
	return str_fields(s).len;
}

FUZZ_ARGS(fuzz_parse, (string, s))
{
	if (parse(s) > s.len)
		t_error(t, "more fields than bytes");
}
FUZZ_ADD(fuzz_parse, S("hello"));
