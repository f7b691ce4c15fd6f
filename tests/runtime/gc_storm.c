/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_storm.c - gc_storm GOROUTINES ROUNDS SEED CELLS: goroutines change graphs of objects that they
 * share and pass on by all means that libgort has, while the collector runs; each object knows what
 * it is.
 *
 * Compiled twice: with stores through gort_store, and with plain ones by gort-cc (tests/cc). Run
 * with clobberfree, which overwrites what is freed, a lost object shows at its next look.
 *
 * A tree is in one place: a cell, or, when somebody has taken it out, a local variable, a channel,
 * a timer, a map or the arguments of a goroutine. He puts it back later, elsewhere.
 */
#include <gort/go.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef PLAIN
#define STORE(slot, v) (*(slot) = (v))
#else
#define STORE(slot, v) gort_store(slot, v)
#endif

#define MAGIC 0x600dc0de600dc0de

typedef struct node node;
struct node {
	uint64_t magic, id;
	node *kid[3];
	uint64_t depth;
};

GORT_TYPE(node_type, node, kid);

typedef struct cell {
	mutex mu;
	node *tree;
} cell;

static cell *cells; /* one object */
static unsigned ncells = 256;
static node *globals[64];
static mutex globalsmu;
static chan(node *) pipe8;
typedef struct {
	node *n[3];
} three;
static chan(three) pipe24;
static gort_sync_map table;
static gort_atomic_pointer mailbox;
static bool over;

static __attribute__((noinline)) void bad(const node *n, const char *where)
{
	fprintf(stderr, "gc_storm: lost object %p in %s: magic %lx id %lx\n", (const void *)n,
		where, (unsigned long)n->magic, (unsigned long)n->id);
	abort();
}

static uint64_t idof(const node *n)
{
	return ~(uint64_t)(uintptr_t)n;
}

static inline void check(const node *n, const char *where)
{
	if (n && (n->magic != MAGIC || n->id != idof(n)))
		bad(n, where);
}

static void checktree(const node *n, const char *where)
{
	if (!n)
		return;
	check(n, where);
	for (int i = 0; i < 3; i++)
		checktree(n->kid[i], where);
}

static unsigned draw(unsigned *seed, unsigned n)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % n;
}

static node *newnode(unsigned *seed, unsigned depth)
{
	node *n = draw(seed, 2) ? gort_new(node, &node_type) : gort_new(node);
	n->magic = MAGIC;
	n->id = idof(n);
	n->depth = depth;
	for (int i = 0; depth > 0 && i < 3; i++)
		if (draw(seed, 4))
			STORE(&n->kid[i], newnode(seed, depth - 1));
	return n;
}

/* Garbage of all sizes, some of which is written all over. */
static void litter(unsigned *seed)
{
	size_t size = draw(seed, 16) ? draw(seed, 600) : draw(seed, 70000);
	char *p = draw(seed, 2) ? gort_malloc(size) : gort_new_array(char, size, &gort_noscan);
	memset(p, 0x11, size < 64 ? size : 64);
}

/* Takes the tree of a cell away: it is nowhere else then. */
static node *take(unsigned *seed)
{
	cell *c = &cells[draw(seed, ncells)];
	mutex_lock(&c->mu);
	node *n = c->tree;
	STORE(&c->tree, NULL);
	mutex_unlock(&c->mu);
	check(n, "take");
	return n;
}

static void put(unsigned *seed, node *n)
{
	cell *c = &cells[draw(seed, ncells)];
	check(n, "put");
	mutex_lock(&c->mu);
	STORE(&c->tree, n);
	mutex_unlock(&c->mu);
}

/* Moves a subtree from one node to another. */
static void graft(unsigned *seed)
{
	node *a = take(seed), *b = take(seed);
	if (a && b) {
		int i = (int)draw(seed, 3), k = (int)draw(seed, 3);
		node *t = a->kid[i];
		STORE(&a->kid[i], b->kid[k]);
		STORE(&b->kid[k], NULL);
		checktree(t, "graft");
		litter(seed);
		if (t && draw(seed, 2))
			put(seed, t);
		else
			STORE(&b->kid[k], t && t->depth < b->depth ? t : NULL);
	}
	if (a)
		put(seed, a);
	if (b)
		put(seed, b);
}

static void late(node *n, unsigned seed)
{
	checktree(n, "timer");
	put(&seed, n);
}

static void carrier(node *n, unsigned seed)
{
	litter(&seed);
	checktree(n, "spawned");
	if (draw(&seed, 2))
		gort_gosched();
	put(&seed, n);
}

