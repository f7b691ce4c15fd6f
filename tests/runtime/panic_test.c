/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic_test.c - defer, panic, recover and protect: what runs in which order, where control goes,
 * and how a program ends. The same against Go, at random: ../lang/errors_diff.sh.
 */
#include <math.h>
#include <pthread.h>

#include "base/asan.h"
#include "child.h"
#include "suite.h"

static char trace[256]; /* of one goroutine at a time */

static void mark(int c)
{
	size_t n = strlen(trace);
	REQUIRE(n + 1 < sizeof(trace));
	trace[n] = (char)c;
	trace[n + 1] = '\0';
}

static void expect_trace(const char *want)
{
	if (strcmp(trace, want)) {
		dprintf(2, "trace %s, not %s\n", trace, want);
		_exit(99);
	}
	trace[0] = '\0';
}

static bool says(error err, const char *text)
{
	return err && strcmp(error_text(err), text) == 0;
}

static void panic_in(const char *text)
{
	panic(text);
}

static void recovering(const char *want)
{
	REQUIRE(says(gort_recover(), want));
	REQUIRE(!gort_recover()); /* it is stopped already */
	mark('R');
}

/* ---- where deferred calls run ---- */

static int returns_before(int *seen)
{
	int x = 1;
	defer(mark, 'a');
	*seen = x;
	return x;
}

static void nested(int depth)
{
	defer(mark, '0' + depth);
	if (depth < 3) {
		nested(depth + 1);
		mark('!');
	} else if (depth == 3) { /* always true: a recursion that cannot end is a warning */
		panic("at %d", depth);
	}
}

static int order(int argc, char **argv)
{
	(void)argc, (void)argv;
	int seen = 0;
	REQUIRE(returns_before(&seen) == 1 && seen == 1);
	expect_trace("a");
	REQUIRE(says(protect(nested, 1), "at 3"));
	expect_trace("321");
	for (int i = 0; i < 3; i++) {
		defer(mark, 'a' + i);
		if (i == 1)
			break;
	}
	expect_trace("ab");
	return 0;
}

/* ---- recover ---- */

static void rescued(void)
{
	defer(mark, 'x');
	defer(recovering, "boom");
	defer(mark, 'y');
	panic("boom");
}

static error gives(int n)
{
	return n ? errorf("n is %d", n) : nil;
}

static void inner_protect(void)
{
	REQUIRE(!gort_recover()); /* the panic began outside the protect that called this */
	REQUIRE(says(protect(panic_in, "inner"), "inner"));
}

static void protecting(void)
{
	REQUIRE(protect(inner_protect) == nil);
	recovering("outer");
}

static void outer(void)
{
	defer(protecting);
	panic("outer");
}

static int recovers(int argc, char **argv)
{
	(void)argc, (void)argv;
	error value = error_new("the value");
	REQUIRE(!gort_recover());
	REQUIRE(protect(rescued) == nil);
	expect_trace("yRx");
	REQUIRE(protect(outer) == nil);
	expect_trace("R");
	REQUIRE(protect(gives, 0) == nil && says(protect(gives, 3), "n is 3"));
	REQUIRE(protect(gort_panic, value) == value);
	REQUIRE(says(protect(gort_panic, nil), "panic called with nil argument"));
	REQUIRE(says(protect(panic_in, "100%d"), "100%d"));
	return 0;
}

/* Locals that change between protect and panic keep their values: nothing returns twice. */
static int locals(int argc, char **argv)
{
	(void)argv;
	int a = argc, b = 2 * argc;
	double d = argc;
	for (int i = 0; i < 100; i++) {
		a += i;
		b ^= a;
		d += 0.5;
		if (protect(panic_in, "x"))
			a++;
	}
	REQUIRE(a == argc + 4950 + 100 && fabs(d - argc - 50) < 1e-9 && b != 0);
	return 0;
}

/* ---- panics in deferred calls ---- */

static void panics_again(const char *text)
{
	mark('P');
	panic("%s again", text);
}

static void chained(void)
{
	defer(mark, 'z');
	defer(panics_again, "second");
	defer(panics_again, "first");
	panic("start");
}

static void rescue_then_panic(void)
{
	REQUIRE(says(gort_recover(), "start"));
	panic("after recovery");
}

static void recovered_then(void)
{
	defer(mark, 'z');
	defer(rescue_then_panic);
	panic("start");
}

static void last_word(void)
{
	defer(recovering, "after recovery");
	recovered_then();
}

static int chains(int argc, char **argv)
{
	(void)argc, (void)argv;
	REQUIRE(says(protect(chained), "second again"));
	expect_trace("PPz");
	REQUIRE(says(protect(recovered_then), "after recovery"));
	expect_trace("z");
	REQUIRE(protect(last_word) == nil);
	expect_trace("zR");
	return 0;
}

/* ---- the runtime's own panics leave it in order ---- */

