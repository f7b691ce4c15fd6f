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
 *	FUZZ_ARGS(fuzz_cut, (string, s), (long, n)) { ... }        f.Fuzz(func(t, s, n) ...
 *	FUZZ_ADD(fuzz_cut, S("hello"), 3);                         f.Add("hello", 3)
 *
 * A program of such functions has its gort_main from here. Names are shown as Go spells them
 * (test_parse_all is TestParseAll), so that -run, benchstat and test2json work as they do for Go.
 *
 * Flags, with one or two dashes, "test." before the name allowed: -run -skip -bench -list REGEX,
 * -fuzz REGEX, -count N, -parallel N, -benchtime D or Nx, -fuzztime D, -timeout D,
 * -cpuprofile FILE, -memprofile FILE, -memprofilerate N, -blockprofile FILE, -blockprofilerate N,
 * -mutexprofile FILE, -mutexprofilefraction N, -shuffle off|on|N, -v, -short, -benchmem,
 * -failfast, -json. REGEX is of POSIX's extended kind, an element for each level of subtests, with
 * / between. Exit code 0 passed, 1 failed, 2 bad flags or a panic, which ends the program as in Go.
 *
 * A fuzz target is replayed over what FUZZ_ADD gives, and testdata/fuzz/FuzzName, files in Go's
 * format; one of FUZZ takes one []byte or string. -fuzz then searches for more, beginning with
 * those, in a program that clang has compiled with -DGORT_LIBFUZZER -fsanitize=fuzzer-no-link and
 * linked with its libclang_rt.fuzzer_no_main and libstdc++.
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

enum gort_fuzzkind {
	GORT_FUZZ_BYTES,
	GORT_FUZZ_STRING,
	GORT_FUZZ_BOOL,
	GORT_FUZZ_INT,
	GORT_FUZZ_UINT,
	GORT_FUZZ_FLOAT
};

/* A type that an argument of a fuzz target may have; name is Go's. */
struct gort_fuzztype {
	const char *name;
	enum gort_fuzzkind kind;
	unsigned size; /* bytes */
};

/* An argument, as a value of its type. */
union gort_fuzzvalue {
	gort_bytes bytes;
	gort_string string;
	char value[8];
};

#define GORT_FUZZ_MOST 8 /* arguments */

struct gort_test {
	const char *name, *file;
	int line;
	void (*test)(struct gort_t *t);
	void (*bench)(struct gort_b *b);
	void (*fuzz)(struct gort_t *t, const union gort_fuzzvalue *args);
	const struct gort_fuzztype *const *types; /* of args; NULL ends them */
	struct gort_test *next;
	struct gort_fuzzseed *seeds; /* the last first */
};

/* Arguments that a fuzz target begins with. */
typedef void gort_fuzzuse(const union gort_fuzzvalue *args, void *arg);
struct gort_fuzzseed {
	const char *name;                             /* of the target */
	void (*values)(gort_fuzzuse *use, void *arg); /* calls use with them */
	struct gort_fuzzseed *next;
};

/* ---- runtime/testing/ ---- */

/* Makes e known, for the life of the program; the macros below do. */
GORT_API void gort_test_add(struct gort_test *e);
GORT_API void gort_test_seed(struct gort_fuzzseed *seed);
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

/* bool, []byte, string, int8 to int64, uint8 to uint64, float32, float64 */
GORT_API extern const struct gort_fuzztype gort_fuzz_bool, gort_fuzz_bytes, gort_fuzz_string,
	gort_fuzz_i8, gort_fuzz_i16, gort_fuzz_i32, gort_fuzz_i64, gort_fuzz_int, gort_fuzz_u8,
	gort_fuzz_u16, gort_fuzz_u32, gort_fuzz_u64, gort_fuzz_uint, gort_fuzz_f32, gort_fuzz_f64;

/*
 * Measures fn(b', arg) as a benchmark below b, which is then not measured itself. Go's b.Run.
 */
GORT_API void gort_b_run(
	struct gort_b *b, const char *name, void (*fn)(struct gort_b *b, void *arg), void *arg);
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

#define GORT_REGISTER(fn, ...)                                                         \
	__attribute__((constructor)) static void gort_register_##fn(void)              \
	{                                                                              \
		static struct gort_test e = {                                          \
			.name = #fn, .file = __FILE__, .line = __LINE__, __VA_ARGS__}; \
		gort_test_add(&e);                                                     \
		GORT_DRIVER;                                                           \
	}
#define TEST(fn)                          \
	static void fn(struct gort_t *t); \
	GORT_REGISTER(fn, .test = fn)     \
	static void fn(struct gort_t *t GORT_UNUSED)
#define BENCH(fn)                         \
	static void fn(struct gort_b *b); \
	GORT_REGISTER(fn, .bench = fn)    \
	static void fn(struct gort_b *b GORT_UNUSED)
#ifdef GORT_LIBFUZZER
gort_test_driver LLVMFuzzerRunDriver;
#define GORT_DRIVER gort_test_search(LLVMFuzzerRunDriver)
#else
#define GORT_DRIVER (void)0
#endif
/* data is size bytes, that nobody else reads; t as in a test. */
#define FUZZ(fn)                                                                                \
	static void fn(struct gort_t *t, const uint8_t *data, size_t size);                     \
	static void gort_fuzz_##fn(struct gort_t *t, const union gort_fuzzvalue *args)          \
	{                                                                                       \
		fn(t, args->bytes.ptr, (size_t)args->bytes.len);                                \
	}                                                                                       \
	static GORT_UNUSED void gort_fuzzput_##fn(                                              \
		union gort_fuzzvalue *args, const uint8_t *data, size_t size)                   \
	{                                                                                       \
		args->bytes.ptr = (uint8_t *)(uintptr_t)data;                                   \
		args->bytes.len = args->bytes.cap = (gort_isize)size;                           \
	}                                                                                       \
	static const struct gort_fuzztype *const gort_fuzzes_##fn[] = {&gort_fuzz_bytes, NULL}; \
	GORT_REGISTER(fn, .fuzz = gort_fuzz_##fn, .types = gort_fuzzes_##fn)                    \
	static void fn(struct gort_t *t GORT_UNUSED, const uint8_t *data, size_t size)
/*
 * FUZZ_ARGS(fn, (type, name)...): 1 to 8 arguments, each of a type with one word: string,
 * gort_bytes, bool, int8_t to int64_t, uint8_t to uint64_t, float, double; long is Go's int,
 * size_t its uint, int its int32.
 */
#define FUZZ_ARGS(fn, ...)                                                                \
	static void fn(struct gort_t *t, GORT_LIST(GORT_FUZZPARAM, __VA_ARGS__));         \
	static void gort_fuzz_##fn(struct gort_t *t, const union gort_fuzzvalue *gort_v_) \
	{                                                                                 \
		GORT_EACH(GORT_FUZZLOCAL, __VA_ARGS__)                                    \
		fn(t, GORT_LIST(GORT_FUZZNAME, __VA_ARGS__));                             \
	}                                                                                 \
	static GORT_UNUSED void gort_fuzzput_##fn(                                        \
		union gort_fuzzvalue *gort_v_, GORT_LIST(GORT_FUZZPARAM, __VA_ARGS__))    \
	{                                                                                 \
		GORT_EACH(GORT_FUZZSTORE, __VA_ARGS__)                                    \
	}                                                                                 \
	static const struct gort_fuzztype *const gort_fuzzes_##fn[] = {                   \
		GORT_LIST(GORT_FUZZTYPE, __VA_ARGS__), NULL};                             \
	GORT_REGISTER(fn, .fuzz = gort_fuzz_##fn, .types = gort_fuzzes_##fn)              \
	static void fn(struct gort_t *t GORT_UNUSED, GORT_LIST(GORT_FUZZPARAM, __VA_ARGS__))
#define GORT_FUZZPARAM(p)         GORT_FUZZPARAM_ p
#define GORT_FUZZPARAM_(T, n)     T n GORT_UNUSED
#define GORT_FUZZLOCAL(p)         GORT_FUZZLOCAL_ p
#define GORT_FUZZLOCAL_(T, n)     T n = *(const T *)(const void *)gort_v_++;
#define GORT_FUZZSTORE(p)         GORT_FUZZSTORE_ p
#define GORT_FUZZSTORE_(T, n)     memcpy(gort_v_++, &n, sizeof(n));
#define GORT_FUZZNAME(p)          GORT_FUZZNAME_ p
#define GORT_FUZZNAME_(T, n)      n
#define GORT_FUZZTYPE(p)          GORT_FUZZTYPE_ p
#define GORT_FUZZTYPE_(T, n)      &GORT_CAT(gort_fuzztype_, T)
#define gort_fuzztype_bool        gort_fuzz_bool
#define gort_fuzztype__Bool       gort_fuzz_bool
#define gort_fuzztype_gort_bytes  gort_fuzz_bytes
#define gort_fuzztype_gort_string gort_fuzz_string
#define gort_fuzztype_int8_t      gort_fuzz_i8
#define gort_fuzztype_int16_t     gort_fuzz_i16
#define gort_fuzztype_int32_t     gort_fuzz_i32
#define gort_fuzztype_int64_t     gort_fuzz_i64
#define gort_fuzztype_int         gort_fuzz_i32
#define gort_fuzztype_long        gort_fuzz_int
#define gort_fuzztype_uint8_t     gort_fuzz_u8
#define gort_fuzztype_uint16_t    gort_fuzz_u16
#define gort_fuzztype_uint32_t    gort_fuzz_u32
#define gort_fuzztype_uint64_t    gort_fuzz_u64
#define gort_fuzztype_size_t      gort_fuzz_uint
#define gort_fuzztype_float       gort_fuzz_f32
#define gort_fuzztype_double      gort_fuzz_f64

/* FUZZ_ADD(fn, args...): below fn, what it takes: checked by the compiler. */
#define FUZZ_ADD(fn, ...) GORT_FUZZADD(__COUNTER__, fn, __VA_ARGS__)
#define GORT_FUZZADD(k, fn, ...)                                                         \
	static void GORT_CAT(gort_seed_, k)(gort_fuzzuse * use, void *arg)               \
	{                                                                                \
		union gort_fuzzvalue args[GORT_FUZZ_MOST];                               \
		gort_fuzzput_##fn(args, __VA_ARGS__);                                    \
		use(args, arg);                                                          \
	}                                                                                \
	__attribute__((constructor)) static void GORT_CAT(gort_seeds_, k)(void)          \
	{                                                                                \
		static struct gort_fuzzseed seed = {#fn, GORT_CAT(gort_seed_, k), NULL}; \
		gort_test_seed(&seed);                                                   \
	}                                                                                \
	extern int gort_main(int argc, char **argv)

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
#define b_run           gort_b_run
#define b_report_allocs gort_b_allocs
#define b_set_bytes     gort_b_bytes

#endif
