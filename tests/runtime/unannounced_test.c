/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unannounced_test.c - a goroutine blocks its thread and libgort learns nothing of it: its P is
 * taken all the same, and the goroutine gets one again when it comes back to libgort.
 *
 * What ends each wait is done by another goroutine, so with one P nothing moves unless the P is
 * taken: a failure is the child's alarm. Raw system calls, as libc's names may be interposed.
 */
#include "child.h"

#include <dlfcn.h>
#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "base/asan.h"
#include "suite.h"

static int fds[2];
static chan(int) done;

static void reader(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		char c;
		REQUIRE(syscall(SYS_read, fds[0], &c, 1) == 1);
		REQUIRE(c == (char)i);
		chan_send(done, i); /* needs a P: the gate */
	}
}

static int read_and_go_on(int argc, char **argv)
{
	(void)argc, (void)argv;
	REQUIRE(pipe(fds) == 0);
	done = make_chan(int, 0);
	go(reader, 30);
	for (int i = 0; i < 30; i++) {
		gort_sleep(i % 4 * ms); /* the reader blocks; this must run again */
		char c = (char)i;
		REQUIRE(syscall(SYS_write, fds[1], &c, 1) == 1);
		REQUIRE(chan_recv(done) == i);
	}
	return 0;
}

/* Blocked, lost its P, and returns without another call of libgort. */
static _Atomic int ended;

static void read_and_end(void)
{
	char c;
	REQUIRE(syscall(SYS_read, fds[0], &c, 1) == 1);
	atomic_fetch_add(&ended, 1);
}

static int end_at_once(int argc, char **argv)
{
	(void)argc, (void)argv;
	REQUIRE(pipe(fds) == 0);
	for (int i = 0; i < 8; i++)
		go(read_and_end);
	for (int i = 0; i < 20; i++)
		gort_sleep(1 * ms);
	for (int i = 0; i < 8; i++)
		REQUIRE(syscall(SYS_write, fds[1], "x", 1) == 1);
	while (atomic_load(&ended) < 8 || gort_num_goroutine() > 1)
		gort_sleep(1 * ms);
	return 0;
}

/* With one P locks are plain loads and stores: who lost the P must not use them so. */
static mutex lock;
static long counted;

static void count_after_read(void)
{
	for (int i = 0; i < 20; i++) {
		char c;
		REQUIRE(syscall(SYS_read, fds[0], &c, 1) == 1);
		for (int k = 0; k < 1000; k++) {
			mutex_lock(&lock);
			counted++;
			mutex_unlock(&lock);
		}
	}
	atomic_fetch_add(&ended, 1);
}

static int exclusion(int argc, char **argv)
{
	(void)argc, (void)argv;
	long mine = 0;
	REQUIRE(pipe(fds) == 0);
	for (int i = 0; i < 2; i++)
		go(count_after_read);
	for (int i = 0; i < 40; i++) {
		gort_sleep(2 * ms); /* both block */
		REQUIRE(syscall(SYS_write, fds[1], "x", 1) == 1);
		for (; counted + mine < 100000 * i; mine++) {
			mutex_lock(&lock);
			counted++;
			mutex_unlock(&lock);
		}
	}
	while (atomic_load(&ended) < 2)
		gort_sleep(1 * ms);
	REQUIRE(counted == 40000 + mine);
	return 0;
}

static pthread_mutex_t plock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t pcond = PTHREAD_COND_INITIALIZER;
static int turn;

static void waiter(int me)
{
	for (int i = 0; i < 10; i++) {
		pthread_mutex_lock(&plock);
		while (turn % 2 != me)
			pthread_cond_wait(&pcond, &plock);
		turn++;
		pthread_cond_broadcast(&pcond);
		pthread_mutex_unlock(&plock);
	}
	chan_send(done, me);
}

static int condition(int argc, char **argv)
{
	(void)argc, (void)argv;
	done = make_chan(int, 0);
	go(waiter, 1);
	go(waiter, 0);
	REQUIRE(chan_recv(done) + chan_recv(done) == 1);
	return 0;
}

/* errno is the goroutine's, also when the entry finds no P and moves it to another thread. */
static void failing(uint32_t *word)
{
	for (int i = 0; i < 10; i++) {
		while (atomic_load((_Atomic uint32_t *)word) == 0)
			syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
		*word = 0;
		errno = 1000 + i;
		gort_gosched();
		REQUIRE(errno == 1000 + i);
		chan_send(done, i);
	}
}

static int keeps_errno(int argc, char **argv)
{
	(void)argc, (void)argv;
	static uint32_t word;
	done = make_chan(int, 0);
	go(failing, &word);
	for (int i = 0; i < 10; i++) {
		gort_sleep(3 * ms);
		atomic_store((_Atomic uint32_t *)&word, 1);
		syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		REQUIRE(chan_recv(done) == i);
	}
	return 0;
}

/* ---- who ends the wait is pinned to the thread that waits ---- */

/*
 * With one P, the spinner is preempted before the waiter can run, at an instruction of its loop: so
 * it can go on on the waiter's thread only, where the waiter then blocks.
 */
static volatile int entered;
static sem_t sem;

static void wait_read(void)
{
	char c;
	REQUIRE(syscall(SYS_read, fds[0], &c, 1) == 1);
}

static void end_read(void)
{
	REQUIRE(syscall(SYS_write, fds[1], "x", 1) == 1);
}

static void wait_sem(void)
{
	REQUIRE(sem_wait(&sem) == 0);
}

static void end_sem(void)
{
	REQUIRE(sem_post(&sem) == 0);
}

