/* SPDX-License-Identifier: BSD-2-Clause */
/* timer_test.c - sleep, timers and tickers behave as Go's package time since Go 1.23. */
#include "child.h"

#include <stdatomic.h>

#include "base/asan.h"
#include "suite.h"

#ifdef GORT_ASAN /* slow, and what it finds does not depend on the number */
#define MANY 50000
#else
#define MANY 1000000
#endif
#define FAR (3600 * sec)

static unsigned nextrandom(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* Whether a receive would block now. */
static bool quiet(chan(gort_time) c)
{
	select
	{
		case_recv(c)
		{
			return false;
		}
		case_default
		{
			return true;
		}
	}
	return true;
}

static void pass(gort_time until)
{
	while (time_now() <= until)
		gort_gosched();
}

static void set_flag(atomic_int *flag)
{
	atomic_fetch_add(flag, 1);
}

static void await_flag(atomic_int *flag, int n)
{
	while (atomic_load(flag) < n)
		gort_sleep(10 * us);
}

/* ---- sleep ---- */

static int sleep_is_never_early(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_duration ds[] = {
		1, 255, 256, 257, 1 * us, 10 * us, 50 * us, 300 * us, 2 * ms, 30 * ms};
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < sizeof(ds) / sizeof(*ds); i++) {
			gort_time start = time_now();
			gort_sleep(ds[i] + round);
			REQUIRE(time_since(start) >= ds[i] + round);
		}
	return 0;
}

static void oversleep(gort_duration d)
{
	gort_sleep(d);
	REQUIRE(!"a sleep of centuries returned");
}

/* Durations that overflow never end; negative ones do not wait; others are not disturbed. */
static int extreme_durations(int argc, char **argv)
{
	(void)argc, (void)argv;
	go(oversleep, INT64_MAX);
	go(oversleep, INT64_MAX - time_now());
	gort_sleep(INT64_MIN);
	gort_sleep(0);
	select{case_recv(time_after(INT64_MAX)){REQUIRE(!"centuries have passed");
}
case_recv(time_after(25 * ms))
{
}
}
(void)chan_recv(time_after(INT64_MIN));
(void)chan_recv(time_after(0));
return 0;
}

START_TEST(test_sleep)
{
	expect_code(sleep_is_never_early, 0);
	expect_code(extreme_durations, 0);
}
END_TEST

/* ---- one shot ---- */

/* How much later than asked for a timer may be due, see runtime/sched/tsc.h. */
#define SLACK (2 * us)

/* The value is the moment at which the timer was due, however late it is received. */
static int value_is_due_time(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 20; i++) {
		gort_time before = time_now();
		chan(gort_time) c = time_after(i * ms / 4);
		chan(gort_time) tick = time_tick(1 * ms);
		gort_time after = time_now();
		if (i % 2)
			gort_sleep(i * ms / 2);
		gort_time due = chan_recv(c);
		REQUIRE(due >= before + i * ms / 4 && due <= after + i * ms / 4 + SLACK);
		REQUIRE(time_now() >= due);
		due = chan_recv(tick);
		REQUIRE(due >= before + 1 * ms && due <= after + 1 * ms + SLACK);
	}
	return 0;
}

struct counted {
	chan(bool) done;
	int left;
};

/* A function that sets the next timer for itself. */
static void again(struct counted *c)
{
	if (--c->left >= 0)
		time_after_func(0, again, c);
	else
		chan_send(c->done, true);
}

static void arguments(chan(long) out, int a, long b, const char *c)
{
	chan_send(out, a + b + (long)strlen(c));
}

static int after_func_runs_in_its_own_goroutine(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct counted c = {make_chan(bool, 0), 1000};
	time_after_func(0, again, &c);
	REQUIRE(chan_recv(c.done));
	chan(long) out = make_chan(long, 0);
	gort_time start = time_now();
	gort_timer *t = time_after_func(1 * ms, arguments, out, 1, 20, "four");
	REQUIRE(timer_chan(t) == nil);
	REQUIRE(chan_recv(out) == 25 && time_since(start) >= 1 * ms);
	REQUIRE(!timer_stop(t));
	timer_free(t);
	return 0;
}

