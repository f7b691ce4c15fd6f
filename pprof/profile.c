/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.c - builds a profile: tables of strings, functions, locations and samples, each entry
 * once. Follows runtime/pprof/proto.go (profileBuilder) in what it keeps and in its order: ids are
 * dense and in order of first use, so equal input gives equal bytes.
 */
#include <stdlib.h>
#include <string.h>

#include "profile.h"

static void *grow(struct pprof *p, void *array, uint32_t len, uint32_t *cap, size_t size)
{
	if (p->oom || len < *cap)
		return p->oom ? NULL : array;
	uint32_t want = *cap ? *cap * 2 : 64;
	void *bigger = want > len ? realloc(array, want * size) : NULL;
	if (!bigger) {
		p->oom = true;
		return NULL;
	}
	*cap = want;
	return bigger;
}

/* Appends one zeroed entry to a table of the profile; NULL when out of memory. */
#define PUSH(p, table)                                                                          \
	__extension__({                                                                         \
		void *push_ = grow(                                                             \
			(p), (p)->table, (p)->n##table, &(p)->cap_##table, sizeof *(p)->table); \
		if (push_) {                                                                    \
			(p)->table = push_;                                                     \
			memset(&(p)->table[(p)->n##table++], 0, sizeof *(p)->table);            \
		}                                                                               \
		push_ ? &(p)->table[(p)->n##table - 1] : NULL;                                  \
	})

uint32_t profile_nvalues(enum pprof_kind kind)
{
	if (kind == PPROF_HEAP || kind == PPROF_ALLOCS)
		return 4;
	return kind == PPROF_CPU || kind == PPROF_CONTENTION ? 2 : 1;
}

struct pprof *pprof_new(enum pprof_kind kind, int64_t period)
{
	struct pprof *p = calloc(1, sizeof *p);
	if (!p)
		return NULL;
	p->kind = kind;
	p->period = period;
	profile_string(p, "");
	if (p->oom) {
		pprof_free(p);
		return NULL;
	}
	return p;
}

void pprof_free(struct pprof *p)
{
	if (!p)
		return;
	pb_free(&p->text);
	index_free(&p->str_index);
	index_free(&p->func_index);
	index_free(&p->location_index);
	index_free(&p->sample_index);
	free(p->strs);
	free(p->funcs);
	free(p->locations);
	free(p->lines);
	free(p->samples);
	free(p->stacks);
	free(p->labels);
	free(p->mappings);
	free(p);
}

void pprof_set_time(struct pprof *p, int64_t unix_ns, int64_t duration_ns)
{
	p->time_ns = unix_ns;
	p->duration_ns = duration_ns;
}

/* Registers the newest entry of a table; without its index entry the table is of no use. */
static void index_newest(struct pprof *p, struct index *x, uint64_t hash)
{
	if (!p->oom && !index_add(x, hash))
		p->oom = true;
}

static bool same_string(const void *owner, uint32_t i, const void *key)
{
	const struct pprof *p = owner;
	const char *text = key;
	size_t len = strlen(text);
	return p->strs[i].len == len &&
	       (len == 0 || !memcmp(p->text.data + p->strs[i].off, text, len));
}

uint32_t profile_string(struct pprof *p, const char *text)
{
	if (!text)
		text = "";
	size_t len = strlen(text);
	uint64_t hash = index_hash(text, len);
	uint32_t i = index_find(&p->str_index, hash, same_string, p, text);
	if (i != INDEX_NONE)
		return i;
	size_t off = p->text.len;
	pb_raw(&p->text, text, len);
	struct profile_str *s = PUSH(p, strs);
	if (p->text.oom || !s) {
		p->oom = true;
		return 0;
	}
	*s = (struct profile_str){off, len};
	index_newest(p, &p->str_index, hash);
	return p->nstrs - 1;
}

static bool same_func(const void *owner, uint32_t i, const void *key)
{
	return !memcmp(&((const struct pprof *)owner)->funcs[i], key, sizeof(struct profile_func));
}

static uint32_t function_index(struct pprof *p, const char *name, const char *file)
{
	struct profile_func key = {profile_string(p, name), profile_string(p, file)};
	uint64_t hash = index_mix(key.name, key.file);
	uint32_t i = index_find(&p->func_index, hash, same_func, p, &key);
	if (i != INDEX_NONE)
		return i;
	struct profile_func *f = PUSH(p, funcs);
	if (!f)
		return 0;
	*f = key;
	index_newest(p, &p->func_index, hash);
	return p->nfuncs - 1;
}

void pprof_add_mapping(struct pprof *p, const struct gsnap_map *m)
{
	struct profile_mapping fresh = {m->start, m->limit, m->offset, profile_string(p, m->file),
		profile_string(p, m->build_id)};
	struct profile_mapping *slot = PUSH(p, mappings);
	if (slot)
		*slot = fresh;
}

static bool same_location(const void *owner, uint32_t i, const void *key)
{
	return ((const struct pprof *)owner)->locations[i].addr == *(const uint64_t *)key;
}

/* An unnamed line is no line: a function without a name is an error to readers. */
static void add_lines(struct pprof *p, const struct pprof_line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!lines[i].func || !*lines[i].func)
			continue;
		uint32_t func = function_index(p, lines[i].func, lines[i].file);
		struct profile_line *l = PUSH(p, lines);
		if (l)
			*l = (struct profile_line){func, lines[i].line};
	}
}

uint64_t pprof_location(struct pprof *p, uint64_t addr, const struct pprof_line *lines, size_t n)
{
	uint64_t hash = index_mix(1, addr);
	uint32_t i = index_find(&p->location_index, hash, same_location, p, &addr);
	if (i != INDEX_NONE)
		return i + 1;
	uint32_t first = p->nlines;
	add_lines(p, lines, n);
	struct profile_location *l = PUSH(p, locations);
	if (!l)
		return 0;
	*l = (struct profile_location){addr, first, p->nlines - first};
	index_newest(p, &p->location_index, hash);
	return p->nlocations;
}

struct sample_key {
	const uint64_t *locs;
	size_t nlocs;
	const struct profile_label *labels;
	size_t nlabels;
};

static bool same_sample(const void *owner, uint32_t i, const void *key)
{
	const struct pprof *p = owner;
	const struct profile_sample *s = &p->samples[i];
	const struct sample_key *k = key;
	return s->nlocs == k->nlocs && s->nlabels == k->nlabels &&
	       (k->nlabels == 0 ||
		       !memcmp(p->labels + s->label, k->labels, k->nlabels * sizeof *k->labels)) &&
	       (k->nlocs == 0 || !memcmp(p->stacks + s->loc, k->locs, k->nlocs * sizeof *k->locs));
}

static struct profile_sample *add_sample(struct pprof *p, const struct sample_key *k)
{
	uint32_t first = p->nstacks, label = p->nlabels;
	for (size_t i = 0; i < k->nlocs; i++) {
		uint64_t *slot = PUSH(p, stacks);
		if (!slot)
			return NULL;
		*slot = k->locs[i];
	}
	for (size_t i = 0; i < k->nlabels; i++) {
		struct profile_label *slot = PUSH(p, labels);
		if (!slot)
			return NULL;
		*slot = k->labels[i];
	}
	struct profile_sample *s = PUSH(p, samples);
	if (s)
		*s = (struct profile_sample){
			first, p->nstacks - first, label, p->nlabels - label, {0}};
	return s;
}

static void count_sample(struct pprof *p, const struct sample_key *k, const int64_t *values)
{
	uint64_t hash = 0;
	for (size_t i = 0; i < k->nlabels; i++)
		hash = index_mix(
			hash + k->labels[i].key, k->labels[i].value + (uint64_t)k->labels[i].num);
	for (size_t i = 0; i < k->nlocs; i++)
		hash = index_mix(hash, k->locs[i]);
	uint32_t i = index_find(&p->sample_index, hash, same_sample, p, k);
	struct profile_sample *s;
	if (i != INDEX_NONE) {
		s = &p->samples[i];
	} else {
		s = add_sample(p, k);
		if (!s)
			return;
		index_newest(p, &p->sample_index, hash);
	}
	for (uint32_t v = 0; v < profile_nvalues(p->kind); v++)
		s->values[v] += values[v];
}

void pprof_sample(struct pprof *p, const uint64_t *locs, size_t n, const int64_t *values,
	const char *label_key, const char *label_value)
{
	struct profile_label label = {.key = profile_string(p, label_key)};
	if (label.key)
		label.value = profile_string(p, label_value);
	count_sample(p, &(struct sample_key){locs, n, &label, label.key != 0}, values);
}

void profile_sized_sample(
	struct pprof *p, const uint64_t *locs, size_t n, const int64_t *values, int64_t bytes)
{
	struct profile_label label = {.num = bytes};
	if (bytes)
		label.key = profile_string(p, "bytes");
	count_sample(p, &(struct sample_key){locs, n, &label, bytes != 0}, values);
}

void profile_labelled_sample(struct pprof *p, const uint64_t *locs, size_t nlocs,
	const int64_t *values, const char *labels, uint32_t n)
{
	struct profile_label *all = calloc(n + 1, sizeof *all);
	p->oom |= !all;
	for (uint32_t i = 0; all && i < n; i++) {
		all[i].key = profile_string(p, labels);
		labels += strlen(labels) + 1;
		all[i].value = profile_string(p, labels);
		labels += strlen(labels) + 1;
	}
	if (all)
		count_sample(p, &(struct sample_key){locs, nlocs, all, n}, values);
	free(all);
}
