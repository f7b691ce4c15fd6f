/* SPDX-License-Identifier: BSD-2-Clause */
/* fair_test.c - nobody starves: counted in turns, not in time. */
#include "child.h"
#include "suite.h"

#include <dirent.h>
#include <poll.h>

static volatile long turns, handoffs;
static volatile bool stop;

static void yielder(void)
{
	while (!stop) {
		turns++;
		gort_gosched();
	}
}

static void partner(chan(int) in, chan(int) out)
{
	chan_range (v, in)
		chan_send(out, v);
}

/* Two that wake each other by runnext leave a third its share: one decision in 64. */
static int runnext_pair(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) there = make_chan(int, 0), back = make_chan(int, 0);
	go(partner, there, back);
	go(yielder);
	for (handoffs = 0; handoffs < 64000; handoffs += 2) {
		chan_send(there, 1);
		(void)chan_recv(back);
	}
	dprintf(2, "%ld turns in %ld handoffs\n", turns, handoffs);
	return turns >= handoffs / 64 - 10 ? 8 : 1;
}

START_TEST(test_runnext)
{
	struct child *c = run_child(runnext_pair, 1);
	ck_assert_msg(c->code == 8, "exit %d: %s", c->code, c->text);
}
END_TEST

/*
 * Handoffs of a pair that keeps the CPU for a millisecond each, until the third has its turn. 64 if
 * the pair lost the CPU itself, now or before that: then it is preempted, in the middle of the 64
 * decisions.
 */
static long handoffs_of_turn(chan(int) there, chan(int) back)
{
	static bool undisturbed;
	bool counts = undisturbed;
	long first = turns, count = 0;
	int64_t before = monotonic(), now = before;
	undisturbed = true;
	for (; turns == first; count += 2) {
		while (now - before < 1 * ms)
			now = monotonic();
		undisturbed &= now - before < 3 * ms;
		before = now;
		chan_send(there, 1);
		(void)chan_recv(back);
	}
	return counts && undisturbed ? count : 64;
}

/* How often the thread that was started first, sysmon, slept. */
static long sysmon_slept(void)
{
	char path[64], line[128];
	long first = 0, slept = 0;
	DIR *tasks = opendir("/proc/self/task");
	for (struct dirent *d; (d = readdir(tasks));) {
		long tid = atol(d->d_name);
		if (tid > getpid() && (!first || tid < first))
			first = tid;
	}
	closedir(tasks);
	snprintf(path, sizeof(path), "/proc/self/task/%ld/status", first);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "voluntary_ctxt_switches: %ld", &slept);
	fclose(f);
	return slept;
}

/*
 * Such a pair shares one slice of 10 ms, as in Go: the third has turns before 64 decisions. sysmon
 * sees to it, in vain if its thread has to wait that long for a CPU itself, which has happened.
 */
static int slow_pair(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) there = make_chan(int, 0), back = make_chan(int, 0);
	go(partner, there, back);
	go(yielder);
	int64_t start = monotonic(), end = start + patience(50) * sec;
	for (int soon = 0; soon < 10; soon += handoffs_of_turn(there, back) < 48)
		if (monotonic() > end) {
			long slept = sysmon_slept();
			dprintf(2, "%d turns, sysmon slept %ld times\n", soon, slept);
			return slept < (end - start) / (10 * ms) ? 8 : 1;
		}
	return 8;
}

START_TEST(test_slow_pair)
{
	struct child *c = run_child(slow_pair, 1);
	ck_assert_msg(c->code == 8, "exit %d: %s", c->code, c->text);
}
END_TEST

static volatile bool began;

static void begin(void)
{
	began = true;
}

/*
 * Who is started by a goroutine that then computes has its turn before half the slice of 10 ms that
 * sysmon leaves the other, though there is no other P; not each time on a machine that is busy.
 */
