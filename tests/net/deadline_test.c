/* SPDX-License-Identifier: BSD-2-Clause */
/* deadline_test.c - deadlines of connections and listeners: when they pass, move and end. */
#include "netprog.h"

#include <sys/socket.h>

/* Both ends of a new connection. */
static gort_conn pair(gort_listener l, gort_conn *in)
{
	gort_conn out = dial();
	CLAIM(gort_net_accept(l, in) == 0);
	return out;
}

static int read_times_out(int argc, char **argv)
{
	(void)argc, (void)argv;
	char b;
	gort_conn in, out = pair(listen_any(), &in);
	int64_t until = now() + 20 * ms;
	CLAIM(gort_conn_set_read_deadline(in, until) == 0);
	CLAIM(gort_conn_read(in, &b, 1) == -ETIMEDOUT);
	CLAIM(now() >= until);
	/* It stays so, even with bytes to read, and writing does not care. */
	CLAIM(gort_conn_write(out, "x", 1) == 1);
	CLAIM(gort_conn_read(in, &b, 1) == -ETIMEDOUT);
	CLAIM(gort_conn_write(in, "y", 1) == 1);
	/* A later one, or none, revives it. */
	CLAIM(gort_conn_set_read_deadline(in, now() + 10 * sec) == 0);
	CLAIM(gort_conn_read(in, &b, 1) == 1 && b == 'x');
	CLAIM(gort_conn_set_read_deadline(in, 1) == 0);
	CLAIM(gort_conn_read(in, &b, 1) == -ETIMEDOUT);
	CLAIM(gort_conn_set_read_deadline(in, 0) == 0);
	CLAIM(gort_conn_write(out, "z", 1) == 1);
	CLAIM(gort_conn_read(in, &b, 1) == 1 && b == 'z');
	return 0;
}

static int write_times_out(int argc, char **argv)
{
	(void)argc, (void)argv;
	static char bulk[16 << 20];
	char b = 0;
	gort_conn in, out = pair(listen_any(), &in);
	int64_t until = now() + 20 * ms;
	CLAIM(gort_conn_set_write_deadline(out, until) == 0);
	CLAIM(gort_conn_write(out, bulk, sizeof bulk) == -ETIMEDOUT);
	CLAIM(now() >= until);
	CLAIM(gort_conn_write(out, &b, 1) == -ETIMEDOUT);
	CLAIM(gort_conn_write(in, "r", 1) == 1);
	CLAIM(gort_conn_read(out, &b, 1) == 1 && b == 'r');
	return 0;
}

static int accept_times_out(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn c;
	gort_listener l = listen_any();
	CLAIM(gort_listener_set_deadline(l, now() + 10 * ms) == 0);
	CLAIM(gort_net_accept(l, &c) == -ETIMEDOUT);
	CLAIM(gort_listener_set_deadline(l, 0) == 0);
	dial();
	CLAIM(gort_net_accept(l, &c) == 0);
	CLAIM(gort_listener_close(l) == 0);
	CLAIM(gort_listener_set_deadline(l, 0) == -EBADF);
	return 0;
}

static void reader(gort_conn c, chan(int) result)
{
	char b;
	chan_send(result, (int)gort_conn_read(c, &b, 1));
}

static void writer(gort_conn c, chan(int) result)
{
	static char bulk[16 << 20];
	chan_send(result, (int)gort_conn_write(c, bulk, sizeof bulk));
}

/* A deadline in the past wakes whoever waits now; each direction by itself and both at once. */
static int past_wakes(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) result = make_chan(int, 0);
	gort_listener l = listen_any();
	for (int i = 0; i < 3; i++) {
		gort_conn in, out = pair(l, &in);
		go(reader, in, result);
		go(writer, in, result);
		gort_sleep(3 * ms);
		if (i == 0) {
			CLAIM(gort_conn_set_read_deadline(in, now() - 1) == 0);
			CLAIM(chan_recv(result) == -ETIMEDOUT);
			CLAIM(gort_conn_set_write_deadline(in, -5) == 0);
			CLAIM(chan_recv(result) == -ETIMEDOUT);
		} else if (i == 1) {
			CLAIM(gort_conn_set_deadline(in, 1) == 0);
			CLAIM(chan_recv(result) == -ETIMEDOUT);
			CLAIM(chan_recv(result) == -ETIMEDOUT);
		} else { /* closing is stronger */
			CLAIM(gort_conn_set_deadline(in, now() + sec) == 0);
			CLAIM(gort_conn_close(in) == 0);
			CLAIM(chan_recv(result) == -EBADF);
			CLAIM(chan_recv(result) == -EBADF);
			CLAIM(gort_conn_set_deadline(in, 1) == -EBADF);
		}
		gort_conn_close(out);
	}
	return 0;
}

