/* SPDX-License-Identifier: BSD-2-Clause */
/* semaphore_test.c - weighted semaphores: never more than there are, in order, nobody forgotten. */
#include "child.h"
#include "suite.h"

#include <stdatomic.h>

#define PERMITS 10

static struct {
	semaphore s;
	_Atomic int64_t taken;
	waitgroup wg;
} x = {.s = {.free = PERMITS}};

static void use(unsigned seed, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		seed = seed * 1664525 + 1013904223;
		int64_t n = seed >> 16 & 7;
		if (seed >> 28 || !sem_tryacquire(&x.s, n))
			sem_acquire(&x.s, n);
		REQUIRE(atomic_fetch_add(&x.taken, n) + n <= PERMITS);
		if (seed >> 20 & 1)
			gort_gosched();
		atomic_fetch_sub(&x.taken, n);
		sem_release(&x.s, n);
	}
	wg_done(&x.wg);
}

static int bounded(int argc, char **argv)
{
	(void)argc, (void)argv;
	wg_add(&x.wg, 20);
	for (unsigned i = 0; i < 20; i++)
		go(use, i, 3000);
	wg_wait(&x.wg);
	REQUIRE(x.s.free == PERMITS && x.taken == 0);
	return 0;
}

static void take(int64_t n, chan(int64_t) out)
{
	sem_acquire(&x.s, n);
	chan_send(out, n);
}

/* Until n goroutines wait: an acquire of nothing fails as soon as somebody does. */
static void await_waiter(void)
{
	while (sem_tryacquire(&x.s, 0))
		gort_gosched();
}

/* A large request keeps the small ones behind it, however many are free. */
static int large_first(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int64_t) out = make_chan(int64_t, 2);
	sem_acquire(&x.s, 5);
	go(take, (int64_t)8, out);
	await_waiter();
	REQUIRE(!sem_tryacquire(&x.s, 1));
	go(take, (int64_t)1, out);
	for (int i = 0; i < 100; i++)
		gort_gosched();
	REQUIRE(chan_len(out) == 0);
	sem_release(&x.s, 2); /* 7 are free */
	gort_gosched();
	REQUIRE(chan_len(out) == 0);
	sem_release(&x.s, 1);
	REQUIRE(chan_recv(out) == 8);
	sem_release(&x.s, 1);
	REQUIRE(chan_recv(out) == 1);
	return 0;
}

/* One release serves all whose turn it is. */
static int many_at_once(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int64_t) out = make_chan(int64_t, 0);
	sem_acquire(&x.s, PERMITS);
	for (int i = 0; i < PERMITS; i++)
		go(take, (int64_t)1, out);
	for (int i = 0; i < 100; i++)
		gort_gosched();
	sem_release(&x.s, PERMITS);
	for (int i = 0; i < PERMITS; i++)
		REQUIRE(chan_recv(out) == 1);
	REQUIRE(x.s.free == 0);
	return 0;
}

static int too_large(int argc, char **argv)
{
	(void)argc, (void)argv;
	sem_acquire(&x.s, PERMITS + 1);
	return 0;
}

static int below_zero(int argc, char **argv)
{
	(void)argc, (void)argv;
	sem_release(&x.s, -1);
	return 0;
}

START_TEST(test_semaphore)
{
	expect_code(bounded, 0);
	expect_code(large_first, 0);
	expect_code(many_at_once, 0);
	expect_fatal(too_large, "fatal error: all goroutines are asleep - deadlock!");
	expect_fatal(below_zero, "fatal error: gort_semaphore_release: -1 permits");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"semaphore", .seconds = 120,
		.units = {
			{"semaphore", test_semaphore},
		}});
}

#include "check_main.h"
