/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goheapstat.c - counts the objects of a copied heap, Go's or libgort's, by type, where the runtime
 * notes one, and by size class, where it does not.
 *
 * What is alive is told by the marks of a look for leaks (goleak.c): all that is reachable but for
 * the stacks of leaked goroutines. Those are marked last: what only they reach is kept from the
 * collector for nothing. When the look is refused, the heap is counted without marks.
 *
 * Rejected: guessing the types of small objects from the pointers that lead to them. A pointer to a
 * structure is one to its first member too, and a wrong name is worse than none.
 */
#include "goheapstat.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "idmap.h"

#define LARGE_KEY 2 /* and 3: no size class is that small */
#define MAX_SMALL 32768

struct counter {
	struct golook *look;
	struct probe_heap *out;
	size_t cap;
	struct idmap types, sizes; /* to rows, from 1 on */
};

static uint64_t word(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static struct probe_heap_row *row_of(struct counter *c, struct idmap *map, uint64_t key, bool *new)
{
	uint32_t i = idmap_get(map, key);
	*new = !i;
	if (i)
		return &c->out->v[i - 1];
	if (c->out->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 256;
		struct probe_heap_row *bigger = realloc(c->out->v, cap * sizeof *bigger);
		if (!bigger)
			return NULL;
		c->out->v = bigger;
		c->cap = cap;
	}
	if (!idmap_put(map, key, (uint32_t)c->out->n + 1))
		return NULL;
	c->out->v[c->out->n] = (struct probe_heap_row){0};
	return &c->out->v[c->out->n++];
}

/* A slot that holds two values or more holds an array: size classes waste an eighth at most. */
static struct probe_heap_row *typed_row(struct counter *c, uint64_t type, uint64_t room)
{
	const struct goleaker *l = c->look->l;
	const struct gotype *t = gotype_get(&c->look->mark.types, type);
	char name[256];
	bool array = t && t->size && room >= 2 * t->size, new;
	struct probe_heap_row *r = row_of(c, &c->types, type | array, &new);
	if (!r || !new)
		return r;
	if (!l->ops->type_name(l, type, name, sizeof name))
		snprintf(name, sizeof name,
			l->g ? "a type made by reflection" : "a type without a name");
	r->type = strdup(name);
	r->array = array;
	r->pointers = true;
	r->large = room > MAX_SMALL;
	return r;
}

static struct probe_heap_row *sized_row(struct counter *c, const struct gospan *s)
{
	bool noscan = s->kind == GOSPAN_NOSCAN, large = s->elemsize > MAX_SMALL, new;
	uint64_t key = large ? LARGE_KEY | noscan : s->elemsize * 2 + noscan;
	struct probe_heap_row *r = row_of(c, &c->sizes, key, &new);
	if (r && new) {
		r->pointers = !noscan;
		r->large = large;
		r->size = large ? 0 : s->elemsize;
	}
	return r;
}

static struct probe_heap_row *object_row(struct counter *c, const struct gospan *s, uint32_t i)
{
	uint64_t type = s->kind == GOSPAN_LARGE ? s->type : 0, room = s->elemsize;
	if (s->kind == GOSPAN_HEADER) {
		type = word(s->mem + i * s->elemsize);
		room -= 8;
	}
	return type ? typed_row(c, type, room) : sized_row(c, s);
}

static bool bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static bool count_object(struct counter *c, const struct gospan *s, uint32_t i, bool live, bool any)
{
	struct probe_heap_row *r = object_row(c, s, i);
	if (!r)
		return false;
	if (r->type && !r->objects)
		r->size = s->elemsize;
	r->size = r->size == s->elemsize ? r->size : 0;
	r->objects++;
	r->bytes += s->elemsize;
	r->live += live;
	r->leaked += any && !live;
	c->out->objects++;
	c->out->bytes += s->elemsize;
	c->out->live_bytes += live ? s->elemsize : 0;
	c->out->leaked_bytes += any && !live ? s->elemsize : 0;
	return true;
}

/* before: the marks of all spans as they were before leaked goroutines' stacks, or NULL. */
static int count(struct counter *c, const struct goheap *h, const uint64_t *before)
{
	for (uint32_t k = 0; k < h->nspans; k++) {
		const struct gospan *s = &h->spans[k];
		c->out->span_bytes += s->size;
		for (uint32_t i = 0; i < s->nelems; i++) {
			bool live = before && bit(before, i);
			if (gospan_inuse(s, i) && !count_object(c, s, i, live, bit(s->marks, i)))
				return -ENOMEM;
		}
		if (before)
			before += s->nelems / 64 + 1;
	}
	return 0;
}

static uint64_t *copy_marks(const struct goheap *h)
{
	size_t n = 1;
	for (uint32_t k = 0; k < h->nspans; k++)
		n += h->spans[k].nelems / 64 + 1;
	uint64_t *copy = malloc(n * sizeof *copy), *to = copy;
	for (uint32_t k = 0; copy && k < h->nspans; k++) {
		size_t len = h->spans[k].nelems / 64 + 1;
		memcpy(to, h->spans[k].marks, len * sizeof *to);
		to += len;
	}
	return copy;
}

static int by_bytes(const void *a, const void *b)
{
	const struct probe_heap_row *x = a, *y = b;
	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

int goheapstat_read(struct goleaker *l, struct probe_heap *out)
{
	struct golook look;
	const char *why = NULL;
	struct counter c = {.look = &look, .out = out};
	uint64_t *before = NULL;
	int err = golook_at(&look, l, &why);
	out->marked = !err;
	if (!err) {
		before = copy_marks(&l->heap);
		err = before ? 0 : -ENOMEM;
	}
	if (!err)
		golook_mark_leaked(&look);
	if (err == -EPROTO && l->heap.bits) {
		snprintf(out->why, sizeof out->why, "%s", why ? why : "");
		err = 0;
	}
	if (!err)
		err = count(&c, &l->heap, before);
	if (!err && out->n)
		qsort(out->v, out->n, sizeof *out->v, by_bytes);
	free(before);
	idmap_free(&c.types);
	idmap_free(&c.sizes);
	golook_free(&look);
	return err;
}
