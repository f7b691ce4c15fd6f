/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * deepequal.c - Go's reflect.DeepEqual, along descriptors that the program declares.
 *
 * Pairs of slices, maps and pointers that are under way, or done, are kept in a map: met again they
 * count as equal, as whatever makes them unequal is found where they were met first. So cycles end,
 * and shared parts are compared once.
 */
#include "gort/equal.h"

#include <string.h>

#include "gort/iface.h"
#include "gort/strings.h"
#include "lang/map.h"

struct pair {
	const void *a, *b;
	const struct gort_equaltype *t;
};

struct walk {
	struct gort_map *met; /* of struct pair; NULL: none yet */
};

static uint64_t hashpair(const void *key, uint64_t seed)
{
	const struct pair *p = key;
	return gort_mix((uintptr_t)p->a ^ seed, (uintptr_t)p->b ^ GORT_HASH2) ^ (uintptr_t)p->t;
}

static bool samepair(const void *x, const void *y)
{
	return memcmp(x, y, sizeof(struct pair)) == 0;
}

static const struct gort_keytype pairtype = {.size = sizeof(struct pair),
	.align = _Alignof(struct pair),
	.kind = GORT_KEY_OTHER,
	.scan = true,
	.hash = hashpair,
	.equal = samepair};

/* Whether the pair was met before; from now on it was. */
static bool met(struct walk *w, const struct gort_equaltype *t, const void *a, const void *b)
{
	struct pair p = a < b ? (struct pair){a, b, t} : (struct pair){b, a, t};
	if (!w->met)
		w->met = gort_map_make(&pairtype, 0, 1, false, 0);
	if (gort_map_get(w->met, &p))
		return true;
	gort_map_at(w->met, &p);
	return false;
}

static bool equal(struct walk *w, const struct gort_equaltype *t, const void *a, const void *b);

static bool equalall(
	struct walk *w, const struct gort_equaltype *t, const char *a, const char *b, size_t n)
{
	if (t->kind == GORT_EQUAL_BYTES)
		return n == 0 || memcmp(a, b, n * t->size) == 0;
	for (size_t i = 0; i < n; i++) {
		if (!equal(w, t, a + i * t->size, b + i * t->size))
			return false;
	}
	return true;
}

static bool equallist(
	struct walk *w, const struct gort_equaltype *t, const gort_bytes *a, const gort_bytes *b)
{
	if (!a->ptr != !b->ptr || a->len != b->len)
		return false;
	if (a->ptr == b->ptr)
		return true;
	if (t->elem->kind > GORT_EQUAL_ANY && a->len > 0 && met(w, t, a->ptr, b->ptr))
		return true;
	return equalall(w, t->elem, (const char *)a->ptr, (const char *)b->ptr, (size_t)a->len);
}

static bool equaltable(
	struct walk *w, const struct gort_equaltype *t, struct gort_map *a, struct gort_map *b)
{
	struct gort_mapiter it;
	if (a == b)
		return true;
	if (!a || !b || a->len != b->len)
		return false;
	if (met(w, t, a, b))
		return true;
	for (gort_mapiter_begin(&it, a); it.key; gort_mapiter_next(&it)) {
		const void *other = gort_map_get(b, it.key);
		if (!other || !equal(w, t->elem, it.val, other))
			return false;
	}
	return true;
}

static bool equalrec(struct walk *w, const struct gort_equaltype *t, const char *a, const char *b)
{
	for (int i = 0; i < t->nfields; i++) {
		const struct gort_equalfield *f = &t->fields[i];
		if (!equalall(w, f->type, a + f->offset, b + f->offset, f->count))
			return false;
	}
	return true;
}

static bool equalpointer(
	struct walk *w, const struct gort_equaltype *t, const void *a, const void *b)
{
	if (a == b)
		return true;
	if (!a || !b)
		return false;
	return met(w, t, a, b) || equal(w, t->elem, a, b);
}

static bool equal(struct walk *w, const struct gort_equaltype *t, const void *a, const void *b)
{
	switch (t->kind) {
	case GORT_EQUAL_BYTES:
		return memcmp(a, b, t->size) == 0;
	case GORT_EQUAL_F32:
		return *(const float *)a == *(const float *)b;
	case GORT_EQUAL_F64:
		return *(const double *)a == *(const double *)b;
	case GORT_EQUAL_TEXT:
		return gort_str_equal(*(const gort_string *)a, *(const gort_string *)b);
	case GORT_EQUAL_ANY:
		return gort_any_equal(*(const gort_any *)a, *(const gort_any *)b);
	case GORT_EQUAL_REC:
		return equalrec(w, t, a, b);
	case GORT_EQUAL_LIST:
		return equallist(w, t, a, b);
	case GORT_EQUAL_TABLE:
		return equaltable(w, t, *(struct gort_map *const *)a, *(struct gort_map *const *)b);
	default:
		return equalpointer(w, t, *(void *const *)a, *(void *const *)b);
	}
}

bool gort_deepequal(const struct gort_equaltype *t, const void *a, const void *b)
{
	struct walk w = {NULL};
	return equal(&w, t, a, b);
}

#define BASIC(name, kind, size, shown) \
	const struct gort_equaltype gort_equal_##name = {kind, size, NULL, NULL, 0, NULL, shown}

BASIC(i1, GORT_EQUAL_BYTES, 1, GORT_ARG_INT);
BASIC(i2, GORT_EQUAL_BYTES, 2, GORT_ARG_INT);
BASIC(i4, GORT_EQUAL_BYTES, 4, GORT_ARG_INT);
BASIC(i8, GORT_EQUAL_BYTES, 8, GORT_ARG_INT);
BASIC(u1, GORT_EQUAL_BYTES, 1, GORT_ARG_UINT);
BASIC(u2, GORT_EQUAL_BYTES, 2, GORT_ARG_UINT);
BASIC(u4, GORT_EQUAL_BYTES, 4, GORT_ARG_UINT);
BASIC(u8, GORT_EQUAL_BYTES, 8, GORT_ARG_UINT);
BASIC(bool, GORT_EQUAL_BYTES, 1, GORT_ARG_BOOL);
BASIC(error, GORT_EQUAL_BYTES, sizeof(gort_error), GORT_ARG_ERROR);
BASIC(f32, GORT_EQUAL_F32, sizeof(float), 0);
BASIC(f64, GORT_EQUAL_F64, sizeof(double), 0);
BASIC(text, GORT_EQUAL_TEXT, sizeof(gort_string), 0);
BASIC(iface, GORT_EQUAL_ANY, sizeof(gort_any), 0);
