/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bubbles.c - each synctest_test has a time of its own: of tests that run beside each other, and
 * beside what goes by the clock. What a bubble waits for and only others can bring about stops it.
 */
#include <gort/synctest.h>

#define HOUR (3600 * sec)

static chan(int) outside;
static mutex shared;

/* As many sleeps as arg says; meanwhile the bubbles of other tests go their own way. */
static void sleeps(struct gort_t *t, void *arg)
{
	gort_time start = gort_now();
	for (long i = 1; i <= (long)arg; i++) {
		gort_sleep(i * HOUR);
		t_eq(t, gort_since(start), i * (i + 1) / 2 * HOUR);
		gort_sleep(-1);
	}
	gort_ticker *tick = new_ticker((long)arg * HOUR);
	(void)chan_recv(ticker_chan(tick));
	gort_ticker_free(tick);
	t_eq(t, gort_since(start), ((long)arg * ((long)arg + 1) / 2 + (long)arg) * HOUR);
}

static void beside(struct gort_t *t, void *arg)
{
	t_parallel(t);
	synctest_test(t, sleeps, arg);
}

static void by_the_clock(struct gort_t *t, void *arg)
{
	(void)arg;
	t_parallel(t);
	gort_time start = gort_now();
	gort_sleep(20 * ms);
	t_eq(t, gort_since(start) >= 20 * ms && gort_since(start) < HOUR, true);
}

TEST(test_beside)
{
	static const char *const names[] = {"one", "two", "three", "four"};
	for (long i = 0; i < 4; i++)
		t_run(t, names[i], beside, (void *)(i + 1));
	t_run(t, "clock", by_the_clock, NULL);
}

/* ---- what others bring about ---- */

static void hour_passes(bool *passed)
{
	gort_sleep(HOUR);
	*passed = true;
}

static void receives(struct gort_t *t, void *arg)
{
	bool *passed = arg;
	go(hour_passes, passed);
	t_eq(t, chan_recv(outside), 7);
	t_eq(t, *passed, false);
}

static void send_later(void)
{
	gort_sleep(20 * ms);
	chan_send(outside, 7);
}

TEST(test_channel_outside)
{
	bool passed = false;
	outside = make_chan(int, 0);
	go(send_later);
	synctest_test(t, receives, &passed);
	t_eq(t, passed, true);
}

static void locks(struct gort_t *t, void *arg)
{
	bool *passed = arg;
	go(hour_passes, passed);
	gort_mutex_lock(&shared);
	t_eq(t, *passed, false);
	gort_mutex_unlock(&shared);
}

static void unlock_later(void)
{
	gort_sleep(20 * ms);
	gort_mutex_unlock(&shared);
}

TEST(test_lock_outside)
{
	bool passed = false;
	gort_mutex_lock(&shared);
	go(unlock_later);
	synctest_test(t, locks, &passed);
	t_eq(t, passed, true);
}

/* ---- a lock held inside, for a time of the bubble ---- */

static void hold(void)
{
	gort_mutex_lock(&shared);
	gort_sleep(HOUR);
	gort_mutex_unlock(&shared);
}

static void awaits_holder(struct gort_t *t, void *arg)
{
	(void)arg;
	gort_time start = gort_now();
	go(hold);
	synctest_wait();
	gort_mutex_lock(&shared);
	t_eq(t, gort_since(start), HOUR);
	gort_mutex_unlock(&shared);
}

TEST(test_lock_inside)
{
	synctest_test(t, awaits_holder, NULL);
}

/* ---- what a bubble does not allow, and what it leaves ---- */

static void inner(struct gort_t *t, void *arg)
{
	(void)t, (void)arg;
}

static void nest(struct gort_t *t)
{
	synctest_test(t, inner, NULL);
}

static void subtest(struct gort_t *t)
{
	t_run(t, "sub", inner, NULL);
}

static void forbidden(struct gort_t *t, void *arg)
{
	(void)arg;
	t_eq(t, error_text(protect(nest, t)), "synctest.Run called from within a synctest bubble");
	t_eq(t, error_text(protect(subtest, t)), "testing: t.Run called inside synctest bubble");
	t_eq(t, error_text(protect(gort_t_parallel, t)),
		"testing: t.Parallel called inside synctest bubble");
}

static void late(void)
{
	gort_panictext("a timer of a bubble that has ended fired");
}

static void leaves_timer(struct gort_t *t, void *arg)
{
	(void)t, (void)arg;
	(void)time_after_func(HOUR, late);
}

TEST(test_forbidden)
{
	synctest_test(t, forbidden, NULL);
	t_eq(t, error_text(protect(synctest_wait)), "goroutine is not in a bubble");
}

/* The next bubble has the same timers, and begins before they ended. */
TEST(test_leftover)
{
	synctest_test(t, leaves_timer, NULL);
	synctest_test(t, sleeps, (void *)3);
	synctest_test(t, sleeps, (void *)3);
}