static void relay(chan(bool) c)
{
	chan_send(c, true);
}

static int stopped_timers_never_fire(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_timer *t0 = new_timer(20 * ms);
	chan(bool) fired = make_chan(bool, 1);
	gort_timer *t1 = time_after_func(30 * ms, relay, fired);
	chan(gort_time) later = time_after(40 * ms);
	if (time_now() % 2) /* either kind of waiting */
		(void)quiet(timer_chan(t0));
	bool on_time = timer_stop(t0) && timer_stop(t1);
	(void)chan_recv(later);
	REQUIRE(!on_time || (quiet(timer_chan(t0)) && chan_len(fired) == 0));
	REQUIRE(!timer_stop(t0) && !timer_stop(t1));
	REQUIRE(!timer_reset(t0, FAR) && timer_reset(t0, FAR) && timer_stop(t0));
	timer_free(t0);
	timer_free(t1);
	timer_free(nil);
	return 0;
}

static int reset_moves_a_timer(int argc, char **argv)
{
	(void)argc, (void)argv;
	atomic_int fired = 0;
	for (int i = 0; i < 200; i++) {
		gort_timer *t = new_timer(FAR), *f = time_after_func(FAR, set_flag, &fired);
		for (int j = 0; j < 5; j++) {
			REQUIRE(timer_stop(t) && timer_stop(f));
			REQUIRE(!timer_reset(t, 2 * FAR) && !timer_reset(f, 2 * FAR));
			REQUIRE(timer_reset(t, FAR) && timer_reset(f, FAR));
		}
		gort_time start = time_now();
		REQUIRE(timer_reset(t, 50 * us) && timer_reset(f, -1));
		REQUIRE(chan_recv(timer_chan(t)) >= start + 50 * us);
		await_flag(&fired, i + 1);
		REQUIRE(!timer_reset(t, 1) && !timer_reset(f, FAR) && timer_stop(f));
		timer_free(t);
		timer_free(f);
	}
	REQUIRE(fired == 200);
	return 0;
}

static int zero_timers_are_not_missed(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(bool) ran = make_chan(bool, 1);
	gort_timer *kept = time_after_func(FAR, relay, ran);
	for (int i = 0; i < 20000; i++) {
		gort_timer *t = new_timer(0);
		(void)chan_recv(timer_chan(t));
		timer_free(t);
		timer_reset(kept, 0);
		(void)chan_recv(ran);
		t = time_after_func(0, relay, ran);
		(void)chan_recv(ran);
		timer_free(t);
	}
	return 0;
}

START_TEST(test_oneshot)
{
	expect_code(value_is_due_time, 0);
	expect_code(after_func_runs_in_its_own_goroutine, 0);
	expect_code(stopped_timers_never_fire, 0);
	expect_code(reset_moves_a_timer, 0);
	expect_code(zero_timers_are_not_missed, 0);
}
END_TEST

/* ---- the channel of a timer or ticker: no stale values ---- */

/* A timer or a ticker under one interface. */
struct either {
	gort_timer *timer;
	gort_ticker *ticker;
	chan(gort_time) c;
	bool stopped;
};

static bool either_stop(struct either *e)
{
	bool was = !e->stopped;
	if (e->timer)
		return timer_stop(e->timer);
	e->stopped = true;
	ticker_stop(e->ticker);
	return was;
}

static bool either_reset(struct either *e, gort_duration d)
{
	bool was = !e->stopped;
	if (e->timer)
		return timer_reset(e->timer, d);
	e->stopped = false;
	ticker_reset(e->ticker, d);
	return was;
}

static void receive_one(chan(gort_time) c, chan(bool) stop, atomic_int *got, waitgroup *wg)
{
	select
	{
		case_recv(c)
		{
			set_flag(got);
		}
		case_recv(stop)
		{
		}
	}
	wg_done(wg);
}

