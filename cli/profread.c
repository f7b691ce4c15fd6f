/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profread.c - a reader of profile.proto (field numbers as in pprof/encode.c), in two passes:
 * tables first, as samples refer to what comes after them. The bytes are a file's and may be
 * anything: ids and indexes are looked up, never trusted.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "profread.h"

#define MAX_SIZE ((size_t)512 << 20)

enum { P_SAMPLE_TYPE = 1, P_SAMPLE = 2, P_LOCATION = 4, P_FUNCTION = 5, P_STRING = 6, P_TIME = 9 };
enum { P_DEFAULT_TYPE = 14 };

struct field {
	uint32_t number;
	bool bytes; /* data and len are set, else value */
	uint64_t value;
	const uint8_t *data;
	size_t len;
};

struct cursor {
	const uint8_t *p, *end;
	bool bad;
};

struct slice {
	const uint8_t *data;
	size_t len;
};

struct pair {
	uint64_t id, to;
};

struct tables {
	struct slice *strings;
	struct pair *functions; /* id to name */
	struct pair *locations; /* id to function of the innermost call */
	size_t nstrings, nfunctions, nlocations, cap_strings, cap_functions, cap_locations;
	uint64_t types[16][2]; /* type and unit, strings */
	size_t ntypes, value;  /* value: which of a sample's */
	uint64_t default_type;
	bool oom;
};

static uint64_t varint(struct cursor *c)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		if (c->p == c->end)
			break;
		uint8_t b = *c->p++;
		v |= shift < 64 ? (uint64_t)(b & 0x7f) << shift : 0;
		if (b < 0x80)
			return v;
	}
	c->bad = true;
	return 0;
}

static bool next(struct cursor *c, struct field *f)
{
	if (c->p == c->end || c->bad)
		return false;
	uint64_t tag = varint(c);
	*f = (struct field){.number = (uint32_t)(tag >> 3)};
	size_t left = (size_t)(c->end - c->p), fixed = (tag & 7) == 1 ? 8 : 4;
	switch (tag & 7) {
	case 0:
		f->value = varint(c);
		return !c->bad;
	case 2:
		f->len = varint(c);
		f->bytes = true;
		f->data = c->p;
		c->bad |= f->len > (size_t)(c->end - c->p);
		c->p += c->bad ? 0 : f->len;
		return !c->bad;
	case 1:
	case 5:
		c->bad |= left < fixed;
		c->p += c->bad ? 0 : fixed;
		return !c->bad;
	}
	c->bad = true;
	return false;
}

static struct cursor inside(const struct field *f)
{
	return f->bytes ? (struct cursor){f->data, f->data + f->len, false}
			: (struct cursor){.bad = true};
}

static void *push(struct tables *t, void **array, size_t *n, size_t *cap, size_t size)
{
	if (*n == *cap) {
		size_t want = *cap ? *cap * 2 : 256;
		void *bigger = realloc(*array, want * size);
		if (!bigger) {
			t->oom = true;
			return NULL;
		}
		*array = bigger;
		*cap = want;
	}
	return (char *)*array + (*n)++ * size;
}

static void add_pair(
	struct tables *t, struct pair **array, size_t *n, size_t *cap, struct pair value)
{
	struct pair *p = push(t, (void **)array, n, cap, sizeof *p);
	if (p)
		*p = value;
}

/* Two fields of a nested message, 0 where they are missing; the first of several counts. */
static struct pair two(const struct field *f, uint32_t a, uint32_t b)
{
	struct cursor c = inside(f);
	struct field in;
	struct pair got = {0, 0};
	while (next(&c, &in)) {
		if (in.number == a && !got.id)
			got.id = in.value;
		else if (in.number == b && !got.to)
			got.to = in.value;
	}
	return got;
}

static struct pair location(const struct field *f)
{
	struct cursor c = inside(f);
	struct field in;
	struct pair got = {0, 0};
	while (next(&c, &in)) {
		if (in.number == 1)
			got.id = in.value;
		else if (in.number == 4 && in.bytes && !got.to)
			got.to = two(&in, 1, 2).id; /* the first line is the innermost call */
	}
	return got;
}

static void collect(struct tables *t, struct profread *r, const struct field *f)
{
	struct slice *s;
	switch (f->number) {
	case P_SAMPLE_TYPE:
		if (f->bytes && t->ntypes < 16) {
			struct pair p = two(f, 1, 2);
			t->types[t->ntypes][0] = p.id;
			t->types[t->ntypes++][1] = p.to;
		}
		break;
	case P_LOCATION:
		add_pair(t, &t->locations, &t->nlocations, &t->cap_locations, location(f));
		break;
	case P_FUNCTION:
		add_pair(t, &t->functions, &t->nfunctions, &t->cap_functions, two(f, 1, 2));
		break;
	case P_STRING:
		s = push(t, (void **)&t->strings, &t->nstrings, &t->cap_strings, sizeof *s);
		if (s)
			*s = (struct slice){f->data, f->bytes ? f->len : 0};
		break;
	case P_TIME:
		r->time_ns = (int64_t)f->value;
		break;
	case P_DEFAULT_TYPE:
		t->default_type = f->value;
		break;
	}
}

