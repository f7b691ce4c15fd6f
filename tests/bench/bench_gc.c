/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_gc.c - how long a program stands, and how long one goroutine may, while a gigabyte of small
 * objects is collected; go/gc.go in C, peers/bdwgc.c on bdwgc.
 */
#include "bench.h"

#include <unistd.h>

#define LENGTH 16 /* objects of a list */
#define BATCH  16
#define CYCLES 20

struct object {
	struct object *next;
	long rest[7];
};

static struct object **heads;
static size_t nlists;
static uint64_t rng = 88172645463325252;

static size_t pick(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % nlists;
}

static void fill(void)
{
	nlists = (size_t)scaled(1l << 20);
	heads = gort_new_array(struct object *, nlists);
	for (size_t n = LENGTH * nlists; n-- > 0;) {
		struct object *o = gort_new(struct object), **head = &heads[pick()];
		gort_store(&o->next, *head);
		gort_store(head, o);
	}
}

/* Goroutines that wait, each with a frame of half a KiB below. */
static __attribute__((noinline)) void waits(chan(int) never)
{
	volatile char frame[512];
	frame[0] = 1;
	chan_recv(never);
	frame[0] += 1;
}

static void park(long n)
{
	chan(int) never = make_chan(int, 0);
	for (long i = 0; i < n; i++)
		go(waits, never);
	gort_gosched();
}

/* The first objects of two lists are replaced, and their rests change places. */
static void relink(void)
{
	struct object **a = &heads[pick()], **b = &heads[pick()];
	struct object *x = gort_new(struct object), *y = gort_new(struct object);
	gort_store(&x->next, *b ? (*b)->next : NULL);
	gort_store(&y->next, *a ? (*a)->next : NULL);
	gort_store(a, x);
	gort_store(b, y);
}

static int64_t batch(void)
{
	int64_t start = nanotime();
	for (int i = 0; i < BATCH; i++)
		relink();
	return nanotime() - start;
}

static int bysize(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void reportpauses(uint64_t *pauses, size_t n, int64_t stall)
{
	qsort(pauses, n, sizeof(*pauses), bysize);
	report("gc_pause_max_1g", (double)pauses[n - 1] / 1e3);
	report("gc_pause_p99_1g", (double)pauses[(n * 99 + 99) / 100 - 1] / 1e3);
	report("gc_mutator_stall_1g", (double)stall / 1e3);
}

/* Stores are announced, which nothing tells libgort of a program that gort-cc has not linked. */
static void withbarrier(void)
{
	if (getenv("GORT_GCMODE"))
		return;
	setenv("GORT_GCMODE", "barrier", 1);
	execl("/proc/self/exe", "bench_core", "gc_1g", NULL);
	panic("cannot run itself again");
}

static void gc_1g(void)
{
	static uint64_t pauses[CYCLES];
	struct gort_memstats m;
	int64_t worst = 0;
	withbarrier();
	gort_set_gc_percent(-1);
	fill();
	park(scaled(env_number("GORT_BENCH_PARKED", 10000)));
	gort_set_gc_percent(25);
	gort_gc();
	gort_read_memstats(&m);
	uint64_t first = m.num_gc;
	do {
		for (int i = 0; i < 1000; i++) {
			int64_t took = batch();
			worst = took > worst ? took : worst;
		}
		gort_read_memstats(&m);
	} while (m.num_gc < first + CYCLES);
	for (uint64_t i = 0; i < CYCLES; i++)
		pauses[i] = m.pause_ns[(first + i) % 256];
	reportpauses(pauses, CYCLES, worst);
}

const struct bench gc_benches[] = {{.id = "gc_1g", .once = gc_1g}, {0}};
