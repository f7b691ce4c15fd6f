/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * show.c - values of declared types as Go's %v shows them (Go's fmt/print.go). Only the pointer at
 * the top is followed, so there are no cycles. Keys of maps are sorted as by Go's fmtsort: numbers,
 * then text, by their size; structures by their first field that differs.
 */
#include "gort/equal.h"

#include <stdlib.h>
#include <string.h>

#include "gort/fmt.h"
#include "gort/iface.h"
#include "gort/map.h"
#include "lang/string.h"

typedef const struct gort_equaltype *type;

static void show(gort_builder *b, type t, const char *p, bool top);

/* ---- numbers ---- */

static int64_t load(type t, const void *p)
{
	uint64_t v = 0;
	memcpy(&v, p, t->size);
	if (t->shown != GORT_ARG_INT)
		return (int64_t)v;
	unsigned unused = 64 - 8 * (unsigned)t->size;
	return (int64_t)(v << unused) >> unused;
}

static double real(type t, const void *p)
{
	float f;
	double d;
	if (t->kind == GORT_EQUAL_F64)
		return memcpy(&d, p, sizeof(d)), d;
	return memcpy(&f, p, sizeof(f)), (double)f;
}

static struct gort_arg argof(type t, const void *p)
{
	switch (t->kind) {
	case GORT_EQUAL_F32:
		return (struct gort_arg){GORT_ARG_FLOAT, {.d = real(t, p)}, 0};
	case GORT_EQUAL_F64:
		return (struct gort_arg){GORT_ARG_DOUBLE, {.d = real(t, p)}, 0};
	case GORT_EQUAL_TEXT:
		return (struct gort_arg){GORT_ARG_STRING, {.p = ((const gort_string *)p)->ptr},
			((const gort_string *)p)->len};
	case GORT_EQUAL_ANY: {
		const gort_any *a = p;
		return (struct gort_arg){
			GORT_ARG_ANY, {.p = a->data}, (gort_isize)(uintptr_t)a->type};
	}
	default:
		return (struct gort_arg){t->shown, {.i = load(t, p)}, 0};
	}
}

/* ---- maps ---- */

struct entry {
	const char *key, *val;
	type t; /* of key */
};

static int order(type t, const char *a, const char *b);

static int orderfields(type t, const char *a, const char *b)
{
	for (int i = 0; i < t->nfields; i++) {
		const struct gort_equalfield *f = &t->fields[i];
		for (size_t k = 0; k < f->count; k++) {
			size_t at = f->offset + k * f->type->size;
			int less = order(f->type, a + at, b + at);
			if (less)
				return less;
		}
	}
	return 0;
}

/* NaN comes first. */
static int orderreal(double a, double b)
{
	if (a != a || b != b)
		return (b != b) - (a != a);
	return (a > b) - (a < b);
}

static int order(type t, const char *a, const char *b)
{
	int64_t i, k;
	switch (t->kind) {
	case GORT_EQUAL_TEXT:
		return gort_str_compare(*(const gort_string *)(const void *)a,
			*(const gort_string *)(const void *)b);
	case GORT_EQUAL_F32:
	case GORT_EQUAL_F64:
		return orderreal(real(t, a), real(t, b));
	case GORT_EQUAL_REC:
		return orderfields(t, a, b);
	case GORT_EQUAL_BYTES:
		i = load(t, a);
		k = load(t, b);
		if (t->shown == GORT_ARG_INT)
			return (i > k) - (i < k);
		return ((uint64_t)i > (uint64_t)k) - ((uint64_t)i < (uint64_t)k);
	default:
		return 0;
	}
}

static int byorder(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	return order(x->t, x->key, y->key);
}

static struct entry *entries(type t, struct gort_map *m, gort_isize n)
{
	struct entry *all = gort_new_array(struct entry, (size_t)n);
	struct gort_mapiter it;
	gort_isize i = 0;
	for (gort_mapiter_begin(&it, m); it.key && i < n; gort_mapiter_next(&it))
		all[i++] = (struct entry){it.key, it.val, t->key};
	qsort(all, (size_t)i, sizeof(*all), byorder);
	return all;
}

static void showmap(gort_builder *b, type t, struct gort_map *m)
{
	gort_isize n = m ? m->len : 0;
	struct entry *all = n ? entries(t, m, n) : NULL;
	gort_builder_string(b, gort_str_view("map["));
	for (gort_isize i = 0; i < n; i++) {
		if (i)
			gort_builder_byte(b, ' ');
		show(b, t->key, all[i].key, false);
		gort_builder_byte(b, ':');
		show(b, t->elem, all[i].val, false);
	}
	gort_builder_byte(b, ']');
}

/* ---- what has parts ---- */

static void showlist(gort_builder *b, type t, const char *p, gort_isize n)
{
	gort_builder_byte(b, '[');
	for (gort_isize i = 0; i < n; i++) {
		if (i)
			gort_builder_byte(b, ' ');
		show(b, t, p + (size_t)i * t->size, false);
	}
	gort_builder_byte(b, ']');
}

static void showstruct(gort_builder *b, type t, const char *p)
{
	gort_builder_byte(b, '{');
	for (int i = 0; i < t->nfields; i++) {
		const struct gort_equalfield *f = &t->fields[i];
		if (i)
			gort_builder_byte(b, ' ');
		if (f->count == 1)
			show(b, f->type, p + f->offset, false);
		else
			showlist(b, f->type, p + f->offset, (gort_isize)f->count);
	}
	gort_builder_byte(b, '}');
}

static void showpointer(gort_builder *b, type t, const char *p, bool top)
{
	if (p && top && t->elem->kind == GORT_EQUAL_REC) {
		gort_builder_byte(b, '&');
		showstruct(b, t->elem, p);
		return;
	}
	struct gort_arg a = {GORT_ARG_POINTER, {.p = p}, 0};
	gort_builder_args(b, &a, 1);
}

static void show(gort_builder *b, type t, const char *p, bool top)
{
	struct gort_arg a;
	const gort_bytes *s = (const void *)p;
	switch (t->kind) {
	case GORT_EQUAL_REC:
		showstruct(b, t, p);
		break;
	case GORT_EQUAL_LIST:
		showlist(b, t->elem, (const char *)s->ptr, s->len);
		break;
	case GORT_EQUAL_TABLE:
		showmap(b, t, *(struct gort_map *const *)(const void *)p);
		break;
	case GORT_EQUAL_PTR:
		showpointer(b, t, *(const char *const *)(const void *)p, top);
		break;
	default:
		a = argof(t, p);
		gort_builder_args(b, &a, 1);
	}
}

gort_string gort_showtext(const struct gort_equaltype *t, const void *p)
{
	gort_builder b = {0};
	show(&b, t, p, true);
	return gort_builder_result(&b);
}
