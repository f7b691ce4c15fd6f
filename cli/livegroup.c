/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * livegroup.c - groups kept up to date.
 *
 * A group without members stays until there are more such than others; then all is grouped anew.
 * The median of a group is looked for only when a member came or went: as long as none does, the
 * moment its median member began to wait stays the same.
 */
#include <errno.h>
#include "group.h"
#include "livegroup.h"

#define STATES_MAX (sizeof((struct livegroups *)0)->states / sizeof(const char *))

void livegroups_by(struct livegroups *lg, enum group_by by)
{
	lg->by = by;
	lg->stale = true;
}

void livegroups_free(struct livegroups *lg)
{
	free(lg->group);
	free(lg->of);
	free(lg->index);
	free(lg->site);
	*lg = (struct livegroups){0};
}

static int64_t waited(int64_t since, int64_t now)
{
	return since == GSNAP_UNKNOWN ? GSNAP_UNKNOWN : now > since ? now - since : 0;
}

int64_t livegroup_wait(const struct livegroup *g, int64_t now)
{
	return waited(g->median, now);
}

int64_t livegroup_oldest(const struct livegroup *g, int64_t now)
{
	return waited(g->oldest, now);
}

/* Text of a state to number; those beyond the table share the last one. */
static uint32_t state_number(struct livegroups *lg, const char *text)
{
	uint32_t i = 0;
	while (i < lg->nstates && lg->states[i] != text && strcmp(lg->states[i], text))
		i++;
	if (i == lg->nstates && i < STATES_MAX)
		lg->states[lg->nstates++] = text;
	return i < STATES_MAX ? i : STATES_MAX - 1;
}

/* The first location seen of the same go statement. */
static uint32_t site_of(struct livegroups *lg, const struct gsnap *s, uint32_t loc)
{
	if (loc >= lg->nsite)
		return loc;
	if (lg->site[loc] != GSNAP_NONE)
		return lg->site[loc];
	uint32_t k = 0;
	while (k < lg->nsite && (lg->site[k] != k || !gsnap_same_line(s, k, loc)))
		k++;
	return lg->site[loc] = k < lg->nsite ? k : loc;
}

static struct livegroup key_of(
	struct livegroups *lg, const struct gsnap *s, const struct gsnap_g *gp)
{
	bool all = lg->by == BY_ALL, object = lg->by == BY_WAITING_ON;
	struct livegroup k = {
		.object = object ? gp->waiton : 0, GSNAP_NONE, GSNAP_NONE, GSNAP_NONE};
	if (all || object || lg->by == BY_STATE)
		k.state = state_number(lg, gsnap_state(gp));
	if (all || lg->by == BY_STACK)
		k.stack = gp->stack;
	if (all || lg->by == BY_CREATED)
		k.site = site_of(lg, s, gp->created);
	return k;
}

static uint64_t hash_key(const struct livegroup *k)
{
	uint64_t h = gsnap_mix(k->object + 1);
	h = gsnap_mix(h + k->state);
	h = gsnap_mix(h + k->stack);
	return gsnap_mix(h + k->site);
}

static bool same_key(const struct livegroup *a, const struct livegroup *b)
{
	return a->object == b->object && a->state == b->state && a->stack == b->stack &&
	       a->site == b->site;
}

static bool grow(struct livegroups *lg)
{
	uint32_t cap = lg->cap ? lg->cap * 2 : 64, mask = cap * 2 - 1;
	struct livegroup *group = realloc(lg->group, cap * sizeof *group);
	uint32_t *index = malloc((mask + 1) * sizeof *index);
	if (group)
		lg->group = group;
	if (!group || !index) {
		free(index);
		return false;
	}
	memset(index, 0xff, (mask + 1) * sizeof *index);
	for (uint32_t i = 0; i < lg->n; i++) {
		uint64_t h = hash_key(&group[i]);
		while (index[h & mask] != GSNAP_NONE)
			h++;
		index[h & mask] = i;
	}
	free(lg->index);
	lg->index = index;
	lg->mask = mask;
	lg->cap = cap;
	return true;
}

static uint32_t find_group(struct livegroups *lg, const struct livegroup *key)
{
	if (lg->n == lg->cap && !grow(lg))
		return GSNAP_NONE;
	uint64_t h = hash_key(key);
	for (; lg->index[h & lg->mask] != GSNAP_NONE; h++)
		if (same_key(&lg->group[lg->index[h & lg->mask]], key))
			return lg->index[h & lg->mask];
	lg->index[h & lg->mask] = lg->n;
	lg->group[lg->n] = *key;
	return lg->n++;
}

static bool shown(const struct gsnap_g *gp)
{
	return gp->status != GSTATUS_DEAD && !(gp->flags & GSNAP_G_SYSTEM);
}

