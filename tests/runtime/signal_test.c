/* SPDX-License-Identifier: BSD-2-Clause */
/* signal_test.c - gort/signal.h: what reaches a channel, what does not, and what comes back. */
#include "child.h"
#include "suite.h"

#include <gort/signal.h>
#include <signal.h>

static void send(int sig)
{
	REQUIRE(kill(getpid(), sig) == 0);
}

static int delivery(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) both = make_chan(int, 4), one = make_chan(int, 4);
	REQUIRE(gort_signal_notify(both, SIGUSR1, SIGUSR2) == 0);
	REQUIRE(gort_signal_notify(one, SIGUSR2) == 0);
	REQUIRE(gort_num_goroutine() == 1);
	for (int i = 0; i < 50; i++) {
		send(SIGUSR1);
		REQUIRE(chan_recv(both) == SIGUSR1);
		send(SIGUSR2);
		REQUIRE(chan_recv(both) == SIGUSR2 && chan_recv(one) == SIGUSR2);
	}
	REQUIRE(chan_len(one) == 0);
	gort_signal_stop(both);
	send(SIGUSR2);
	REQUIRE(chan_recv(one) == SIGUSR2);
	REQUIRE(chan_len(both) == 0);
	return 0;
}

/* A channel without room loses signals; the others get theirs. */
static int full(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) none = make_chan(int, 0), room = make_chan(int, 1);
	REQUIRE(gort_signal_notify(none, SIGHUP) == 0);
	REQUIRE(gort_signal_notify(room, SIGHUP) == 0);
	for (int i = 0; i < 5; i++) {
		send(SIGHUP);
		REQUIRE(chan_recv(room) == SIGHUP);
	}
	return 0;
}

static int ignored(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 1);
	REQUIRE(gort_signal_ignore(SIGUSR1) == 0);
	send(SIGUSR1);
	REQUIRE(gort_signal_notify(c, SIGUSR1, SIGKILL) == -EINVAL);
	REQUIRE(gort_signal_notify(c, SIGSEGV) == -EINVAL && gort_signal_notify(c, 0) == -EINVAL);
	REQUIRE(gort_signal_notify(c, SIGUSR1) == 0);
	send(SIGUSR1);
	REQUIRE(chan_recv(c) == SIGUSR1);
	gort_signal_stop(c);
	send(SIGUSR1); /* ignored, as before */
	return 0;
}

static int comesback(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 1);
	REQUIRE(gort_signal_notify(c, SIGUSR1) == 0);
	send(SIGUSR1);
	REQUIRE(chan_recv(c) == SIGUSR1);
	REQUIRE(gort_signal_reset(SIGUSR1) == 0);
	send(SIGUSR1);
	gort_sleep(10 * sec);
	return 0;
}

START_TEST(test_notify)
{
	expect_code(delivery, 0);
	expect_code(full, 0);
}
END_TEST

START_TEST(test_actions)
{
	expect_code(ignored, 0);
	expect_code(comesback, 128 + SIGUSR1);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"signal", .seconds = 100,
		.units = {
			{"notify", test_notify},
			{"actions", test_actions},
		}});
}

#include "check_main.h"
