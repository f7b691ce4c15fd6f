/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fmt.c - values as text (Go's fmt, %v). What is printed is one write under the stream's lock, so
 * that lines do not mix.
 */
#include "gort/fmt.h"
#include "gort/iface.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "lang/string.h"
#include "lib/strconv.h"

/* Text that is done with when the function returns: in place up to so many bytes. */
#define INPLACE 512

static void appendint(gort_builder *b, uint64_t v, bool negative)
{
	char text[MAXNUMBER];
	char *p = formatdigits(text + sizeof(text), negative ? 0 - v : v, 10);
	if (negative)
		*--p = '-';
	gort_builder_write(b, p, text + sizeof(text) - p);
}

static void appendpointer(gort_builder *b, const void *p)
{
	char text[MAXNUMBER];
	if (!p) {
		gort_builder_string(b, gort_str_view("<nil>"));
		return;
	}
	char *digits = formatdigits(text + sizeof(text), (uintptr_t)p, 16);
	gort_builder_write(b, "0x", 2);
	gort_builder_write(b, digits, text + sizeof(text) - digits);
}

static void appendelement(gort_builder *b, const struct gort_arg *a, gort_isize i)
{
	switch (a->kind) {
	case GORT_ARG_STRINGS:
		gort_builder_string(b, ((const gort_string *)(const void *)a->v.p)[i]);
		break;
	case GORT_ARG_BYTES:
		appendint(b, (uint8_t)a->v.p[i], false);
		break;
	default: {
		int32_t r = ((const int32_t *)(const void *)a->v.p)[i];
		appendint(b, (uint64_t)r, r < 0);
	}
	}
}

static void appendlist(gort_builder *b, const struct gort_arg *a)
{
	gort_builder_byte(b, '[');
	for (gort_isize i = 0; i < a->len; i++) {
		if (i)
			gort_builder_byte(b, ' ');
		appendelement(b, a, i);
	}
	gort_builder_byte(b, ']');
}

/* The value in an interface as an argument of its own. */
static struct gort_arg argof(const void *data, const struct gort_itype *t)
{
	struct gort_arg a = {t ? t->kind : GORT_ARG_POINTER, {.p = data}, 0};
	if (!t || t->size == 0)
		return a;
	memset(&a.v, 0, sizeof(a.v));
	memcpy(&a.v, data, t->size < sizeof(a.v) ? t->size : sizeof(a.v));
	if (a.kind == GORT_ARG_STRING)
		a.len = ((const gort_string *)data)->len;
	else if (a.kind == GORT_ARG_INT && t->size == 4)
		a.v.i = (int32_t)a.v.i;
	else if (a.kind == GORT_ARG_POINTER)
		a.v.p = data; /* a structure: its address */
	return a;
}

static void appendarg(gort_builder *b, const struct gort_arg *arg)
{
	struct gort_arg value = *arg;
	const struct gort_arg *a = &value;
	if (arg->kind == GORT_ARG_ANY)
		value = argof(arg->v.p, (const struct gort_itype *)(uintptr_t)arg->len);
	switch (a->kind) {
	case GORT_ARG_INT:
		appendint(b, (uint64_t)a->v.i, a->v.i < 0);
		break;
	case GORT_ARG_UINT:
		appendint(b, a->v.u, false);
		break;
	case GORT_ARG_DOUBLE:
		appendfloat(b, a->v.d, 'g', -1, 64);
		break;
	case GORT_ARG_FLOAT:
		appendfloat(b, a->v.d, 'g', -1, 32);
		break;
	case GORT_ARG_CSTRING:
		gort_builder_string(b, gort_str_view(a->v.p ? a->v.p : "<nil>"));
		break;
	case GORT_ARG_STRING:
		gort_builder_write(b, a->v.p, a->len);
		break;
	case GORT_ARG_BOOL:
		gort_builder_string(b, gort_str_view(a->v.i ? "true" : "false"));
		break;
	case GORT_ARG_ERROR:
		gort_builder_string(
			b, gort_str_view(gort_error_text((gort_error)(const void *)a->v.p)));
		break;
	case GORT_ARG_STRINGS:
	case GORT_ARG_BYTES:
	case GORT_ARG_RUNES:
		appendlist(b, a);
		break;
	default:
		appendpointer(b, a->v.p);
	}
}

void gort_builder_args(gort_builder *b, const struct gort_arg *args, int n)
{
	for (int i = 0; i < n; i++)
		appendarg(b, &args[i]);
}

gort_string gort_sprint(const struct gort_arg *args, int n)
{
	gort_builder b = {0};
	gort_builder_args(&b, args, n);
	return gort_builder_result(&b);
}

static void output(FILE *f, const struct gort_arg *args, int n, bool newline)
{
	uint8_t space[INPLACE];
	gort_builder b = {{space, 0, sizeof(space)}};
	gort_builder_args(&b, args, n);
	if (newline)
		gort_builder_byte(&b, '\n');
	fwrite(b.buf.ptr, 1, (size_t)b.buf.len, f);
}

void gort_print(const struct gort_arg *args, int n, bool newline)
{
	output(stdout, args, n, newline);
}

void gort_eprint(const struct gort_arg *args, int n, bool newline)
{
	output(stderr, args, n, newline);
}

static void appendformat(gort_builder *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	if (!b->buf.ptr)
		gort_builder_grow(b, 64);
	gort_isize room = b->buf.cap - b->buf.len;
	int n = vsnprintf((char *)b->buf.ptr + b->buf.len, (size_t)room, fmt, ap);
	if (n >= room) {
		gort_builder_grow(b, n + 1);
		vsnprintf((char *)b->buf.ptr + b->buf.len, (size_t)n + 1, fmt, again);
	}
	va_end(again);
	b->buf.len += n > 0 ? n : 0;
}

void gort_builder_printf(gort_builder *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	appendformat(b, fmt, ap);
	va_end(ap);
}

gort_string gort_sprintf(const char *fmt, ...)
{
	gort_builder b = {0};
	va_list ap;
	gort_builder_grow(&b, 64);
	va_start(ap, fmt);
	appendformat(&b, fmt, ap);
	va_end(ap);
	return gort_builder_result(&b);
}
