/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt_test.c - goroutines that do not give up the CPU: others run, timers fire, a blocked
 * thread does not keep them, and what they had in their registers is still there.
 */
#include "sched/lend.h"

#include "child.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/syscall.h>

static _Atomic long counts[8];
static volatile _Atomic int stop;

/* ---- an endless loop starves nobody ---- */

static void loop(int i)
{
	volatile long n = 0;
	for (;;) {
		n++;
		atomic_store_explicit(&counts[i], n, memory_order_relaxed);
	}
}

static int loop_and_timer(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 4; i++)
		go(loop, i);
	for (int i = 0; i < 20; i++)
		gort_sleep(ms);
	for (int i = 0; i < 4; i++)
		while (counts[i] == 0)
			gort_sleep(ms);
	return 0;
}

static void echo(chan(int) in, chan(int) out)
{
	chan_range (v, in)
		chan_send(out, v);
}

static int loop_and_channels(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) there = make_chan(int, 0), back = make_chan(int, 0);
	go(loop, 0);
	go(echo, there, back);
	for (int i = 0; i < 1000; i++) {
		chan_send(there, i);
		REQUIRE(chan_recv(back) == i);
	}
	while (counts[0] == 0)
		gort_gosched();
	return 0;
}

START_TEST(test_starves_nobody)
{
	expect_code(loop_and_timer, 0);
	expect_code(loop_and_channels, 0);
}
END_TEST

/* Loops that call the library all the time, and never switch, yield there. */
static void sender(chan(int) c)
{
	while (!stop) {
		chan_send(c, 1);
		REQUIRE(chan_recv(c) == 1);
	}
}

static void selecter(chan(int) c)
{
	while (!stop)
		select
		{
			case_recv(c) REQUIRE(false);
			case_default(void) c;
		}
}

static int cooperative(int argc, char **argv)
{
	(void)argc, (void)argv;
	go(sender, make_chan(int, 8));
	go(selecter, make_chan(int, 1));
	for (int i = 0; i < 10; i++)
		gort_sleep(ms);
	return 0;
}

/* Without an entry of the library, nor a safe point while elision is on. */
static void locker(mutex *m)
{
	while (!stop) {
		mutex_lock(m);
		mutex_unlock(m);
	}
}

static int inlined_locks(int argc, char **argv)
{
	(void)argc, (void)argv;
	static mutex m;
	go(locker, &m);
	for (int i = 0; i < 10; i++)
		gort_sleep(ms);
	return 0;
}

START_TEST(test_inlined_locks)
{
	expect_code(inlined_locks, 0);
}
END_TEST

START_TEST(test_cooperative)
{
	setenv("GORT_DEBUG", "asyncpreemptoff=1", 1);
	expect_code(cooperative, 0);
}
END_TEST

/*
 * One P. A goroutine that blocks its thread must not keep those that were preempted there: they
 * count on while it sleeps in the kernel.
 */
static int blocked_thread(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct timespec moment = {0, 50000000};
	for (int i = 0; i < 3; i++)
		go(loop, i);
	gort_sleep(40 * ms); /* by now each was preempted at least once */
	for (int round = 0; round < 20; round++) {
		long before[3];
		for (int i = 0; i < 3; i++)
			before[i] = counts[i];
		gort_blocking_begin();
		for (int left = 100, moved = 0; moved < 3 && left > 0; left--) {
			nanosleep(&moment, NULL);
			moved = 0;
			for (int i = 0; i < 3; i++)
				moved += counts[i] != before[i];
			REQUIRE(left > 1);
		}
		gort_blocking_end();
	}
	return 0;
}

START_TEST(test_blocked_thread)
{
	expect_code(blocked_thread, 0);
}
END_TEST

/* Not the value that a compiler remembers. */
static __attribute__((noinline)) int errno_now(void)
{
	__asm__ volatile("" ::: "memory");
	return errno;
}

static void errno_keeper(int mine)
{
	errno = mine;
	while (!stop)
		REQUIRE(errno_now() == mine);
}

static int keeps_errno(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 1; i <= 4; i++)
		go(errno_keeper, i * 1000);
	for (int i = 0; i < 300; i++) {
		gort_sleep(ms);
		errno = i;
	}
	return 0;
}

START_TEST(test_keeps_errno)
{
	setenv("GORT_DEBUG", "preempt=100us", 1);
	expect_code(keeps_errno, 0);
}
END_TEST

/* ---- another number of Ps, while everything goes on ---- */

static void napper(_Atomic long *n)
{
	for (gort_duration d = 1; !stop; d = d * 7 % (3 * ms) + 1) {
		gort_sleep(d);
		++*n;
	}
}

static void blocker(_Atomic long *n)
{
	while (!stop) {
		struct timespec moment = {0, 200000};
		gort_blocking_begin();
		nanosleep(&moment, NULL);
		gort_blocking_end();
		++*n;
	}
}

