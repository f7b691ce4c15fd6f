/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_graph.c - gc_graph GOROUTINES STEPS SEED: each goroutine changes a graph of objects at random,
 * beside a precise model of it: who points where, and to which byte. What it follows, and each
 * object that it reaches now and then, must be as the model says; in the end, when nothing is
 * reachable, hardly an object may be left.
 *
 * Objects: conservative ones, large ones, such with a layout, arrays of those, such without
 * pointers; words that hold no pointers have addresses of objects. Roots: a goroutine's stack, a
 * global variable, an object, registered memory of malloc.
 *
 * Compiled twice, with gort_store and with plain stores, for the modes that need none. A model is
 * in memory of malloc, with addresses inverted, so it keeps nothing alive. Only loads from the
 * graph give a pointer: the collector must find what nobody else has.
 */
#include <gort/go.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/asan.h"

#ifdef PLAIN
#define STORE(slot, v)    (*(slot) = (v))
#define MOVE(to, from, n) memmove(to, from, n)
#else
#define STORE(slot, v)    gort_store(slot, v)
#define MOVE(to, from, n) gort_memmove(to, from, n)
#endif
#define APART __attribute__((noinline))

/* A sanitizer's code leaves pointers everywhere. */
#ifdef GORT_ASAN
#define SANITIZED true
#else
#define SANITIZED false
#endif

enum { NROOT = 24, NSLOT = 6, NREF = 1500, NWEAK = 8, NONE = -1, HUGE = 70000 };

struct edge {
	int to; /* number of a ref; NONE: a null pointer */
	uint32_t off;
};

struct ref {
	uintptr_t hidden; /* the inverted address; 0: free */
	uint64_t id;      /* the object's first word */
	size_t size;
	unsigned nslots;
	bool reached;
	uint32_t at[NSLOT]; /* offsets of slots */
	struct edge edge[NSLOT];
};

struct roots {
	char *slot[NROOT];
};

struct world {
	unsigned seed;
	uint64_t ids;
	struct roots *roots;
	struct edge root[NROOT]; /* what they hold */
	struct ref *ref;
	gort_weak weak[NWEAK];
	int weakto[NWEAK];
};

/* With a layout: a word between the pointers may have any address. */
struct typed {
	uint64_t id;
	char *a;
	uintptr_t noise;
	char *b;
};
GORT_TYPE(typed_type, struct typed, a, b);

static _Noreturn void bad(const struct world *w, const char *what, int i)
{
	fprintf(stderr, "gc_graph: %s: object %d, id %lx\n", what, i,
		i == NONE ? 0ul : (unsigned long)w->ref[i].id);
	abort();
}

static unsigned draw(struct world *w, unsigned n)
{
	w->seed = w->seed * 1664525 + 1013904223;
	return (w->seed >> 8) % n;
}

/* ---- objects ---- */

static void checkobject(const struct world *w, int i, const char *base)
{
	uint64_t id;
	memcpy(&id, base, sizeof(id));
	if (id != w->ref[i].id)
		bad(w, "overwritten", i);
}

/* p was loaded where the model has e. Its address must not be made of the model's. */
static void checkpointer(const struct world *w, struct edge e, const char *p)
{
	bool same = e.to == NONE ? !p : ~(uintptr_t)p + e.off == w->ref[e.to].hidden;
	if (!same)
		bad(w, "another pointer", e.to);
}

static char **slotof(const struct world *w, int i, char *base, unsigned k)
{
	return (char **)(void *)(base + w->ref[i].at[k]);
}

/* Some object's, dead ones too. */
static uintptr_t noise(struct world *w)
{
	return ~w->ref[draw(w, NREF)].hidden;
}

static APART char *newuntyped(struct world *w, struct ref *r)
{
	r->nslots = draw(w, NSLOT + 1);
	r->size = 8 * (1 + r->nslots + draw(w, 60));
	if (!draw(w, 200))
		r->size = HUGE;
	bool last = draw(w, 2);
	for (unsigned k = 0; k < r->nslots; k++)
		r->at[k] = (uint32_t)(last ? r->size - 8 * (r->nslots - k) : 8 * (k + 1));
	return gort_malloc(r->size);
}

