/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explore.c - breadth-first search over the states of a row.
 *
 * States that differ only in the names of objects or of goroutines are one: each is replaced by
 * the smallest of its likes (canonical). What cannot matter any more is cleared before
 * (normalize). The set holds states packed, two members a byte, in the order in which they were
 * found, beside the number of the state each was found from; a table of their numbers, by hash,
 * finds them.
 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "model.h"

#define WORDS ((int)(sizeof(struct state) / 8))

_Static_assert(sizeof(struct state) % 16 == 0, "hash takes two words at a time");

/* A state, two members a byte. */
struct packed {
	uint32_t half[WORDS];
};

const struct rules *rules;

static struct {
	struct packed *packed; /* from 1 */
	uint32_t *parent;
	uint32_t n, max;
	uint32_t *table;
	uint64_t mask;
	uint32_t current; /* being expanded */
	uint32_t bad;     /* the first lost one */
	uint64_t steps;
	bool full;
	bool symmetric; /* canonical() may rename */
} set;

int nobjects(void)
{
	return rules->objects ? rules->objects : 2;
}

int nvars(int goroutine)
{
	int n = goroutine ? rules->vars1 : rules->vars;
	return n ? n : 1;
}

int ngoroutines(void)
{
	return rules->alone ? 1 : NGOROUTINE;
}

void initial_state(struct state *s)
{
	*s = (struct state){.alloc = BIT(GLOBAL)};
	for (int i = 0; i < ngoroutines(); i++)
		s->g[i].alive = i == 0 || !rules->spawn;
	s->g[0].running = 1;
	if (!rules->alone && !rules->spawn && !rules->freeze)
		s->g[1].running = rules->pending == PENDING_OF_P ? 2 : 1;
}

/* ---- the property ---- */

static uint8_t reachable(const struct state *s)
{
	uint8_t r = s->queue | BIT(s->field[GLOBAL]) | BIT(s->timer) | BIT(s->image[0]) |
		    BIT(s->image[1]);
	for (int i = 0; i < ngoroutines(); i++)
		if (s->g[i].alive)
			r |= BIT(s->g[i].var[0]) | BIT(s->g[i].var[1]);
	for (int round = 0; round < nobjects(); round++)
		for (int o = 1; o <= nobjects(); o++)
			if (r & BIT(o))
				r |= BIT(s->field[o]);
	return r & (uint8_t)~BIT(NIL);
}

static bool lost(const struct state *s)
{
	return s->twice || (reachable(s) & ~s->alloc) != 0;
}

/* ---- one state for many ---- */

static void normalize_object(struct state *s, int o)
{
	if ((s->alloc | s->mark) & BIT(o))
		return;
	for (int i = 0; i < ngoroutines(); i++)
		if (s->g[i].pc != REST && s->g[i].slot == o)
			return;
	s->field[o] = NIL;
}

static void normalize(struct state *s)
{
	for (int i = 0; i < ngoroutines(); i++) {
		struct goroutine *g = &s->g[i];
		if (g->pc == REST)
			g->slot = g->val = g->old = g->dst = 0;
		if (rules->mode == BARRIER && !marking(s) && g->alive)
			g->scanned = 0;
	}
	for (int o = 1; o <= nobjects(); o++)
		normalize_object(s, o);
	if (s->phase == SWEEPING) {
		s->grey = 0;
		s->mark &= (uint8_t)~s->swept;
	}
	if (marking(s))
		s->log &= (uint8_t)~s->mark;
	s->log &= s->alloc | s->mark;
}

static uint8_t rename_set(uint8_t members, const uint8_t *to)
{
	uint8_t r = 0;
	for (int o = 0; o <= MAXOBJECTS; o++)
		if (members & BIT(o))
			r |= BIT(to[o]);
	return r;
}

static void rename_goroutine(struct goroutine *g, const uint8_t *to)
{
	g->var[0] = to[g->var[0]];
	g->var[1] = to[g->var[1]];
	g->old = to[g->old];
	g->slot = to[g->slot];
	g->val = to[g->val];
	if (g->pending)
		g->pending = to[g->pending - 1] + 1;
}