/* libc's functions, with a lock of the thread held. */
static void wait_locked(void)
{
	char c;
	REQUIRE(pthread_mutex_lock(&plock) == 0);
	entered = 2;
	REQUIRE(read(fds[0], &c, 1) == 1);
	REQUIRE(pthread_mutex_unlock(&plock) == 0);
}

static const struct wait {
	void (*wait)(void), (*end)(void);
	int inside; /* entered when it is about to wait */
} waits[] = {{wait_read, end_read, 1}, {wait_sem, end_sem, 1}, {wait_locked, end_read, 2}};

static void enter_and_wait(const struct wait *w)
{
	entered = 1;
	w->wait();
	chan_send(done, 1);
}

static int pinned_behind(const struct wait *w)
{
	REQUIRE(pipe(fds) == 0 && sem_init(&sem, 0, 0) == 0);
	done = make_chan(int, 0);
	for (int i = 0; i < 4; i++) {
		entered = 0;
		go(enter_and_wait, w);
		while (entered != w->inside)
			;
		w->end();
		REQUIRE(chan_recv(done) == 1);
	}
	return 0;
}

static int behind_read(int argc, char **argv)
{
	(void)argc, (void)argv;
	return pinned_behind(&waits[0]);
}

#ifndef GORT_ASAN /* whose functions stand between, and are not libgort's */
static int behind_sem(int argc, char **argv)
{
	(void)argc, (void)argv;
	return pinned_behind(&waits[1]);
}

static int behind_lock(int argc, char **argv)
{
	(void)argc, (void)argv;
	return pinned_behind(&waits[2]);
}
#endif

/*
 * Known from an earlier wait, it moves away before: a signal, of which poll tells, must come at the
 * most once, should the spinner have been preempted before the first wait.
 */
static int interrupted;

static void poll_often(int rounds)
{
	for (int i = 0; i < rounds; i++) {
		char c;
		struct pollfd p = {.fd = fds[0], .events = POLLIN};
		gort_gosched(); /* the spinner spins */
		entered = i;
		while (syscall(SYS_poll, &p, 1, -1) != 1) {
			REQUIRE(errno == EINTR);
			interrupted++;
		}
		REQUIRE(syscall(SYS_read, fds[0], &c, 1) == 1);
		chan_send(done, i);
	}
}

static int behind_known(int argc, char **argv)
{
	(void)argc, (void)argv;
	REQUIRE(pipe(fds) == 0);
	done = make_chan(int, 0);
	go(poll_often, 5);
	gort_sleep(1 * ms); /* mostly until the waiter has lost the only P */
	for (int i = 0; i < 5; i++) {
		while (entered != i)
			;
		end_read();
		REQUIRE(chan_recv(done) == i);
	}
	REQUIRE(interrupted <= 1);
	return 0;
}

/* ---- not asleep, but where it cannot be preempted ---- */

typedef void loopfn(const volatile int *word, int value);
static loopfn *loopuntil;
static volatile int word, looping;

static void looper(int rounds)
{
	for (int i = 1; i <= rounds; i++) {
		looping = i;
		loopuntil(&word, i);
		for (int k = 0; k < 1000; k++) {
			mutex_lock(&lock);
			counted++;
			mutex_unlock(&lock);
		}
		chan_send(done, i);
	}
}

static int loop_and_go_on(int argc, char **argv)
{
	(void)argc, (void)argv;
	void *library = dlopen(LIBRARY, RTLD_NOW);
	REQUIRE(library);
	loopuntil = (loopfn *)dlsym(library, "loopuntil");
	REQUIRE(loopuntil);
	done = make_chan(int, 0);
	counted = 0;
	go(looper, 5);
	for (int i = 1; i <= 5; i++) {
		while (looping <
			i) /* with one P: this runs again although the looper does not stop */
			gort_gosched();
		gort_sleep(1 * ms);
		for (int k = 0; k < 1000; k++) {
			mutex_lock(&lock);
			counted++;
			mutex_unlock(&lock);
		}
		word = i;
		REQUIRE(chan_recv(done) == i);
		REQUIRE(counted == i * 2000);
	}
	return 0;
}

START_TEST(test_looping)
{
	expect_code(loop_and_go_on, 0);
}
END_TEST

START_TEST(test_sleeping)
{
	expect_code(read_and_go_on, 0);
	expect_code(end_at_once, 0);
	expect_code(exclusion, 0);
	expect_code(condition, 0);
}
END_TEST

START_TEST(test_pinned)
{
	expect_code(behind_read, 0);
	struct child *c = run_child(behind_known, 1);
	ck_assert_msg(c->code == 0, "known: exit %d: %s", c->code, c->text);
#ifndef GORT_ASAN
	expect_code(behind_sem, 0);
	expect_code(behind_lock, 0);
#endif
}
END_TEST

START_TEST(test_errno)
{
	expect_code(keeps_errno, 0);
}
END_TEST

/* ---- fork ---- */

static int go_in_child(int argc, char **argv)
{
	(void)argc, (void)argv;
	int status;
	pid_t pid = fork();
	REQUIRE(pid >= 0);
	if (pid == 0)
		gort_gosched();
	REQUIRE(waitpid(pid, &status, 0) == pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

START_TEST(test_fork)
{
	expect_fatal(go_in_child, "fatal error: gort_gosched: called in the child of a fork: only "
				  "async-signal-safe functions may be");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"unannounced", .seconds = 100,
		.units = {
			{"sleeping", test_sleeping},
			{"pinned", test_pinned},
			{"looping", test_looping},
			{"errno", test_errno},
			{"fork", test_fork},
		}});
}

#include "check_main.h"
