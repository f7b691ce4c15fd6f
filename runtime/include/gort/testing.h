/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort/testing.h - tests, benchmarks and fuzz targets with Go's flags and output (Go's testing).
 * For C; includes go.h.
 *
 *	TEST(test_parse)                              func TestParse(t *testing.T)
 *	{
 *		for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
 *			if (!t_case(t, cases[i].name))        t.Run(tt.name, ...)
 *				continue;
 *			t_eq(t, parse(cases[i].in), cases[i].want);
 *		}
 *	}
 *	BENCH(bench_parse) { while (b_loop(b)) parse("1"); }      func BenchmarkParse
 *	FUZZ(fuzz_parse) { parse_bytes(data, size); }              func FuzzParse
 *
 * A program of such functions has its gort_main from here. Names are shown as Go spells them
 * (test_parse_all is TestParseAll), so that -run, benchstat and test2json work as they do for Go.
 *
 * Flags, with one or two dashes, "test." before the name allowed: -run -skip -bench -list REGEX,
 * -fuzz REGEX, -count N, -parallel N, -benchtime D or Nx, -fuzztime D, -timeout D,
 * -cpuprofile FILE, -memprofile FILE, -memprofilerate N, -shuffle off|on|N, -v, -short, -benchmem,
 * -failfast, -json. REGEX is of POSIX's extended kind, an element for each level of subtests, with
 * / between. Exit code 0 passed, 1 failed, 2 bad flags or a panic, which ends the program as in Go.
 *
 * A fuzz target is replayed over testdata/fuzz/FuzzName, files in Go's format with one []byte or
 * string. -fuzz searches for more in a program that clang has compiled with -DGORT_LIBFUZZER
 * -fsanitize=fuzzer-no-link and linked with its libclang_rt.fuzzer_no_main and libstdc++.
 *
 * What t and b point to belongs to the library. Functions with a t may be called by any goroutine
 * until the test is over; those that end the test (t_fatal, t_skip) by its own goroutine only.
 */
#ifndef GORT_TESTING_H
#define GORT_TESTING_H

#include "gort/go.h"

struct gort_t;

/* A benchmark under way. n: how often to do what is measured, in one that does not use b_loop. */
struct gort_b {
	long n;
	long i, limit; /* b_loop's */
	bool looped;
	void *opaque;
};

struct gort_test {
	const char *name, *file;
	int line;
	void (*test)(struct gort_t *t);
	void (*bench)(struct gort_b *b);
	void (*fuzz)(struct gort_t *t, const uint8_t *data, size_t size);
	struct gort_test *next;
};

/* ---- runtime/testing/ ---- */

/* Makes e known, for the life of the program; the macros below do. */
GORT_API void gort_test_add(struct gort_test *e);
/* libFuzzer's LLVMFuzzerRunDriver, in programs that have it: what -fuzz searches with. */
typedef int gort_test_driver(int *argc, char ***argv, int (*one)(const uint8_t *data, size_t size));
GORT_API void gort_test_search(gort_test_driver *driver);
/* Runs what the flags say, and returns the exit code. Go's testing.Main. */
GORT_API int gort_test_main(int argc, char **argv);

enum gort_t_how { GORT_T_LOG, GORT_T_ERROR, GORT_T_FATAL, GORT_T_SKIP };

/* A line of the test's output, with its place; then marks it as failed, ends it, or skips it. */
GORT_API void gort_t_logf(struct gort_t *t, enum gort_t_how how, const char *file, int line,
	const char *fmt, ...) __attribute__((format(printf, 5, 6)));
GORT_API void gort_t_fail(struct gort_t *t);
GORT_API bool gort_t_failed(struct gort_t *t);
GORT_API const char *gort_t_name(struct gort_t *t);
/*
 * Runs fn(t', arg) as a subtest, in a goroutine; returns when it has ended, or waits as parallel;
 * whether it has not failed. Go's t.Run.
 */
GORT_API bool gort_t_run(
	struct gort_t *t, const char *name, void (*fn)(struct gort_t *t, void *arg), void *arg);
/*
 * What follows in the calling function, up to the next t_case or the end of the test, is a subtest.
 * False when -run leaves it out. t_fatal in it ends the whole test: a loop cannot go on.
 */
GORT_API bool gort_t_case(struct gort_t *t, const char *name);
/* Calls c when the test and its subtests are over, last first. Go's t.Cleanup. */
GORT_API void gort_t_cleanup(struct gort_t *t, const struct gort_call *c);
/* Waits until the tests before have ended, then runs beside others. Go's t.Parallel. */
GORT_API void gort_t_parallel(struct gort_t *t);
/*
 * Fails the test, with goleak's message, when goroutines are left that it or its subtests have
 * started; the message names those that are proved to stay for ever (gort/debug.h). They are known
 * by the label "test", the test's name, which goroutines inherit. One without it, as in a function
 * of a timer, counts too, unless the test is parallel.
 */
