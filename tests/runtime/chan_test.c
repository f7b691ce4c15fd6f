/* SPDX-License-Identifier: BSD-2-Clause */
/* chan_test.c - channels behave as Go's: order, blocking, close, nil, panics. */
#include "sync/chan.h"

#include "child.h"

struct big {
	long a[20];
};

/* ---- order and blocking ---- */

static void send_range(chan(int) c, int from, int to)
{
	for (int i = from; i < to; i++)
		chan_send(c, i);
	chan_close(c);
}

static int unbuffered(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0);
	int want = 0;
	go(send_range, c, 0, 1000);
	chan_range (v, c)
		REQUIRE(v == want++);
	REQUIRE(want == 1000);
	return 0;
}

static int buffered(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 3);
	REQUIRE(chan_cap(c) == 3 && chan_len(c) == 0);
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 3; i++)
			chan_send(c, round * 3 + i);
		REQUIRE(chan_len(c) == 3);
		for (int i = 0; i < 3; i++)
			REQUIRE(chan_recv(c) == round * 3 + i);
	}
	return 0;
}

static void send_one(chan(int) c, int v)
{
	chan_send(c, v);
}

/* Until n values are in the channel or with senders that wait. */
static void await_sent(struct gort_chan *gc, int n)
{
	struct hchan *c = (struct hchan *)gc;
	for (int sent = -1; sent != n; gort_gosched()) {
		plock(&c->lock);
		sent = (int)c->qcount;
		for (struct sudog *sg = c->sendq.first; sg; sg = sg->next)
			sent++;
		unlock(&c->lock);
	}
}

/* Senders that wait are served in the order in which they came, through a full buffer too. */
static int fifo(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int cap = 0; cap < 3; cap++) {
		chan(int) c = make_chan(int, cap);
		for (int i = 0; i < 8; i++) {
			go(send_one, c, i);
			await_sent(GORT_CH(c), i + 1);
		}
		for (int i = 0; i < 8; i++)
			REQUIRE(chan_recv(c) == i);
	}
	return 0;
}

static void big_sender(chan(struct big) c)
{
	struct big v = {{0}};
	for (long i = 0; i < 20; i++)
		v.a[i] = i * i;
	for (int i = 0; i < 3; i++)
		chan_send(c, v);
	chan_close(c);
}

static int elements(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int cap = 0; cap < 2; cap++) {
		chan(struct big) c = make_chan(struct big, cap);
		struct big v;
		int n = 0;
		go(big_sender, c);
		for (; chan_recv_ok(c, &v); n++)
			for (long i = 0; i < 20; i++)
				REQUIRE(v.a[i] == i * i);
		REQUIRE(n == 3 && v.a[1] == 0 && v.a[19] == 0);
	}
	chan(char) small = make_chan(char, 2);
	chan_send(small, 'x');
	chan_send(small, 'y');
	REQUIRE(chan_recv(small) == 'x' && chan_recv(small) == 'y');
	return 0;
}

static void expect_zero(chan(long) c, chan(int) done)
{
	long v = 7;
	REQUIRE(!chan_recv_ok(c, &v) && v == 0);
	chan_send(done, 1);
}

static int closing(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(long) c = make_chan(long, 2);
	chan(int) done = make_chan(int, 0);
	long v;
	chan_send(c, 5l);
	chan_close(c);
	REQUIRE(chan_recv_ok(c, &v) && v == 5);
	REQUIRE(!chan_recv_ok(c, &v) && v == 0);
	REQUIRE(chan_recv(c) == 0);
	c = make_chan(long, 0);
	for (int i = 0; i < 300; i++)
		go(expect_zero, c, done);
	gort_sleep(5 * ms);
	chan_close(c);
	for (int i = 0; i < 300; i++)
		REQUIRE(chan_recv(done) == 1);
	return 0;
}

/* Elements of size bytes, received into nowhere when keep is false. */
struct game {
	struct gort_chan *side[2];
	size_t size;
	_Bool keep;
};

static void play(struct game *g, int me, waitgroup *wg)
{
	struct big ball = {{me}};
	for (int i = 0; i < 200; i++) {
		errno = 1 + me;
		gort_chan_send(g->side[me], &ball);
		REQUIRE(errno == 1 + me);
		errno = 3 + me;
		REQUIRE(gort_chan_recv(g->side[!me], g->keep ? &ball : NULL) && errno == 3 + me);
	}
	wg_done(wg);
}

