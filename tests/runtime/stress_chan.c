/* SPDX-License-Identifier: BSD-2-Clause */
/* stress_chan.c - models of channels and select: order, conservation, close, timeouts. */
#include "stress.h"

struct item {
	long seq;
	long twice;
	char pad[24];
};

/* ---- a pipeline keeps the order ---- */

static void stage(chan(struct item) in, chan(struct item) out)
{
	chan_range (v, in)
		chan_send(out, v);
	chan_close(out);
}

static void source(chan(struct item) out, long n)
{
	for (long i = 0; i < n; i++)
		chan_send(out, (struct item){.seq = i, .twice = 2 * i});
	chan_close(out);
}

void model_pipeline(unsigned *rnd)
{
	long n = next(rnd) % 300, seen = 0;
	chan(struct item) c = make_chan(struct item, next(rnd) % 4);
	go(source, c, n);
	for (unsigned stages = next(rnd) % 8; stages > 0; stages--) {
		chan(struct item) d = make_chan(struct item, next(rnd) % 4);
		go(stage, c, d);
		c = d;
	}
	chan_range (v, c) {
		CHECK(v.seq == seen && v.twice == 2 * seen, "pipeline: %ld for %ld", v.seq, seen);
		seen++;
	}
	CHECK(seen == n, "pipeline: %ld of %ld", seen, n);
}

/* ---- ping-pong, small elements ---- */

static void pong(chan(int) in, chan(int) out, long n)
{
	for (long i = 0; i < n; i++)
		chan_send(out, chan_recv(in) + 1);
}

void model_pingpong(unsigned *rnd)
{
	int n = (int)(next(rnd) % 500);
	chan(int) a = make_chan(int, next(rnd) % 2), b = make_chan(int, 0);
	go(pong, a, b, n);
	for (int i = 0; i < n; i++) {
		chan_send(a, i);
		int got = chan_recv(b);
		CHECK(got == i + 1, "pingpong: %d for %d", got, i + 1);
	}
}

/* ---- many producers and consumers: nothing is lost or made up; close wakes all ---- */

static void produce(chan(long) c, long n, waitgroup *wg)
{
	for (long i = 1; i <= n; i++)
		chan_send(c, i);
	wg_done(wg);
}

static void consume(chan(long) c, _Atomic long *sum, waitgroup *wg)
{
	chan_range (v, c) {
		atomic_fetch_add(sum, v);
		if (v % 16 == 0)
			gort_gosched();
	}
	wg_done(wg);
}

void model_manymany(unsigned *rnd)
{
	long n = next(rnd) % 200, producers = 1 + next(rnd) % 8, consumers = 1 + next(rnd) % 8;
	chan(long) c = make_chan(long, next(rnd) % 5);
	waitgroup in = {0}, out = {0};
	_Atomic long sum = 0;
	wg_add(&in, producers);
	wg_add(&out, consumers);
	for (long i = 0; i < consumers; i++)
		go(consume, c, &sum, &out);
	for (long i = 0; i < producers; i++)
		go(produce, c, n, &in);
	wg_wait(&in);
	chan_close(c);
	wg_wait(&out);
	CHECK(sum == producers * n * (n + 1) / 2, "manymany: sum %ld", sum);
}

/* ---- two goroutines that send to and receive from each other in one select ---- */

static void crosser(chan(struct item) in, chan(struct item) out, long n, waitgroup *wg)
{
	long sent = 0, got = 0;
	while (sent < n || got < n) {
		select
		{
			case_send(
				sent < n ? out : nil, (struct item){.seq = sent, .twice = 2 * sent})
			{
				sent++;
			}
			case_recv(got < n ? in : nil, v)
			{
				CHECK(v.seq == got && v.twice == 2 * got, "cross: %ld for %ld",
					v.seq, got);
				got++;
			}
		}
	}
	wg_done(wg);
}

void model_cross(unsigned *rnd)
{
	long n = next(rnd) % 500;
	chan(struct item) x = make_chan(struct item, next(rnd) % 3 ? 0 : next(rnd) % 3);
	chan(struct item) y = make_chan(struct item, next(rnd) % 3 ? 0 : next(rnd) % 3);
	waitgroup wg = {0};
	wg_add(&wg, 2);
	go(crosser, x, y, n, &wg);
	go(crosser, y, x, n, &wg);
	wg_wait(&wg);
}

/*
 * ---- a mesh of selects, plain sends and plain receives on the same channels: every value arrives
 * once. Every node receives from all channels until all is sent, so that no send is stuck ----
 */

#define MESH 3

struct mesh {
	chan(long) c[MESH];
	chan(char) done;
	_Atomic long sent, got;
	waitgroup senders, nodes, plain;
	bool timers;
};

