/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chan_race_test.c - channels and select when several goroutines use them at once: what Go's own
 * tests of them check, each by its behavior.
 */
#include "child.h"
#include "suite.h"

#include <stdatomic.h>

/* ---- blocking at every capacity ---- */

static void receive_and_tell(chan(int) c, _Atomic int *n)
{
	(void)chan_recv(c);
	atomic_fetch_add(n, 1);
}

static void send_and_tell(chan(int) c, _Atomic int *n)
{
	chan_send(c, 7);
	atomic_fetch_add(n, 1);
}

static void yield(int n)
{
	while (n-- > 0)
		gort_gosched();
}

static int empty_blocks(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int cap = 0; cap < 20; cap++) {
		chan(int) c = make_chan(int, cap);
		_Atomic int n = 0;
		go(receive_and_tell, c, &n);
		go(receive_and_tell, c, &n);
		yield(20);
		REQUIRE(n == 0);
		chan_send(c, 1);
		chan_send(c, 2);
		while (n != 2)
			gort_gosched();
		REQUIRE(chan_len(c) == 0);
		bool received = false;
		select
		{
			case_recv(c)
			{
				received = true;
			}
			case_default
			{
			}
		}
		REQUIRE(!received);
	}
	return 0;
}

static int full_blocks(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int cap = 0; cap < 20; cap++) {
		chan(int) c = make_chan(int, cap);
		_Atomic int n = 0;
		for (int i = 0; i < cap; i++)
			chan_send(c, i);
		go(send_and_tell, c, &n);
		yield(20);
		bool sent = false;
		select
		{
			case_send(c, 1)
			{
				sent = true;
			}
			case_default
			{
			}
		}
		REQUIRE(n == 0 && !sent && chan_len(c) == cap && chan_cap(c) == cap);
		for (int i = 0; i < cap; i++)
			REQUIRE(chan_recv(c) == i);
		REQUIRE(chan_recv(c) == 7);
		while (n != 1)
			gort_gosched();
	}
	return 0;
}

static void receive_nth(chan(int) c, int n, chan(int) out)
{
	chan_send(out, chan_recv(c) == n);
}

/* Receivers that wait are served in the order in which they came. */
static int receivers_in_order(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0), out = make_chan(int, 16);
	for (int i = 0; i < 16; i++) {
		go(receive_nth, c, i, out);
		gort_sleep(2 * ms); /* until it has queued up */
	}
	for (int i = 0; i < 16; i++)
		chan_send(c, i);
	for (int i = 0; i < 16; i++)
		REQUIRE(chan_recv(out));
	return 0;
}

struct nothing {
};

static void send_nothing(chan(struct nothing) c, int n)
{
	for (int i = 0; i < n; i++)
		chan_send(c, (struct nothing){});
	chan_close(c);
}

/* Elements of no size are counted all the same. */
static int no_size(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int cap = 0; cap < 4; cap++) {
		chan(struct nothing) c = make_chan(struct nothing, cap);
		struct nothing v;
		int n = 0;
		go(send_nothing, c, 100);
		while (chan_recv_ok(c, &v))
			n++;
		REQUIRE(n == 100);
	}
	return 0;
}

typedef chan(int) ints;

static void answer(chan(ints) questions)
{
	chan_range (reply, questions)
		chan_send(reply, 42);
}

static int channel_of_channels(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(ints) questions = make_chan(ints, 0);
	go(answer, questions);
	for (int i = 0; i < 10; i++) {
		ints reply = make_chan(int, i % 2);
		chan_send(questions, reply);
		REQUIRE(chan_recv(reply) == 42);
	}
	chan_close(questions);
	return 0;
}

START_TEST(test_blocking)
{
	expect_code(empty_blocks, 0);
	expect_code(full_blocks, 0);
	expect_code(receivers_in_order, 0);
	expect_code(no_size, 0);
	expect_code(channel_of_channels, 0);
}
END_TEST

