/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gheap.c - a program on libgort with a heap of known objects: it collects twice, prints what
 * gort_read_memstats says, and waits until its input ends. Then its heap stands still.
 */
#include <gort/go.h>

struct node {
	struct node *next;
	char pad[72];
};

GORT_TYPE(node_type, struct node, next);

/* Of sizes that nothing else has. */
struct garbage {
	struct garbage *next;
	char pad[296];
};

struct kept {
	struct kept *next;
	char pad[376];
};

GORT_TYPE(garbage_type, struct garbage, next);
GORT_TYPE(kept_type, struct kept, next);

enum { SMALL = 3000, TEXTS = 500, LARGE = 3, LARGE_LEN = 1000, GARBAGE = 1000, KEPT = 200 };

static struct node *volatile list, *volatile large[LARGE];
static char *volatile texts[TEXTS];

static void fill(void)
{
	for (int i = 0; i < SMALL; i++) {
		struct node *n = gort_new(struct node, &node_type);
		n->next = list;
		list = n;
	}
	for (int i = 0; i < TEXTS; i++)
		texts[i] = gort_new_array(char, 1000, &gort_noscan);
	for (int i = 0; i < LARGE; i++)
		large[i] = gort_new_array(struct node, LARGE_LEN, &node_type);
}

/* Reached by nothing from the start. */
static void litter(void)
{
	for (int i = 0; i < GARBAGE; i++)
		gort_new(struct garbage, &garbage_type);
}

/* Waits for a channel that nobody else knows of, and keeps what it has made. */
static void leak(chan(bool) ready)
{
	struct kept *volatile all = NULL;
	for (int i = 0; i < KEPT; i++) {
		struct kept *k = gort_new(struct kept, &kept_type);
		k->next = all;
		all = k;
	}
	chan_send(ready, true);
	(void)chan_recv(make_chan(int, 0));
	println(all == NULL);
}

static void start_leak(void)
{
	chan(bool) ready = make_chan(bool, 0);
	go(leak, ready);
	(void)chan_recv(ready);
}

static void print_stats(void)
{
	struct gort_memstats m;
	gort_read_memstats(&m);
	dprintf(1,
		"ready {\"num_gc\":%llu,\"objects\":%llu,\"bytes\":%llu,\"allocs\":%llu,"
		"\"alloc_bytes\":%llu,\"goal\":%llu,\"pause\":%llu,\"inuse\":%llu,\"sys\":%llu,"
		"\"released\":%llu,\"procs\":%d}\n",
		(unsigned long long)m.num_gc, (unsigned long long)m.heap_objects,
		(unsigned long long)m.heap_alloc, (unsigned long long)m.mallocs,
		(unsigned long long)m.total_alloc, (unsigned long long)m.next_gc,
		(unsigned long long)m.pause_total_ns, (unsigned long long)m.heap_inuse,
		(unsigned long long)m.heap_sys, (unsigned long long)m.heap_released,
		gort_gomaxprocs(0));
}

int gort_main(int argc, char **argv)
{
	char end;
	(void)argc, (void)argv;
	fill();
	gort_gc();
	fill(); /* what was there before is garbage now, but for the list */
	start_leak();
	gort_gc();
	litter();
	print_stats();
	return read(0, &end, 1) < 0;
}
