/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waitgraph.c - a hundred thousand goroutines on as many channels are a few kinds of waits: the
 * waits of an object that are alike make a row, and objects with equal rows make a group.
 */
#include "waitgraph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "stacktext.h"

const struct gsnap_hold *holds_of(const struct gsnap *s, uint32_t obj, uint32_t *n)
{
	uint32_t lo = 0, hi = s->nholds, end;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (s->holds[mid].obj < obj)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (end = lo; end < s->nholds && s->holds[end].obj == obj;)
		end++;
	*n = end - lo;
	return s->holds + lo;
}

/* What makes two waits alike. */
struct key {
	uint32_t obj, wait;
	uint8_t op;
	bool in_select;
	const struct gsnap_frame *at; /* of the snapshot: frames of one location are one array */
};

static int by_key(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	if (x->obj != y->obj)
		return x->obj < y->obj ? -1 : 1;
	if (x->op != y->op)
		return x->op < y->op ? -1 : 1;
	if (x->in_select != y->in_select)
		return x->in_select ? 1 : -1;
	if (x->at != y->at)
		return x->at < y->at ? -1 : 1;
	return x->wait < y->wait ? -1 : x->wait > y->wait;
}

static bool same_row(const struct key *x, const struct key *y)
{
	return x->obj == y->obj && x->op == y->op && x->in_select == y->in_select && x->at == y->at;
}

/* A group with one object, and what it has in common with others. */
struct draft {
	struct waitgroup group;
	uint64_t sign;
};

static int by_sign(const void *a, const void *b)
{
	const struct draft *x = a, *y = b;
	if (x->sign != y->sign)
		return x->sign < y->sign ? -1 : 1;
	return x->group.obj < y->group.obj ? -1 : x->group.obj > y->group.obj;
}

static int by_waiters(const void *a, const void *b)
{
	const struct waitgroup *x = a, *y = b;
	if (x->waiters != y->waiters)
		return x->waiters > y->waiters ? -1 : 1;
	return x->obj < y->obj ? -1 : x->obj > y->obj;
}

/* A lock that somebody seems to hold is a story of its own. */
static uint64_t sign_of(const struct gsnap *s, const struct waitgroup *g, const struct key *keys,
	const struct waitrow *rows)
{
	const struct gsnap_obj *o = &s->objs[g->obj];
	uint64_t h = gsnap_mix(o->kind * 2 + o->set);
	h = gsnap_mix(h + (uint64_t)o->cap);
	h = gsnap_mix(h + (uint64_t)o->len);
	h = hash_text(h, o->elem);
	for (uint32_t i = 0; i < g->nrows; i++) {
		const struct waitrow *row = &rows[g->row + i];
		const struct key *k = &keys[row->first];
		h = gsnap_mix(h + row->n * 16 + k->op * 2 + k->in_select);
		h = gsnap_mix(h + (uintptr_t)k->at);
	}
	uint32_t nholds;
	holds_of(s, g->obj, &nholds);
	return nholds ? gsnap_mix(h + g->obj + 1) : h;
}

static void make_rows(const struct gsnap *s, const struct key *keys, struct waitgraph *wg)
{
	for (uint32_t i = 0; i < s->nwaits; i++) {
		wg->order[i] = keys[i].wait;
		if (i == 0 || !same_row(&keys[i - 1], &keys[i]))
			wg->rows[wg->nrows++] = (struct waitrow){i, 0};
		wg->rows[wg->nrows - 1].n++;
	}
}

static uint32_t make_drafts(
	const struct gsnap *s, const struct key *keys, struct waitgraph *wg, struct draft *drafts)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < wg->nrows; i++) {
		uint32_t obj = keys[wg->rows[i].first].obj;
		if (n == 0 || drafts[n - 1].group.obj != obj)
			drafts[n++].group = (struct waitgroup){.obj = obj, .n = 1, .row = i};
		drafts[n - 1].group.nrows++;
		drafts[n - 1].group.waiters += wg->rows[i].n;
	}
	for (uint32_t i = 0; i < n; i++)
		drafts[i].sign = sign_of(s, &drafts[i].group, keys, wg->rows);
	return n;
}

