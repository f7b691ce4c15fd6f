/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_runqlat.c - run-queue latency seen through the eBPF program: a planted positive (threads
 * that fight for one CPU), clean negatives (a process that sleeps, a thread that slept before the
 * start), threads that end while counting, a nested pid namespace, and the errors.
 */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include "probes/probes.h"

Suite *test_suite(void);

#include "check_main.h"

#define FIGHTERS 3

/* What parent and children share. */
struct shared {
	atomic_int ready, told, done;
	atomic_ulong turns[FIGHTERS];
};

static struct shared *sh;

static uint64_t now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void nap(void)
{
	usleep(2000);
}

/* Polls for up to ten seconds. */
static bool reaches(atomic_int *v, int want)
{
	uint64_t end = now_ns() + 10000000000u;
	while (atomic_load(v) < want && now_ns() < end)
		nap();
	return atomic_load(v) >= want;
}

static void setup(void)
{
	sh = mmap(NULL, sizeof *sh, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(sh, MAP_FAILED);
}

static void teardown(void)
{
	munmap(sh, sizeof *sh);
}

static pid_t spawn(void (*fn)(void))
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fn();
	_exit(0);
}

static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct runqlat *start_or_skip(pid_t pid)
{
	struct gsnap_err err;
	struct runqlat *r;
	int error = runqlat_start(pid, &r, &err);
	if (error == -EPERM || error == -ENOTSUP)
		SKIP("%s: %s", err.what, err.why);
	ck_assert_msg(error == 0, "%s: %s", err.what, err.why);
	return r;
}

static struct runqlat_thread *stop(struct runqlat *r, size_t *n)
{
	struct runqlat_thread *ts;
	ck_assert_int_eq(runqlat_stop(r, &ts, n), 0);
	return ts;
}

static void one_cpu(void)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	sched_setaffinity(0, sizeof set, &set);
}

static void *spin(void *arg)
{
	atomic_ulong *turns = arg;
	pthread_setname_np(pthread_self(), "fighter");
	atomic_fetch_add(&sh->ready, 1);
	for (;;)
		atomic_fetch_add_explicit(turns, 1, memory_order_relaxed);
	return arg;
}

static void fight(void)
{
	pthread_t t;
	one_cpu();
	for (int i = 0; i < FIGHTERS; i++)
		pthread_create(&t, NULL, spin, &sh->turns[i]);
	for (;;)
		pause();
}

/* Until each fighter has run since the call. */
static bool one_round(void)
{
	unsigned long before[FIGHTERS];
	uint64_t end = now_ns() + 30000000000u;
	for (int i = 0; i < FIGHTERS; i++)
		before[i] = atomic_load(&sh->turns[i]);
	for (int i = 0; i < FIGHTERS && now_ns() < end;) {
		if (atomic_load(&sh->turns[i]) != before[i])
			i++;
		else
			nap();
	}
	return now_ns() < end;
}

/*
 * However busy this machine is: in the first round each fighter runs, in the second each but
 * perhaps one is taken off the CPU and put back, in the third that one too.
 */
static bool all_have_waited(void)
{
	return one_round() && one_round() && one_round();
}

static void check_counts(const struct runqlat_thread *t, uint64_t window)
{
	uint64_t in_slots = 0, least = 0;
	for (unsigned i = 0; i < RUNQLAT_SLOTS; i++) {
		in_slots += t->slots[i];
		least += t->slots[i] << i;
	}
	ck_assert_uint_eq(in_slots, t->switches);
	ck_assert_uint_ge(t->wait_total_ns, t->wait_max_ns);
	ck_assert_uint_le(least - t->slots[0], t->wait_total_ns);
	ck_assert_uint_le(t->wait_total_ns, window);
}

START_TEST(three_threads_on_one_cpu_wait)
{
	pid_t pid = spawn(fight);
	ck_assert(reaches(&sh->ready, FIGHTERS));
	uint64_t from = now_ns();
	struct runqlat *r = start_or_skip(pid);
	ck_assert(all_have_waited());
	size_t n, fighters = 0;
	struct runqlat_thread *ts = stop(r, &n);
	uint64_t window = now_ns() - from;
	for (size_t i = 0; i < n; i++) {
		check_counts(&ts[i], window);
		fighters += !strcmp(ts[i].comm, "fighter") && ts[i].wait_total_ns;
		ck_assert_int_ne(ts[i].tid, 0);
	}
	ck_assert_uint_eq(fighters, FIGHTERS);
	free(ts);
	reap(pid);
}
END_TEST

static void sleep_for_good(void)
{
	atomic_fetch_add(&sh->ready, 1);
	for (;;)
		pause();
}

START_TEST(a_process_that_sleeps_has_no_entry)
{
	pid_t busy = spawn(fight), idle = spawn(sleep_for_good);
	ck_assert(reaches(&sh->ready, FIGHTERS + 1));
	nap();
	struct runqlat *r = start_or_skip(idle);
	ck_assert(one_round());
	size_t n;
	struct runqlat_thread *ts = stop(r, &n);
	ck_assert_uint_eq(n, 0);
	free(ts);
	reap(busy);
	reap(idle);
}
END_TEST

/* Sleeps in the kernel across the start, then runs a little. */
static void sleep_then_run(void)
{
	int fds[2];
	char c;
	if (pipe(fds))
		_exit(1);
	pid_t waker = fork();
	if (waker == 0) {
		while (!atomic_load(&sh->told))
			nap();
		(void)!write(fds[1], "x", 1);
		_exit(0);
	}
	atomic_fetch_add(&sh->ready, 1);
	(void)!read(fds[0], &c, 1);
	atomic_store(&sh->done, 1);
	for (;;)
		pause();
}