static void read_late(gort_conn c, chan(int64_t) result)
{
	char b;
	CLAIM(gort_conn_read(c, &b, 1) == -ETIMEDOUT);
	chan_send(result, now());
}

/*
 * Moved later many times, then nearer, while a goroutine waits: the last one counts. A round in
 * which this goroutine itself came too late says nothing.
 */
static int moves(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int64_t) result = make_chan(int64_t, 0);
	gort_listener l = listen_any();
	for (int i = 0; i < 10; i++) {
		gort_conn in, out = pair(l, &in);
		int64_t until = now() + 20 * ms;
		bool late = false;
		CLAIM(gort_conn_set_read_deadline(in, until) == 0);
		go(read_late, in, result);
		for (int k = 0; k < 20; k++) {
			late |= now() >= until;
			until = now() + 20 * ms;
			CLAIM(gort_conn_set_read_deadline(in, until) == 0);
			gort_sleep(2 * ms);
		}
		if (i % 2) {
			late |= now() >= until;
			CLAIM(gort_conn_set_read_deadline(in, now() + 10 * sec) == 0);
			gort_sleep(ms);
			until = now() + 2 * ms;
			CLAIM(gort_conn_set_read_deadline(in, until) == 0);
		}
		int64_t woken = chan_recv(result);
		CLAIM(late || woken >= until);
		CLAIM(woken < until + 5 * sec);
		CLAIM(gort_conn_close(in) == 0);
		CLAIM(gort_conn_close(out) == 0);
	}
	return 0;
}

/* The deadline of a closed connection does not strike the next one, which reuses its objects. */
static int not_inherited(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_listener l = listen_any();
	for (int i = 0; i < 20; i++) {
		gort_conn in, out = pair(l, &in);
		CLAIM(gort_conn_set_deadline(in, now() + 3 * ms) == 0);
		CLAIM(gort_conn_set_deadline(out, i % 2 ? 1 : now() + 2 * ms) == 0);
		CLAIM(gort_conn_close(in) == 0);
		CLAIM(gort_conn_close(out) == 0);
		char b;
		out = pair(l, &in);
		gort_sleep(5 * ms);
		CLAIM(gort_conn_write(out, "n", 1) == 1);
		CLAIM(gort_conn_read(in, &b, 1) == 1 && b == 'n');
		CLAIM(gort_conn_close(in) == 0);
		CLAIM(gort_conn_close(out) == 0);
	}
	return 0;
}

/* A closed connection leaves no timer behind: the program is dead at once, not in an hour. */
static int no_timer_left(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_conn in, out = pair(listen_any(), &in);
	CLAIM(gort_conn_set_deadline(in, now() + 3600 * sec) == 0);
	CLAIM(gort_conn_set_deadline(out, now() + 3600 * sec) == 0);
	CLAIM(gort_conn_set_deadline(out, 0) == 0);
	CLAIM(gort_conn_close(in) == 0);
	chan_recv(make_chan(int, 0));
	return 0;
}

/* ---- contexts ---- */

static void cancel_later(struct gort_cancel *cancel)
{
	gort_sleep(2 * ms);
	gort_cancel_now(cancel);
}

/* A listener whose backlog is full: TCP clients wait there for seconds. */
static gort_listener full_listener(gort_conn *fill, int n)
{
	gort_listener l;
	struct gort_cancel *cancel;
	CLAIM(gort_net_listen("tcp", "127.0.0.1:0", &l) == 0);
	CLAIM(gort_listener_addr(l, addr, sizeof addr) == 0);
	CLAIM(listen(gort_conn_fd((gort_conn)l), 1) == 0);
	for (int i = 0; i < n; i++) {
		gort_context ctx =
			gort_ctx_with_timeout(gort_ctx_background(), 20 * ms, NULL, &cancel);
		if (gort_net_dial_context(ctx, "tcp", addr, &fill[i]))
			fill[i] = NULL;
		gort_cancel_now(cancel);
		gort_ctx_release(ctx);
	}
	return l;
}

static int dial_cancelled(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_cancel *cancel;
	gort_conn c, fill[8];
	gort_context ctx = gort_ctx_with_cancel(gort_ctx_background(), &cancel);
	go(echo_server, listen_any());
	CLAIM(gort_net_dial_context(ctx, "tcp", addr, &c) == 0);
	char b;
	CLAIM(gort_conn_write(c, "c", 1) == 1);
	CLAIM(gort_conn_read(c, &b, 1) == 1 && b == 'c');
	full_listener(fill, 8);
	CLAIM(!fill[7]);
	go(cancel_later, cancel);
	CLAIM(gort_net_dial_context(ctx, "tcp", addr, &c) == -ECANCELED);
	CLAIM(gort_net_dial_context(ctx, "tcp", addr, &c) == -ECANCELED);
	gort_ctx_release(ctx);
	ctx = gort_ctx_with_timeout(gort_ctx_background(), 3 * ms, NULL, &cancel);
	CLAIM(gort_net_dial_context(ctx, "tcp", addr, &c) == -ETIMEDOUT);
	CLAIM(gort_net_dial_context(ctx, "nonet", addr, &c) == -ETIMEDOUT);
	return 0;
}

