/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotchas.c FORM - the wrong forms of a guide to Go's runtime, each alone, for the tool that finds
 * it; gotchas.sh says which tool that is and what it says. The right forms are in seed.c,
 * seed_runtime.c and ../lang/seed.
 *
 * Not here, as nothing is wrong in C: a defer in a loop, which ends with each turn. Found by no
 * tool, in Go neither: that a program relies on an order of iteration.
 */
#include <gort/debug.h>
#include <gort/go.h>

typedef slice(int) ints;

/* ---- data races: sections 5, 6, 8, 17 ---- */

static ints data;
static bool ready;

static void publish(void)
{
	data = slice_of(ints, 1, 2, 3);
	__atomic_store_n(&ready, true, __ATOMIC_RELAXED); /* orders nothing */
}

/* The reader may see ready before the data. */
static void race_publish(void)
{
	go(publish);
	while (!__atomic_load_n(&ready, __ATOMIC_RELAXED))
		gort_gosched();
	println("length ", data.len);
}

static void modify(ints *shared, waitgroup *wg)
{
	defer(wg_done, wg);
	at(*shared, 0)++;
}

static void race_shared(void)
{
	waitgroup wg = {0};
	data = slice_of(ints, 1, 2, 3);
	wg_add(&wg, 2);
	go(modify, &data, &wg);
	go(modify, &data, &wg);
	wg_wait(&wg);
}

static void use(const int *v, waitgroup *wg)
{
	defer(wg_done, wg);
	println("turn ", *v);
}

/* All goroutines share the one variable, as before Go 1.22. */
static void race_loop(void)
{
	waitgroup wg = {0};
	wg_add(&wg, 3);
	for (int v = 0; v < 3; v++)
		go(use, &v, &wg);
	wg_wait(&wg);
}

static void adds_inside(int *done, waitgroup *wg)
{
	wg_add(wg, 1);
	++*done;
	wg_done(wg);
}

/* Wait may come before Add. */
static void race_add(void)
{
	static waitgroup wg;
	static int done;
	go(adds_inside, &done, &wg);
	wg_wait(&wg);
	println("done ", done);
	gort_sleep(20 * ms);
}

static void extend(const ints *all, int v, waitgroup *wg)
{
	defer(wg_done, wg);
	ints part = *all;
	append(&part, v);
}

/* Both have room, and it is the same. */
static void race_alias(void)
{
	waitgroup wg = {0};
	ints all = make_slice(ints, 2, 8);
	wg_add(&wg, 2);
	go(extend, &all, 1, &wg);
	go(extend, &all, 2, &wg);
	wg_wait(&wg);
}

/* ---- leaks: sections 15, 17 ---- */

static void answers(chan(int) out)
{
	chan_send(out, 42);
}

static void leak_send(void)
{
	go(answers, make_chan(int, 0)); /* whose result is dropped */
	gort_gosched();
}

static void ranges(chan(int) c)
{
	chan_range (v, c)
		println("got ", v);
}

static void leak_range(void)
{
	chan(int) c = make_chan(int, 0);
	go(ranges, c);
	chan_send(c, 1); /* and never closed */
}

/* ---- what outlives its frame: section 7 ---- */

static long *volatile kept;

static __attribute__((noinline)) long *frame(int depth)
{
	volatile long x[64] = {depth};
	long *p = depth ? frame(depth - 1) : (long *)(uintptr_t)&x[1];
	__asm__ volatile("" : "+r"(p));
	return p;
}

static void escape_local(void)
{
	kept = frame(40);
	gort_gc();
}

/* ---- an interface that holds a nil pointer: section 11 ---- */

#define fails_methods(SELF) const char *(*text)(SELF *)
GORT_INTERFACE(fails);

typedef struct failure {
	const char *why;
} failure;

static const char *failure_text(failure *f)
{
	return f->why;
}

GORT_DYNTYPE(failure);
GORT_IMPL(fails, failure, failure_text);

static fails might_fail(void)
{
	failure *none = NULL;
	return as_iface(fails, failure, none);
}

static void vet_nil(void)
{
	println("nil: ", iface_nil(might_fail()));
}

/* ---- what ends a program: sections 4, 9, 17 ---- */

static void fatal_nilmap(void)
{
	map(string, int) m = nil;
	map_at(m, S("a")) = 1;
}

static void fatal_range(void)
{
	ranges(make_chan(int, 0));
}

static void fatal_closed(void)
{
	chan(int) c = make_chan(int, 1);
	chan_close(c);
	chan_send(c, 1);
}

static const struct {
	const char *form;
	void (*run)(void);
} forms[] = {{"race_publish", race_publish}, {"race_shared", race_shared}, {"race_loop", race_loop},
	{"race_add", race_add}, {"race_alias", race_alias}, {"leak_send", leak_send},
	{"leak_range", leak_range}, {"escape_local", escape_local}, {"vet_nil", vet_nil},
	{"fatal_nilmap", fatal_nilmap}, {"fatal_range", fatal_range},
	{"fatal_closed", fatal_closed}};

int gort_main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(forms) / sizeof(*forms); i++)
		if (strcmp(argv[1], forms[i].form) == 0)
			forms[i].run();
	return 0;
}