/* Stop and reset while nobody waits: the due value is gone with the old deadline. */
static void unobserved(struct either *e)
{
	either_stop(e);
	REQUIRE(quiet(e->c));
	either_reset(e, FAR);
	REQUIRE(quiet(e->c));
	either_reset(e, 1);
	pass(time_now() + 1);
	REQUIRE(chan_len(e->c) == 0 && chan_cap(e->c) == 0);
	(void)chan_recv(e->c);
	either_reset(e, 1);
	pass(time_now() + 1);
	REQUIRE(either_stop(e)); /* due, but not received: stopped in time */
	REQUIRE(quiet(e->c));
	either_reset(e, FAR);
	REQUIRE(either_reset(e, 1));
	REQUIRE(chan_recv(e->c) <= time_now());
	pass(time_now() + 1);
	REQUIRE(quiet(e->c) == (e->timer != nil));
	REQUIRE(either_reset(e, FAR) == (e->ticker != nil));
	REQUIRE(quiet(e->c));
}

/* Stop and reset while goroutines wait, in a select or not. */
static void observed(struct either *e, int n)
{
	chan(bool) stop = make_chan(bool, 0);
	atomic_int got = 0;
	waitgroup wg = {0};
	wg_add(&wg, n);
	either_reset(e, FAR);
	for (int i = 0; i < n; i++)
		go(receive_one, e->c, stop, &got, &wg);
	gort_sleep(100 * us);
	either_reset(e, 2 * FAR);
	gort_sleep(100 * us);
	REQUIRE(got == 0);
	either_reset(e, 50 * us);
	await_flag(&got, 1);
	if (e->ticker)
		await_flag(&got, n);
	either_stop(e);
	chan_close(stop);
	wg_wait(&wg);
	REQUIRE(got == (e->ticker ? n : 1));
	REQUIRE(quiet(e->c));
}

/* Waiters of a stopped timer, which goes on while they wait. */
static void enqueued_while_stopped(struct either *e)
{
	atomic_int got = 0;
	waitgroup wg = {0};
	wg_add(&wg, 1);
	either_stop(e);
	go(receive_one, e->c, nil, &got, &wg);
	gort_sleep(100 * us);
	REQUIRE(got == 0);
	either_reset(e, 1);
	wg_wait(&wg);
	either_stop(e);
}

static int timer_channels_are_synchronous(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct either e = {.timer = new_timer(FAR)};
	e.c = timer_chan(e.timer);
	for (int i = 0; i < 10; i++) {
		unobserved(&e);
		observed(&e, 1 + i % 3);
		enqueued_while_stopped(&e);
	}
	timer_free(e.timer);
	return 0;
}

static int ticker_channels_are_synchronous(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct either e = {.ticker = new_ticker(FAR)};
	e.c = ticker_chan(e.ticker);
	for (int i = 0; i < 10; i++) {
		unobserved(&e);
		observed(&e, 1 + i % 3);
		enqueued_while_stopped(&e);
	}
	ticker_free(e.ticker);
	return 0;
}

/* If stop or reset says that the timer has fired, its value has been received. */
static void race_two(int stop, waitgroup *wg)
{
	for (int j = 0; j < 20; j++) {
		gort_timer *t[2] = {new_timer(200 * us), new_timer(200 * us)};
		int other = 0;
		select
		{
			case_recv(timer_chan(t[0]))
			{
				other = 1;
			}
			case_recv(timer_chan(t[1]))
			{
				other = 0;
			}
		}
		if (!(stop ? timer_stop(t[other]) : timer_reset(t[other], FAR)))
			(void)chan_recv(timer_chan(t[other])); /* else waits for ever */
		timer_free(t[0]);
		timer_free(t[1]);
	}
	wg_done(wg);
}

static int stop_tells_whether_a_value_can_be_received(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 200);
	for (int i = 0; i < 200; i++)
		go(race_two, i % 2, &wg);
	wg_wait(&wg);
	return 0;
}

