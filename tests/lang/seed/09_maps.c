/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 09_maps.c - maps: reading and writing, nil, order, changes while iterating; go/09_maps in C.
 * With an argument it does what ends a program: "race" (concurrent map writes).
 */
#include <gort/go.h>

typedef map(string, int) counts;

static void write_nil(void)
{
	counts none = nil;
	map_at(none, S("a")) = 1;
}

/* Every order comes, so a program must not rely on one. */
static void orders(void)
{
	map(int, bool) m = make_map(int, bool), firsts = make_map(int, bool);
	for (int i = 0; i < 3; i++)
		map_at(m, i) = true;
	for (int i = 0; i < 1000; i++) {
		map_range (int, k, v, m) {
			map_at(firsts, k) = v;
			break;
		}
	}
	println("different first keys: ", map_len(firsts));
}

static uint64_t heap(void)
{
	struct gort_memstats stats;
	gort_gc();
	gort_read_memstats(&stats);
	return stats.heap_alloc;
}

/* Deleting entries gives no memory back. */
static void memory(void)
{
	uint64_t before = heap();
	map(int, int) m = make_map(int, int);
	for (int i = 0; i < 200000; i++)
		map_at(m, i) = i;
	uint64_t full = heap();
	for (int i = 0; i < 200000; i++)
		map_delete(m, i);
	println("kept ", (bool)(heap() - before > (full - before) / 2), " ", map_len(m));
}

static void writer(counts m)
{
	for (;;)
		map_at(m, S("a"))++;
}

int gort_main(int argc, char **argv)
{
	counts m = make_map(string, int, 1000), none = nil;
	if (argc > 1 && strcmp(argv[1], "race") == 0) {
		go(writer, m);
		writer(m);
	}
	map_at(m, S("a")) = 1;
	map_at(m, S("b"))++;
	int *v = map_get(m, S("a"));
	println(*v, " ", v != nil ? "true" : "false", " ", map_value(m, S("c")), " ", map_len(m));
	map_delete(m, S("a"));
	map_delete(m, S("a"));
	println(map_len(m), " ", map_value(none, S("a")), " ", map_len(none));
	println(protect(write_nil));
	orders();

	map(int, int) numbers = make_map(int, int);
	for (int i = 0; i < 100; i++)
		map_at(numbers, i) = i;
	map_range (int, k, n, numbers) {
		if (n % 2)
			map_delete(numbers, k);
	}
	println("even: ", map_len(numbers));
	memory();
	return 0;
}
