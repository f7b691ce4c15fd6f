/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * heaps.c N HEAP ALLOCS: keeper allocates N objects that stay, dropper ten times as many that do
 * not; then writes both profiles of the heap. For heapprof.sh.
 */
#include <gort/debug.h>
#include <gort/go.h>

#define APART __attribute__((noinline))

struct kept {
	struct kept *next;
	char text[1000];
};

struct dropped {
	struct dropped *next;
	char text[1000];
};

static struct kept *volatile list;
static void *volatile last;

static APART void keeper(long n)
{
	for (long i = 0; i < n; i++) {
		struct kept *k = gort_new(struct kept);
		k->next = list;
		list = k;
	}
	__asm__ volatile("");
}

static APART void dropper(long n)
{
	for (long i = 0; i < n; i++)
		last = gort_new(struct dropped);
	last = NULL;
	__asm__ volatile("");
}

/* What libgort allocates counts for its caller. */
static APART void mapper(long n)
{
	map(long, long) m = make_map(long, long);
	for (long i = 0; i < n; i++)
		map_at(m, i) = i;
	last = (void *)m;
	__asm__ volatile("");
}

int gort_main(int argc, char **argv)
{
	long n = argc == 4 ? atol(argv[1]) : 0;
	if (n <= 0)
		return 2;
	keeper(n);
	dropper(10 * n);
	mapper(n);
	gort_gc();
	return gort_heap_profile(argv[2]) || gort_allocs_profile(argv[3]);
}