/* What is received after a reset is no older than it. */
static void fresh_values(waitgroup *wg)
{
	gort_timer *t = new_timer(1);
	for (unsigned i = 0, rnd = (unsigned)gort_goid(); i < 3000; i++) {
		gort_time before = time_now();
		gort_duration d = nextrandom(&rnd) % 3000;
		timer_reset(t, d);
		if (nextrandom(&rnd) % 4 == 0)
			continue;
		REQUIRE(chan_recv(timer_chan(t)) >= before + d);
		if (nextrandom(&rnd) % 16 == 0) {
			timer_free(t);
			t = new_timer(nextrandom(&rnd) % 1000);
		}
	}
	timer_free(t);
	wg_done(wg);
}

static int values_are_never_stale(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	wg_add(&wg, 16);
	for (int i = 0; i < 16; i++)
		go(fresh_values, &wg);
	wg_wait(&wg);
	return 0;
}

START_TEST(test_channel)
{
	expect_code(timer_channels_are_synchronous, 0);
	expect_code(ticker_channels_are_synchronous, 0);
	expect_code(stop_tells_whether_a_value_can_be_received, 0);
	expect_code(values_are_never_stale, 0);
}
END_TEST

/* ---- tickers ---- */

static int ticker_keeps_its_beat(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_time before = time_now();
	gort_ticker *t = new_ticker(1 * ms);
	gort_time after = time_now(), last = 0;
	for (int i = 0; i < 30; i++) {
		gort_time due = chan_recv(ticker_chan(t)), phase = (due - before) % ms;
		REQUIRE(due > last && time_now() >= due);
		REQUIRE(phase <= after - before + SLACK && (last == 0 || (due - last) % ms == 0));
		last = due;
		if (i == 10)
			gort_sleep(5 * ms); /* ticks are dropped, the beat stays */
	}
	before = time_now();
	ticker_reset(t, 2 * ms);
	for (int i = 1; i <= 5; i++)
		REQUIRE(chan_recv(ticker_chan(t)) >= before + i * 2 * ms);
	ticker_stop(t);
	ticker_stop(t);
	gort_sleep(5 * ms);
	REQUIRE(quiet(ticker_chan(t)));
	ticker_free(t);
	ticker_free(nil);
	REQUIRE(time_tick(0) == nil && time_tick(-1) == nil);
	ticker_stop(nil);
	return 0;
}

static void take_ticks(chan(gort_time) c, int n, waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		select
		{
			case_recv(c)
			{
			}
			case_after(1 * ms)
			{
			}
		}
	}
	wg_done(wg);
}

/* Many receivers of one fast ticker, and one timer that many reset at once. */
static int many_wake_at_once(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_ticker *t = new_ticker(1);
	waitgroup wg = {0};
	wg_add(&wg, 10);
	for (int i = 0; i < 10; i++)
		go(take_ticks, ticker_chan(t), 3000, &wg);
	wg_wait(&wg);
	ticker_free(t);
	return 0;
}

static void reset_shared(gort_timer *t, waitgroup *wg)
{
	for (int i = 0; i < 5000; i++) {
		if (timer_chan(t))
			(void)quiet(timer_chan(t));
		timer_reset(t, 1);
		if (i % 8 == 0)
			timer_stop(t);
	}
	wg_done(wg);
}

static int many_reset_at_once(int argc, char **argv)
{
	(void)argc, (void)argv;
	static atomic_int fired; /* the last goroutine of the timer may be late */
	gort_timer *ts[] = {new_timer(1), time_after_func(1, set_flag, &fired)};
	waitgroup wg = {0};
	wg_add(&wg, 16);
	for (int i = 0; i < 16; i++)
		go(reset_shared, ts[i % 2], &wg);
	wg_wait(&wg);
	timer_reset(ts[1], FAR);
	REQUIRE(timer_stop(ts[1]));
	timer_free(ts[0]);
	timer_free(ts[1]);
	return 0;
}

START_TEST(test_ticker)
{
	expect_code(ticker_keeps_its_beat, 0);
	expect_code(many_wake_at_once, 0);
	expect_code(many_reset_at_once, 0);
}
END_TEST

/* ---- many ---- */

static struct {
	atomic_long early, fired, stopped;
} count;