/* ---- operations that do not block act on one moment ---- */

static void receive_now(chan(int) c, chan(bool) out)
{
	bool got = false;
	select
	{
		case_recv(c)
		{
			got = true;
		}
		case_default
		{
		}
	}
	chan_send(out, got);
}

/* The channel has an element, then it is closed, then the element goes: always ready. */
static int receive_against_close(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(bool) out = make_chan(bool, 1);
	for (int i = 0; i < 3000; i++) {
		chan(int) c = make_chan(int, 1);
		chan_send(c, 1);
		go(receive_now, c, out);
		chan_close(c);
		(void)chan_recv(c);
		REQUIRE(chan_recv(out));
	}
	return 0;
}

static void receive_either(chan(int) a, chan(int) b, chan(bool) out)
{
	bool got = false;
	select
	{
		case_recv(a)
		{
			got = true;
		}
		case_recv(b)
		{
			got = true;
		}
		case_default
		{
		}
	}
	chan_send(out, got);
}

/* One of two channels is ready at any moment, though not the same one: never the default. */
static int one_is_always_ready(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(bool) out = make_chan(bool, 1);
	for (int i = 0; i < 6000; i++) {
		chan(int) a = make_chan(int, 1), b = make_chan(int, i % 2);
		chan_send(a, 1);
		go(receive_either, a, b, out);
		if (i % 2)
			chan_send(b, 1);
		else
			chan_close(b);
		select
		{
			case_recv(a)
			{
			}
			case_default
			{
			}
		}
		REQUIRE(chan_recv(out));
	}
	return 0;
}

START_TEST(test_moment)
{
	expect_code(receive_against_close, 0);
	expect_code(one_is_always_ready, 0);
}
END_TEST

/* ---- selects against selects ---- */

static void send_and_receive(chan(int) c, int me, bool buffered, waitgroup *wg)
{
	for (int i = 0; i < 2000; i++) {
		if (me == 0 || i % 2 == 0) {
			select
			{
				case_send(c, me)
				{
				}
				case_recv(c, v)
				{
					REQUIRE(buffered || v != me);
				}
			}
		} else {
			select
			{
				case_recv(c, v)
				{
					REQUIRE(buffered || v != me);
				}
				case_send(c, me)
				{
				}
			}
		}
	}
	wg_done(wg);
}

static void send_and_receive_0(chan(int) c, int me, waitgroup *wg)
{
	send_and_receive(c, me, false, wg);
}

static void send_and_receive_10(chan(int) c, int me, waitgroup *wg)
{
	send_and_receive(c, me, true, wg);
}

/* A select that both sends and receives on one channel never serves itself. */
static int not_with_itself(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	chan(int) c0 = make_chan(int, 0), c10 = make_chan(int, 10);
	wg_add(&wg, 4);
	for (int me = 0; me < 2; me++) {
		go(send_and_receive_0, c0, me, &wg);
		go(send_and_receive_10, c10, me, &wg);
	}
	wg_wait(&wg);
	return 0;
}

#define ROUNDS 2000

static void send_each(chan(int) c)
{
	for (int i = 0; i < ROUNDS; i++)
		chan_send(c, i);
}

static void receive_each(chan(int) c, waitgroup *wg)
{
	for (int i = 0; i < ROUNDS; i++)
		REQUIRE(chan_recv(c) == i);
	wg_done(wg);
}

static void select_sends(ints *c, waitgroup *wg)
{
	int n[4] = {0};
	for (int i = 0; i < 4 * ROUNDS; i++) {
		select
		{
			case_send(n[3] < ROUNDS ? c[3] : nil, n[3])
			{
				n[3]++;
			}
			case_send(n[2] < ROUNDS ? c[2] : nil, n[2])
			{
				n[2]++;
			}
			case_send(n[0] < ROUNDS ? c[0] : nil, n[0])
			{
				n[0]++;
			}
			case_send(n[1] < ROUNDS ? c[1] : nil, n[1])
			{
				n[1]++;
			}
		}
	}
	wg_done(wg);
}