START_TEST(sleep_before_the_start_is_not_waiting)
{
	pid_t pid = spawn(sleep_then_run);
	ck_assert(reaches(&sh->ready, 1));
	usleep(300000);
	uint64_t from = now_ns();
	struct runqlat *r = start_or_skip(pid);
	atomic_store(&sh->told, 1);
	ck_assert(reaches(&sh->done, 1));
	size_t n;
	struct runqlat_thread *ts = stop(r, &n);
	ck_assert_uint_eq(n, 1);
	ck_assert_int_eq(ts[0].tid, pid);
	ck_assert_uint_ge(ts[0].switches, 1);
	check_counts(&ts[0], now_ns() - from);
	free(ts);
	reap(pid);
}
END_TEST

static void *short_life(void *arg)
{
	pthread_setname_np(pthread_self(), "short");
	for (int i = 0; i < 20; i++) /* one may end before it has begun on a busy machine */
		usleep(1000);
	return arg;
}

static void start_thread_when_told(void)
{
	pthread_t t;
	atomic_fetch_add(&sh->ready, 1);
	while (!atomic_load(&sh->told))
		nap();
	pthread_create(&t, NULL, short_life, NULL);
	pthread_join(t, NULL);
	atomic_store(&sh->done, 1);
	for (;;)
		pause();
}

START_TEST(a_thread_that_ended_is_reported)
{
	pid_t pid = spawn(start_thread_when_told);
	ck_assert(reaches(&sh->ready, 1));
	struct runqlat *r = start_or_skip(pid);
	atomic_store(&sh->told, 1);
	ck_assert(reaches(&sh->done, 1));
	size_t n, found = 0;
	struct runqlat_thread *ts = stop(r, &n);
	for (size_t i = 0; i < n; i++)
		found += !strcmp(ts[i].comm, "short") && ts[i].switches >= 2;
	ck_assert_uint_eq(found, 1);
	free(ts);
	reap(pid);
}
END_TEST

/* Is pid 1 of a new namespace; measures its child, which is pid 2 there. */
static int measure_inside(void)
{
	pid_t pid = spawn(fight);
	struct gsnap_err err;
	struct runqlat *r;
	size_t n = 0, named = 0;
	struct runqlat_thread *ts;
	if (pid != 2 || !reaches(&sh->ready, FIGHTERS))
		return 2;
	int error = runqlat_start(pid, &r, &err);
	if (error)
		return error == -EPERM || error == -ENOTSUP ? 77 : 3;
	if (!all_have_waited())
		return 6;
	if (runqlat_stop(r, &ts, &n))
		return 4;
	for (size_t i = 0; i < n; i++)
		named += ts[i].tid > 2 && ts[i].tid <= 5 && ts[i].wait_total_ns;
	free(ts);
	return named == FIGHTERS ? 0 : 5;
}

START_TEST(pids_are_those_of_the_readers_namespace)
{
	int status;
	pid_t outer = fork();
	if (outer == 0) {
		if (unshare(CLONE_NEWPID))
			_exit(77);
		pid_t init = fork();
		if (init == 0)
			_exit(measure_inside());
		waitpid(init, &status, 0);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 9);
	}
	waitpid(outer, &status, 0);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		SKIP("no permission to make a pid namespace or to load an eBPF program");
	ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

START_TEST(an_unknown_pid_is_code_3)
{
	struct gsnap_err err;
	struct runqlat *r;
	pid_t pid = spawn(sleep_for_good);
	reap(pid);
	int error = runqlat_start(pid, &r, &err);
	if (error == -EPERM || error == -ENOTSUP)
		SKIP("%s: %s", err.what, err.why);
	ck_assert_int_eq(error, -ESRCH);
	ck_assert_int_eq(err.code, 3);
	ck_assert_ptr_null(r);
}
END_TEST

START_TEST(no_capability_is_code_4_with_the_remedy)
{
	struct gsnap_err err;
	struct runqlat *r;
	if (setuid(65534) && errno != EPERM)
		ck_abort_msg("setuid");
	int error = runqlat_start(getpid(), &r, &err);
	if (error == -ENOTSUP)
		SKIP("%s: %s", err.what, err.why);
	ck_assert_int_eq(error, -EPERM);
	ck_assert_int_eq(err.code, 4);
	ck_assert_ptr_nonnull(strstr(err.why, "CAP_BPF and CAP_PERFMON"));
	ck_assert_ptr_nonnull(strstr(err.tries[1], "setcap cap_bpf,cap_perfmon"));
}
END_TEST

static void add_case(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 110);
	tcase_add_test(tc, test);
	suite_add_tcase(s, tc);
}

Suite *test_suite(void)
{
	Suite *s = suite_create("runqlat");
	add_case(s, "contended", three_threads_on_one_cpu_wait);
	add_case(s, "foreign", a_process_that_sleeps_has_no_entry);
	add_case(s, "asleep", sleep_before_the_start_is_not_waiting);
	add_case(s, "exited", a_thread_that_ended_is_reported);
	add_case(s, "namespace", pids_are_those_of_the_readers_namespace);
	add_case(s, "errors", an_unknown_pid_is_code_3);
	add_case(s, "errors", no_capability_is_code_4_with_the_remedy);
	return s;
}
