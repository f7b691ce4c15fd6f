/* SPDX-License-Identifier: BSD-2-Clause */
/* proc_test.c - goroutines as the public API shows them: start, end, arguments, sleep, deadlock. */
#include "child.h"
#include "suite.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- start and end ---- */

static void forever(chan(int) c)
{
	(void)chan_recv(c);
}

static int code7(int argc, char **argv)
{
	REQUIRE(argc == 1 && strcmp(argv[0], "child") == 0);
	go(forever, make_chan(int, 0)); /* dies with the main goroutine */
	return 7;
}

static int six(int a, long b, void *c, unsigned d, string e)
{
	return a + (int)b + (c == nil) + (int)d + (int)e.len;
}

static _Atomic long seen;

static void take(int a, long b, void *c, unsigned d, string e)
{
	REQUIRE(a == -1 && b == 1l << 40 && c == &seen && d == 4000000000u);
	REQUIRE(e.len == 5 && memcmp(e.ptr, "hello", 5) == 0);
	atomic_fetch_add(&seen, 1);
}

struct args {
	double x;
	int y;
};

static void take_struct(struct args *a)
{
	REQUIRE(a->x == 1.5 && a->y == 3);
	free(a);
	atomic_fetch_add(&seen, 1);
}

static int arguments(int argc, char **argv)
{
	(void)argc, (void)argv;
	int evaluated = 0;
	REQUIRE(six(1, 2, nil, 3, S("four")) == 11);
	go(take, (evaluated++, -1), 1l << 40, &seen, 4000000000u, S("hello"));
	go_with(take_struct, (&(struct args){1.5, 3}));
	while (atomic_load(&seen) != 2)
		gort_gosched();
	REQUIRE(evaluated == 1);
	return 0;
}

static void note(char *c)
{
	static char text[8];
	strcat(text, c);
	if (strlen(text) == 3)
		REQUIRE(strcmp(text, "cba") == 0);
	if (strlen(text) == 4)
		REQUIRE(strcmp(text, "cbad") == 0);
	atomic_fetch_add(&seen, 1);
}

static void inner(waitgroup *wg)
{
	defer(note, (char *)(uintptr_t) "b");
	defer(note, (char *)(uintptr_t) "c");
	wg_done(wg);
	gort_goexit();
}

static void outer(waitgroup *wg)
{
	defer(note, (char *)(uintptr_t) "a");
	inner(wg);
	REQUIRE(false);
}

static void scoped(void)
{
	for (int i = 0; i < 1; i++) {
		defer(note, (char *)(uintptr_t) "d");
		REQUIRE(atomic_load(&seen) == 3);
		break;
	}
	REQUIRE(atomic_load(&seen) == 4);
}

static int defers(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 1);
	go(outer, &wg);
	wg_wait(&wg);
	while (atomic_load(&seen) != 3)
		gort_gosched();
	scoped();
	return 0;
}

static void count_up(waitgroup *wg, chan(int) hold)
{
	wg_done(wg);
	(void)chan_recv(hold);
}

static int counting(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	chan(int) hold = make_chan(int, 0);
	REQUIRE(gort_num_goroutine() == 1 && gort_goid() == 1);
	wg_add(&wg, 1000);
	for (int i = 0; i < 1000; i++)
		go(count_up, &wg, hold);
	wg_wait(&wg);
	REQUIRE(gort_num_goroutine() == 1001);
	chan_close(hold);
	while (gort_num_goroutine() != 1)
		gort_gosched();
	return 0;
}

START_TEST(test_exit_code)
{
	expect_code(code7, 7);
}
END_TEST

START_TEST(test_arguments)
{
	expect_code(arguments, 0);
}
END_TEST

START_TEST(test_defer)
{
	expect_code(defers, 0);
}
END_TEST

START_TEST(test_counting)
{
	expect_code(counting, 0);
}
END_TEST

/* ---- sleep ---- */

static void sleeper(gort_duration d, chan(int) done)
{
	int64_t start = monotonic();
	gort_sleep(d);
	REQUIRE(monotonic() - start >= d);
	chan_send(done, 1);
}

static int never_early(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) done = make_chan(int, 0);
	unsigned rnd = 1;
	for (int i = 0; i < 2000; i++) {
		rnd = rnd * 1664525 + 1013904223;
		go(sleeper, (gort_duration)((rnd >> 8) % 20000000 / (1 + i % 1000)), done);
	}
	go(sleeper, -1 * sec, done);
	for (int i = 0; i < 2001; i++)
		(void)chan_recv(done);
	return 0;
}

static void spinner(_Atomic int *stop)
{
	while (!atomic_load(stop))
		gort_gosched();
}

/* A busy program still wakes its sleepers. */
static int sleep_while_busy(int argc, char **argv)
{
	(void)argc, (void)argv;
	static _Atomic int stop;
	for (int i = 0; i < 8; i++)
		go(spinner, &stop);
	for (int i = 0; i < 20; i++)
		gort_sleep(ms);
	atomic_store(&stop, 1);
	return 0;
}

START_TEST(test_sleep)
{
	expect_code(never_early, 0);
	expect_code(sleep_while_busy, 0);
}
END_TEST

/* ---- wait group ---- */

static int negative(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 1);
	wg_done(&wg);
	wg_done(&wg);
	return 0;
}

static void waiter(waitgroup *wg, waitgroup *all)
{
	wg_wait(wg);
	wg_done(all);
}

