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

typedef struct point {
	int x;
	double y;
	string name;
	int pair[2];
	ints list;
	error err;
	any value;
	bool set;
} point;
typedef point *pointp;
typedef slice(point) points;
typedef map(int, string) names;
typedef map(double, points) deep;
GORT_EQUAL_STRUCT(point, (int, x), (double, y), (string, name), (int, pair), (ints, list),
	(error, err), (any, value), (bool, set));
GORT_EQUAL_POINTER(pointp, point);
GORT_EQUAL_SLICE(points, point);
GORT_EQUAL_MAP(names, int, string);
GORT_EQUAL_MAP(deep, double, points);

/* What %v prints of types that the program declares. */
static void showing(ints a)
{
	point p = {1, 0.5, S("p"), {2, 3}, a, error_new("bad"), any_of(7), true}, none = {0};
	names m = make_map(int, string), nomap = nil;
	deep d = make_map(double, points);
	ints empty = {0};
	println(gort_show(ints, a), " ", gort_show(ints, empty), " ", gort_show(point, p), " ",
		gort_show(pointp, &none));
	for (int i = 20; i > -20; i -= 7)
		map_at(m, i) = itoa(i * i);
	map_at(d, 2.5) = slice_of(points, none);
	map_at(d, -1e30) = (points){0};
	println(gort_show(names, m), " ", gort_show(names, nomap), " ", gort_show(deep, d));
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
	showing(items);
	ranging(argc == 1);
	guarded(items);
	return 0;
}