static void due_at(gort_time when)
{
	if (time_now() < when)
		atomic_fetch_add(&count.early, 1);
	atomic_fetch_add(&count.fired, 1);
}

/* They live at once: each fires once, none early. */
static int a_million_timers(int argc, char **argv)
{
	(void)argc, (void)argv;
	unsigned rnd = 3;
	for (int i = 0; i < MANY; i++) {
		gort_duration d =
			200 * ms + nextrandom(&rnd) % 1024 * (ms / 2) + nextrandom(&rnd) % ms;
		time_after_func(d, due_at, time_now() + d);
	}
	while (atomic_load(&count.fired) < MANY)
		gort_sleep(1 * ms);
	REQUIRE(count.early == 0 && count.fired == MANY);
	return 0;
}

static void sleeper(gort_duration d)
{
	gort_time when = time_now() + d;
	gort_sleep(d);
	due_at(when);
}

static int many_sleepers(int argc, char **argv)
{
	(void)argc, (void)argv;
	unsigned rnd = 5;
	for (int i = 0; i < MANY / 20; i++)
		go(sleeper, nextrandom(&rnd) % 300 * ms + nextrandom(&rnd) % ms);
	while (atomic_load(&count.fired) < MANY / 20)
		gort_sleep(1 * ms);
	REQUIRE(count.early == 0);
	return 0;
}

static void own(gort_time *when)
{
	due_at(*when);
	free(when);
}

/* Timers made by one goroutine and stopped by another: each either fires or is stopped. */
static void stopper(chan(gort_timer *) c, chan(gort_time *) whens, waitgroup *wg)
{
	chan_range (t, c) {
		gort_time *when = chan_recv(whens);
		if (timer_stop(t)) {
			atomic_fetch_add(&count.stopped, 1);
			free(when);
		}
		timer_free(t);
	}
	wg_done(wg);
}

static int fired_or_stopped(int argc, char **argv)
{
	(void)argc, (void)argv;
	enum { N = 20000 };
	chan(gort_timer *) c[4];
	chan(gort_time *) w[4];
	waitgroup wg = {0};
	wg_add(&wg, 4);
	for (int i = 0; i < 4; i++) {
		c[i] = make_chan(gort_timer *, 50);
		w[i] = make_chan(gort_time *, 51);
		go(stopper, c[i], w[i], &wg);
	}
	unsigned rnd = 11;
	for (int i = 0; i < N; i++) {
		gort_time *when = malloc(sizeof(*when));
		gort_duration d = nextrandom(&rnd) % 20000;
		*when = time_now() + d;
		chan_send(w[i % 4], when);
		chan_send(c[i % 4], time_after_func(d, own, when));
	}
	for (int i = 0; i < 4; i++)
		chan_close(c[i]);
	wg_wait(&wg);
	while (atomic_load(&count.fired) + count.stopped < N)
		gort_sleep(100 * us);
	gort_sleep(1 * ms);
	REQUIRE(count.fired + count.stopped == N && count.early == 0);
	REQUIRE(count.fired > 0 && count.stopped > 0);
	return 0;
}

START_TEST(test_many)
{
	expect_code(a_million_timers, 0);
	expect_code(many_sleepers, 0);
	expect_code(fired_or_stopped, 0);
}
END_TEST

/* ---- with the scheduler ---- */

struct pingpong {
	chan(bool) c;
	atomic_bool stop;
	waitgroup wg;
};

static void ping(struct pingpong *p)
{
	while (!atomic_load(&p->stop))
		chan_send(p->c, true);
	chan_close(p->c);
	wg_done(&p->wg);
}

static void pong(struct pingpong *p)
{
	chan_range (v, p->c)
		(void)v;
	wg_done(&p->wg);
}

static void end(struct pingpong *p)
{
	atomic_store(&p->stop, true);
}

/* A timer comes to its turn while goroutines keep their P busy with each other. */
static int busy_goroutines_do_not_starve_timers(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct pingpong p = {.c = make_chan(bool, 1)};
	wg_add(&p.wg, 2);
	go(ping, &p);
	go(pong, &p);
	time_after_func(1 * us, end, &p);
	wg_wait(&p.wg);
	return 0;
}