static struct state renamed(const struct state *s, const uint8_t *to)
{
	struct state t = *s;
	uint8_t *sets[] = {&t.alloc, &t.mark, &t.grey, &t.swept, &t.claimed, &t.log, &t.dirty,
		&t.finalizers, &t.queue};
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		*sets[i] = rename_set(*sets[i], to);
	for (int i = 0; i < ngoroutines(); i++)
		rename_goroutine(&t.g[i], to);
	for (int o = 0; o <= nobjects(); o++)
		t.field[to[o]] = to[s->field[o]];
	for (int p = 0; p < 2; p++)
		if (t.ppending[p])
			t.ppending[p] = to[t.ppending[p] - 1] + 1;
	if (t.page)
		t.page = to[t.page - 1] + 1;
	t.timer = to[t.timer];
	t.weak = to[t.weak];
	t.image[0] = to[t.image[0]];
	t.image[1] = to[t.image[1]];
	return t;
}

static struct state swapped(const struct state *s)
{
	struct state t = *s;
	t.g[0] = s->g[1];
	t.g[1] = s->g[0];
	if (t.scanning)
		t.scanning = 3 - t.scanning;
	return t;
}

static void take_smaller(struct state *best, const struct state *s)
{
	if (memcmp(s, best, sizeof(*s)) < 0)
		*best = *s;
}

static struct state canonical(const struct state *s)
{
	static const uint8_t orders[][1 + MAXOBJECTS] = {
		{0, 1, 2, 3}, {0, 2, 1, 3}, {0, 1, 3, 2}, {0, 3, 2, 1}, {0, 2, 3, 1}, {0, 3, 1, 2}};
	static const int norders[] = {1, 1, 2, 6};
	bool alike = !rules->alone && nvars(0) == nvars(1) && !rules->spawn && !rules->freeze &&
		     rules->pending != PENDING_OF_P;
	struct state best = *s;
	for (int k = 0; k < (rules->shared_pages ? 1 : norders[nobjects()]); k++) {
		struct state t = k ? renamed(s, orders[k]) : *s;
		take_smaller(&best, &t);
		if (alike) {
			t = swapped(&t);
			take_smaller(&best, &t);
		}
	}
	return best;
}

/* ---- the set of states ---- */

/* The low halves of the 8 bytes of w, in 4. */
static uint32_t squeeze(uint64_t w)
{
	w = (w | w >> 4) & 0x00ff00ff00ff00ff;
	w = (w | w >> 8) & 0x0000ffff0000ffff;
	return (uint32_t)(w | w >> 16);
}

static uint64_t stretch(uint64_t w)
{
	w = (w | w << 16) & 0x0000ffff0000ffff;
	w = (w | w << 8) & 0x00ff00ff00ff00ff;
	return (w | w << 4) & 0x0f0f0f0f0f0f0f0f;
}

static struct packed pack(const struct state *s)
{
	uint64_t w[WORDS];
	struct packed p;
	memcpy(w, s, sizeof(w));
	for (int i = 0; i < WORDS; i++)
		p.half[i] = squeeze(w[i]);
	return p;
}

static struct state unpack(const struct packed *p)
{
	uint64_t w[WORDS];
	struct state s;
	for (int i = 0; i < WORDS; i++)
		w[i] = stretch(p->half[i]);
	memcpy(&s, w, sizeof(s));
	return s;
}

static uint64_t hash(const struct packed *p)
{
	uint64_t h = 0x243f6a8885a308d3;
	for (int i = 0; i < WORDS; i += 2) {
		h = (h ^ (p->half[i] | (uint64_t)p->half[i + 1] << 32)) * 0x9e3779b97f4a7c15;
		h ^= h >> 32;
	}
	return h;
}

static void add(const struct state *s)
{
	struct packed p = pack(s);
	uint64_t at = hash(&p) & set.mask;
	for (; set.table[at]; at = (at + 1) & set.mask)
		if (memcmp(&set.packed[set.table[at]], &p, sizeof(p)) == 0)
			return;
	if (set.n == set.max) {
		set.full = true;
		return;
	}
	set.table[at] = ++set.n;
	set.packed[set.n] = p;
	set.parent[set.n] = set.current;
	if (!set.bad && lost(s))
		set.bad = set.n;
}