static void closes_twice(chan(int) c)
{
	chan_close(c);
	chan_close(c);
}

static void sends(chan(int) c)
{
	chan_send(c, 1);
}

static void negative(waitgroup *wg)
{
	wg_add(wg, -1);
}

static int runtime_errors(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 1);
	waitgroup wg = {0}, other = {0};
	REQUIRE(says(protect(closes_twice, c), "close of closed channel"));
	error err = protect(sends, c);
	REQUIRE(says(err, "send on closed channel"));
	REQUIRE(error_as(err, struct gort_texterror, runtime_error));
	REQUIRE(!error_as(protect(panic_in, "x"), struct gort_texterror, runtime_error));
	REQUIRE(!chan_recv(c)); /* its lock is free */
	REQUIRE(says(protect(negative, &wg), "sync: negative WaitGroup counter"));
	wg_go(&other, mark, 'g');
	wg_wait(&other);
	expect_trace("g");
	return 0;
}

/* Sends that wait while the channel is closed panic in their own goroutines. */
static void sender(chan(int) c, waitgroup *wg)
{
	defer(wg_done, wg);
	REQUIRE(says(protect(sends, c), "send on closed channel"));
}

static int woken(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 200; i++) {
		waitgroup wg = {0};
		chan(int) c = make_chan(int, 0);
		wg_add(&wg, 3);
		for (int k = 0; k < 3; k++)
			go(sender, c, &wg);
		gort_gosched();
		chan_close(c);
		wg_wait(&wg);
	}
	return 0;
}

/* ---- Goexit ---- */

static void no_recover(void)
{
	REQUIRE(!gort_recover());
	mark('n');
}

static void exits(void)
{
	defer(mark, 'e');
	defer(no_recover);
	gort_goexit();
}

static void exits_in_protect(waitgroup *wg)
{
	defer(wg_done, wg);
	defer(mark, 'o');
	(void)protect(exits);
	mark('!');
}

/* A panic of a deferred call is caught, and the goroutine goes on to its end. */
static void panics_in_exit(waitgroup *wg)
{
	defer(wg_done, wg);
	defer(recovering, "start again");
	defer(panics_again, "start");
	gort_goexit();
}

static void panics_above(void)
{
	defer(panics_again, "caught by protect");
	gort_goexit();
}

static void exits_below_protect(waitgroup *wg)
{
	defer(wg_done, wg);
	defer(mark, 'o');
	(void)protect(panics_above);
	mark('!');
}

/* A protect that was left is no end for a panic of what was deferred before it. */
static void panics_after_protect(waitgroup *wg)
{
	defer(wg_done, wg);
	defer(recovering, "start again");
	defer(panics_again, "start");
	(void)protect(exits);
	mark('!');
}

static void run_one(void (*f)(waitgroup *), const char *want)
{
	waitgroup wg = {0};
	wg_add(&wg, 1);
	go(f, &wg);
	wg_wait(&wg);
	expect_trace(want);
}

/* Recovered without a protect: the goroutine ends. */
static void unprotected(waitgroup *wg)
{
	defer(wg_done, wg);
	rescued();
	mark('!');
}

static int goexits(int argc, char **argv)
{
	(void)argc, (void)argv;
	run_one(exits_in_protect, "neo");
	run_one(panics_in_exit, "PR");
	run_one(exits_below_protect, "Po");
	run_one(panics_after_protect, "nePR");
	run_one(unprotected, "yRx");
	return 0;
}

static int main_recovers(int argc, char **argv)
{
	(void)argc, (void)argv;
	rescued();
	return 5;
}

/* ---- faults ---- */

/* In builds with sanitizers: faults are libgort's here, as in a program without them. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "handle_segv=0:handle_sigfpe=0:handle_sigbus=0";
}

/* With AddressSanitizer libc is not interposed. */
#ifdef GORT_ASAN
#define LOCKSCOUNTED false
#else
#define LOCKSCOUNTED true
#endif

#define UNCHECKED __attribute__((no_sanitize("address", "undefined")))

static int volatile zero;

static int *volatile address;

static UNCHECKED void faults_at(uintptr_t p)
{
	address = (int *)p;
	*address = 1;
}

static UNCHECKED void divides(int a)
{
	zero = a / zero;
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void faults_with_lock(void)
{
	pthread_mutex_lock(&held);
	faults_at(0);
}

static UNCHECKED void faults_in_libc(void)
{
	zero = (int)a64l((const char *)address);
}

static int become_panics(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 1000; i++) {
		error err = protect(faults_at, (uintptr_t)i * 65);
		REQUIRE(says(err, "runtime error: invalid memory address or nil pointer "
				  "dereference"));
		REQUIRE(error_as(err, struct gort_texterror, runtime_error));
		REQUIRE(says(protect(divides, i), "runtime error: integer divide by zero"));
	}
	return 0;
}

