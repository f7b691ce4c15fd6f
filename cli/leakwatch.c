/* SPDX-License-Identifier: BSD-2-Clause */
#include "leakwatch.h"

#include <errno.h>
#include "group.h"
#include "stacktext.h"

/* Indexes of a snapshot mean nothing in the next one: names and lines do. */
static uint64_t place_of(const struct gsnap *s, const struct gsnap_g *gp)
{
	const struct gsnap_frame *frames[32];
	uint32_t n = shown_frames(s, gp->stack, frames, 32);
	struct gsnap_frame by = created_frame(s, gp->created);
	uint64_t h = hash_text(1, gsnap_state(gp));
	for (uint32_t i = 0; i < n; i++)
		h = hash_text(h + frames[i]->line, frames[i]->func);
	return hash_text(h + by.line, by.func);
}

static struct watched *find(const struct leakwatch *w, uint64_t key)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->v[i].key == key)
			return &w->v[i];
	return NULL;
}

static struct watched *find_or_add(struct leakwatch *w, uint64_t key)
{
	struct watched *it = find(w, key);
	if (it)
		return it;
	if (w->n == w->cap) {
		uint32_t cap = w->cap ? w->cap * 2 : 64;
		struct watched *bigger = realloc(w->v, cap * sizeof *bigger);
		if (!bigger)
			return NULL;
		w->v = bigger;
		w->cap = cap;
	}
	w->v[w->n] = (struct watched){.key = key};
	return &w->v[w->n++];
}

/* Whether all of a are in b; both ascend. */
static bool contains(const uint64_t *b, uint32_t nb, const uint64_t *a, uint32_t na)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < na; i++) {
		while (k < nb && b[k] < a[i])
			k++;
		if (k == nb || b[k] != a[i])
			return false;
	}
	return true;
}

static int add_place(
	struct leakwatch *w, const struct gsnap *s, const struct groups *all, const struct group *g)
{
	struct watched *it = find_or_add(w, place_of(s, &s->gs[all->order[g->first]]));
	uint64_t *ids = malloc(g->n * sizeof *ids);
	if (!it || !ids || it->look == w->looks) { /* two groups of one place: the first counts */
		free(ids);
		return it && ids ? 0 : -ENOMEM;
	}
	for (uint32_t i = 0; i < g->n; i++)
		ids[i] = s->gs[all->order[g->first + i]].id;
	it->left |= !contains(ids, g->n, it->ids, it->n);
	free(it->ids);
	it->ids = ids;
	it->n = g->n;
	it->look = w->looks;
	it->first = it->looks++ ? it->first : g->n;
	return 0;
}

int leakwatch_add(struct leakwatch *w, const struct gsnap *s)
{
	struct groups all;
	uint32_t *sel = calloc(s->ngs + 1, sizeof *sel), n = 0;
	if (!sel)
		return -ENOMEM;
	w->looks++;
	for (uint32_t i = 0; i < s->ngs; i++)
		if (s->gs[i].status == GSTATUS_WAITING && !(s->gs[i].flags & GSNAP_G_SYSTEM))
			sel[n++] = i;
	int rc = groups_build(s, sel, n, BY_ALL, &all);
	for (uint32_t i = 0; !rc && i < all.n; i++)
		rc = add_place(w, s, &all, &all.group[i]);
	for (uint32_t i = 0; i < w->n; i++)
		w->v[i].left |= w->v[i].look != w->looks; /* nobody is there any more */
	groups_free(&all);
	free(sel);
	return rc;
}

static bool grows(const struct watched *it)
{
	return !it->left && it->looks >= WATCH_LOOKS && it->n - it->first >= it->looks - 1;
}

uint32_t leakwatch_growing(const struct leakwatch *w)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < w->n; i++)
		n += grows(&w->v[i]);
	return n;
}

bool leakwatch_grows(const struct leakwatch *w, const struct gsnap *s, const struct gsnap_g *gp)
{
	if (!w->looks || gp->status != GSTATUS_WAITING || gp->flags & GSNAP_G_SYSTEM)
		return false;
	const struct watched *it = find(w, place_of(s, gp));
	return it && grows(it);
}

void leakwatch_free(struct leakwatch *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		free(w->v[i].ids);
	free(w->v);
	*w = (struct leakwatch){0};
}