static void select_receives(ints *c, waitgroup *wg)
{
	int n[4] = {0};
	for (int i = 0; i < 4 * ROUNDS; i++) {
		int k = 0, got = 0;
		select
		{
			case_recv(n[0] < ROUNDS ? c[0] : nil, v)
			{
				k = 0, got = v;
			}
			case_recv(n[1] < ROUNDS ? c[1] : nil, v)
			{
				k = 1, got = v;
			}
			case_recv(n[2] < ROUNDS ? c[2] : nil, v)
			{
				k = 2, got = v;
			}
			case_recv(n[3] < ROUNDS ? c[3] : nil, v)
			{
				k = 3, got = v;
			}
		}
		REQUIRE(got == n[k]);
		n[k]++;
	}
	wg_done(wg);
}

/* Sends by select reach plain receives and selects, each channel in order; and the reverse. */
static int four_channels(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 3; round++) {
		waitgroup wg = {0};
		ints c[4];
		for (int i = 0; i < 4; i++)
			c[i] = make_chan(int, i / 2 * 2);
		wg_add(&wg, round == 0 ? 2 : round == 1 ? 5 : 1);
		if (round < 2)
			go(select_sends, c, &wg);
		if (round != 1)
			go(select_receives, c, &wg);
		for (int i = 0; i < 4; i++)
			if (round == 1)
				go(receive_each, c[i], &wg);
			else if (round == 2)
				go(send_each, c[i]);
		wg_wait(&wg);
	}
	return 0;
}

static void wait_thrice(chan(int) c, chan(int) d, chan(int) out)
{
	select
	{
		case_recv(c)
		{
			chan_send(out, 1);
		}
		case_recv(c)
		{
			chan_send(out, 2);
		}
		case_recv(d)
		{
			chan_send(out, 3);
		}
		case_recv(c)
		{
			chan_send(out, 4);
		}
	}
}

static void wait_once(chan(int) c, chan(int) out)
{
	chan_send(out, chan_recv(c));
}

/* A channel that comes up several times in a select: leaving it keeps the other waiters. */
static int same_channel_twice(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0), d = make_chan(int, 0);
	chan(int) a = make_chan(int, 1), b = make_chan(int, 1);
	go(wait_thrice, c, d, a);
	gort_sleep(ms);
	go(wait_once, c, b);
	gort_sleep(ms);
	chan_send(d, 7); /* the first one takes itself off c, thrice */
	REQUIRE(chan_recv(a) == 3);
	chan_send(c, 8); /* the second one must still be there */
	REQUIRE(chan_recv(b) == 8);
	return 0;
}

START_TEST(test_selects)
{
	expect_code(not_with_itself, 0);
	expect_code(four_channels, 0);
	expect_code(same_channel_twice, 0);
}
END_TEST

/* ---- chance ---- */

#define DRAWS 40000

/* chi squared of n equal cells against the value that chance exceeds once in 10^9 times. */
static void require_uniform(const long *count, int n)
{
	static const double limit[] = {0, 0, 37.3, 41.4, 44.8, 47.9, 50.7, 53.3, 55.9};
	double chi = 0, want = 0;
	for (int i = 0; i < n; i++)
		want += (double)count[i] / n;
	for (int i = 0; i < n; i++)
		chi += ((double)count[i] - want) * ((double)count[i] - want) / want;
	REQUIRE(chi < limit[n]);
}