static int fault_far(int argc, char **argv)
{
	(void)argc, (void)argv;
	return protect(faults_at, 65536) != nil;
}

static int fault_locked(int argc, char **argv)
{
	(void)argc, (void)argv;
	return protect(faults_with_lock) != nil;
}

static int fault_foreign(int argc, char **argv)
{
	(void)argc, (void)argv;
	return protect(faults_in_libc) != nil;
}

static int fault_bare(int argc, char **argv)
{
	(void)argc, (void)argv;
	faults_at(8);
	return 0;
}

static void expect_killed(mainfn *fn, const char *text)
{
	struct child *c = run_child(fn, 1);
	ck_assert_msg(
		c->code == 128 + SIGSEGV && strstr(c->text, text), "%d: %s", c->code, c->text);
}

/* ---- checked division ---- */

static void divide_checked(int64_t *out, int64_t a, int64_t b)
{
	out[0] = gort_div(a, b);
	out[1] = gort_mod(a, b);
}

static int division(int argc, char **argv)
{
	(void)argc, (void)argv;
	int64_t out[2];
	int least = INT32_MIN;
	unsigned u = 7;
	REQUIRE(!protect(divide_checked, out, -7, 2) && out[0] == -3 && out[1] == -1);
	REQUIRE(!protect(divide_checked, out, INT64_MIN, -1) && out[0] == INT64_MIN && !out[1]);
	REQUIRE(says(protect(divide_checked, out, 1, 0), "runtime error: integer divide by zero"));
	REQUIRE(gort_div(least, -1) == INT32_MIN && gort_mod(least, -1) == 0);
	REQUIRE(gort_div(u, 2) == 3 && gort_mod(u, 4u) == 3 && gort_div(-1, u) == UINT32_MAX / 7);
	REQUIRE(sizeof(gort_div(least, 2)) == sizeof(int) && gort_div((short)-9, 2) == -4);
	return 0;
}

/* ---- the end of the program ---- */

static int dies(int argc, char **argv)
{
	(void)argc, (void)argv;
	println("printed before");
	defer(mark, 'a');
	panic(error_wrap(error_new("line one\nline two"), "wrapped"));
}

static int dies_in_chain(int argc, char **argv)
{
	(void)argc, (void)argv;
	defer(rescue_then_panic);
	panic("start");
}

static void same_again(void)
{
	panic(gort_recover());
}

static int dies_again(int argc, char **argv)
{
	(void)argc, (void)argv;
	defer(same_again);
	panic("start");
}

static void *foreign(void *arg)
{
	gort_panicf("in a thread: %s", (const char *)arg);
}

static int dies_foreign(int argc, char **argv)
{
	(void)argc, (void)argv;
	pthread_t t;
	char text[] = "argument";
	pthread_create(&t, NULL, foreign, text);
	pthread_join(t, NULL);
	return 0;
}

static void expect_dump(mainfn *fn, const char *head)
{
	struct child *c = run_child(fn, 2);
	ck_assert_msg(c->code == 2 && strncmp(c->text, head, strlen(head)) == 0, "exit %d: %s",
		c->code, c->text);
}

START_TEST(test_order)
{
	expect_code(order, 0);
	expect_code(locals, 0);
}
END_TEST

START_TEST(test_recover)
{
	expect_code(recovers, 0);
	expect_code(chains, 0);
	expect_code(main_recovers, 0);
}
END_TEST

START_TEST(test_runtime)
{
	expect_code(runtime_errors, 0);
	expect_code(woken, 0);
	expect_code(division, 0);
}
END_TEST

START_TEST(test_goexit)
{
	expect_code(goexits, 0);
}
END_TEST

START_TEST(test_faults)
{
	expect_code(become_panics, 0);
	expect_killed(fault_far, "unexpected fault address 0x10000\nfatal error: fault\n[signal ");
	if (LOCKSCOUNTED)
		expect_killed(fault_locked, "panic: runtime error: invalid memory address");
	expect_killed(fault_foreign, "panic: runtime error: invalid memory address");
	expect_killed(fault_bare, "panic: runtime error: invalid memory address");
}
END_TEST

START_TEST(test_dump)
{
	expect_dump(dies, "printed before\npanic: wrapped: line one\n\tline two\n\ngoroutine 1 "
			  "[running]:\n");
	expect_dump(dies_in_chain,
		"panic: start [recovered]\n\tpanic: after recovery\n\ngoroutine 1 [running]:\n");
	expect_dump(dies_again, "panic: start [recovered, repanicked]\n\ngoroutine 1 [running]:\n");
	expect_dump(dies_foreign, "panic: in a thread: argument\n");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"panic", .seconds = 60,
		.units = {
			{"order", test_order},
			{"recover", test_recover},
			{"runtime", test_runtime},
			{"goexit", test_goexit},
			{"faults", test_faults},
			{"dump", test_dump},
		}});
}

#include "check_main.h"