static void make_groups(struct waitgraph *wg, struct draft *drafts, uint32_t n)
{
	if (n)
		qsort(drafts, n, sizeof *drafts, by_sign);
	for (uint32_t i = 0; i < n; i++) {
		struct waitgroup *last = wg->ngroups ? &wg->groups[wg->ngroups - 1] : NULL;
		if (i && drafts[i].sign == drafts[i - 1].sign) {
			last->n++;
			last->waiters += drafts[i].group.waiters;
		} else {
			wg->groups[wg->ngroups++] = drafts[i].group;
		}
	}
	if (wg->ngroups)
		qsort(wg->groups, wg->ngroups, sizeof *wg->groups, by_waiters);
}

int waitgraph_build(const struct gsnap *s, struct waitgraph *wg)
{
	size_t n = s->nwaits + (size_t)1;
	struct key *keys = calloc(n, sizeof *keys);
	struct draft *drafts = calloc(n, sizeof *drafts);
	*wg = (struct waitgraph){.order = calloc(n, sizeof *wg->order),
		.rows = calloc(n, sizeof *wg->rows),
		.groups = calloc(n, sizeof *wg->groups)};
	bool ok = keys && drafts && wg->order && wg->rows && wg->groups;
	for (uint32_t i = 0; ok && i < s->nwaits; i++) {
		const struct gsnap_wait *w = &s->waits[i];
		keys[i] = (struct key){
			w->obj, i, w->op, w->in_select, top_frame(s, s->gs[w->g].stack)};
	}
	if (ok) {
		qsort(keys, s->nwaits, sizeof *keys, by_key);
		make_rows(s, keys, wg);
		make_groups(wg, drafts, make_drafts(s, keys, wg, drafts));
	}
	free(keys);
	free(drafts);
	return ok ? 0 : -ENOMEM;
}

void waitgraph_free(struct waitgraph *wg)
{
	free(wg->order);
	free(wg->rows);
	free(wg->groups);
	*wg = (struct waitgraph){0};
}

/* ---- circles ---- */

enum { UNSEEN, ON_PATH, DONE };

struct search {
	const struct gsnap *s;
	uint32_t *lock; /* per goroutine: the lock it waits for + 1 */
	uint8_t *color; /* per goroutine */
	uint32_t path[CIRCLE_MAX], n;
	struct circle *out;
	uint32_t nout, max;
};

/* path[from..n) is a circle. */
static void found(struct search *f, uint32_t from)
{
	struct circle *c = &f->out[f->nout++];
	uint32_t n;
	c->n = f->n - from;
	c->sure = true;
	for (uint32_t i = 0; i < c->n; i++) {
		c->g[i] = f->path[from + i];
		c->obj[i] = f->lock[c->g[i]] - 1;
		c->sure &= holds_of(f->s, c->obj[i], &n)->sure;
	}
}

/* Depth is bounded by CIRCLE_MAX: longer circles are not looked for. */
static bool visit(struct search *f, uint32_t g)
{
	if (f->n == CIRCLE_MAX || f->nout == f->max)
		return false;
	f->color[g] = ON_PATH;
	f->path[f->n++] = g;
	bool closed = false;
	uint32_t n = 0, from;
	const struct gsnap_hold *h = f->lock[g] ? holds_of(f->s, f->lock[g] - 1, &n) : NULL;
	for (; n && !closed; n--, h++) {
		from = 0;
		while (from < f->n && f->path[from] != h->g)
			from++;
		if (from < f->n) {
			found(f, from);
			closed = true;
		} else if (f->color[h->g] == UNSEEN) {
			closed = visit(f, h->g);
		}
	}
	f->n--;
	f->color[g] = DONE;
	return closed;
}

uint32_t waitgraph_circles(const struct gsnap *s, struct circle *out, uint32_t max)
{
	struct search f = {.s = s,
		.lock = calloc(s->ngs + (size_t)1, sizeof *f.lock),
		.color = calloc(s->ngs + (size_t)1, 1),
		.out = out,
		.max = max};
	for (uint32_t i = 0; f.lock && i < s->nwaits; i++)
		if (s->waits[i].op == GSNAP_LOCK || s->waits[i].op == GSNAP_RLOCK)
			f.lock[s->waits[i].g] = s->waits[i].obj + 1;
	for (uint32_t i = 0; f.lock && f.color && i < s->nholds; i++)
		if (f.color[s->holds[i].g] == UNSEEN)
			visit(&f, s->holds[i].g);
	free(f.lock);
	free(f.color);
	return f.nout;
}