/* Sends, receives, a closed channel, one that comes up twice, a timeout that is due. */
static int mixed_cases(int argc, char **argv)
{
	(void)argc, (void)argv;
	long count[7] = {0};
	chan(int) in = make_chan(int, 1), out = make_chan(int, 1), closed = make_chan(int, 0);
	chan(int) never = make_chan(int, 0);
	chan_close(closed);
	for (int i = 0; i < DRAWS; i++) {
		chan_send(in, 1);
		select
		{
			case_recv(in)
			{
				count[0]++;
			}
			case_send(out, 1)
			{
				count[1]++;
			}
			case_recv(closed)
			{
				count[2]++;
			}
			case_recv(never)
			{
				REQUIRE(false);
			}
			case_send(out, 2)
			{
				count[3]++;
			}
			case_after(0)
			{
				count[4]++;
			}
			case_recv(in)
			{
				count[5]++;
			}
		}
		if (chan_len(in))
			(void)chan_recv(in);
		if (chan_len(out))
			(void)chan_recv(out);
	}
	require_uniform(count, 6);
	return 0;
}

static void send_bits(chan(int) c, int n)
{
	for (int i = 0; i < n; i++) {
		select
		{
			case_send(c, 0)
			{
			}
			case_send(c, 1)
			{
			}
		}
	}
}

/* The sender's choice: even while there is room; when it has to wait, both still happen. */
static int waiting_sends(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int cap = 0; cap < 2; cap++) {
		chan(int) c = make_chan(int, cap ? DRAWS : 0);
		long ones = 0;
		go(send_bits, c, DRAWS);
		for (int i = 0; i < DRAWS; i++) {
			if (i % 3 == 0)
				gort_gosched();
			ones += chan_recv(c);
		}
		if (cap) {
			long count[2] = {DRAWS - ones, ones};
			require_uniform(count, 2);
		}
		REQUIRE(ones > 0 && ones < DRAWS);
	}
	return 0;
}

START_TEST(test_chance)
{
	expect_code(mixed_cases, 0);
	expect_code(waiting_sends, 0);
}
END_TEST

/* ---- whole programs ---- */

static void work(chan(int) in, chan(int) out, int special, waitgroup *wg)
{
	chan_range (v, in) {
		if (v == special)
			gort_gosched();
		chan_send(out, v);
	}
	wg_done(wg);
}

static const int prime[] = {2, 3, 7, 11, 13, 17, 19, 23, 27, 31};

#define ITEMS 30000

static void feed(chan(int) in, chan(int) out, waitgroup *wg)
{
	for (int i = 0; i < ITEMS; i++)
		chan_send(in, prime[i % 10]);
	chan_close(in);
	wg_wait(wg);
	chan_close(out);
}

static int many_consumers(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) in = make_chan(int, 69), out = make_chan(int, 69);
	waitgroup wg = {0};
	long n = 0, sum = 0, want = 0;
	wg_add(&wg, 23);
	for (int i = 0; i < 23; i++)
		go(work, in, out, prime[i % 10], &wg);
	go(feed, in, out, &wg);
	chan_range (v, out) {
		n++;
		sum += v;
	}
	for (int i = 0; i < ITEMS; i++)
		want += prime[i % 10];
	REQUIRE(n == ITEMS && sum == want);
	return 0;
}

static void generate(chan(int) out)
{
	for (int i = 2;; i++)
		chan_send(out, i);
}

static void filter(chan(int) in, chan(int) out, int p)
{
	for (;;) {
		int v = chan_recv(in);
		if (v % p)
			chan_send(out, v);
	}
}

static int sieve(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0);
	int p = 0;
	go(generate, c);
	for (int i = 0; i < 200; i++) {
		p = chan_recv(c);
		for (int d = 2; d * d <= p; d++)
			REQUIRE(p % d);
		chan(int) next = make_chan(int, 0);
		go(filter, c, next, p);
		c = next;
	}
	REQUIRE(p == 1223);
	return 0;
}

START_TEST(test_programs)
{
	expect_code(many_consumers, 0);
	expect_code(sieve, 0);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"chan_race", .seconds = 180,
		.units = {
			{"blocking", test_blocking},
			{"moment", test_moment},
			{"selects", test_selects},
			{"chance", test_chance},
			{"programs", test_programs},
		}});
}

#include "check_main.h"