/* A timer that this P has set fires elsewhere while this P computes. */
static int idle_ps_watch_the_clock(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 20; i++) {
		atomic_int fired = 0;
		gort_timer *t = time_after_func(100 * us, set_flag, &fired);
		for (gort_time start = time_now(); !fired && time_since(start) < 30 * sec;)
			;
		REQUIRE(fired);
		timer_free(t);
		gort_sleep(1 * ms);
	}
	return 0;
}

START_TEST(test_schedule)
{
	expect_code(busy_goroutines_do_not_starve_timers, 0);
	for (int procs = 2; procs <= 4; procs++) {
		struct child *c = run_child(idle_ps_watch_the_clock, procs);
		ck_assert_msg(c->code == 0, "%d Ps: exit %d: %s", procs, c->code, c->text);
	}
}
END_TEST

#define DEADLOCK "fatal error: all goroutines are asleep - deadlock!"

/* Timers on whose channels nobody waits do not count, nor do those that were stopped. */
static int unused_timers(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(bool) c = make_chan(bool, 1);
	gort_ticker *t = new_ticker(FAR);
	time_tick(FAR);
	time_after(FAR);
	chan_send(c, true);
	select
	{
		case_recv(ticker_chan(t))
		{
		}
		case_recv(c)
		{
		}
	}
	go(receive_one, ticker_chan(t), c, nil, nil);
	gort_gosched();
	timer_stop(time_after_func(FAR, relay, c));
	ticker_stop(t);
	(void)chan_recv(c);
	return 0;
}

START_TEST(test_deadlock)
{
	expect_fatal(unused_timers, DEADLOCK);
}
END_TEST

/* ---- misuse ---- */

static int stop_of_nothing(int argc, char **argv)
{
	(void)argc, (void)argv;
	return timer_stop(nil);
}

static int reset_of_nothing(int argc, char **argv)
{
	(void)argc, (void)argv;
	return timer_reset(nil, 1);
}

static int freed_twice(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_timer *t = new_timer(1);
	timer_free(t);
	timer_free(t);
	return 0;
}

static int ticker_of_zero(int argc, char **argv)
{
	(void)argc, (void)argv;
	new_ticker(0);
	return 0;
}

static int ticker_reset_to_negative(int argc, char **argv)
{
	(void)argc, (void)argv;
	ticker_reset(new_ticker(1), -1);
	return 0;
}

static int ticker_reset_of_nothing(int argc, char **argv)
{
	(void)argc, (void)argv;
	ticker_reset(nil, 1);
	return 0;
}

static void fail_in_timer(const char *text)
{
	panic("%s", text);
}

/* What a timer starts fails while others are due: the panic is reported, and nothing waits. */
static int panic_in_after_func(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_ticker *t = new_ticker(1);
	time_after_func(1 * ms, fail_in_timer, "in the function of a timer");
	while (t)
		(void)chan_recv(ticker_chan(t));
	return 0;
}

START_TEST(test_misuse)
{
	expect_fatal(panic_in_after_func, "panic: in the function of a timer");
	expect_fatal(stop_of_nothing, "panic: time: Stop called on uninitialized Timer");
	expect_fatal(reset_of_nothing, "panic: time: Reset called on uninitialized Timer");
	expect_fatal(freed_twice, "panic: time: Stop called on uninitialized Timer");
	expect_fatal(ticker_of_zero, "panic: non-positive interval for NewTicker");
	expect_fatal(ticker_reset_to_negative, "panic: non-positive interval for Ticker.Reset");
	expect_fatal(ticker_reset_of_nothing, "panic: time: Reset called on uninitialized Ticker");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"timer", .seconds = 100,
		.units = {
			{"sleep", test_sleep},
			{"oneshot", test_oneshot},
			{"channel", test_channel},
			{"ticker", test_ticker},
			{"many", test_many},
			{"schedule", test_schedule},
			{"deadlock", test_deadlock},
			{"misuse", test_misuse},
		}});
}

#include "check_main.h"