static APART char *newtyped(struct world *w, struct ref *r)
{
	unsigned n = 1 + draw(w, NSLOT / 2);
	struct typed *t = gort_new_array(struct typed, n, &typed_type);
	for (unsigned i = 0; i < n; i++) {
		t[i].noise = noise(w);
		r->at[2 * i] = (uint32_t)((char *)&t[i].a - (char *)t);
		r->at[2 * i + 1] = (uint32_t)((char *)&t[i].b - (char *)t);
	}
	r->nslots = 2 * n;
	r->size = n * sizeof(*t);
	return (char *)t;
}

static APART char *newleaf(struct world *w, struct ref *r)
{
	/* Of 8 bytes two would share one object. */
	size_t n = 2 + draw(w, draw(w, 100) ? 50 : HUGE / 8);
	uintptr_t *words = gort_new_array(uintptr_t, n, &gort_noscan);
	for (size_t i = 1; i < n && i < 50; i++)
		words[i] = noise(w);
	r->nslots = 0;
	r->size = 8 * n;
	return (char *)words;
}

/* Its number is in *i; NONE: there is no room in the model. */
static char *newobject(struct world *w, int *i)
{
	int at = (int)draw(w, NREF), n = 0;
	while (w->ref[at].hidden && n++ < NREF)
		at = (at + 1) % NREF;
	*i = NONE;
	if (n > NREF)
		return NULL;
	struct ref *r = &w->ref[ *i = at];
	unsigned shape = draw(w, 4);
	char *p = shape == 0 ? newleaf(w, r) : shape == 1 ? newtyped(w, r) : newuntyped(w, r);
	for (unsigned k = 0; k < NSLOT; k++)
		r->edge[k] = (struct edge){NONE, 0};
	r->hidden = ~(uintptr_t)p;
	r->id = ++w->ids << 16 | 0xabcd;
	memcpy(p, &r->id, sizeof(r->id));
	return p;
}

/* ---- what can be reached ---- */

static void reach(struct world *w, int *stack, int *n, struct edge e)
{
	if (e.to == NONE || w->ref[e.to].reached)
		return;
	w->ref[e.to].reached = true;
	stack[(*n)++] = e.to;
}

static void reachall(struct world *w)
{
	int *stack = malloc(NREF * sizeof(*stack)), n = 0;
	for (int i = 0; i < NREF; i++)
		w->ref[i].reached = false;
	for (unsigned r = 0; r < NROOT; r++)
		reach(w, stack, &n, w->root[r]);
	while (n > 0) {
		const struct ref *o = &w->ref[stack[--n]];
		for (unsigned k = 0; k < o->nslots; k++)
			reach(w, stack, &n, o->edge[k]);
	}
	free(stack);
}

/* Looks at each object that is reachable, and forgets the others. */
static APART void audit(struct world *w)
{
	reachall(w);
	for (int i = 0; i < NREF; i++) {
		struct ref *o = &w->ref[i];
		char *base = (char *)~o->hidden;
		size_t size;
		if (!o->reached) {
			o->hidden = 0;
			continue;
		}
		if (gort_object(base, &size) != base || size < o->size)
			bad(w, "freed", i);
		checkobject(w, i, base);
		for (unsigned k = 0; k < o->nslots; k++)
			checkpointer(w, o->edge[k], *slotof(w, i, base, k));
	}
	for (unsigned k = 0; k < NWEAK; k++)
		if (w->weakto[k] != NONE && !w->ref[w->weakto[k]].reached)
			w->weakto[k] = NONE;
}

/* A random way through the graph: some object's number and address; NONE: a null pointer. */
static int walk(struct world *w, char **base)
{
	unsigned k = draw(w, NROOT);
	struct edge e = w->root[k];
	for (char *p = w->roots->slot[k];;) {
		checkpointer(w, e, p);
		if (e.to == NONE)
			return NONE;
		const struct ref *o = &w->ref[e.to];
		*base = p - e.off;
		checkobject(w, e.to, *base);
		if (!o->nslots || !draw(w, 3))
			return e.to;
		k = draw(w, o->nslots);
		if (o->edge[k].to == NONE)
			return e.to;
		p = *slotof(w, e.to, *base, k);
		e = o->edge[k];
	}
}

