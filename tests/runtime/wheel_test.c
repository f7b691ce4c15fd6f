/* SPDX-License-Identifier: BSD-2-Clause */
/* wheel_test.c - the timers of one P by themselves, against a model and a clock that jumps. */
#include <check.h>
#include <stdlib.h>

#include "mem/malloc.h"
#include "sched/timer.h"

#define NTIMERS 3000
#define TICK    (1 << TIMERTICKBITS)

static int64_t now;
static uint64_t seed = 1;

/* The timer and what the model knows of it. */
struct alarm {
	struct timer t;
	int64_t when; /* 0: not set */
	int fired;
};

static struct alarm alarms[NTIMERS];
static int64_t lasttick; /* of the timer that fired last, since the clock moved */

static uint64_t rnd(void)
{
	seed = seed * 6364136223846793005 + 1442695040888963407;
	return seed >> 20;
}

/* Of every magnitude from 1 ns to centuries. */
static int64_t span(void)
{
	return (int64_t)(rnd() << 20 >> (2 + rnd() % 62));
}

static void setup(int32_t procs)
{
	gomaxprocs = procs;
	allp = calloc((size_t)procs, sizeof(*allp));
	for (int32_t i = 0; i < procs; i++) {
		allp[i] = persistentalloc(sizeof(**allp));
		timersinit(allp[i]);
	}
	store_rlx(&sched.now, 0);
	now = 1;
	lasttick = 0;
	memset(alarms, 0, sizeof(alarms));
}

static void fire(void *arg)
{
	struct alarm *a = arg;
	ck_assert_int_gt(a->when, 0);
	ck_assert_int_le(a->when, now);
	ck_assert_int_ge((a->when + TICK - 1) / TICK, lasttick);
	lasttick = (a->when + TICK - 1) / TICK;
	a->when = 0;
	a->fired++;
}

static void setf(struct p *pp, struct alarm *a, int64_t when, void (*f)(void *arg))
{
	a->when = a->t.when = when;
	a->t.f = f;
	a->t.arg = a;
	lock(&pp->timers.lock);
	timeradd(pp, &a->t);
	unlock(&pp->timers.lock);
}

static void set(struct p *pp, struct alarm *a, int64_t when)
{
	setf(pp, a, when, fire);
}

/* The earliest deadline, INT64_MAX when none is set. */
static int64_t earliest(void)
{
	int64_t least = INT64_MAX;
	for (int i = 0; i < NTIMERS; i++)
		if (alarms[i].when && alarms[i].when < least)
			least = alarms[i].when;
	return least;
}

/* Everything due by now has fired, nothing else, and the next look is early enough. */
static void run(struct p *pp)
{
	lasttick = 0;
	timersrun(pp, now);
	int64_t least = earliest(), next = timeSleepUntil();
	ck_assert_int_gt(least, now - TICK);
	ck_assert_int_gt(next, now);
	if (least == INT64_MAX)
		ck_assert_int_eq(next, INT64_MAX);
	else
		ck_assert_int_lt(next - TICK, least);
}

static void change(struct p *pp)
{
	struct alarm *a = &alarms[rnd() % NTIMERS];
	if (a->when) {
		ck_assert(timerdel(&a->t));
		a->when = 0;
		ck_assert(!timerdel(&a->t));
		return;
	}
	int64_t d = span();
	set(pp, a, d < INT64_MAX - now ? now + d : INT64_MAX - 1);
}

/* Random timers come and go while the clock jumps: each fires once, in order, never early. */
START_TEST(test_model)
{
	setup(1);
	struct p *pp = allp[0];
	for (int round = 0; round < 4000; round++) {
		for (uint64_t n = rnd() % 20; n > 0; n--)
			change(pp);
		if (rnd() % 2)
			store_rlx(&sched.now, now);
		int64_t jump = rnd() % 4 ? span() >> 30 : timeSleepUntil() - now;
		if (jump > 0 && jump < (INT64_C(1) << 60) - now)
			now += jump;
		run(pp);
	}
}
END_TEST

/* An idle program that sleeps until it is told to look again finds each timer in a few steps. */
START_TEST(test_few_wakeups)
{
	setup(1);
	int64_t deadlines[] = {1, 300, 70000, 5000000, 1000000000, 3600000000000, 86400000000000};
	int n = sizeof(deadlines) / sizeof(*deadlines), looks = 0;
	for (int i = 0; i < n; i++)
		set(allp[0], &alarms[i], deadlines[i]);
	for (; timeSleepUntil() != INT64_MAX; looks++) {
		now = timeSleepUntil();
		lasttick = 0;
		timersrun(allp[0], now);
	}
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(alarms[i].fired, 1);
	ck_assert_int_le(looks, n);
}
END_TEST

/* Removing the earliest timer may leave the clock set for it: one look in vain. */
START_TEST(test_removed_earliest)
{
	setup(1);
	set(allp[0], &alarms[0], 1000000);
	set(allp[0], &alarms[1], 50000000);
	ck_assert(timerdel(&alarms[0].t));
	alarms[0].when = 0;
	now = timeSleepUntil();
	ck_assert_int_lt(now, 1000000 + TICK);
	run(allp[0]);
	ck_assert_int_gt(timeSleepUntil(), 50000000 - TICK);
	ck_assert(timerdel(&alarms[1].t));
	ck_assert_int_eq(timeSleepUntil(), INT64_MAX);
	ck_assert_int_eq(alarms[0].fired + alarms[1].fired, 0);
}
END_TEST

/* Sets its own timer again, ten times, and deletes that of its neighbour once. */
static void rearm(void *arg)
{
	struct alarm *a = arg;
	if (a == alarms && a->fired == 0)
		ck_assert(timerdel(&alarms[NTIMERS - 1].t));
	if (++a->fired < 10)
		setf(allp[0], a, now + 10, rearm);
}

/* A timer function may set its own timer again, and delete another that is due too. */
START_TEST(test_rearm)
{
	setup(1);
	for (int i = 0; i < 40; i++)
		setf(allp[0], &alarms[i], 100, rearm);
	setf(allp[0], &alarms[NTIMERS - 1], 100, rearm);
	for (now = 0; timeSleepUntil() != INT64_MAX; now += 50)
		timersrun(allp[0], now);
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(alarms[i].fired, 10);
	ck_assert_int_ge(now, 100 + 9 * 10);
}
END_TEST

/* When a P goes away its timers move to another and fire there, cascades included. */
START_TEST(test_move)
{
	setup(2);
	for (int i = 0; i < NTIMERS; i++)
		set(allp[1], &alarms[i], 1 + (int64_t)(rnd() % 1000000000));
	now = 500000000;
	timersrun(allp[1], now);
	timersmove(allp[0], allp[1]);
	ck_assert_uint_eq(allp[1]->timers.len, 0);
	ck_assert_int_eq(load_rlx(&allp[1]->timers.minwhen), INT64_MAX);
	now = 1000001000;
	run(allp[0]);
	for (int i = 0; i < NTIMERS; i++)
		ck_assert_int_eq(alarms[i].fired, 1);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("wheel");
	TCase *tc = tcase_create("wheel");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_model);
	tcase_add_test(tc, test_few_wakeups);
	tcase_add_test(tc, test_removed_earliest);
	tcase_add_test(tc, test_rearm);
	tcase_add_test(tc, test_move);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
