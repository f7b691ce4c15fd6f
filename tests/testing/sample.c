/* SPDX-License-Identifier: BSD-2-Clause */
/* sample.c - tests, benchmarks and a fuzz target; twin/twin_test.go is the same in Go. */
#include <gort/synctest.h>

static const struct {
	const char *name;
	int in, want;
} cases[] = {{"zero", 0, 0}, {"pos", 1, 2}, {"with space", 2, 4}, {"pos", 3, 6}};

TEST(test_table)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (!t_case(t, cases[i].name))
			continue;
		t_log(t, "in %d", cases[i].in);
		t_eq(t, 2 * cases[i].in, cases[i].want);
	}
}

static void deeper(struct gort_t *t, void *arg)
{
	(void)arg;
	t_log(t, "deep");
}

static void fails_below(struct gort_t *t, void *arg)
{
	t_run(t, "deeper", deeper, arg);
	if (!t_verbose() || getenv("SAMPLE_FAIL"))
		t_error(t, "bad %d\nsecond line", 7);
	t_log(t, "goes on");
}

static void is_fatal(struct gort_t *t, void *arg)
{
	(void)arg;
	if (getenv("SAMPLE_FAIL"))
		t_fatal(t, "stops here");
}

TEST(test_sub)
{
	if (!getenv("SAMPLE_FAIL"))
		t_skip(t, "needs %s", "SAMPLE_FAIL");
	t_run(t, "a", fails_below, NULL);
	t_run(t, "b/c", is_fatal, NULL);
	t_log(t, "after the subtests");
}

static void say_cleanup(struct gort_t *t, int n)
{
	t_log(t, "cleanup %d", n);
}

TEST(test_cleanup)
{
	t_cleanup(t, say_cleanup, t, 1);
	t_cleanup(t, say_cleanup, t, 2);
	if (t_short())
		t_log(t, "short");
}

TEST(test_equal)
{
	gort_string abc = S("abc");
	t_eq(t, 1, 1l);
	t_eq(t, abc, "abc");
	t_eq(t, 0.5f, 0.5);
	t_eq(t, any_of(3), any_of(3));
	t_eq(t, (error)nil, (error)nil);
	if (!getenv("SAMPLE_FAIL"))
		return;
	t_eq(t, -1, 4294967295u);
	t_eq(t, abc, "abd");
	t_eq(t, any_of(3), any_of(3l));
}

TEST(test_alone)
{
	t_log(t, "alone");
}

static void parallel(struct gort_t *t, void *arg)
{
	(void)arg;
	t_parallel(t);
	t_log(t, "together");
}

TEST(test_parallel)
{
	t_run(t, "p1", parallel, NULL);
	t_log(t, "body is over");
}

TEST(test_panics)
{
	if (getenv("SAMPLE_PANIC"))
		panic("boom");
}

static void forever(void)
{
	(void)chan_recv(make_chan(int, 0));
}

TEST(test_leak)
{
	if (!getenv("SAMPLE_LEAK"))
		t_skip(t, "needs %s", "SAMPLE_LEAK");
	go(forever);
	t_no_leaks(t);
}

TEST(test_hang)
{
	if (!getenv("SAMPLE_HANG"))
		t_skip(t, "needs %s", "SAMPLE_HANG");
	gort_sleep(60 * sec);
	t_log(t, "awake");
}

static void count_up(int *n)
{
	gort_sleep(1 * sec);
	++*n;
}

static void mark_now(int *n)
{
	*n = 1;
}

