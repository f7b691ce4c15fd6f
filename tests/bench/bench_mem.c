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

double cputime(void)
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

/* ---- what the process keeps of a heap that has shrunk ---- */

static struct tree *volatile peak;
static uint64_t rng = 88172645463325252;

static long residentbytes(void)
{
	long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%*d %ld", &pages) != 1)
		panic("trees_rss: /proc/self/statm cannot be read");
	fclose(f);
	return pages * 4096;
}

/* Ten seconds after a collection. */
static double settled(void)
{
	gort_gc();
	gort_sleep(scaled(10000) * 1000000);
	return (double)residentbytes();
}

/* Each tenth node of t, at random, goes onto the list; all are cut off their children. */
static void survive(struct tree *t, struct tree **list)
{
	struct tree *left = t->left, *right = t->right;
	gort_store(&t->left, NULL);
	gort_store(&t->right, NULL);
	if (left) {
		survive(left, list);
		survive(right, list);
	}
	rng = rng * 6364136223846793005 + 1442695040888963407;
	if ((rng >> 33) % 10 == 0) {
		gort_store(&t->right, *list);
		gort_store(list, t);
	}
}

/* In goroutines of their own, whose stacks keep nothing afterwards. */
static void drop(int depth, waitgroup *wg)
{
	gort_store(&peak, bottomup(depth));
	gort_store(&peak, NULL);
	wg_done(wg);
}

static void survivors(int depth, waitgroup *wg)
{
	struct tree *list = NULL;
	survive(bottomup(depth), &list);
	gort_store(&peak, list);
	wg_done(wg);
}

/* A tree lives, and beside it one of twice its size did; then a tenth of another such. */
static void trees_rss(void)
{
	int depth = MINDEPTH;
	while (2l << depth <= scaled(1l << 22))
		depth++;
	gort_store(&longlived, bottomup(depth));
	waitgroup wg = {0};
	wg_add(&wg, 1);
	go(drop, depth + 1, &wg);
	wg_wait(&wg);
	report("trees_rss_dropped", settled() / (double)((2l << depth) * 16));
	wg_add(&wg, 1);
	go(survivors, depth + 1, &wg);
	wg_wait(&wg);
	report("trees_rss_survivors", settled() / (1 << 20));
	if (count(longlived) != (2l << depth) - 1 || !peak)
		panic("trees_rss: nodes are lost");
}

/* ---- what the barrier costs while nobody marks ---- */

#define STORES 1024

static struct object *slots[STORES];

static __attribute__((noinline)) void storeplain(struct object *o, long n)
{
	for (long i = 0; i < n; i++)
		*(struct object *volatile *)&slots[i % STORES] = o;
}

static __attribute__((noinline)) void storewithbarrier(struct object *o, long n)
{
	for (long i = 0; i < n; i++)
		gort_store(&slots[i % STORES], o);
}

/* The least of many short turns, in which the other loop has the same neighbours. */
static double perstore(void (*store)(struct object *o, long n), double before)
{
	long n = 50 * STORES;
	int64_t start = nanotime();
	store(ring[0], n);
	double took = (double)(nanotime() - start) / (double)n;
	return took < before ? took : before;
}

static void idle_barrier(void)
{
	double plain = 1e9, barrier = 1e9;
	for (long i = scaled(2000); i > 0; i--) {
		plain = perstore(storeplain, plain);
		barrier = perstore(storewithbarrier, barrier);
	}
	report("idle_barrier", barrier - plain > 0.01 ? barrier - plain : 0.01);
}

const struct bench mem_benches[] = {
	{.id = "alloc_16", .run = alloc_16, .least = 10 * LIVE},
	{.id = "alloc_64", .run = alloc_64, .least = 10 * LIVE},
	{.id = "alloc_256", .run = alloc_256, .least = 10 * LIVE},
	{.id = "idle_barrier", .once = idle_barrier},
	{.id = "binary_trees_cpu", .once = binary_trees},
	{.id = "trees_rss", .once = trees_rss},
	{0},
};