static int by_id(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	return x->id == y->id ? 0 : x->id < y->id ? -1 : 1;
}

static uint64_t find(const struct pair *pairs, size_t n, uint64_t id)
{
	struct pair key = {id, 0};
	const struct pair *p = n ? bsearch(&key, pairs, n, sizeof *pairs, by_id) : NULL;
	return p ? p->to : 0;
}

static void text(const struct tables *t, uint64_t i, char *buf, size_t size)
{
	const struct slice *s = i < t->nstrings ? &t->strings[i] : NULL;
	snprintf(buf, size, "%.*s", s ? (int)(s->len < size ? s->len : size - 1) : 0,
		s ? (const char *)s->data : "");
}

/* Element number `which` of a repeated number, packed or not. */
static bool element(const struct field *f, size_t *seen, size_t which, uint64_t *value)
{
	struct cursor c = inside(f);
	if (!f->bytes) {
		*value = f->value;
		return (*seen)++ == which;
	}
	while (c.p < c.end && !c.bad) {
		uint64_t v = varint(&c);
		if ((*seen)++ == which) {
			*value = v;
			return !c.bad;
		}
	}
	return false;
}

static void sample(const struct tables *t, struct profread *r, const struct field *f)
{
	struct cursor c = inside(f);
	struct field in;
	uint64_t leaf = 0, value = 0;
	size_t nlocs = 0, nvalues = 0;
	char name[1024];
	while (next(&c, &in)) {
		if (in.number == 1 && nlocs == 0)
			element(&in, &nlocs, 0, &leaf);
		else if (in.number == 2 && nvalues <= t->value)
			element(&in, &nvalues, t->value, &value);
	}
	uint64_t function = find(t->locations, t->nlocations, leaf);
	text(t, find(t->functions, t->nfunctions, function), name, sizeof name);
	r->total = (int64_t)((uint64_t)r->total + value);
	r->sample(r->ctx, name, (int64_t)value);
}

/* The interesting value is the last one, unless the profile names another. */
static void choose(struct tables *t, struct profread *r)
{
	if (t->ntypes == 0)
		return;
	t->value = t->ntypes - 1;
	for (size_t i = 0; t->default_type && i < t->ntypes; i++)
		if (t->types[i][0] == t->default_type)
			t->value = i;
	text(t, t->types[t->value][0], r->type, sizeof r->type);
	text(t, t->types[t->value][1], r->unit, sizeof r->unit);
}

int profread(struct profread *r, const uint8_t *data, size_t len)
{
	struct tables t = {0};
	struct cursor c = {data, data + len, false};
	struct field f;
	r->total = r->time_ns = 0;
	r->type[0] = r->unit[0] = '\0';
	while (next(&c, &f) && !t.oom)
		collect(&t, r, &f);
	bool bad = c.bad || t.ntypes == 0 || t.nstrings == 0;
	if (!bad && !t.oom) {
		if (t.nlocations)
			qsort(t.locations, t.nlocations, sizeof *t.locations, by_id);
		if (t.nfunctions)
			qsort(t.functions, t.nfunctions, sizeof *t.functions, by_id);
		choose(&t, r);
		for (c = (struct cursor){data, data + len, false}; next(&c, &f);)
			if (f.number == P_SAMPLE)
				sample(&t, r, &f);
	}
	free(t.strings);
	free(t.functions);
	free(t.locations);
	return t.oom ? -ENOMEM : bad ? -EPROTO : 0;
}

static int inflate_all(z_stream *z, uint8_t **out, size_t *outlen)
{
	size_t cap = 0;
	int rc;
	do {
		if (*outlen == cap) {
			if (cap >= MAX_SIZE)
				return -EFBIG;
			cap = cap ? cap * 2 : 1 << 16;
			uint8_t *bigger = realloc(*out, cap);
			if (!bigger)
				return -ENOMEM;
			*out = bigger;
		}
		z->next_out = *out + *outlen;
		z->avail_out = (unsigned)(cap - *outlen);
		rc = inflate(z, Z_NO_FLUSH);
		*outlen = cap - z->avail_out;
	} while (rc == Z_OK);
	return rc == Z_STREAM_END ? 0 : -EPROTO;
}

int profread_gunzip(const uint8_t *data, size_t len, uint8_t **out, size_t *outlen)
{
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)data,
		.avail_in = len < UINT32_MAX ? (unsigned)len : UINT32_MAX};
	*out = NULL;
	*outlen = 0;
	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
		return -ENOMEM;
	int rc = inflate_all(&z, out, outlen);
	inflateEnd(&z);
	if (rc) {
		free(*out);
		*out = NULL;
	}
	return rc;
}