static int many_waiters(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0}, all = {0};
	wg_wait(&wg); /* 0: does not block */
	wg_add(&wg, 2);
	wg_add(&all, 100);
	for (int i = 0; i < 100; i++)
		go(waiter, &wg, &all);
	gort_sleep(ms);
	wg_done(&wg);
	gort_sleep(ms);
	wg_done(&wg);
	wg_wait(&all);
	return 0;
}

START_TEST(test_waitgroup)
{
	expect_code(many_waiters, 0);
	expect_fatal(negative, "panic: sync: negative WaitGroup counter");
}
END_TEST

/* ---- blocking calls ---- */

static void ticker(_Atomic int *ticks)
{
	for (;; gort_sleep(ms))
		atomic_fetch_add(ticks, 1);
}

/* While the only P's goroutine blocks in the kernel, another one runs. */
static int blocking(int argc, char **argv)
{
	(void)argc, (void)argv;
	static _Atomic int ticks;
	go(ticker, &ticks);
	errno = EXDEV;
	gort_blocking_begin();
	while (atomic_load(&ticks) < 10) {
		struct timespec t = {0, 1000000};
		nanosleep(&t, NULL);
	}
	errno = EXDEV;
	gort_blocking_end();
	REQUIRE(errno == EXDEV);
	gort_gosched();
	return 0;
}

static int without_begin(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_blocking_end();
	return 0;
}

START_TEST(test_blocking)
{
	expect_code(blocking, 0);
	expect_fatal(without_begin, "fatal error: gort_blocking_end: without gort_blocking_begin");
}
END_TEST

/* A goroutine that is spawned by one which then computes without a call starts on another P. */
static void set(_Atomic int *flag)
{
	atomic_store(flag, 1);
}

static int lone(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 20; i++) {
		static _Atomic int flag;
		atomic_store(&flag, 0);
		go(set, &flag);
		while (!atomic_load(&flag)) /* for ever, if nobody takes it */
			;
		gort_sleep(i % 3 * 10 * ms);
	}
	return 0;
}

START_TEST(test_lone_start)
{
	ck_assert_int_eq(run_child(lone, 2)->code, 0);
}
END_TEST

/* ---- deadlock ---- */

static const char deadlock[] = "fatal error: all goroutines are asleep - deadlock!";

static int main_stuck(int argc, char **argv)
{
	(void)argc, (void)argv;
	return chan_recv(make_chan(int, 0));
}

static int all_stuck(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(forever, make_chan(int, 0));
	gort_sleep(5 * ms);
	wg_wait(&wg);
	return 0;
}

static int nil_stuck(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = nil;
	chan_send(c, 1);
	return 0;
}

static int main_gone(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_goexit();
}

START_TEST(test_deadlock)
{
	expect_fatal(main_stuck, deadlock);
	expect_fatal(all_stuck, deadlock);
	expect_fatal(nil_stuck, deadlock);
	expect_fatal(main_gone, "fatal error: no goroutines (main called gort_goexit) - deadlock!");
}
END_TEST

static void send_later(chan(int) c)
{
	gort_sleep(100 * ms);
	chan_send(c, 0);
}

static int sleeping(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0);
	go(send_later, c);
	return chan_recv(c);
}

static void *exit_later(void *arg)
{
	(void)arg;
	struct timespec t = {0, 200000000};
	nanosleep(&t, NULL);
	_exit(5);
}

/* A thread of the program's own might still do something. */
static int foreign(int argc, char **argv)
{
	(void)argc, (void)argv;
	pthread_t thread;
	REQUIRE(pthread_create(&thread, NULL, exit_later, NULL) == 0);
	return chan_recv(make_chan(int, 0));
}

static void block_and_send(chan(int) c)
{
	struct timespec t = {0, 100000000};
	gort_blocking_begin();
	nanosleep(&t, NULL);
	gort_blocking_end();
	chan_send(c, 0);
}

static int in_kernel(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0);
	go(block_and_send, c);
	return chan_recv(c);
}

START_TEST(test_no_false_deadlock)
{
	expect_code(sleeping, 0);
	expect_code(in_kernel, 0);
	expect_code(foreign, 5);
}
END_TEST

/* ---- misuse ---- */

static void *send_from_thread(void *c)
{
	int v = 1;
	gort_chan_send(c, &v);
	return NULL;
}

static int from_thread(int argc, char **argv)
{
	(void)argc, (void)argv;
	pthread_t thread;
	struct gort_chan *c = gort_chan_make(sizeof(int), 1);
	REQUIRE(pthread_create(&thread, NULL, send_from_thread, c) == 0);
	gort_sleep(10 * sec);
	return 0;
}

static int while_blocking(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_blocking_begin();
	gort_gosched();
	return 0;
}

START_TEST(test_misuse)
{
	expect_fatal(from_thread,
		"fatal error: chan send: called from a thread that is not a goroutine");
	expect_fatal(while_blocking, "fatal error: gort_gosched: called between "
				     "gort_blocking_begin and gort_blocking_end");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"proc", .seconds = 100,
		.units = {
			{"exit_code", test_exit_code},
			{"arguments", test_arguments},
			{"defer", test_defer},
			{"counting", test_counting},
			{"sleep", test_sleep},
			{"waitgroup", test_waitgroup},
			{"blocking", test_blocking},
			{"lone_start", test_lone_start},
			{"deadlock", test_deadlock},
			{"no_false_deadlock", test_no_false_deadlock},
			{"misuse", test_misuse},
		}});
}

#include "check_main.h"
