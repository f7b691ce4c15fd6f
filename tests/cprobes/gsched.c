/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gsched.c - a program on libgort that makes known numbers of goroutines wait for the one P, for a
 * mutex and for stops of the world, prints them, and waits until its input ends.
 */
#include <gort/go.h>
#include <poll.h>

enum { YIELDERS = 4, YIELDS = 64000, HANDOFFS = 64000, FANOUT = 200, BURSTS = 300, STOPS = 20 };

#define HELD_MS 20

static waitgroup done;
static gort_mutex mu;
static volatile bool waiting;

static void yielder(void)
{
	for (int i = 0; i < YIELDS; i++)
		gort_gosched();
	wg_done(&done);
}

/* Each turn is a place in the ring of the P. */
static void yields(void)
{
	wg_add(&done, YIELDERS);
	for (int i = 0; i < YIELDERS; i++)
		go(yielder);
	wg_wait(&done);
}

static void partner(chan(int) in, chan(int) out)
{
	chan_range (v, in)
		chan_send(out, v);
}

/* Each handoff wakes one that runs next. */
static void handoffs(void)
{
	chan(int) there = make_chan(int, 0), back = make_chan(int, 0);
	go(partner, there, back);
	for (int i = 0; i < HANDOFFS / 2; i++) {
		chan_send(there, 1);
		(void)chan_recv(back);
	}
	chan_close(there);
}

static void nothing(void)
{
	wg_done(&done);
}

static void bursts(void)
{
	for (int i = 0; i < BURSTS; i++) {
		wg_add(&done, FANOUT);
		for (int k = 0; k < FANOUT; k++)
			go(nothing);
		wg_wait(&done);
	}
}

static void locker(void)
{
	waiting = true;
	mutex_lock(&mu);
	mutex_unlock(&mu);
	wg_done(&done);
}

/* The other one runs up to the lock as this one yields, and then it waits. */
static void contend(void)
{
	wg_add(&done, 1);
	mutex_lock(&mu);
	go(locker);
	while (!waiting)
		gort_gosched();
	gort_sleep(HELD_MS * ms);
	mutex_unlock(&mu);
	wg_wait(&done);
}

int gort_main(int argc, char **argv)
{
	char end;
	(void)argc, (void)argv;
	for (int i = 0; i < STOPS; i++)
		gort_gomaxprocs(2 - i % 2); /* 1 in the end */
	yields();
	handoffs();
	bursts();
	contend();
	dprintf(1, "ready {\"waits\":%d,\"stops\":%d,\"mutex_ns\":%d}\n",
		YIELDERS * YIELDS + HANDOFFS + BURSTS * FANOUT, STOPS, HELD_MS * 1000000);
	return read(0, &end, 1) < 0;
}
