/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_mem.c - allocation and what collecting it costs; go/mem.go in C, peers/bdwgc.c on bdwgc. */
#include "bench.h"

#include <sys/resource.h>

/* ---- small objects, of which the last 1024 are in use ---- */

#define LIVE 1024

struct object {
	struct object *next;
};

static struct object *ring[LIVE];

#define ALLOC(size)                                                                        \
	struct object##size {                                                              \
		struct object head;                                                        \
		long rest[size / 8 - 1];                                                   \
	};                                                                                 \
	static void alloc_##size(long n)                                                   \
	{                                                                                  \
		for (long i = 0; i < n; i++)                                               \
			gort_store(&ring[i % LIVE], &gort_new(struct object##size)->head); \
	}

ALLOC(16)
ALLOC(64)
ALLOC(256)

/* ---- binary trees: the program of the Benchmarks Game, a goroutine for each depth ---- */

#define MINDEPTH 4

struct tree {
	struct tree *left, *right;
};

static struct tree *volatile longlived;

static struct tree *bottomup(int depth)
{
	struct tree *t = gort_new(struct tree);
	if (depth > 0) {
		gort_store(&t->left, bottomup(depth - 1));
		gort_store(&t->right, bottomup(depth - 1));
	}
	return t;
}

static long count(const struct tree *t)
{
	return t->left ? 1 + count(t->left) + count(t->right) : 1;
}

static void iterate(int depth, long times, waitgroup *wg)
{
	long sum = 0;
	for (long i = 0; i < times; i++)
		sum += count(bottomup(depth));
	if (sum != times * ((2l << depth) - 1))
		panic("binary_trees: %ld nodes of depth %d", sum, depth);
	wg_done(wg);
}

static double cputime(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

/* CPU time of the whole process: collectors have threads of their own. */
static void binary_trees(void)
{
	int depth = MINDEPTH + 2;
	while (2l << depth <= scaled(1l << 16))
		depth++;
	waitgroup wg = {0};
	if (count(bottomup(depth + 1)) != (4l << depth) - 1)
		panic("binary_trees: the first tree has lost nodes");
	longlived = bottomup(depth);
	for (int d = MINDEPTH; d <= depth; d += 2) {
		wg_add(&wg, 1);
		go(iterate, d, 1l << (depth - d + MINDEPTH), &wg);
	}
	wg_wait(&wg);
	if (count(longlived) != (2l << depth) - 1)
		panic("binary_trees: the tree that lives long has lost nodes");
	report("binary_trees_cpu", cputime());
}

const struct bench mem_benches[] = {
	{.id = "alloc_16", .run = alloc_16, .least = 10 * LIVE},
	{.id = "alloc_64", .run = alloc_64, .least = 10 * LIVE},
	{.id = "alloc_256", .run = alloc_256, .least = 10 * LIVE},
	{.id = "binary_trees_cpu", .once = binary_trees},
	{0},
};