static void adder(mutex *m, _Atomic long *n, long *plain)
{
	while (!stop) {
		mutex_lock(m);
		++*plain;
		mutex_unlock(m);
		++*n;
	}
}

static void passer(chan(int) c, _Atomic long *n)
{
	chan_range (v, c)
		*n += v;
}

static void feeder(chan(int) c)
{
	while (!stop)
		chan_send(c, 1);
	chan_close(c);
}

static void resizer(waitgroup *wg)
{
	for (int i = 0; i < 50; i++) {
		int before = gort_gomaxprocs(1 + (i * 5 + 3) % 9);
		REQUIRE(before >= 1 && before <= 9);
	}
	wg_done(wg);
}

static int resize_busy(int argc, char **argv)
{
	(void)argc, (void)argv;
	static waitgroup wg;
	static mutex m;
	static long plain;
	int procs = gort_gomaxprocs(0);
	REQUIRE(procs == 1 || procs == 2 || procs == 4);
	for (int i = 0; i < 2; i++) {
		chan(int) c = make_chan(int, i);
		go(loop, i);
		go(napper, &counts[2]);
		go(blocker, &counts[3]);
		go(adder, &m, &counts[4], &plain);
		go(passer, c, &counts[5]);
		go(feeder, c);
	}
	wg_add(&wg, 2);
	go(resizer, &wg);
	go(resizer, &wg);
	wg_wait(&wg);
	for (int i = 0; i < 6; i++)
		for (long before = counts[i]; counts[i] == before;)
			gort_sleep(ms);
	(void)gort_gomaxprocs(3);
	REQUIRE(gort_gomaxprocs(-1) == 3 && gort_gomaxprocs(0) == 3);
	stop = 1;
	while (gort_num_goroutine() > 3) /* main and the two loops */
		gort_sleep(ms);
	REQUIRE(plain == counts[4]);
	return 0;
}

static void dozer(gort_duration d, waitgroup *wg)
{
	int64_t start = monotonic();
	gort_sleep(d);
	REQUIRE(monotonic() - start >= d);
	wg_done(wg);
}

static void dozers(waitgroup *wg, waitgroup *started)
{
	for (int i = 1; i <= 100; i++)
		go(dozer, i * ms, wg);
	for (int64_t start = monotonic(); monotonic() - start < 2 * ms;)
		;
	wg_done(started);
}

/* Timers of Ps that are no more, and goroutines in their queues. */
static int resize_timers(int argc, char **argv)
{
	(void)argc, (void)argv;
	static waitgroup wg, started;
	(void)gort_gomaxprocs(8);
	for (int i = 0; i < 16; i++) {
		wg_add(&wg, 100);
		wg_add(&started, 1);
		go(dozers, &wg, &started);
	}
	wg_wait(&started);
	REQUIRE(gort_gomaxprocs(1) == 8);
	wg_wait(&wg);
	REQUIRE(gort_num_goroutine() == 1);
	return 0;
}

static int resize_deadlock(int argc, char **argv)
{
	(void)argc, (void)argv;
	(void)gort_gomaxprocs(7);
	(void)gort_gomaxprocs(2);
	(void)chan_recv(make_chan(int, 0));
	return 0;
}

START_TEST(test_resize)
{
	expect_code(resize_busy, 0);
	expect_code(resize_timers, 0);
	expect_fatal(resize_deadlock, "fatal error: all goroutines are asleep - deadlock!");
}
END_TEST

/* ---- goroutines that own their thread ---- */

#define HOPS 30 /* each costs some switches of threads */