/* Zeroed; in huge pages, since half of the time would go into misses of the TLB. */
static void *room(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED) {
		perror("gcmodel: no memory for the states");
		exit(1);
	}
	madvise(p, size, MADV_HUGEPAGE);
	return p;
}

static void begin(const struct rules *row, uint32_t maxstates, bool symmetric)
{
	uint64_t slots = 1024;
	while (slots < maxstates + (uint64_t)maxstates / 2)
		slots *= 2;
	rules = row;
	memset(&set, 0, sizeof(set));
	set.packed = room((maxstates + 1ul) * sizeof(*set.packed));
	set.parent = room((maxstates + 1ul) * sizeof(*set.parent));
	set.table = room(slots * sizeof(*set.table));
	set.mask = slots - 1;
	set.max = maxstates;
	set.symmetric = symmetric;
}

static void end(void)
{
	munmap(set.packed, (set.max + 1ul) * sizeof(*set.packed));
	munmap(set.parent, (set.max + 1ul) * sizeof(*set.parent));
	munmap(set.table, (set.mask + 1) * sizeof(*set.table));
}

static void expand(const struct state *s)
{
	mutator_steps(s);
	collector_steps(s);
}

static void search(void)
{
	struct state s;
	initial_state(&s);
	add(&s);
	for (uint32_t i = 1; i <= set.n && !set.bad && !set.full; i++) {
		set.current = i;
		s = unpack(&set.packed[i]);
		expand(&s);
	}
}

/* ---- the way to a loss, which is searched for once more under the objects' own names ---- */

static const struct state *wanted; /* print_loss: the step that leads here is printed, once */
static bool printed;

static void print_goroutine(const struct goroutine *g)
{
	printf(" | %s %d,%d",
		!g->alive    ? "no G"
		: g->running ? "runs"
			     : "parked",
		g->var[0], g->var[1]);
	if (g->pc != REST)
		printf(" slot %d val %d old %d", g->slot, g->val, g->old);
	if (g->scanned)
		printf(" scanned");
}

static void print_state(const struct state *s)
{
	static const char *const phases[] = {"idle", "marking", "sweeping"};
	printf("      %-8s global=%d", phases[s->phase], s->field[GLOBAL]);
	for (int o = 1; o <= nobjects(); o++)
		printf(" %c%c%c%d.f=%d", s->alloc & BIT(o) ? 'A' : '-',
			s->mark & BIT(o) ? 'M' : '-', s->grey & BIT(o) ? 'g' : '-', o, s->field[o]);
	for (int i = 0; i < ngoroutines(); i++)
		print_goroutine(&s->g[i]);
	putchar('\n');
}

void reached(struct state *s, const char *step)
{
	normalize(s);
	if (wanted) {
		if (!printed && memcmp(s, wanted, sizeof(*s)) == 0) {
			printf("%s\n", step);
			print_state(s);
			printed = true;
		}
		return;
	}
	set.steps++;
	struct state t = set.symmetric ? canonical(s) : *s;
	add(&t);
}

static void print_path(uint32_t to)
{
	if (set.parent[to] == 0)
		return;
	print_path(set.parent[to]);
	struct state from = unpack(&set.packed[set.parent[to]]), s = unpack(&set.packed[to]);
	wanted = &s;
	printed = false;
	expand(&from);
	wanted = NULL;
}

void print_loss(const struct rules *row, uint32_t maxstates)
{
	begin(row, maxstates, false);
	search();
	if (set.bad)
		print_path(set.bad);
	end();
}

struct result explore(const struct rules *row, uint32_t maxstates)
{
	begin(row, maxstates, true);
	search();
	struct result r = {.states = set.n,
		.steps = set.steps,
		.lost = set.bad != 0,
		.full = set.full && !set.bad};
	for (uint32_t i = set.bad; i && set.parent[i]; i = set.parent[i])
		r.shortest++;
	end();
	return r;
}