static int beside_starter(int argc, char **argv)
{
	(void)argc, (void)argv;
	int64_t deadline = monotonic() + patience(50) * sec;
	while (monotonic() < deadline) {
		gort_sleep(5 * ms);
		began = false;
		int64_t start = monotonic();
		go(begin);
		while (!began)
			;
		if (monotonic() - start < 5 * ms)
			return 8;
	}
	return 1;
}

START_TEST(test_started)
{
	expect_code(beside_starter, 8);
}
END_TEST

/* Turns of goroutines that use up their slices, all others' share of the CPU beside them. */
static cond nobody;

static void hog(int id)
{
	static volatile int last;
	while (!stop) {
		if (last != id) {
			last = id;
			turns++;
		}
		cond_signal(&nobody);
	}
}

/* What a timer wakes runs after the slice that goes on then, not after those queued behind it. */
static int beside_hogs(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 1; i <= 4; i++)
		go(hog, i);
	int64_t deadline = monotonic() + patience(50) * sec;
	while (monotonic() < deadline) {
		long first = turns;
		for (int i = 0; i < 10; i++)
			gort_sleep(1 * ms);
		if (turns - first < 10 * 4)
			return 8;
	}
	return 1;
}

START_TEST(test_hogs)
{
	struct child *c = run_child(beside_hogs, 1);
	ck_assert_msg(c->code == 8, "exit %d: %s", c->code, c->text);
}
END_TEST

#define MANY 2000

static volatile int progress[MANY];

static void counting(int i)
{
	while (!stop) {
		progress[i]++;
		gort_gosched();
	}
}

/* More yielders than a ring holds: each gets on, whatever is newest. */
static int crowd(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < MANY; i++)
		go(counting, i);
	int64_t deadline = monotonic() + patience(50) * sec;
	int behind = MANY;
	while (behind && monotonic() < deadline) {
		gort_sleep(1 * ms);
		behind = 0;
		for (int i = 0; i < MANY; i++)
			behind += progress[i] < 10;
	}
	dprintf(2, "%d of %d have not run ten times\n", behind, MANY);
	return behind ? 1 : 8;
}

START_TEST(test_crowd)
{
	expect_code(crowd, 8);
}
END_TEST

/* What comes from outside a P (a sleeper's wake-up, the poller) gets on beside a fan-out. */
static void tree(int depth)
{
	if (stop || depth == 0)
		return;
	for (int i = 0; i < 8; i++)
		go(tree, depth - 1);
}

static int beside_fanout(int argc, char **argv)
{
	(void)argc, (void)argv;
	go(yielder);
	for (int round = 0; round < 10; round++) {
		long before = turns;
		go(tree, 5);
		gort_sleep(2 * ms);
		int64_t deadline = monotonic() + patience(20) * sec;
		while (turns == before && monotonic() < deadline)
			gort_gosched();
		REQUIRE(turns > before);
	}
	return 8;
}

START_TEST(test_fanout)
{
	expect_code(beside_fanout, 8);
}
END_TEST

/*
 * Goroutines that are preempted in a loop, each on an M of its own since there were blocking calls,
 * come back by the global queue again and again: what waits in the ring has its turn nevertheless.
 */
static void computing(void)
{
	while (!stop)
		;
}

static int beside_wired(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int i = 0; i < 4; i++)
		go(computing);
	for (int i = 0; i < 8; i++) {
		gort_blocking_begin();
		poll(NULL, 0, 15);
		gort_blocking_end();
	}
	go(hog, 1);
	go(hog, 2);
	while (turns < 5)
		gort_sleep(1 * ms);
	return 8;
}

START_TEST(test_wired)
{
	struct child *c = run_child(beside_wired, 1);
	ck_assert_msg(c->code == 8, "exit %d: %s", c->code, c->text);
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"fair", .seconds = 200,
		.units = {
			{"runnext", test_runnext},
			{"slow_pair", test_slow_pair},
			{"started", test_started},
			{"wired", test_wired},
			{"hogs", test_hogs},
			{"crowd", test_crowd},
			{"fanout", test_fanout},
		}});
}

#include "check_main.h"