static void node(struct mesh *m, unsigned seed, long left)
{
	unsigned rnd = seed;
	for (bool more = true; more;) {
		long value = 1 + next(&rnd) % 1000;
		chan(long) to = left > 0 ? m->c[next(&rnd) % MESH] : nil;
		select
		{
			case_recv(m->c[0], v)
			{
				atomic_fetch_add(&m->got, v);
			}
			case_recv(m->c[1], v)
			{
				atomic_fetch_add(&m->got, v);
			}
			case_recv(m->c[2], v)
			{
				atomic_fetch_add(&m->got, v);
			}
			case_send(to, value)
			{
				atomic_fetch_add(&m->sent, value);
				if (--left == 0)
					wg_done(&m->senders);
			}
			if (m->timers)
				case_after(next(&rnd) % 50 * us)
				{
					gort_gosched();
				}
			case_done(m->done)
			{
				more = false;
			}
		}
	}
	wg_done(&m->nodes);
}

static void meshsend(struct mesh *m, chan(long) c, long n)
{
	for (long i = 1; i <= n; i++) {
		chan_send(c, i);
		atomic_fetch_add(&m->sent, i);
	}
	wg_done(&m->senders);
}

void model_mesh(unsigned *rnd)
{
	struct mesh m = {.done = make_chan(char, 0), .timers = next(rnd) % 3 == 0};
	long nodes = 2 + next(rnd) % 6, n = 1 + next(rnd) % 100;
	wg_add(&m.senders, nodes + MESH);
	wg_add(&m.nodes, nodes);
	wg_add(&m.plain, MESH);
	for (int i = 0; i < MESH; i++) {
		m.c[i] = make_chan(long, next(rnd) % 3);
		go(consume, m.c[i], &m.got, &m.plain);
	}
	for (int i = 0; i < MESH; i++)
		go(meshsend, &m, m.c[i], n);
	for (long i = 0; i < nodes; i++)
		go(node, &m, next(rnd), n);
	wg_wait(&m.senders);
	chan_close(m.done);
	wg_wait(&m.nodes);
	for (int i = 0; i < MESH; i++)
		chan_close(m.c[i]);
	wg_wait(&m.plain);
	CHECK(m.sent == m.got, "mesh: %ld sent, %ld received", m.sent, m.got);
}

/* ---- close wakes everybody that waits, by receive and by select, with nothing in hand ---- */

struct closed {
	chan(struct item) c;
	chan(struct item) other; /* never used */
	_Atomic long got, zero;
	waitgroup wg;
};

static void await_close(struct closed *x)
{
	struct item v = {.seq = 1};
	while (chan_recv_ok(x->c, &v)) {
		CHECK(v.seq > 0 && v.twice == 2 * v.seq, "closing: received %ld", v.seq);
		atomic_fetch_add(&x->got, 1);
	}
	CHECK(v.seq == 0 && v.twice == 0, "closing: %ld from a closed channel", v.seq);
	atomic_fetch_add(&x->zero, 1);
	wg_done(&x->wg);
}

static void select_close(struct closed *x, unsigned timer)
{
	for (bool more = true; more;) {
		select
		{
			case_recv(x->other, v)
			{
				CHECK(false, "closing: %ld from nobody", v.seq);
			}
			case_recv(x->c, v, ok)
			{
				more = ok;
				CHECK(ok == (v.seq != 0), "closing: ok %d with %ld", ok, v.seq);
				atomic_fetch_add(ok ? &x->got : &x->zero, 1);
			}
			if (timer)
				case_after(20 * us)
				{
					gort_gosched();
				}
		}
	}
	wg_done(&x->wg);
}

void model_closing(unsigned *rnd)
{
	long readers = 1 + next(rnd) % 30, n = next(rnd) % 20;
	struct closed x = {
		.c = make_chan(struct item, next(rnd) % 5), .other = make_chan(struct item, 0)};
	wg_add(&x.wg, readers);
	for (long i = 0; i < readers; i++)
		if (oneof(rnd, 2))
			go(await_close, &x);
		else
			go(select_close, &x, next(rnd) % 2);
	for (long i = 1; i <= n; i++)
		chan_send(x.c, (struct item){.seq = i, .twice = 2 * i});
	if (oneof(rnd, 2))
		gort_sleep(next(rnd) % 100 * us);
	chan_close(x.c);
	wg_wait(&x.wg);
	CHECK(x.got == n && x.zero == readers,
		"closing: %ld of %ld received, %ld of %ld saw the end", x.got, n, x.zero, readers);
}

/* ---- a timeout races with the send it waits for: one of them, never early, nothing lost ---- */

static void late_sender(chan(long) c, gort_duration d, long n)
{
	for (long i = 0; i < n; i++) {
		if (d)
			gort_sleep(d);
		chan_send(c, i);
	}
}

void model_timeouts(unsigned *rnd)
{
	long n = next(rnd) % 40, seen = 0;
	gort_duration d = next(rnd) % 100 * us;
	chan(long) c = make_chan(long, next(rnd) % 2);
	go(late_sender, c, d, n);
	while (seen < n) {
		gort_duration wait = next(rnd) % 200 * us;
		int64_t start = now();
		select
		{
			case_recv(c, v)
			{
				CHECK(v == seen, "timeouts: %ld for %ld", v, seen);
				seen++;
			}
			case_after(wait)
			{
				int64_t took = now() - start;
				CHECK(took >= wait, "timeouts: %ld ns early", (long)(wait - took));
			}
		}
	}
}