static void throughchannels(unsigned *seed)
{
	node *n = take(seed), *got = NULL;
	three t = {{n, got, n}}, s = {{NULL}};
	if (draw(seed, 2)) {
		select
		{
			case_send(pipe8, n)
			{
				n = NULL;
			}
			case_recv(pipe8, v)
			{
				got = v;
			}
			case_default
			{
			}
		}
		checktree(got, "pipe8");
	} else {
		select
		{
			case_send(pipe24, t)
			{
				n = NULL;
			}
			case_recv(pipe24, v)
			{
				s = v;
			}
			case_default
			{
			}
		}
		checktree(s.n[0], "pipe24");
		got = s.n[2];
	}
	if (n)
		put(seed, n);
	if (got)
		put(seed, got);
}

static void throughmap(unsigned *seed)
{
	node *n = take(seed);
	void *key = (void *)(uintptr_t)(1 + draw(seed, 50)), *old = NULL;
	gort_sync_map_swap(&table, key, n, &old);
	checktree(old, "map");
	if (draw(seed, 4) == 0)
		gort_sync_map_load_and_delete(&table, key, &old);
	if (old)
		put(seed, old);
}

static void throughmail(unsigned *seed)
{
	node *old = gort_atomic_pointer_swap(&mailbox, take(seed));
	checktree(old, "mailbox");
	if (old)
		put(seed, old);
}

static void throughglobals(unsigned *seed)
{
	node *n = take(seed);
	int i = (int)draw(seed, 64);
	mutex_lock(&globalsmu);
	node *old = globals[i];
	STORE(&globals[i], n);
	mutex_unlock(&globalsmu);
	checktree(old, "global");
	if (old)
		put(seed, old);
}

static void step(unsigned *seed)
{
	node *n;
	switch (draw(seed, 12)) {
	case 0:
		put(seed, newnode(seed, draw(seed, 5)));
		break;
	case 1:
		if ((n = take(seed)))
			time_after_func((gort_duration)draw(seed, 300) * us, late, n, *seed);
		break;
	case 2:
		if ((n = take(seed)))
			go(carrier, n, *seed);
		break;
	case 3:
		throughmap(seed);
		break;
	case 4:
		throughmail(seed);
		break;
	case 5:
		throughglobals(seed);
		break;
	case 6:
	case 7:
		throughchannels(seed);
		break;
	case 8:
		litter(seed);
		break;
	default:
		graft(seed);
		break;
	}
}

static void storm(unsigned seed, long rounds, waitgroup *wg)
{
	node *mine = newnode(&seed, 3);
	for (long i = 0; i < rounds; i++) {
		step(&seed);
		if (i % 64 == 0)
			checktree(mine, "a local variable");
		if (i % 512 == 0)
			mine = newnode(&seed, 3);
		if (i % 4096 == 0)
			gort_sleep(50 * us);
	}
	wg_done(wg);
}

/* Rounds without a call into libgort: they are stopped in the handler, with trees in registers. */
static void computer(unsigned seed, waitgroup *wg)
{
	node *n = newnode(&seed, 4);
	for (long i = 0; !*(volatile bool *)&over; i++) {
		for (node *a = n; a;) {
			check(a, "a computing goroutine");
			node *b = a->kid[(i + (long)a->depth) % 3];
			if (!b && a != n && a->kid[0])
				STORE(&a->kid[2], a->kid[0]);
			a = b;
		}
		if (i % 4000 == 0)
			n = newnode(&seed, 4);
	}
	wg_done(wg);
}

int gort_main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 4;
	long rounds = argc > 2 ? atol(argv[2]) : 20000;
	unsigned seed = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	ncells = argc > 4 ? (unsigned)atoi(argv[4]) : ncells;
	waitgroup wg = {0}, computers = {0};
	struct gort_memstats m;
	wg_add(&computers, 2);
	STORE(&cells, gort_new_array(cell, ncells));
	STORE(&pipe8, make_chan(node *, 4));
	STORE(&pipe24, make_chan(three, 3));
	wg_add(&wg, n);
	for (int i = 0; i < n; i++)
		go(storm, seed * 1000 + (unsigned)i, rounds, &wg);
	for (int i = 0; i < 2; i++)
		go(computer, seed * 1000 + (unsigned)i, &computers);
	wg_wait(&wg);
	over = true;
	wg_wait(&computers);
	for (int i = 0; i < (int)ncells; i++)
		checktree(cells[i].tree, "the end");
	gort_read_memstats(&m);
	printf("%lu collections in mode %s, %lu objects\n", (unsigned long)m.num_gc,
		gort_gcmode(NULL), (unsigned long)m.mallocs);
	return 0;
}
