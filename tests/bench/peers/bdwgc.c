/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bdwgc.c - the rows of bench_mem.c on the Boehm-Demers-Weiser collector, as Debian builds it. It
 * marks on as many threads as there are Ps. The trees are made one depth after the other: the CPU
 * time, which is what is compared, is the same.
 */
#define GC_THREADS
#include <gc.h>
#include <sys/resource.h>

#include "../measure.h"

#define LIVE 1024

struct object {
	struct object *next;
};

static struct object *ring[LIVE];

#define ALLOC(size)                                         \
	static void alloc_##size(long n)                    \
	{                                                   \
		for (long i = 0; i < n; i++)                \
			ring[i % LIVE] = GC_MALLOC((size)); \
	}

ALLOC(16)
ALLOC(64)
ALLOC(256)

#define MINDEPTH 4

struct tree {
	struct tree *left, *right;
};

static struct tree *volatile longlived;

static struct tree *bottomup(int depth)
{
	struct tree *t = GC_MALLOC(sizeof(*t));
	if (depth > 0) {
		t->left = bottomup(depth - 1);
		t->right = bottomup(depth - 1);
	}
	return t;
}

static long count(const struct tree *t)
{
	return t->left ? 1 + count(t->left) + count(t->right) : 1;
}

static void require(long nodes, long wanted)
{
	if (nodes == wanted)
		return;
	fprintf(stderr, "binary_trees: %ld nodes and not %ld\n", nodes, wanted);
	exit(1);
}

static void iterate(int depth, long times)
{
	long sum = 0;
	for (long i = 0; i < times; i++)
		sum += count(bottomup(depth));
	require(sum, times * ((2l << depth) - 1));
}

static double cputime(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void binary_trees(void)
{
	int depth = MINDEPTH + 2;
	while (2l << depth <= scaled(1l << 16))
		depth++;
	require(count(bottomup(depth + 1)), (4l << depth) - 1);
	longlived = bottomup(depth);
	for (int d = MINDEPTH; d <= depth; d += 2)
		iterate(d, 1l << (depth - d + MINDEPTH));
	require(count(longlived), (2l << depth) - 1);
	report("binary_trees_cpu", cputime());
}

/* ---- a gigabyte of small objects: bench_gc.c, without goroutines ---- */

#define LENGTH 16
#define BATCH  16
#define CYCLES 5 /* its worst of more could only be longer */

struct link {
	struct link *next;
	long rest[7];
};

static struct link **heads;
static long nlists;
static uint64_t rng = 88172645463325252;
static int64_t began;
static double pauses[CYCLES];
static int npauses = -1;

static void onevent(GC_EventType event)
{
	if (event == GC_EVENT_PRE_STOP_WORLD)
		began = nanotime();
	else if (event == GC_EVENT_POST_START_WORLD && npauses >= 0 && npauses < CYCLES)
		pauses[npauses++] = (double)(nanotime() - began) / 1e3;
}

static struct link **pick(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return &heads[rng % (uint64_t)nlists];
}

static void relink(void)
{
	struct link **a = pick(), **b = pick();
	struct link *x = GC_MALLOC(sizeof(*x)), *y = GC_MALLOC(sizeof(*y));
	x->next = *b ? (*b)->next : NULL;
	y->next = *a ? (*a)->next : NULL;
	*a = x;
	*b = y;
}

static void gc_1g(void)
{
	int64_t worst = 0;
	nlists = scaled(1l << 20);
	GC_disable();
	heads = GC_MALLOC((size_t)nlists * sizeof(*heads));
	for (long n = LENGTH * nlists; n-- > 0;) {
		struct link *o = GC_MALLOC(sizeof(*o)), **head = pick();
		o->next = *head;
		*head = o;
	}
	GC_enable();
	GC_set_on_collection_event(onevent);
	GC_set_free_space_divisor(4);
	GC_gcollect();
	for (npauses = 0; npauses < CYCLES;) {
		int64_t start = nanotime();
		for (int i = 0; i < BATCH; i++)
			relink();
		int64_t took = nanotime() - start;
		worst = took > worst ? took : worst;
	}
	qsort(pauses, CYCLES, sizeof(*pauses), bench_by_size);
	report("gc_pause_max_1g", pauses[CYCLES - 1]);
	report("gc_pause_p99_1g", pauses[(CYCLES * 99 + 99) / 100 - 1]);
	report("gc_mutator_stall_1g", (double)worst / 1e3);
}

static const struct bench benches[] = {
	{.id = "alloc_16", .run = alloc_16, .least = 10 * LIVE},
	{.id = "alloc_64", .run = alloc_64, .least = 10 * LIVE},
	{.id = "alloc_256", .run = alloc_256, .least = 10 * LIVE},
	{.id = "binary_trees_cpu", .once = binary_trees},
	{.id = "gc_1g", .once = gc_1g},
	{0},
};

int main(int argc, char **argv)
{
	const struct bench *const tables[] = {benches};
	setenv("GC_MARKERS", getenv("GOMAXPROCS") ? getenv("GOMAXPROCS") : "2", 0);
	GC_INIT();
	return bench_main(argc, argv, tables, 1);
}
