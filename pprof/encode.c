/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * encode.c - writes a built profile as gzip-compressed profile.proto. Field numbers are those of
 * github.com/google/pprof/proto/profile.proto.
 *
 * A mapping claims has_functions (and has_filenames, has_line_numbers) only when that is true for
 * each of its locations: a reader skips its own symbolization of a mapping that claims any of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gzip.h"
#include "profile.h"

enum { /* message Profile */
	P_SAMPLE_TYPE = 1,
	P_SAMPLE = 2,
	P_MAPPING = 3,
	P_LOCATION = 4,
	P_FUNCTION = 5,
	P_STRING = 6,
	P_TIME = 9,
	P_DURATION = 10,
	P_PERIOD_TYPE = 11,
	P_PERIOD = 12,
	P_DEFAULT_TYPE = 14,
};

struct mapping_facts {
	bool used, functions, filenames, lines, inlined;
};

struct value_type {
	const char *type, *unit;
};

#define ALLOCATIONS                                                                               \
	{                                                                                         \
		{"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"}, \
		{                                                                                 \
			"inuse_space", "bytes"                                                    \
		}                                                                                 \
	}

static const struct value_type value_types[][PPROF_VALUES_MAX] = {
	[PPROF_CPU] = {{"samples", "count"}, {"cpu", "nanoseconds"}},
	[PPROF_GOROUTINE] = {{"goroutine", "count"}},
	[PPROF_GOROUTINELEAK] = {{"goroutineleak", "count"}},
	[PPROF_THREADCREATE] = {{"threadcreate", "count"}},
	[PPROF_HEAP] = ALLOCATIONS,
	[PPROF_ALLOCS] = ALLOCATIONS,
	[PPROF_CONTENTION] = {{"contentions", "count"}, {"delay", "nanoseconds"}},
};

static const struct value_type period_types[] = {
	[PPROF_CPU] = {"cpu", "nanoseconds"},
	[PPROF_GOROUTINE] = {"goroutine", "count"},
	[PPROF_GOROUTINELEAK] = {"goroutineleak", "count"},
	[PPROF_THREADCREATE] = {"threadcreate", "count"},
	[PPROF_HEAP] = {"space", "bytes"},
	[PPROF_ALLOCS] = {"space", "bytes"},
	[PPROF_CONTENTION] = {"contentions", "count"},
};

static void put_value_type(
	struct pbuf *b, struct pprof *p, uint32_t field, const struct value_type *t)
{
	size_t mark = pb_open(b, field);
	pb_uint(b, 1, profile_string(p, t->type));
	pb_uint(b, 2, profile_string(p, t->unit));
	pb_close(b, mark);
}

static void put_types(struct pbuf *b, struct pprof *p)
{
	for (uint32_t v = 0; v < profile_nvalues(p->kind); v++)
		put_value_type(b, p, P_SAMPLE_TYPE, &value_types[p->kind][v]);
	put_value_type(b, p, P_PERIOD_TYPE, &period_types[p->kind]);
	if (p->kind == PPROF_ALLOCS)
		pb_uint(b, P_DEFAULT_TYPE, profile_string(p, "alloc_space"));
	pb_uint(b, P_PERIOD, (uint64_t)p->period);
	pb_uint(b, P_TIME, (uint64_t)p->time_ns);
	pb_uint(b, P_DURATION, (uint64_t)p->duration_ns);
}

static void put_label(struct pbuf *b, const struct profile_label *l)
{
	size_t mark = pb_open(b, 3);
	pb_uint(b, 1, l->key);
	pb_uint(b, 2, l->value);
	pb_uint(b, 3, (uint64_t)l->num);
	pb_close(b, mark);
}

static int by_count(const void *a, const void *b)
{
	const struct profile_sample *x = a, *y = b;
	if (x->values[0] != y->values[0])
		return x->values[0] < y->values[0] ? 1 : -1;
	return x->loc < y->loc ? -1 : x->loc > y->loc; /* stacks are laid out in order of arrival */
}

/* A sorted copy: pprof_sample may still be called after an encode, and the index must stay true. */
static void put_samples(struct pbuf *b, const struct pprof *p)
{
	struct profile_sample *sorted = calloc(p->nsamples + 1, sizeof *sorted);
	if (!sorted) {
		b->oom = true;
		return;
	}
	if (p->nsamples)
		memcpy(sorted, p->samples, p->nsamples * sizeof *sorted);
	qsort(sorted, p->nsamples, sizeof *sorted, by_count);
	for (uint32_t i = 0; i < p->nsamples; i++) {
		const struct profile_sample *s = &sorted[i];
		uint64_t values[PPROF_VALUES_MAX], any = 0;
		for (uint32_t v = 0; v < PPROF_VALUES_MAX; v++)
			any |= values[v] = (uint64_t)s->values[v];
		if (!any) /* what did not change is no part of a delta */
			continue;
		size_t mark = pb_open(b, P_SAMPLE);
		if (s->nlocs)
			pb_packed(b, 1, p->stacks + s->loc, s->nlocs);
		pb_packed(b, 2, values, profile_nvalues(p->kind));
		for (uint32_t k = 0; k < s->nlabels; k++)
			put_label(b, &p->labels[s->label + k]);
		pb_close(b, mark);
	}
	free(sorted);
}

