/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 17_gotchas.c - loop variables, equality of slices and maps, ranging over a channel, data shared
 * with goroutines; go/17_gotchas in C. With an argument it does what goes wrong: "range" waits for
 * a channel that nobody closes.
 */
#include <gort/go.h>

typedef slice(int) ints;
typedef map(string, int) counts;
GORT_EQUAL_SLICE(ints, int);
GORT_EQUAL_MAP(counts, string, int);

static void process(int v, chan(int) out)
{
	chan_send(out, v * v);
}

/* The argument is evaluated at go, and the variable is new in each turn. */
static void loop_variable(ints items)
{
	chan(int) out = make_chan(int, 0);
	int sum = 0;
	for
		range(i, v, items) go(process, v, out);
	for (isize i = 0; i < items.len; i++)
		sum += chan_recv(out);
	println("sum ", sum);
}

/* There is no == for slices and maps. */
static void equality(ints a)
{
	ints b = {0};
	append_slice(&b, a);
	counts m = make_map(string, int), n = make_map(string, int);
	map_at(m, S("a")) = map_at(n, S("a")) = 1;
	print((bool)gort_equal(ints, a, b), " ", (bool)gort_equal(counts, m, n), " ");
	at(b, 0)++;
	println((bool)gort_equal(ints, a, b));
}

static void produce(chan(int) c, int n, int closing)
{
	for (int i = 0; i < n; i++)
		chan_send(c, i);
	if (closing)
		chan_close(c);
}

static void ranging(int closing)
{
	chan(int) c = make_chan(int, 0);
	int sum = 0;
	go(produce, c, 5, closing);
	chan_range (v, c)
		sum += v;
	println("ranged ", sum);
}

static void modify(ints *data, mutex *m, waitgroup *wg)
{
	mutex_lock(m);
	at(*data, 0)++;
	mutex_unlock(m);
	wg_done(wg);
}

static void guarded(ints data)
{
	mutex m = {0};
	waitgroup wg = {0};
	wg_add(&wg, 10); /* before go, not in the goroutine */
	for (int i = 0; i < 10; i++)
		go(modify, &data, &m, &wg);
	wg_wait(&wg);
	println("guarded ", at(data, 0));
}

int gort_main(int argc, char **argv)
{
	ints items = slice_of(ints, 1, 2, 3);
	(void)argv;
	loop_variable(items);
	equality(items);
	ranging(argc == 1);
	guarded(items);
	return 0;
}