/* ---- steps ---- */

static void setroot(struct world *w, unsigned k, char *p, struct edge e)
{
	STORE(&w->roots->slot[k], p);
	w->root[k] = e;
}

static void setslot(struct world *w, int i, char *base, unsigned k, char *p, struct edge e)
{
	STORE(slotof(w, i, base, k), p);
	w->ref[i].edge[k] = e;
}

static void create(struct world *w)
{
	char *base = NULL;
	int to, i = walk(w, &base);
	char *p = newobject(w, &to);
	if (to == NONE)
		return setroot(w, draw(w, NROOT), NULL, (struct edge){NONE, 0});
	if (i == NONE || !w->ref[i].nslots || draw(w, 2))
		return setroot(w, draw(w, NROOT), p, (struct edge){to, 0});
	setslot(w, i, base, draw(w, w->ref[i].nslots), p, (struct edge){to, 0});
}

/* From one object to some byte of another. */
static void connect(struct world *w)
{
	char *a, *b;
	int i = walk(w, &a), to = walk(w, &b);
	if (i == NONE || to == NONE || !w->ref[i].nslots)
		return;
	struct edge e = {to, (uint32_t)draw(w, (unsigned)w->ref[to].size)};
	setslot(w, i, a, draw(w, w->ref[i].nslots), b + e.off, e);
}

static void cut(struct world *w)
{
	char *a;
	int i = walk(w, &a);
	if (i != NONE && w->ref[i].nslots)
		setslot(w, i, a, draw(w, w->ref[i].nslots), NULL, (struct edge){NONE, 0});
}

/* Two slots of two objects change places: each pointer is for a moment in one place only. */
static void exchange(struct world *w)
{
	char *a, *b;
	int i = walk(w, &a), j = walk(w, &b);
	if (i == NONE || j == NONE || !w->ref[i].nslots || !w->ref[j].nslots)
		return;
	unsigned k = draw(w, w->ref[i].nslots), l = draw(w, w->ref[j].nslots);
	char *p = *slotof(w, i, a, k), *q = *slotof(w, j, b, l);
	struct edge e = w->ref[i].edge[k], f = w->ref[j].edge[l];
	setslot(w, i, a, k, NULL, (struct edge){NONE, 0});
	setslot(w, j, b, l, p, e);
	setslot(w, i, a, k, q, i == j && k == l ? e : f);
	if (i == j && k == l)
		w->ref[i].edge[k] = f;
}

/* All slots but the last move up by one, where they lie side by side. */
static void shift(struct world *w)
{
	char *a;
	int i = walk(w, &a);
	struct ref *o = i == NONE ? NULL : &w->ref[i];
	if (!o || o->nslots < 2 || o->at[1] != o->at[0] + 8)
		return;
	MOVE(a + o->at[1], a + o->at[0], 8 * (o->nslots - 1));
	memmove(&o->edge[1], &o->edge[0], (o->nslots - 1) * sizeof(o->edge[0]));
}

/* Garbage, now and then so much that a collection begins. */
static APART void litter(struct world *w)
{
	for (unsigned n = draw(w, 40); n > 0; n--)
		memset(gort_malloc(8 + draw(w, 2000)), 0x11, 8);
}

/* Only this frame has it for a while. */
static void carry(struct world *w)
{
	unsigned from = draw(w, NROOT), to = draw(w, NROOT);
	char *p = w->roots->slot[from];
	struct edge e = w->root[from];
	setroot(w, from, NULL, (struct edge){NONE, 0});
	litter(w);
	if (draw(w, 2))
		gort_gosched();
	checkpointer(w, e, p);
	setroot(w, to, p, e);
}

static void weaken(struct world *w)
{
	char *p;
	unsigned k = draw(w, NWEAK);
	int i = walk(w, &p);
	if (i == NONE)
		return;
	w->weak[k] = gort_weak_make(p);
	w->weakto[k] = i;
}