static int move(struct livegroups *lg, const struct gsnap *s, uint32_t i)
{
	uint32_t to = GSNAP_NONE, from = lg->of[i];
	if (shown(&s->gs[i])) {
		struct livegroup key = key_of(lg, s, &s->gs[i]);
		to = find_group(lg, &key);
		if (to == GSNAP_NONE)
			return -ENOMEM;
	}
	if (from != GSNAP_NONE) {
		lg->group[from].dirty = true;
		if (--lg->group[from].n == 0)
			lg->used--;
	}
	if (to != GSNAP_NONE) {
		lg->group[to].dirty = true;
		if (lg->group[to].n++ == 0)
			lg->used++;
	}
	lg->of[i] = to;
	return 0;
}

/* Room for the entries and locations that there are by now. */
static int fit(struct livegroups *lg, const struct gsnap *s)
{
	if (lg->nof < s->ngs) {
		uint32_t *of = realloc(lg->of, s->ngs * sizeof *of);
		if (!of)
			return -ENOMEM;
		memset(of + lg->nof, 0xff, (s->ngs - lg->nof) * sizeof *of);
		lg->of = of;
		lg->nof = s->ngs;
	}
	if (lg->nsite < s->nlocs) {
		uint32_t *site = realloc(lg->site, s->nlocs * sizeof *site);
		if (!site)
			return -ENOMEM;
		memset(site + lg->nsite, 0xff, (s->nlocs - lg->nsite) * sizeof *site);
		lg->site = site;
		lg->nsite = s->nlocs;
	}
	return 0;
}

static int regroup(struct livegroups *lg, const struct gsnap *s)
{
	enum group_by by = lg->by;
	livegroups_free(lg);
	lg->by = by;
	int err = fit(lg, s);
	for (uint32_t i = 0; i < s->ngs && !err; i++)
		err = move(lg, s, i);
	return err;
}

/* The k-th smallest of n, which are put in another order (Hoare's selection). */
static int64_t kth(int64_t *a, size_t n, size_t k)
{
	size_t lo = 0, hi = n - 1;
	while (lo < hi) {
		int64_t pivot = a[lo + (hi - lo) / 2];
		size_t i = lo, j = hi;
		for (;; i++, j--) {
			while (a[i] < pivot)
				i++;
			while (a[j] > pivot)
				j--;
			if (i >= j)
				break;
			int64_t t = a[i];
			a[i] = a[j];
			a[j] = t;
		}
		if (k <= j)
			hi = j;
		else
			lo = j + 1;
	}
	return a[lo];
}

/* since: the n known starts of waits. The median wait has as many longer as shorter ones. */
static void settle(struct livegroup *g, int64_t *since, uint32_t n)
{
	g->dirty = false;
	g->median = g->oldest = GSNAP_UNKNOWN;
	if (n == 0)
		return;
	g->oldest = since[0];
	for (uint32_t i = 1; i < n; i++)
		if (since[i] < g->oldest)
			g->oldest = since[i];
	g->median = kth(since, n, n - 1 - n / 2);
}

/* Waits of the groups that changed: their members' starts are laid side by side, then measured. */
static int measure(struct livegroups *lg, const struct gsnap *s)
{
	uint32_t *at = malloc((lg->n + 1) * sizeof *at), *end = malloc((lg->n + 1) * sizeof *end);
	uint32_t total = 0;
	int err = -ENOMEM;
	int64_t *since = NULL;
	if (!at || !end)
		goto out;
	for (uint32_t i = 0; i < lg->n; i++) {
		at[i] = end[i] = total;
		total += lg->group[i].dirty ? lg->group[i].n : 0;
		lg->group[i].at_least &= !lg->group[i].dirty;
	}
	since = malloc((total + 1) * sizeof *since);
	if (!since)
		goto out;
	for (uint32_t i = 0; total > 0 && i < lg->nof; i++) {
		struct livegroup *g = lg->of[i] == GSNAP_NONE ? NULL : &lg->group[lg->of[i]];
		if (!g || !g->dirty)
			continue;
		g->sample = i;
		if (g_wait(s, &s->gs[i]) == GSNAP_UNKNOWN)
			continue;
		g->at_least |= (s->gs[i].flags & GSNAP_G_AT_LEAST) != 0;
		since[end[lg->of[i]]++] = s->gs[i].waitsince;
	}
	for (uint32_t i = 0; i < lg->n; i++)
		if (lg->group[i].dirty)
			settle(&lg->group[i], since + at[i], end[i] - at[i]);
	err = 0;
out:
	free(at);
	free(end);
	free(since);
	return err;
}

int livegroups_update(struct livegroups *lg, const struct probe_view *v)
{
	int err = 0;
	if (lg->stale || v->renewed || lg->n > 1024 + 2 * lg->used) {
		err = regroup(lg, &v->s);
	} else {
		err = fit(lg, &v->s);
		for (uint32_t i = 0; i < v->nchanged && !err; i++)
			err = move(lg, &v->s, v->changed[i]);
	}
	lg->stale = err != 0;
	return err ? err : measure(lg, &v->s);
}
