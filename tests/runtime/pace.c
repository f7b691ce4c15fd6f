/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pace.c - pace LIVE TOTAL: keeps LIVE MiB of small objects, and replaces random ones of them until
 * TOTAL MiB have been allocated; then tells what it has counted itself, what libgort has, and the
 * most memory that the process ever had. pace/main.go is the same in Go, pace.py the judge.
 */
#include <gort/go.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/asan.h"

struct node {
	struct node *self;
	long rest[7];
};

static struct node **slots;

static uint64_t state = 88172645463325252;

static uint64_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static void put(size_t i)
{
	struct node *n = gort_new(struct node);
	gort_store(&n->self, n);
	gort_store(&slots[i], n);
}

#ifndef GORT_ASAN
/* In kB, less what is mapped of files; not in memory of the collected heap. */
static long mostmemory(void)
{
	char line[256];
	long most = 0, file = 0;
	FILE *f = fopen("/proc/self/status", "r");
	if (!f)
		panic("no /proc/self/status");
	while (fgets(line, sizeof(line), f))
		if (!sscanf(line, "VmHWM: %ld", &most))
			sscanf(line, "RssFile: %ld", &file);
	fclose(f);
	return most - file;
}
#endif

int gort_main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	size_t n = (size_t)atol(argv[1]) << 20 >> 6, total = (size_t)atol(argv[2]) << 20 >> 6;
	struct gort_memstats before, m;
	gort_read_memstats(&before);
	slots = gort_new_array(struct node *, n);
	for (size_t i = 0; i < n; i++)
		put(i);
	for (size_t i = n; i < total; i++)
		put(next() % n);
	gort_read_memstats(&m);
	printf("counted %zu %zu\n", total + 1, total * sizeof(struct node) + n * sizeof(*slots));
	printf("measured %lu %lu\n", (unsigned long)(m.mallocs - before.mallocs),
		(unsigned long)(m.total_alloc - before.total_alloc));
	printf("cycles %lu\n", (unsigned long)m.num_gc);
#ifndef GORT_ASAN /* most of it would be the sanitizer's */
	printf("memory %ld\n", mostmemory() << 10);
#endif
	return 0;
}
