/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gowait.c - from goroutines to what they wait for.
 *
 * Channels: g.waiting, a list of sudogs by waitlink. Semaphores: from Go 1.26 on g.waiting too;
 * before, runtime.semtable has the waiters, 251 trees of sudogs by address. A Cond's waiter has
 * no address of the Cond up to 1.25; there it is the one live pointer in the frame of
 * sync.(*Cond).Wait.
 *
 * The lists are live: every walk is bounded.
 */
#include "gowait.h"

#include <errno.h>
#include <string.h>

#define MAX_CASES 65536
#define MAX_DEPTH 4096

/* sudog, the same in all versions. */
enum { SUDOG_G = 0, SUDOG_NEXT = 8, SUDOG_PREV = 16 };

enum gowait gowait_of(const char *text)
{
	static const struct {
		const char *text;
		enum gowait kind;
	} kinds[] = {
		{"chan receive", GOWAIT_CHAN},
		{"chan send", GOWAIT_CHAN},
		{"select", GOWAIT_CHAN},
		{"chan receive (nil chan)", GOWAIT_FOREVER},
		{"chan send (nil chan)", GOWAIT_FOREVER},
		{"select (no cases)", GOWAIT_FOREVER},
		{"sync.Mutex.Lock", GOWAIT_LOCK},
		{"sync.RWMutex.RLock", GOWAIT_LOCK},
		{"sync.RWMutex.Lock", GOWAIT_LOCK},
		{"sync.WaitGroup.Wait", GOWAIT_LOCK},
		{"sync.Cond.Wait", GOWAIT_COND},
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (!strcmp(text, kinds[i].text))
			return kinds[i].kind;
	return GOWAIT_OTHER;
}

/* What a wait reason of this target means. */
static enum gowait kind_of(const struct gotarget *g, uint8_t reason)
{
	const char *text = reason < g->nreasons ? g->reasons[reason] : "";
	/* What WaitGroup.Wait said before 1.24; later it is the runtime's own. */
	if (g->lay->minor <= 23 && !strcmp(text, "semacquire"))
		return GOWAIT_LOCK;
	return gowait_of(text);
}

void gowait_kinds(const struct gotarget *g, struct gocopies *gs)
{
	for (size_t i = 0; i < gs->n; i++) {
		struct gocopy *c = &gs->v[i];
		bool waits = c->status == GSTATUS_WAITING;
		c->kind = (uint8_t)(waits ? kind_of(g, c->reason) : GOWAIT_OTHER);
	}
}

void gowaits_add(struct gowaits *w, size_t gi, uint64_t addr)
{
	if (w->n == w->cap) {
		size_t cap = w->cap ? w->cap * 2 : 4096;
		struct gowaitkey *bigger = realloc(w->keys, cap * sizeof *bigger);
		if (!bigger) {
			w->oom = true;
			return;
		}
		w->keys = bigger;
		w->cap = cap;
	}
	w->keys[w->n] = (struct gowaitkey){addr, w->first[gi], (uint32_t)gi, 0};
	w->first[gi] = (uint32_t)++w->n;
}

static void add_channels(struct gowaits *w, size_t gi, struct gomark *m)
{
	const struct golayout *l = m->heap->g->lay;
	uint64_t sg = w->gs->v[gi].waiting;
	for (unsigned n = 0; sg && n < MAX_CASES; n++) {
		if (goheap_word(m->heap, sg + SUDOG_G) != w->gs->v[gi].addr)
			return; /* somebody else's by now, or no sudog at all */
		gomark_opaque(m, sg);
		gowaits_add(w, gi, goheap_word(m->heap, sg + l->sudog_c));
		sg = goheap_word(m->heap, sg + l->sudog_waitlink);
	}
}

static void add_semaphore(struct gowaits *w, size_t gi, struct gomark *m)
{
	uint64_t sg = w->gs->v[gi].waiting;
	if (!sg)
		return;
	gomark_opaque(m, sg);
	gowaits_add(w, gi, goheap_word(m->heap, sg + m->heap->g->lay->sudog_elem));
}

static void add_cond(struct gowaits *w, size_t gi, struct gostackmap *stacks)
{
	uint64_t found[8];
	size_t n = gostackmap_frame(stacks, &w->gs->v[gi], "sync.(*Cond).Wait", found, 8);
	for (size_t i = 0; i < n; i++)
		if (found[i] >= 4096)
			gowaits_add(w, gi, found[i]);
}

/* ---- runtime.semtable, up to Go 1.25 ---- */

/* semaRoot, padded to a cache line: lock, treap, nwait. */
static bool is_semtable(const struct gotarget *g, uint64_t at, uint64_t *table)
{
	if (!target_read(g->t, at, table, GO_SEMROOTS * GO_SEMWORDS * sizeof *table))
		return false;
	for (unsigned i = 0; i < GO_SEMROOTS; i++) {
		const uint64_t *root = table + i * GO_SEMWORDS;
		for (unsigned k = 3; k < GO_SEMWORDS; k++)
			if (root[k])
				return false;
		uint64_t elem = root[1] ? target_word(g->t, root[1] + g->lay->sudog_elem) : 0;
		if (root[1] && (!elem || (elem >> 3) % GO_SEMROOTS != i))
			return false;
	}
	return true;
}

bool gowait_semtable(const struct gotarget *g, uint64_t *table)
{
	static const char *const names[] = {
		"runtime.semacquire1", "runtime.semrelease1", "runtime.semacquire"};
	enum { N = sizeof names / sizeof *names };
	uint32_t idx[N];
	struct goref *refs = malloc(GO_MAX_REFS * sizeof *refs);
	bool found = false;
	pclntab_lookup(&g->tab, names, idx, N);
	for (unsigned i = 0; refs && i < N && !found; i++) {
		size_t n = gorefs(g, idx[i], refs, GO_MAX_REFS);
		for (size_t k = 0; k < n && !found; k++)
			found = is_semtable(g, refs[k].at, table);
	}
	free(refs);
	return found;
}

/*
 * All waiters for one address: a list by waitlink that hangs on a node of the tree. Each is asked
 * for what it waits for itself, since a list that changes while it is read may lead elsewhere.
 */
static void add_waiters(struct gowaits *w, struct gomark *m, uint64_t node, size_t *budget)
{
	const struct gotarget *g = m->heap->g;
	for (uint64_t sg = node; sg && *budget; --*budget) {
		uint32_t gi = idmap_get(&w->by_addr, goheap_word(m->heap, sg + SUDOG_G));
		uint64_t elem = goheap_word(m->heap, sg + g->lay->sudog_elem);
		gomark_opaque(m, sg);
		if (gi && elem && w->gs->v[gi - 1].kind == GOWAIT_LOCK)
			gowaits_add(w, gi - 1, elem);
		sg = goheap_word(m->heap, sg + g->lay->sudog_waitlink);
	}
}

static void walk_tree(struct gowaits *w, struct gomark *m, uint64_t root, size_t *budget)
{
	uint64_t stack[MAX_DEPTH];
	size_t n = 0;
	stack[n++] = root;
	while (n && *budget) {
		uint64_t node = stack[--n];
		uint64_t kids[] = {goheap_word(m->heap, node + SUDOG_NEXT),
			goheap_word(m->heap, node + SUDOG_PREV)};
		for (unsigned i = 0; i < 2; i++)
			if (kids[i] && n < MAX_DEPTH)
				stack[n++] = kids[i];
		add_waiters(w, m, node, budget);
	}
}

static void add_semtable(struct gowaits *w, struct gomark *m)
{
	uint64_t *table = malloc(GO_SEMROOTS * GO_SEMWORDS * sizeof *table);
	size_t budget = 4 * w->gs->n + 4096;
	w->oom |= !table;
	if (table && gowait_semtable(m->heap->g, table))
		for (unsigned i = 0; i < GO_SEMROOTS; i++)
			if (table[i * GO_SEMWORDS + 1])
				walk_tree(w, m, table[i * GO_SEMWORDS + 1], &budget);
	free(table);
}

/*
 * A torn tree may have lost waiters, or the table may have made no sense at that moment. A sudog is
 * an object of its size class (88 bytes have slots of 96) whose first word is its g, and
 * has an address while it waits for a semaphore. All of them are opaque, since they are linked with
 * each other: one that was lost would seem to be held by somebody else's.
 */
static void add_lost(struct gowaits *w, struct gomark *m, const struct gospan *s)
{
	const struct gotarget *g = m->heap->g;
	for (uint32_t i = 0; i < s->nelems; i++) {
		uint64_t base = s->start + i * s->elemsize;
		if (goheap_span(m->heap, base) != s)
			continue;
		uint32_t gi = idmap_get(&w->by_addr, goheap_word(m->heap, base + SUDOG_G));
		uint64_t elem = gi ? goheap_word(m->heap, base + g->lay->sudog_elem) : 0;
		if (gi)
			gomark_opaque(m, base);
		if (elem && !w->first[gi - 1] && w->gs->v[gi - 1].kind == GOWAIT_LOCK)
			gowaits_add(w, gi - 1, elem);
	}
}

static void add_all_lost(struct gowaits *w, struct gomark *m)
{
	uint64_t slot = (m->heap->g->lay->sudog_size + 15u) & ~15u;
	for (uint32_t i = 0; i < m->heap->nspans; i++) {
		const struct gospan *s = &m->heap->spans[i];
		if (s->kind == GOSPAN_BITMAP && s->elemsize == slot)
			add_lost(w, m, s);
	}
}

bool gowaits_init(struct gowaits *w, const struct gocopies *gs)
{
	*w = (struct gowaits){.gs = gs, .first = calloc(gs->n + 1, sizeof *w->first)};
	for (size_t i = 0; w->first && i < gs->n; i++)
		w->oom |= !idmap_put(&w->by_addr, gs->v[i].addr, (uint32_t)i + 1);
	return w->first && !w->oom;
}

int gowaits_find(
	struct gowaits *w, const struct gocopies *gs, struct gomark *m, struct gostackmap *stacks)
{
	const struct gotarget *g = m->heap->g;
	bool old = g->lay->minor <= 25;
	if (!gowaits_init(w, gs))
		return -ENOMEM;
	for (size_t i = 0; i < gs->n; i++) {
		enum gowait kind = (enum gowait)gs->v[i].kind;
		if (kind == GOWAIT_CHAN)
			add_channels(w, i, m);
		else if (!old && (kind == GOWAIT_LOCK || kind == GOWAIT_COND))
			add_semaphore(w, i, m);
		else if (kind == GOWAIT_COND)
			add_cond(w, i, stacks);
	}
	if (old) {
		add_semtable(w, m);
		add_all_lost(w, m);
	}
	return w->oom ? -ENOMEM : 0;
}

void gowaits_index(struct gowaits *w, uint64_t (*name)(void *ctx, uint64_t addr), void *ctx)
{
	for (size_t k = 0; k < w->n; k++) {
		uint64_t thing = name(ctx, w->keys[k].addr);
		if (!thing)
			continue;
		w->keys[k].same = idmap_get(&w->things, thing);
		w->oom |= !idmap_put(&w->things, thing, (uint32_t)k + 1);
	}
}

void gowaits_free(struct gowaits *w)
{
	idmap_free(&w->by_addr);
	idmap_free(&w->things);
	free(w->first);
	free(w->keys);
	*w = (struct gowaits){0};
}