/* A waiting goroutine finds its own errno again. */
static int waits(int argc, char **argv)
{
	(void)argc, (void)argv;
	static const size_t sizes[] = {1, 4, 8, 16, 160};
	for (size_t i = 0; i < 10; i++) {
		struct game g = {.size = sizes[i / 2], .keep = i % 2};
		waitgroup wg = {0};
		g.side[0] = gort_chan_make(g.size, 1);
		g.side[1] = gort_chan_make(g.size, 0);
		wg_add(&wg, 2);
		go(play, &g, 0, &wg);
		go(play, &g, 1, &wg);
		wg_wait(&wg);
	}
	return 0;
}

static void receive_between(struct gort_chan *c, size_t size, waitgroup *wg)
{
	unsigned char room[32];
	memset(room, 0xee, sizeof(room));
	REQUIRE(gort_chan_recv(c, room + 8));
	for (size_t i = 0; i < sizeof(room); i++)
		REQUIRE(room[i] == (i - 8 < size ? 0x11 : 0xee));
	wg_done(wg);
}

/* A receiver that waits gets the bytes of the element and no others. */
static int exact(int argc, char **argv)
{
	(void)argc, (void)argv;
	unsigned char element[16];
	memset(element, 0x11, sizeof(element));
	for (size_t size = 1; size <= sizeof(element); size++) {
		struct gort_chan *c = gort_chan_make(size, 0);
		waitgroup wg = {0};
		wg_add(&wg, 1);
		go(receive_between, c, size, &wg);
		gort_gosched();
		gort_chan_send(c, element);
		wg_wait(&wg);
	}
	return 0;
}

static void never(chan(int) c, _Bool *came)
{
	(void)chan_recv(c);
	*came = true;
}

static int nilchan(int argc, char **argv)
{
	(void)argc, (void)argv;
	static _Bool came;
	chan(int) c = nil;
	go(never, c, &came);
	gort_sleep(10 * ms);
	REQUIRE(!came && chan_len(c) == 0 && chan_cap(c) == 0);
	return 0;
}

START_TEST(test_order)
{
	expect_code(unbuffered, 0);
	expect_code(buffered, 0);
	expect_code(fifo, 0);
}
END_TEST

START_TEST(test_elements)
{
	expect_code(elements, 0);
	for (int procs = 1; procs <= 2; procs++) {
		ck_assert_int_eq(run_child(waits, procs)->code, 0);
		ck_assert_int_eq(run_child(exact, procs)->code, 0);
	}
}
END_TEST

START_TEST(test_close)
{
	expect_code(closing, 0);
	expect_code(nilchan, 0);
}
END_TEST

/* ---- panics ---- */

static int send_closed(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 1);
	chan_close(c);
	chan_send(c, 1);
	return 0;
}

static int close_while_sending(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0);
	go(send_one, c, 1);
	gort_sleep(5 * ms);
	chan_close(c);
	gort_sleep(sec);
	return 0;
}

static int close_twice(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = make_chan(int, 0);
	chan_close(c);
	chan_close(c);
	return 0;
}

static int close_nil(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) c = nil;
	chan_close(c);
	return 0;
}

static int too_large(int argc, char **argv)
{
	(void)argc, (void)argv;
	(void)make_chan(long, argc - 2);
	return 0;
}

START_TEST(test_panics)
{
	expect_fatal(send_closed, "panic: send on closed channel");
	expect_fatal(close_while_sending, "panic: send on closed channel");
	expect_fatal(close_twice, "panic: close of closed channel");
	expect_fatal(close_nil, "panic: close of nil channel");
	expect_fatal(too_large, "panic: makechan: size out of range");
}
END_TEST

/* ---- the fan-out, fan-in program of the manual ---- */

static void worker(chan(int) jobs, chan(long) out, waitgroup *wg)
{
	defer(wg_done, wg);
	chan_range (j, jobs)
		chan_send(out, (long)j * j);
}

static void close_when_done(waitgroup *wg, chan(long) out)
{
	wg_wait(wg);
	chan_close(out);
}

static int fanout(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) jobs = make_chan(int, 16);
	chan(long) out = make_chan(long, 0);
	waitgroup wg = {0};
	long sum = 0;
	for (int i = 0; i < 3; i++) {
		wg_add(&wg, 1);
		go(worker, jobs, out, &wg);
	}
	go(close_when_done, &wg, out);
	go(send_range, jobs, 1, 101);
	chan_range (v, out)
		sum += v;
	println("sum of squares: ", sum);
	return 0;
}

START_TEST(test_fanout)
{
	for (int procs = 1; procs <= 8; procs *= 2)
		ck_assert_str_eq(run_child(fanout, procs)->text, "sum of squares: 338350\n");
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("chan");
	TCase *tc = tcase_create("semantics");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_order);
	tcase_add_test(tc, test_elements);
	tcase_add_test(tc, test_close);
	suite_add_tcase(s, tc);
	tc = tcase_create("panics");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_panics);
	suite_add_tcase(s, tc);
	tc = tcase_create("fanout");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_fanout);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
