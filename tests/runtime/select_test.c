/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * select_test.c - select behaves as Go's: choice, blocking, wake-ups, closing, nil, default,
 * timeouts, and what a body may do. Two selects against each other under load: stress.c.
 */
#include "child.h"
#include "suite.h"

struct big {
	long a[20];
};

static void send_one(chan(int) c, int v)
{
	chan_send(c, v);
}

static void send_later(chan(int) c, int v)
{
	gort_sleep(2 * ms);
	chan_send(c, v);
}

static void recv_later(chan(int) c, int *v)
{
	gort_sleep(2 * ms);
	*v = chan_recv(c);
}

static void close_later(chan(int) c)
{
	gort_sleep(2 * ms);
	chan_close(c);
}

/* ---- cases that are ready, default ---- */

/* What a select over both channels does: 1 received a, 2 sent b, 0 default; value in *got. */
static int poll2(chan(int) a, chan(int) b, int *got)
{
	*got = -1;
	select
	{
		case_recv(a, v, ok)
		{
			*got = ok ? v : 1000 + v;
			return 1;
		}
		case_send(b, 7)
		{
			return 2;
		}
		case_default
		{
			return 0;
		}
	}
	return -1;
}

static int ready(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) a = make_chan(int, 1), b = make_chan(int, 1);
	int got;
	REQUIRE(poll2(nil, nil, &got) == 0 && poll2(a, nil, &got) == 0);
	REQUIRE(poll2(a, b, &got) == 2 && chan_len(b) == 1);
	REQUIRE(poll2(a, b, &got) == 0);
	chan_send(a, 5);
	REQUIRE(poll2(a, b, &got) == 1 && got == 5);
	chan_close(a);
	REQUIRE(poll2(a, b, &got) == 1 && got == 1000);
	REQUIRE(chan_recv(b) == 7);
	a = make_chan(int, 0);
	go(send_one, a, 9);
	gort_sleep(2 * ms); /* until it has queued up */
	REQUIRE(poll2(a, nil, &got) == 1 && got == 9);
	go(recv_later, b = make_chan(int, 0), &got);
	gort_sleep(10 * ms);
	select
	{
		case_send(b, 11)
		{
		}
	}
	while (*(volatile int *)&got != 11)
		gort_gosched();
	return 0;
}

/* Sends on a closed channel panic only when they are chosen. */
static int send_closed(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) a = make_chan(int, 0), b = make_chan(int, 0);
	chan_close(b);
	select
	{
		case_recv(a)
		{
		}
		case_send(b, 1)
		{
		}
	}
	return 0;
}

static int close_while_sending(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) a = make_chan(int, 0), b = make_chan(int, 0);
	go(close_later, b);
	select
	{
		case_recv(a)
		{
		}
		case_send(b, 1)
		{
		}
	}
	return 0;
}

START_TEST(test_ready)
{
	expect_code(ready, 0);
	expect_fatal(send_closed, "panic: send on closed channel");
	expect_fatal(close_while_sending, "panic: send on closed channel");
}
END_TEST

/* ---- blocking ---- */

static int woken(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 20; round++) {
		chan(int) a = make_chan(int, round % 2), b = make_chan(int, 0),
			  c = make_chan(int, 0);
		int how = 0, got = -1;
		if (round % 3 == 0)
			go(send_later, a, round);
		else if (round % 3 == 1)
			go(close_later, a);
		else
			go(recv_later, c, &got);
		select
		{
			case_recv(a, v, ok)
			{
				how = ok ? 1 : 2;
				got = v;
			}
			case_recv(b)
			{
				how = 3;
			}
			case_send(c, round)
			{
				how = 4;
			}
		}
		REQUIRE(how == (round % 3 == 2 ? 4 : 1 + round % 3));
		while (*(volatile int *)&got != (how == 2 ? 0 : round))
			gort_gosched();
		/* Nobody takes or gives anything now. */
		REQUIRE(poll2(a, b, &got) == (how == 2));
		REQUIRE(poll2(c, b, &got) == 0);
	}
	return 0;
}

static void expect_no_receiver(chan(int) a, chan(int) d)
{
	int got;
	gort_sleep(2 * ms); /* until the other is in its second select */
	REQUIRE(poll2(nil, a, &got) == 0);
	chan_send(d, 1);
}

/* The cases not taken are off their queues: a later select of the same goroutine is not hit. */
static int no_trace(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) a = make_chan(int, 0), b = make_chan(int, 0), d = make_chan(int, 0);
	go(send_later, b, 1);
	select
	{
		case_recv(a)
		{
			REQUIRE(false);
		}
		case_recv(b)
		{
		}
	}
	go(expect_no_receiver, a, d);
	select
	{
		case_recv(d)
		{
			return 0;
		}
		case_after(3600 * sec)
		{
		}
	}
	return 1;
}

