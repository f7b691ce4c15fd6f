/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * group.c - groups goroutines by state, stack and creator, or by one of them.
 *
 * Each goroutine gets a key of three numbers; sorting brings equal keys together. Equal stacks and
 * locations already share an index in the snapshot, so only the state texts must be numbered here.
 */
#include <errno.h>
#include "group.h"

struct key {
	uint64_t a;
	uint32_t b, c;
	uint64_t id;
	uint32_t g;
};

int64_t g_wait(const struct gsnap *s, const struct gsnap_g *gp)
{
	bool waits = gp->status == GSTATUS_WAITING || gp->status == GSTATUS_SYSCALL ||
		     gp->status == GSTATUS_LEAKED;
	if (!waits || gp->waitsince == GSNAP_UNKNOWN)
		return GSNAP_UNKNOWN;
	return s->when > gp->waitsince ? s->when - gp->waitsince : 0;
}

/* Numbers the distinct state texts; there are a few dozen at most, so a linear search does. */
struct states {
	const char **text;
	uint32_t n, cap;
};

static uint32_t state_number(struct states *t, const char *text)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->text[i] == text || !strcmp(t->text[i], text))
			return i;
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? t->cap * 2 : 32;
		const char **bigger = realloc(t->text, cap * sizeof *bigger);
		if (!bigger)
			return GSNAP_NONE;
		t->text = bigger;
		t->cap = cap;
	}
	t->text[t->n] = text;
	return t->n++;
}

static struct key key_of(
	const struct gsnap_g *gp, uint32_t state, uint32_t created, enum group_by by)
{
	switch (by) {
	case BY_STATE:
		return (struct key){.a = state};
	case BY_STACK:
		return (struct key){.b = gp->stack};
	case BY_CREATED:
		return (struct key){.c = created};
	case BY_WAITING_ON:
		return (struct key){.a = gp->waiton};
	case BY_ALL:
		break;
	}
	return (struct key){.a = state, .b = gp->stack, .c = created};
}

static int compare_place(const struct key *x, const struct key *y)
{
	if (x->a != y->a)
		return x->a < y->a ? -1 : 1;
	if (x->b != y->b)
		return x->b < y->b ? -1 : 1;
	return x->c == y->c ? 0 : x->c < y->c ? -1 : 1;
}

static int compare_keys(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int place = compare_place(x, y);
	return place ? place : x->id == y->id ? 0 : x->id < y->id ? -1 : 1;
}

static int compare_int64(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;
	return *x == *y ? 0 : *x < *y ? -1 : 1;
}

/* Median and oldest wait of a group; scratch has room for its members. */
static void measure(const struct gsnap *s, const uint32_t *order, struct group *g, int64_t *scratch)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < g->n; i++) {
		int64_t wait = g_wait(s, &s->gs[order[g->first + i]]);
		if (wait != GSNAP_UNKNOWN)
			scratch[n++] = wait;
	}
	g->median = g->oldest = GSNAP_UNKNOWN;
	if (n == 0)
		return;
	qsort(scratch, n, sizeof *scratch, compare_int64);
	g->median = scratch[n / 2];
	g->oldest = scratch[n - 1];
}

static int compare_groups(const void *a, const void *b, void *arg)
{
	const struct group *x = a, *y = b;
	const uint32_t *order = arg;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return order[x->first] < order[y->first] ? -1 : 1;
}

static bool fill_keys(
	const struct gsnap *s, const uint32_t *sel, uint32_t n, enum group_by by, struct key *keys)
{
	struct states states = {0};
	uint32_t *sites = gsnap_sites(s);
	bool ok = sites;
	for (uint32_t i = 0; i < n && ok; i++) {
		const struct gsnap_g *gp = &s->gs[sel[i]];
		uint32_t state = state_number(&states, gsnap_state(gp));
		keys[i] = key_of(gp, state, sites[sel[i]], by);
		keys[i].id = gp->id;
		keys[i].g = sel[i];
		ok = state != GSNAP_NONE;
	}
	free(states.text);
	free(sites);
	return ok;
}

static void cut(const struct key *keys, uint32_t n, struct groups *out)
{
	for (uint32_t i = 0; i < n; i++) {
		out->order[i] = keys[i].g;
		if (i == 0 || compare_place(&keys[i - 1], &keys[i]))
			out->group[out->n++] = (struct group){.first = i};
		out->group[out->n - 1].n++;
	}
}

int groups_build(const struct gsnap *s, const uint32_t *sel, uint32_t nsel, enum group_by by,
	struct groups *out)
{
	struct key *keys = calloc(nsel + 1, sizeof *keys);
	int64_t *scratch = calloc(nsel + 1, sizeof *scratch);
	*out = (struct groups){.order = calloc(nsel + 1, sizeof *out->order),
		.group = calloc(nsel + 1, sizeof *out->group)};
	int rc = -ENOMEM;
	if (!keys || !scratch || !out->order || !out->group || !fill_keys(s, sel, nsel, by, keys))
		goto out;
	qsort(keys, nsel, sizeof *keys, compare_keys);
	cut(keys, nsel, out);
	for (uint32_t i = 0; i < out->n; i++)
		measure(s, out->order, &out->group[i], scratch);
	qsort_r(out->group, out->n, sizeof *out->group, compare_groups, out->order);
	rc = 0;
out:
	free(keys);
	free(scratch);
	if (rc)
		groups_free(out);
	return rc;
}

void groups_free(struct groups *g)
{
	free(g->order);
	free(g->group);
	*g = (struct groups){0};
}