/* Index of the mapping that holds addr; a profile without mappings has one that holds all. */
static uint32_t find_mapping(const struct pprof *p, uint64_t addr)
{
	if (p->nmappings == 0)
		return 0;
	for (uint32_t i = 0; i < p->nmappings; i++)
		if (addr >= p->mappings[i].start && addr < p->mappings[i].limit)
			return i;
	return INDEX_NONE;
}

static void learn(struct mapping_facts *f, const struct pprof *p, const struct profile_location *l)
{
	if (!f->used)
		*f = (struct mapping_facts){true, true, true, true, false};
	f->functions &= l->nlines > 0;
	f->filenames &= l->nlines > 0;
	f->lines &= l->nlines > 0;
	f->inlined |= l->nlines > 1;
	for (uint32_t i = l->line; i < l->line + l->nlines; i++) {
		f->filenames &= p->funcs[p->lines[i].func].file != 0;
		f->lines &= p->lines[i].line != 0;
	}
}

static void put_locations(struct pbuf *b, const struct pprof *p, struct mapping_facts *facts)
{
	for (uint32_t i = 0; i < p->nlocations; i++) {
		const struct profile_location *l = &p->locations[i];
		uint32_t m = find_mapping(p, l->addr);
		size_t mark = pb_open(b, P_LOCATION);
		pb_uint(b, 1, i + 1);
		if (m != INDEX_NONE) {
			pb_uint(b, 2, m + 1);
			learn(&facts[m], p, l);
		}
		pb_uint(b, 3, l->addr);
		for (uint32_t k = l->line; k < l->line + l->nlines; k++) {
			size_t line = pb_open(b, 4);
			pb_uint(b, 1, p->lines[k].func + 1);
			pb_uint(b, 2, p->lines[k].line);
			pb_close(b, line);
		}
		pb_close(b, mark);
	}
}

static void put_mapping(
	struct pbuf *b, uint32_t id, const struct profile_mapping *m, const struct mapping_facts *f)
{
	size_t mark = pb_open(b, P_MAPPING);
	pb_uint(b, 1, id);
	pb_uint(b, 2, m->start);
	pb_uint(b, 3, m->limit);
	pb_uint(b, 4, m->offset);
	pb_uint(b, 5, m->file);
	pb_uint(b, 6, m->build_id);
	pb_uint(b, 7, f->functions);
	pb_uint(b, 8, f->functions && f->filenames);
	pb_uint(b, 9, f->functions && f->lines);
	pb_uint(b, 10, f->functions && f->inlined);
	pb_close(b, mark);
}

static void put_mappings(struct pbuf *b, const struct pprof *p, const struct mapping_facts *facts)
{
	static const struct profile_mapping everything;
	if (p->nmappings == 0)
		put_mapping(b, 1, &everything, &facts[0]);
	for (uint32_t i = 0; i < p->nmappings; i++)
		put_mapping(b, i + 1, &p->mappings[i], &facts[i]);
}

static void put_functions(struct pbuf *b, const struct pprof *p)
{
	for (uint32_t i = 0; i < p->nfuncs; i++) {
		size_t mark = pb_open(b, P_FUNCTION);
		pb_uint(b, 1, i + 1);
		pb_uint(b, 2, p->funcs[i].name);
		pb_uint(b, 3, p->funcs[i].name);
		pb_uint(b, 4, p->funcs[i].file);
		pb_close(b, mark);
	}
}

/* Last: the fields before may have added strings. */
static void put_strings(struct pbuf *b, const struct pprof *p)
{
	for (uint32_t i = 0; i < p->nstrs; i++)
		pb_bytes(b, P_STRING, p->text.data + p->strs[i].off, p->strs[i].len);
}

int pprof_encode(struct pprof *p, unsigned char **out, size_t *len)
{
	struct pbuf body = {0}, file = {0};
	struct mapping_facts *facts = calloc(p->nmappings + 1, sizeof *facts);
	int err = -ENOMEM;
	if (!facts || p->oom)
		goto out;
	put_types(&body, p);
	put_samples(&body, p);
	put_locations(&body, p, facts);
	put_functions(&body, p);
	put_mappings(&body, p, facts);
	put_strings(&body, p);
	gzip_store(&file, body.data, body.len);
	if (p->oom || body.oom || file.oom)
		goto out;
	*out = file.data;
	*len = file.len;
	file.data = NULL;
	err = 0;
out:
	free(facts);
	pb_free(&body);
	pb_free(&file);
	return err;
}