static void virtual_hours(struct gort_t *t, void *arg)
{
	(void)arg;
	gort_time start = gort_now();
	gort_sleep(7 * 3600 * sec + 1);
	t_log(t, "slept %lld", (long long)gort_since(start));
	gort_ticker *tick = new_ticker(333 * ms);
	for (int i = 0; i < 3; i++)
		(void)chan_recv(ticker_chan(tick));
	ticker_stop(tick);
	t_log(t, "ticked %lld", (long long)gort_since(start));
	int n = 0, now = 0;
	time_after_func(0, mark_now, &now);
	synctest_wait();
	t_log(t, "at once: %d", now);
	go(count_up, &n);
	time_after_func(2 * sec, count_up, &n);
	time_after_func(0, count_up, &n);
	time_after_func(1 * sec, count_up, &n);
	synctest_wait();
	t_log(t, "waits: %d", n);
	gort_sleep(1 * sec);
	synctest_wait();
	t_log(t, "went on: %d", n);
	gort_sleep(2 * sec);
	synctest_wait();
	t_log(t, "all: %d after %lld", n, (long long)gort_since(start));
}

static void virtual_deadline(struct gort_t *t, void *arg)
{
	(void)arg;
	struct gort_cancel *cancel;
	context ctx = ctx_with_timeout(ctx_background(), 5 * sec, &cancel);
	gort_sleep(5 * sec - 1);
	synctest_wait();
	t_log(t, "before: %s", error_text(ctx_err(ctx)));
	gort_sleep(1);
	synctest_wait();
	t_log(t, "after: %s", error_text(ctx_err(ctx)));
	select
	{
		case_recv(make_chan(int, 0))
		{
		}
		case_after(24 * 3600 * sec)
		{
			t_log(t, "a day");
		}
	}
	cancel_now(cancel);
	ctx_release(ctx);
	if (getenv("SAMPLE_FAIL"))
		t_fatal(t, "stops in the bubble");
}

TEST(test_virtual)
{
	synctest_test(t, virtual_hours, NULL);
	synctest_test(t, virtual_deadline, NULL);
	t_log(t, "behind it");
}

static void blocks(struct gort_t *t, void *arg)
{
	(void)t, (void)arg;
	if (strcmp(getenv("SAMPLE_BLOCK"), "body") == 0)
		forever();
	go(forever);
}

TEST(test_block)
{
	if (!getenv("SAMPLE_BLOCK"))
		t_skip(t, "needs %s", "SAMPLE_BLOCK");
	synctest_test(t, blocks, NULL);
}

BENCH(bench_loop)
{
	b_report_allocs(b);
	while (b_loop(b)) {
		void *p = gort_malloc(64);
		__asm__ volatile("" : : "r"(p));
	}
}

BENCH(bench_counted_n)
{
	b_set_bytes(b, 8);
	for (long i = 0; i < b->n; i++)
		__asm__ volatile("" : : "r"(i));
}

static void step(struct gort_b *b, void *arg)
{
	(void)arg;
	while (b_loop(b))
		__asm__ volatile("");
}

BENCH(bench_sub)
{
	b_run(b, "one", step, NULL);
	b_run(b, "two words", step, NULL);
}

FUZZ(fuzz_bytes)
{
	if (size == 3 && data[0] == 'b' && data[1] == 'a' && data[2] == 'd')
		t_fatal(t, "size %zu", size);
}

FUZZ_ARGS(fuzz_values, (string, s), (long, n), (bool, deep), (double, x), (gort_bytes, p))
{
	t_log(t, "%td %ld %s %g %td", s.len, n, deep ? "true" : "false", x, p.len);
	if (deep && s.len > 2 && s.ptr[0] == 'b' && s.ptr[1] == 'a' && s.ptr[2] == 'd')
		t_fatal(t, "bad");
}
FUZZ_ADD(fuzz_values, S("hello"), 5, true, 1.5, str_bytes(S("x")));
FUZZ_ADD(fuzz_values, S(""), -1, false, 0, (gort_bytes){0});

FUZZ_ARGS(fuzz_kinds, (uint8_t, b), (int, r), (int8_t, i), (uint64_t, u), (float, f), (double, nan))
{
	t_log(t, "%d %d %d %llu %s %d", b, r, i, (unsigned long long)u, str_cstr(sprint(f)),
		nan != nan);
}
