/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leaks.c - tests that leak, run beside others that do not: leaks.sh holds each against what it is
 * blamed for.
 */
#include <gort/testing.h>

static chan(int) both; /* the parallel ones meet: each looks while the other has what it leaks */
static void *volatile kept;

static void forever(chan(int) c)
{
	(void)chan_recv(c);
}

static void meet(void)
{
	select
	{
		case_send(both, 1)
		{
		}
		case_recv(both)
		{
		}
	}
}

/* On a stack of its own, where nobody else sees the channel. */
static void lose(waitgroup *done)
{
	go(forever, make_chan(int, 0));
	wg_done(done);
}

/* So many that no stale word in a frame keeps all of them: else none might be proved lost. */
TEST(test_lost)
{
	t_parallel(t);
	waitgroup done = {0};
	wg_add(&done, 16);
	for (int i = 0; i < 16; i++)
		go(lose, &done);
	wg_wait(&done);
	meet();
	t_no_leaks(t);
	meet();
}

TEST(test_clean)
{
	t_parallel(t);
	meet();
	t_no_leaks(t);
	meet();
}

static void inner(struct gort_t *t, void *arg)
{
	(void)t, (void)arg;
	chan(int) c = make_chan(int, 0);
	kept = c;
	go(forever, c);
}

/* What a subtest has started is its parent's, too. */
TEST(test_parent)
{
	gort_t_run(t, "sub", inner, nil);
	t_no_leaks(t);
}

/* After it: what another test has left is not this one's. */
TEST(test_quiet)
{
	t_no_leaks(t);
}

__attribute__((constructor)) static void make_both(void)
{
	both = make_chan(int, 0);
}