/* What is reachable has a value; what is not may have one, until it is collected. */
static void revive(struct world *w)
{
	unsigned k = draw(w, NWEAK);
	int i = w->weakto[k];
	if (i == NONE)
		return;
	char *p = gort_weak_value(w->weak[k]);
	if (p)
		checkobject(w, i, p);
	reachall(w);
	if (!w->ref[i].reached)
		return;
	if (!p)
		bad(w, "reachable, and no weak value", i);
	setroot(w, draw(w, NROOT), p, (struct edge){i, 0});
}

static void step(struct world *w)
{
	static void (*const steps[])(struct world * w) = {create, create, create, create, connect,
		connect, cut, exchange, exchange, shift, carry, carry, litter, weaken};
	if (!draw(w, 64))
		revive(w);
	else
		steps[draw(w, sizeof(steps) / sizeof(steps[0]))](w);
}

/* ---- the end ---- */

static APART void wipe(void)
{
	volatile char space[16384];
	for (size_t i = 0; i < sizeof(space); i++)
		space[i] = 0;
	__asm__ volatile("" : : "r"(&space) : "rbx", "r12", "r13", "r14", "r15", "memory");
}

/* One at a time, so that a word that looks like a pointer keeps one object, not all behind it. */
static APART int dropall(struct world *w)
{
	int n = 0;
	audit(w);
	for (int i = 0; i < NREF; i++) {
		struct ref *o = &w->ref[i];
		n += o->reached;
		for (unsigned k = 0; o->reached && k < o->nslots; k++)
			setslot(w, i, (char *)~o->hidden, k, NULL, (struct edge){NONE, 0});
	}
	for (unsigned k = 0; k < NROOT; k++)
		setroot(w, k, NULL, (struct edge){NONE, 0});
	return n;
}

static APART int left(const struct world *w)
{
	int n = 0;
	for (int i = 0; i < NREF; i++) {
		const char *base = (const char *)~w->ref[i].hidden;
		size_t size;
		if (w->ref[i].hidden && gort_object(base, &size) == base)
			n += memcmp(base, &w->ref[i].id, sizeof(w->ref[i].id)) == 0;
	}
	return n;
}

static APART void dismiss(struct world *w)
{
	int n = dropall(w);
	for (int i = 0; i < 3; i++) {
		wipe();
		gort_gc();
	}
	if (!SANITIZED && left(w) > 32 + n / 8)
		bad(w, "too much is kept", NONE);
}

/* ---- goroutines ---- */

static struct roots global;
static long nsteps;

static void run(struct world *w)
{
	w->ref = calloc(NREF, sizeof(*w->ref));
	for (unsigned k = 0; k < NROOT; k++)
		w->root[k] = (struct edge){NONE, 0};
	for (unsigned k = 0; k < NWEAK; k++)
		w->weakto[k] = NONE;
	for (long i = 0; i < nsteps; i++) {
		step(w);
		if (i % 1024 == 0)
			gort_gc();
		if (i % 256 == 0)
			audit(w);
	}
	dismiss(w);
	free(w->ref);
}

static void player(unsigned seed, unsigned place, waitgroup *wg)
{
	struct roots onstack = {{NULL}}, *outside = calloc(1, sizeof(*outside));
	struct roots *inheap = gort_new(struct roots);
	struct roots *const all[] = {&onstack, outside, inheap, &global};
	struct world w = {.seed = seed, .roots = all[place % 4]};
	gort_root_add(outside, sizeof(*outside));
	run(&w);
	gort_root_remove(outside);
	free(outside);
	wg_done(wg);
}

int gort_main(int argc, char **argv)
{
	waitgroup wg = {0};
	if (argc != 4) {
		fprintf(stderr, "usage: gc_graph GOROUTINES STEPS SEED\n");
		return 2;
	}
	unsigned n = (unsigned)atoi(argv[1]), seed = (unsigned)atoi(argv[3]);
	nsteps = atol(argv[2]);
	wg_add(&wg, (int)n);
	for (unsigned i = 0; i < n && i < 4; i++)
		go(player, seed * 1000 + i, i, &wg);
	wg_wait(&wg);
	struct gort_memstats m;
	gort_read_memstats(&m);
	printf("%lu collections in mode %s\n", (unsigned long)m.num_gc, gort_gcmode(NULL));
	return m.num_gc > 3 ? 0 : 1;
}
