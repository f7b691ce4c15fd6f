/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape_test.c - pointers to stacks of goroutines: planted ones are named with both sites, in each
 * place, and a program that has none is not accused.
 */
#include "gort/debug.h"

#include "child.h"
#include "suite.h"

#define APART __attribute__((noinline))

struct holder {
	long before;
	long *p;
};

static struct holder *volatile heap; /* planted */
static long *volatile variable;
static char text[65536];

static APART void has(const char *what)
{
	if (strstr(text, what))
		return;
	dprintf(2, "no '%s' in:\n%s", what, text);
	_exit(99);
}

/* Room between what is planted and the frames that come later. */
static APART long *deepframe(int depth)
{
	volatile long local[64];
	local[0] = depth;
	long *p = depth ? deepframe(depth - 1) : (long *)(uintptr_t)&local[1];
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

static APART struct holder *makeholder(void)
{
	return gort_new(struct holder);
}

/* ---- frames that are gone ---- */

static APART void plantheap(void)
{
	heap = makeholder();
	heap->p = deepframe(20);
}

static APART void plantvariable(void)
{
	variable = deepframe(20);
}

static APART void keeponstack(chan(int) ready, chan(int) gate, long *p)
{
	long *volatile kept[2] = {p, p};
	chan_send(ready, 1);
	(void)chan_recv(gate);
	__asm__ volatile("" : : "r"(kept[0]), "r"(&kept) : "memory");
}

static APART void plantstack(chan(int) ready, chan(int) gate)
{
	go(keeponstack, ready, gate, deepframe(20));
	(void)chan_recv(ready);
}

static int dangling(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) ready = make_chan(int, 0), gate = make_chan(int, 0);
	plantheap();
	plantvariable();
	plantstack(ready, gate);
	REQUIRE(gort_escape_find(text, sizeof(text)) >= 3);
	has("a pointer to a finished frame of a goroutine is in the heap: 0x");
	has("at byte 8 of an object of 16 bytes at 0x");
	has("plantheap ");
	has("a pointer to a finished frame of a goroutine is in a global variable: 0x");
	has("at byte 0 of variable in ");
	has("a pointer to a finished frame of a goroutine is on the stack: 0x");
	has("keeponstack ");
	has("plantstack ");
	has("to what was a frame of goroutine 1, in\n\t\tdangling ");
	has("escape_test.c:");
	chan_close(gate);
	return 0;
}

/* The same by itself, at each collection, and each once. */
static int always(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) ready = make_chan(int, 0), gate = make_chan(int, 0);
	plantheap();
	plantvariable();
	plantstack(ready, gate);
	gort_gc();
	gort_gc();
	chan_close(gate);
	return 0;
}

/* A goroutine that has ended. */
static APART void lend(chan(int) done)
{
	variable = deepframe(0);
	chan_send(done, 1);
}

static int ended(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) done = make_chan(int, 0);
	go(lend, done);
	(void)chan_recv(done);
	for (int i = 0; i < 100; i++)
		gort_gosched();
	REQUIRE(gort_escape_find(text, sizeof(text)) >= 1);
	has("to the stack of a goroutine that has ended");
	return 0;
}

/* ---- frames that are in use: on demand only ---- */

static APART void liveframe(struct holder *h)
{
	long local = 5;
	h->p = &local;
	REQUIRE(gort_escape_find(text, sizeof(text)) >= 1);
	has("a pointer to a stack frame of a goroutine is in the heap: 0x");
	has("to goroutine 1, in\n\t\tliveframe ");
	gort_gc();
	h->p = NULL;
	__asm__ volatile("" : : "r"(&local) : "memory");
}

static int inuse(int argc, char **argv)
{
	(void)argc, (void)argv;
	heap = makeholder();
	liveframe(heap);
	return 0;
}

/* ---- none ---- */

static void worker(chan(long) in, chan(long) out, waitgroup *wg)
{
	chan_range (v, in)
		chan_send(out, v * v);
	wg_done(wg);
}

static int clean(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(long) in = make_chan(long, 1), out = make_chan(long, 1);
	waitgroup wg = {0};
	wg_add(&wg, 4);
	for (int i = 0; i < 4; i++)
		go(worker, in, out, &wg);
	for (long i = 0; i < 100; i++) {
		heap = makeholder();
		chan_send(in, i);
		(void)chan_recv(out);
	}
	gort_gc();
	chan_close(in);
	wg_wait(&wg);
	gort_gc();
	return 0;
}

static int count(const char *in, const char *what)
{
	int n = 0;
	for (; (in = strstr(in, what)); in++)
		n++;
	return n;
}

START_TEST(test_planted)
{
	expect_code(dangling, 0);
	expect_code(ended, 0);
	expect_code(inuse, 0);
}
END_TEST

START_TEST(test_always)
{
	for (int procs = 1; procs <= 8; procs *= 2) {
		setenv("GORT_DEBUG", "escapecheck=2", 1);
		struct child *c = run_child(always, procs);
		ck_assert_msg(c->code == 0 && count(c->text, "is in the heap") == 1 &&
				      count(c->text, "is in a global variable") == 1 &&
				      count(c->text, "is on the stack") >= 1,
			"%d Ps: exit %d: %s", procs, c->code, c->text);
		setenv("GORT_DEBUG", "escapecheck=1", 1);
		c = run_child(always, procs);
		ck_assert_msg(c->code == 0 && count(c->text, "gort: ") == 2 &&
				      !strstr(c->text, "is on the stack"),
			"%d Ps: exit %d: %s", procs, c->code, c->text);
		c = run_child(clean, procs);
		ck_assert_msg(
			c->code == 0 && !c->text[0], "%d Ps: exit %d: %s", procs, c->code, c->text);
		c = run_child(inuse, procs);
		ck_assert_msg(
			c->code == 0 && !c->text[0], "%d Ps: exit %d: %s", procs, c->code, c->text);
	}
}
END_TEST

static Suite *test_suite(void)
{
	setenv("GORT_DEBUG", "memprofilerate=1", 1);
	return suite_of(&(struct units){"escape", .seconds = 60,
		.units = {
			{"planted", test_planted},
			{"always", test_always},
		}});
}

#include "check_main.h"
