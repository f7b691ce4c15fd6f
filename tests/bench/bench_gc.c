/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_gc.c - how long a program stands, and how long one goroutine may, while a gigabyte of small
 * objects is collected, or the stacks of a million goroutines are; go/gc.go in C, peers/bdwgc.c on
 * bdwgc.
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

static void fill(long lists)
{
	nlists = (size_t)scaled(lists);
	heads = gort_new_array(struct object *, nlists);
	for (size_t n = LENGTH * nlists; n-- > 0;) {
		struct object *o = gort_new(struct object), **head = &heads[pick()];
		gort_store(&o->next, *head);
		gort_store(head, o);
	}
}

static gort_atomic_int64 parked;

/* Goroutines that wait, each with a frame of half a KiB below. */
static __attribute__((noinline)) void waits(chan(int) never)
{
	volatile char frame[512];
	frame[0] = 1;
	gort_atomic_int64_add(&parked, 1);
	chan_recv(never);
	frame[0] += 1;
}

static void park(long n)
{
	chan(int) never = make_chan(int, 0);
	for (long i = 0; i < n; i++)
		go(waits, never);
	while (gort_atomic_int64_load(&parked) < n)
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

/* Stores are announced, which nothing tells libgort of a program that gort-cc has not linked. */
static void withbarrier(const char *run)
{
	if (getenv("GORT_GCMODE"))
		return;
	setenv("GORT_GCMODE", "barrier", 1);
	execl("/proc/self/exe", "bench_core", run, NULL);
	panic("cannot run itself again");
}

/* The pauses of CYCLES collections, sorted; returns how long the slowest batch took, in ns. */
static int64_t collect(long lists, long goroutines, uint64_t *pauses)
{
	struct gort_memstats m;
	int64_t worst = 0;
	gort_set_gc_percent(-1);
	fill(lists);
	park(scaled(goroutines));
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
	qsort(pauses, CYCLES, sizeof(*pauses), bysize);
	return worst;
}

static void gc_1g(void)
{
	uint64_t pauses[CYCLES];
	withbarrier("gc_1g");
	int64_t stall = collect(1l << 20, env_number("GORT_BENCH_PARKED", 10000), pauses);
	report("gc_pause_max_1g", (double)pauses[CYCLES - 1] / 1e3);
	report("gc_pause_p99_1g", (double)pauses[(CYCLES * 99 + 99) / 100 - 1] / 1e3);
	report("gc_mutator_stall_1g", (double)stall / 1e3);
}

static void gc_1m(void)
{
	uint64_t pauses[CYCLES];
	withbarrier("gc_1m");
	collect(1l << 16, 1000000, pauses);
	report("gc_pause_max_1m", (double)pauses[CYCLES - 1] / 1e3);
}

const struct bench gc_benches[] = {
	{.id = "gc_1g", .once = gc_1g}, {.id = "gc_1m", .once = gc_1m}, {0}};