static int read_cancelled(int argc, char **argv)
{
	(void)argc, (void)argv;
	gort_listener l = listen_any();
	for (int i = 0; i < 10; i++) {
		struct gort_cancel *cancel;
		struct gort_stop *stop;
		gort_context ctx = gort_ctx_with_cancel(gort_ctx_background(), &cancel);
		gort_conn in, out = pair(l, &in);
		char b;
		gort_conn_cancel_with(in, ctx, &stop);
		if (i % 2) {
			go(cancel_later, cancel);
			CLAIM(gort_conn_read(in, &b, 1) == -ETIMEDOUT);
			CLAIM(!gort_stop_now(stop));
		} else { /* taken back in time */
			CLAIM(gort_stop_now(stop));
			gort_cancel_now(cancel);
			CLAIM(gort_conn_write(out, "s", 1) == 1);
			CLAIM(gort_conn_read(in, &b, 1) == 1 && b == 's');
		}
		gort_stop_free(stop);
		gort_ctx_release(ctx);
		CLAIM(gort_conn_close(in) == 0);
		CLAIM(gort_conn_close(out) == 0);
	}
	return 0;
}

/* ---- many at once ---- */

enum { CONNS = 50, ROUNDS = 200 };

static _Atomic int64_t timeouts, exchanged;

/* Reads with a deadline that may be nearer than the echo: the answer comes now or the next time. */
static void impatient(uint32_t seed, waitgroup *wg)
{
	defer(wg_done, wg);
	gort_conn c = dial();
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint32_t out[2] = {seed, i}, in[2];
		size_t at = 0;
		uint32_t tries = 0;
		CLAIM(gort_conn_set_write_deadline(c, now() + 10 * sec) == 0);
		CLAIM(gort_conn_write(c, out, sizeof out) == sizeof out);
		while (at < sizeof in) {
			int64_t until =
				now() + (20 + (seed * 7 + i * 13 + tries++ * 40) % 300) * us;
			CLAIM(gort_conn_set_read_deadline(c, until) == 0);
			ssize_t n = gort_conn_read(c, (char *)in + at, sizeof in - at);
			CLAIM(n > 0 || n == -ETIMEDOUT);
			CLAIM(n > 0 || now() >= until);
			if (n > 0)
				at += (size_t)n;
			else
				timeouts++;
		}
		CLAIM(in[0] == seed && in[1] == i);
		exchanged++;
	}
	CLAIM(gort_conn_close(c) == 0);
}

static int many(int argc, char **argv)
{
	(void)argc, (void)argv;
	waitgroup wg = {0};
	go(echo_server, listen_any());
	for (uint32_t i = 0; i < CONNS; i++) {
		wg_add(&wg, 1);
		go(impatient, i, &wg);
	}
	wg_wait(&wg);
	CLAIM(exchanged == CONNS * ROUNDS);
	CLAIM(timeouts > 0);
	return 0;
}

PROGRAM(read_times_out)
PROGRAM(write_times_out)
PROGRAM(accept_times_out)
PROGRAM(past_wakes)
PROGRAM(moves)
PROGRAM(not_inherited)
PROGRAM(no_timer_left)
PROGRAM(dial_cancelled)
PROGRAM(read_cancelled)
PROGRAM(many)

static Suite *test_suite(void)
{
	Suite *suite = suite_create("deadline");
	TCase *one = tcase_create("one"), *all = tcase_create("many");
	TCase *cancel = tcase_create("context");
	suite_add_tcase(suite, one);
	suite_add_tcase(suite, cancel);
	tcase_set_timeout(cancel, 60);
	suite_add_tcase(suite, all);
	tcase_set_timeout(one, 60);
	tcase_set_timeout(all, 60);
	tcase_add_loop_exit_test(one, test_read_times_out, 0, 0, 2);
	tcase_add_loop_exit_test(one, test_write_times_out, 0, 0, 2);
	tcase_add_loop_exit_test(one, test_accept_times_out, 0, 0, 2);
	tcase_add_loop_exit_test(one, test_past_wakes, 0, 0, 2);
	tcase_add_loop_exit_test(one, test_moves, 0, 0, 2);
	tcase_add_loop_exit_test(one, test_not_inherited, 0, 0, 2);
	tcase_add_loop_exit_test(one, test_no_timer_left, 2, 0, 2);
	tcase_add_loop_exit_test(cancel, test_dial_cancelled, 0, 0, 2);
	tcase_add_loop_exit_test(cancel, test_read_cancelled, 0, 0, 2);
	tcase_add_loop_exit_test(all, test_many, 0, 0, 2);
	return suite;
}

#include "check_main.h"