GORT_API void gort_t_noleaks(struct gort_t *t, const char *file, int line);
GORT_API void gort_t_eq(struct gort_t *t, const char *file, int line, struct gort_arg got,
	struct gort_arg want, const char *text);
/* -short, -v. */
GORT_API bool gort_t_short(void);
GORT_API bool gort_t_verbose(void);

GORT_API bool gort_b_loop(struct gort_b *b);
GORT_API void gort_b_reset(struct gort_b *b);
GORT_API void gort_b_stop(struct gort_b *b);
GORT_API void gort_b_start(struct gort_b *b);
GORT_API void gort_b_allocs(struct gort_b *b);
GORT_API void gort_b_bytes(struct gort_b *b, int64_t n);

/* ---- what tests are written with ---- */

/* Unless the program has its own; GORT_TESTING_NOMAIN leaves it out. */
#ifndef GORT_TESTING_NOMAIN
__attribute__((weak)) int gort_main(int argc, char **argv)
{
	return gort_test_main(argc, argv);
}
#endif

#define GORT_REGISTER(fn, t, b, f)                                                    \
	__attribute__((constructor)) static void gort_register_##fn(void)             \
	{                                                                             \
		static struct gort_test e = {#fn, __FILE__, __LINE__, t, b, f, NULL}; \
		gort_test_add(&e);                                                    \
		GORT_DRIVER;                                                          \
	}
#define TEST(fn)                          \
	static void fn(struct gort_t *t); \
	GORT_REGISTER(fn, fn, NULL, NULL) \
	static void fn(struct gort_t *t GORT_UNUSED)
#define BENCH(fn)                         \
	static void fn(struct gort_b *b); \
	GORT_REGISTER(fn, NULL, fn, NULL) \
	static void fn(struct gort_b *b GORT_UNUSED)
#ifdef GORT_LIBFUZZER
gort_test_driver LLVMFuzzerRunDriver;
#define GORT_DRIVER gort_test_search(LLVMFuzzerRunDriver)
#else
#define GORT_DRIVER (void)0
#endif
/* data is size bytes, that nobody else reads; t as in a test. */
#define FUZZ(fn)                                                            \
	static void fn(struct gort_t *t, const uint8_t *data, size_t size); \
	GORT_REGISTER(fn, NULL, NULL, fn)                                   \
	static void fn(struct gort_t *t GORT_UNUSED, const uint8_t *data, size_t size)

#define t_log(t, ...)   gort_t_logf(t, GORT_T_LOG, __FILE__, __LINE__, __VA_ARGS__)
#define t_error(t, ...) gort_t_logf(t, GORT_T_ERROR, __FILE__, __LINE__, __VA_ARGS__)
#define t_fatal(t, ...) gort_t_logf(t, GORT_T_FATAL, __FILE__, __LINE__, __VA_ARGS__)
#define t_skip(t, ...)  gort_t_logf(t, GORT_T_SKIP, __FILE__, __LINE__, __VA_ARGS__)
#define t_fail          gort_t_fail
#define t_failed        gort_t_failed
#define t_name          gort_t_name
#define t_run           gort_t_run
#define t_case          gort_t_case
#define t_parallel      gort_t_parallel
#define t_no_leaks(t)   gort_t_noleaks(t, __FILE__, __LINE__)
#define t_short         gort_t_short
#define t_verbose       gort_t_verbose
/* t_eq(t, got, want): what println takes, compared as values; fails with both. */
#define t_eq(t, got, want) gort_t_eq(t, __FILE__, __LINE__, GORT_A(got), GORT_A(want), #got)
/* t_cleanup(t, f, args...): arguments are evaluated now. */
#define t_cleanup(t, f, ...) GORT_TCLEANUP(__COUNTER__, t, f __VA_OPT__(, ) __VA_ARGS__)
#define GORT_TCLEANUP(k, t, f, ...)                                          \
	__extension__({                                                      \
		GORT_CALLCHECK(f __VA_OPT__(, ) __VA_ARGS__)                 \
		struct gort_call GORT_CAT(call_, k);                         \
		GORT_FILL(&GORT_CAT(call_, k), f __VA_OPT__(, ) __VA_ARGS__) \
		gort_t_cleanup(t, &GORT_CAT(call_, k));                      \
	})

/* while (b_loop(b)) { ... }: what is before is not timed. Go's b.Loop. */
static inline bool b_loop(struct gort_b *b)
{
	return __builtin_expect(b->i++ < b->limit, 1) || gort_b_loop(b);
}
#define b_reset_timer   gort_b_reset
#define b_stop_timer    gort_b_stop
#define b_start_timer   gort_b_start
#define b_report_allocs gort_b_allocs
#define b_set_bytes     gort_b_bytes

#endif