static int timeouts(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) a = make_chan(int, 0);
	int late = 0, got = 0;
	for (int i = 0; i < 20; i++) {
		int64_t start = monotonic();
		select
		{
			case_recv(a)
			{
				REQUIRE(false);
			}
			case_after(sec)
			{
				REQUIRE(false);
			}
			case_after(2 * ms)
			{
				late++;
			}
		}
		REQUIRE(monotonic() - start >= 2 * ms);
	}
	for (int i = 0; i < 20; i++) {
		go(send_later, a, i);
		select
		{
			case_recv(a, v)
			{
				got += v == i;
			}
			case_after(3600 * sec)
			{
				late++;
			}
		}
	}
	select
	{
		case_after(0)
		{
			late++;
		}
	}
	REQUIRE(late == 21 && got == 20);
	return 0;
}

/* The timeout and the sender come at the same time: whoever wins, nothing is lost. */
static int timeout_race(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) a = make_chan(int, 0);
	int late = 0;
	for (int i = 0; i < 300; i++) {
		bool again = true;
		go(send_later, a, i);
		while (again) {
			select
			{
				case_recv(a, v)
				{
					REQUIRE(v == i);
					again = false;
				}
				case_after(2 * ms - i * us)
				{
					late++;
				}
			}
		}
	}
	return late >= 0 ? 0 : 1;
}

START_TEST(test_blocking)
{
	expect_code(woken, 0);
	expect_code(no_trace, 0);
	expect_code(timeouts, 0);
	expect_code(timeout_race, 0);
}
END_TEST

/* ---- uniform choice ---- */

#define NCASE 8

/* chi squared of n equal cells must stay below the value that chance exceeds once in 10^9 times. */
static void require_uniform(const long *count, const bool *in, int cells, long draws)
{
	static const double limit[] = {0, 0, 37.3, 41.4, 44.8, 47.9, 50.7, 53.3, 55.9};
	double want = (double)draws / cells, chi = 0;
	for (int i = 0; i < NCASE; i++) {
		double d = (double)count[i] - want;
		REQUIRE(in[i] || count[i] == 0);
		chi += in[i] ? d * d / want : 0;
	}
	REQUIRE(chi < limit[cells]);
}

/* Receives that stay ready, in every subset of at least two of eight cases. */
static int uniform(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_chan *open = gort_chan_make(sizeof(int), 0);
	struct gort_chan *closed = gort_chan_make(sizeof(int), 0);
	gort_chan_close(closed);
	for (unsigned set = 3; set < 1u << NCASE; set += 7) {
		struct gort_case cases[NCASE] = {{0}};
		long count[NCASE] = {0}, draws = 10000;
		bool in[NCASE];
		for (int i = 0; i < NCASE; i++) {
			in[i] = set >> i & 1;
			cases[i].c = in[i] ? closed : open;
		}
		for (long k = 0; k < draws; k++)
			count[gort_select(cases, NCASE, true)]++;
		if (__builtin_popcount(set) >= 2)
			require_uniform(count, in, __builtin_popcount(set), draws);
	}
	return 0;
}

START_TEST(test_uniform)
{
	expect_code(uniform, 0);
}
END_TEST

/* ---- the dynamic form, many cases, large elements ---- */

#define NMANY 1000

static int many(int argc, char **argv)
{
	(void)argc, (void)argv;
	static struct gort_case cases[NMANY];
	static chan(int) chans[NMANY];
	int got = -1;
	for (int i = 0; i < NMANY; i++) {
		chans[i] = make_chan(int, 0);
		cases[i] = (struct gort_case){.c = (struct gort_chan *)chans[i], .v = &got};
	}
	cases[NMANY / 2].c = cases[3].c; /* twice the same channel */
	REQUIRE(gort_select(cases, NMANY, false) == -1);
	for (int i = 0; i < NMANY; i += 37) {
		go(send_later, chans[i], i);
		REQUIRE(gort_select(cases, NMANY, true) == i && got == i && cases[i].ok);
	}
	REQUIRE(gort_select(cases, NMANY, false) == -1 && gort_select(cases, 0, false) == -1);
	REQUIRE(gort_select(cases, 1, false) == -1);
	return 0;
}

static void send_big(chan(struct big) c, long first)
{
	struct big v;
	for (long i = 0; i < 20; i++)
		v.a[i] = first + i;
	select
	{
		case_send(c, v)
		{
		}
		case_after(3600 * sec)
		{
		}
	}
}