static pid_t thread_now(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static volatile _Atomic pid_t owned[3];

static void stranger(void)
{
	while (!stop) {
		for (int i = 0; i < 3; i++)
			REQUIRE(owned[i] != thread_now());
		gort_gosched();
	}
}

static void owner(int i, chan(int) in, chan(int) out, waitgroup *wg)
{
	gort_lock_os_thread();
	gort_lock_os_thread();
	pid_t mine = thread_now();
	owned[i] = mine;
	for (int n = 0; n < HOPS; n++) {
		REQUIRE(chan_recv(in) == n && thread_now() == mine);
		gort_gosched();
		REQUIRE(thread_now() == mine);
		if (n % 5 == 0)
			gort_sleep(100 * us);
		REQUIRE(thread_now() == mine);
		chan_send(out, n);
		if (n == HOPS / 2)
			gort_unlock_os_thread();
	}
	for (volatile long spin = 0; spin < 10000000; spin++)
		;
	REQUIRE(thread_now() == mine);
	owned[i] = 0;
	gort_unlock_os_thread();
	gort_unlock_os_thread(); /* one too many is nothing */
	wg_done(wg);
}

static int locked_threads(int argc, char **argv)
{
	(void)argc, (void)argv;
	static waitgroup wg;
	chan(int) in[3], out[3];
	gort_lock_os_thread();
	REQUIRE(thread_now() == getpid());
	gort_unlock_os_thread();
	for (int i = 0; i < 3; i++)
		go(stranger);
	go(loop, 0);
	for (int i = 0; i < 3; i++) {
		in[i] = make_chan(int, i);
		out[i] = make_chan(int, 0);
		wg_add(&wg, 1);
		go(owner, i, in[i], out[i], &wg);
	}
	for (int n = 0; n < HOPS; n++)
		for (int i = 0; i < 3; i++) {
			chan_send(in[i], n);
			REQUIRE(chan_recv(out[i]) == n);
			if (n % 10 == 0)
				(void)gort_gomaxprocs(1 + (n / 10 + i) % 4);
		}
	wg_wait(&wg);
	return 0;
}

static void leaver(chan(pid_t) c)
{
	gort_lock_os_thread();
	chan_send(c, thread_now());
}

static bool thread_exists(pid_t tid)
{
	return tgkill(getpid(), tid, 0) == 0;
}

/* Threads end with the goroutines that they were locked to, and others take their place. */
static int locked_exits(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(pid_t) c = make_chan(pid_t, 0);
	for (int i = 0; i < 20; i++) {
		go(leaver, c);
		pid_t tid = chan_recv(c);
		while (tid != getpid() && thread_exists(tid))
			gort_sleep(100 * us);
	}
	(void)chan_recv(c);
	return 0;
}

static int locked_deadlock(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_lock_os_thread();
	gort_sleep(ms);
	(void)chan_recv(make_chan(int, 0));
	return 0;
}

START_TEST(test_locked)
{
	expect_code(locked_threads, 0);
	expect_fatal(locked_deadlock, "fatal error: all goroutines are asleep - deadlock!");
	for (int procs = 1; procs <= 4; procs *= 2) {
		struct child *c = run_child(locked_exits, procs);
		ck_assert_msg(c->code == 2 && strstr(c->text, "all goroutines are asleep"),
			"%d Ps: exit %d: %s", procs, c->code, c->text);
	}
}
END_TEST

/* ---- a thread that does not run is moved to the CPU of who waits for it, and back ---- */

static int pipefds[2];
static _Atomic int sleepertid;

static void *sleeper(void *arg)
{
	char c;
	atomic_store(&sleepertid, (int)syscall(SYS_gettid));
	while (read(pipefds[0], &c, 1) < 0)
		;
	return arg;
}

static cpu_set_t affinity(int tid)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	ck_assert_int_eq(sched_getaffinity(tid, sizeof(set), &set), 0);
	return set;
}

/* Two looks at least, and until it has slept between them. */
static cpu_set_t lend(struct m *mp, const cpu_set_t *before)
{
	cpu_set_t set;
	int looks = 0;
	do {
		lendcpu(mp);
		set = affinity(mp->procid);
	} while (++looks < 2 || (CPU_COUNT(before) > 1 && CPU_EQUAL(&set, before)));
	return set;
}

START_TEST(test_lend)
{
	static struct m m;
	pthread_t thread;
	ck_assert_int_eq(pipe(pipefds), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, sleeper, NULL), 0);
	while (!atomic_load(&sleepertid))
		sched_yield();
	m.procid = sleepertid;
	cpu_set_t before = affinity(m.procid), set;
	for (int i = 0; i < 100; i++)
		lendcpu(&m); /* no signal is on its way */
	set = affinity(m.procid);
	ck_assert(CPU_EQUAL(&set, &before));
	m.signalpending = 1;
	for (int i = 0; i < 2; i++) { /* given back by the handler, and by who stopped */
		set = lend(&m, &before);
		ck_assert_int_eq(CPU_COUNT(&set), 1);
		if (i == 0)
			lendrefuse(&m);
		else
			lendback();
		set = affinity(m.procid);
		ck_assert(CPU_EQUAL(&set, &before));
	}
	ck_assert_int_eq(write(pipefds[1], "", 1), 1);
	pthread_join(thread, NULL);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("preempt");
	TCase *t = tcase_create("loops");
	tcase_add_test(t, test_starves_nobody);
	tcase_add_test(t, test_inlined_locks);
	tcase_add_test(t, test_cooperative);
	tcase_add_test(t, test_blocked_thread);
	tcase_add_test(t, test_keeps_errno);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	t = tcase_create("gomaxprocs");
	tcase_add_test(t, test_resize);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	t = tcase_create("lend");
	tcase_add_test(t, test_lend);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	t = tcase_create("lockedm");
	tcase_add_test(t, test_locked);
	tcase_set_timeout(t, 300);
	suite_add_tcase(s, t);
	return s;
}

#include "check_main.h"