static void expect_big(chan(struct big) c, chan(char) small, bool open)
{
	select
	{
		case_recv(small, x)
		{
			REQUIRE(x == 'x' && false);
		}
		case_recv(c, v, ok)
		{
			REQUIRE(ok == open);
			for (long i = 0; i < 20; i++)
				REQUIRE(v.a[i] == (open ? 5 + i : 0));
		}
	}
}

static void close_big(chan(struct big) c)
{
	gort_sleep(2 * ms);
	chan_close(c);
}

static int large(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(char) small = make_chan(char, 0);
	for (int cap = 0; cap < 2; cap++) {
		chan(struct big) c = make_chan(struct big, cap);
		for (int i = 0; i < 4; i++) {
			go(send_big, c, 5l);
			if (i % 2)
				gort_sleep(2 * ms);
			expect_big(c, small, true);
		}
		go(close_big, c);
		expect_big(c, small, false);
		expect_big(c, small, false);
	}
	return 0;
}

START_TEST(test_dynamic)
{
	expect_code(many, 0);
	expect_code(large, 0);
}
END_TEST

/* ---- the statement ---- */

static int evaluated;

static chan(int) counted(chan(int) c)
{
	evaluated++;
	return c;
}

static int nested(chan(int) a, chan(int) b)
{
	select
	{
		case_recv(a, v)
		{
			select
			{
				case_recv(b, w)
				{
					return v * 10 + w;
				}
				case_default
				{
					break;
				}
			}
			return v;
		}
	}
	return -1;
}

static int statement(int argc, char **argv)
{
	(void)argv;
	chan(int) a = make_chan(int, 2), b = make_chan(int, 2);
	int turns = 0, after = 0;
	chan_send(a, 1);
	select
	{
		case_recv(counted(a), v)
		{
			turns += v;
			break;
			turns = 100;
		}
		case_send(counted(nil), evaluated++)
		{
		}
		if (argc > 1)
			case_default
			{
				turns = 100;
			}
	}
	REQUIRE(turns == 1 && evaluated == 3);
	chan_send(a, 4);
	REQUIRE(nested(a, b) == 4);
	chan_send(a, 4), chan_send(b, 2);
	REQUIRE(nested(a, b) == 42);
	for (int i = 0; i < 3; i++) {
		select
		{
			case_default
			{
				continue; /* leaves the select, and only that */
			}
		}
		after++;
	}
	REQUIRE(after == 3);
	if (argc == 1)
		select
		{
			case_send(a, 1)
			{
				goto out;
			}
		}
	REQUIRE(false);
out:
	return chan_len(a) == 1 ? 0 : 1;
}

/* More cases than a struct gort_select has room for. */
static int ten_cases(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c[10];
	int seen = 0;
	for (int i = 0; i < 10; i++)
		chan_send(c[i] = make_chan(int, 1), i);
	for (int i = 0; i < 10; i++)
		select
		{
			case_recv(c[0], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[1], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[2], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[3], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[4], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[5], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[6], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[7], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[8], v)
			{
				seen |= 1 << v;
			}
			case_recv(c[9], v)
			{
				seen |= 1 << v;
			}
		}
	REQUIRE(seen == 1023);
	return 0;
}

START_TEST(test_statement)
{
	expect_code(statement, 0);
	expect_code(ten_cases, 0);
}
END_TEST

/* ---- deadlock ---- */

static int no_cases(int argc, char **argv)
{
	(void)argc, (void)argv;
	select
	{
	}
	return 0;
}

static int no_partner(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) a = make_chan(int, 0), b = make_chan(int, 0);
	select
	{
		case_recv(a)
		{
		}
		case_send(b, 1)
		{
		}
	}
	return 0;
}

static int all_nil(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) a = nil;
	select
	{
		case_recv(a)
		{
		}
		case_send(a, 1)
		{
		}
	}
	return 0;
}

static void expect_deadlock(mainfn *fn, const char *state)
{
	expect_fatal(fn, "fatal error: all goroutines are asleep - deadlock!");
	struct child *c = run_child(fn, 2);
	ck_assert_msg(strstr(c->text, state), "no %s in: %s", state, c->text);
}

START_TEST(test_deadlock)
{
	expect_deadlock(no_cases, "goroutine 1 [select (no cases)]:");
	expect_deadlock(no_partner, "goroutine 1 [select]:");
	expect_deadlock(all_nil, "goroutine 1 [select]:");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"select", .seconds = 120,
		.units = {
			{"ready", test_ready},
			{"blocking", test_blocking},
			{"uniform", test_uniform},
			{"dynamic", test_dynamic},
			{"statement", test_statement},
			{"deadlock", test_deadlock},
		}});
}

#include "check_main.h"
