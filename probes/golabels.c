/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golabels.c - up to Go 1.23 g.labels is a *map[string]string, a hash map of runtime/map.go; from
 * 1.24 on it points to a slice of pairs, sorted by key.
 */
#include "golabels.h"
#include "idmap.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LABELS 256
#define MAX_TEXT   4096 /* bytes of one key or value */

/* runtime.hmap and its buckets: 8 bytes of hash, 8 keys, 8 values, the next bucket. */
enum {
	HMAP_COUNT = 0,
	HMAP_B = 9,
	HMAP_BUCKETS = 16,
	HMAP_SIZE = 48,
	PER_BUCKET = 8,
	BUCKET_KEYS = 8,
	BUCKET_VALUES = BUCKET_KEYS + PER_BUCKET * 16,
	BUCKET_NEXT = BUCKET_VALUES + PER_BUCKET * 16,
	BUCKET_SIZE = BUCKET_NEXT + 8,
	MIN_HASH = 5 /* less: the place is empty, or its entry has moved */
};

struct text {
	char *p;
	size_t len;
};

struct pair {
	struct text key, value;
};

/* What one address of labels leads to. */
struct set {
	const char *text; /* as gsnap_g.labels */
	uint32_t n;
	size_t len; /* of the text */
};

struct golabels {
	const struct gotarget *g;
	struct gsnap *out;
	struct pcmap sets;
	struct idmap numbers; /* hash of a text to number of a set of distinct */
	struct set *distinct;
	uint32_t ndistinct;
	struct pair pairs[MAX_LABELS];
	uint32_t n;
};

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static bool read_text(const struct gotarget *g, const uint8_t *header, struct text *t)
{
	uint64_t at = word(header, 0), len = word(header, 8);
	*t = (struct text){NULL, len};
	if (len > MAX_TEXT)
		return false;
	t->p = malloc(len + 1);
	if (!t->p || (len && !target_read(g->t, at, t->p, len)))
		return false;
	t->p[len] = '\0';
	t->len = strlen(t->p); /* a NUL would end it in the snapshot, too */
	return true;
}

static bool add_pair(struct golabels *l, const uint8_t *key, const uint8_t *value)
{
	if (l->n == MAX_LABELS)
		return false;
	struct pair *p = &l->pairs[l->n++];
	*p = (struct pair){0};
	return read_text(l->g, key, &p->key) && read_text(l->g, value, &p->value);
}

static bool read_slice(struct golabels *l, uint64_t at)
{
	uint64_t slice[3];
	uint8_t raw[MAX_LABELS * 32];
	if (!target_read(l->g->t, at, slice, sizeof slice) || slice[1] > MAX_LABELS)
		return false;
	if (slice[1] && !target_read(l->g->t, slice[0], raw, slice[1] * 32))
		return false;
	for (uint64_t i = 0; i < slice[1]; i++)
		if (!add_pair(l, raw + i * 32, raw + i * 32 + 16))
			return false;
	return true;
}

/* A bucket and those that follow it. */
static bool read_bucket(struct golabels *l, uint64_t at)
{
	uint8_t raw[BUCKET_SIZE];
	for (unsigned k = 0; at && k < MAX_LABELS; k++, at = word(raw, BUCKET_NEXT)) {
		if (!target_read(l->g->t, at, raw, sizeof raw))
			return false;
		for (unsigned i = 0; i < PER_BUCKET; i++)
			if (raw[i] >= MIN_HASH && !add_pair(l, raw + BUCKET_KEYS + i * 16,
							  raw + BUCKET_VALUES + i * 16))
				return false;
	}
	return true;
}

/* Such a map is never written to, so it is never being moved to larger buckets either. */
static bool read_map(struct golabels *l, uint64_t at)
{
	uint8_t raw[HMAP_SIZE];
	uint64_t map = target_word(l->g->t, at);
	if (!map || !target_read(l->g->t, map, raw, sizeof raw))
		return false;
	uint64_t count = word(raw, HMAP_COUNT), buckets = word(raw, HMAP_BUCKETS);
	unsigned log = raw[HMAP_B];
	if (count > MAX_LABELS || log > 8)
		return false;
	for (unsigned i = 0; i < 1u << log && buckets; i++)
		if (!read_bucket(l, buckets + i * BUCKET_SIZE))
			return false;
	return l->n == count;
}

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct pair *)a)->key.p, ((const struct pair *)b)->key.p);
}

static char *put(char *p, const struct text *t)
{
	memcpy(p, t->p, t->len + 1);
	return p + t->len + 1;
}

/* The pairs as gsnap_g.labels, by ascending keys. */
static void keep(struct golabels *l, struct set *set)
{
	size_t len = 0;
	qsort(l->pairs, l->n, sizeof *l->pairs, by_key);
	for (uint32_t i = 0; i < l->n; i++)
		len += l->pairs[i].key.len + l->pairs[i].value.len + 2;
	char *p = l->n ? gsnap_alloc(l->out, len) : NULL;
	if (!p)
		return;
	*set = (struct set){p, l->n, len};
	for (uint32_t i = 0; i < l->n; i++)
		p = put(put(p, &l->pairs[i].key), &l->pairs[i].value);
}

static bool read_pairs(struct golabels *l, uint64_t at)
{
	l->n = 0;
	return l->g->version.minor < 24 ? read_map(l, at) : read_slice(l, at);
}

static void free_pairs(struct golabels *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		free(l->pairs[i].key.p);
		free(l->pairs[i].value.p);
	}
}

static struct set *read_set(struct golabels *l, uint64_t at)
{
	struct set *set = calloc(1, sizeof *set);
	if (!set)
		return NULL;
	if (read_pairs(l, at))
		keep(l, set);
	free_pairs(l);
	if (!pcmap_add(&l->sets, at, set)) {
		free(set);
		return NULL;
	}
	return set;
}

struct golabels *golabels_open(const struct gotarget *g, struct gsnap *out)
{
	struct golabels *l = calloc(1, sizeof *l);
	if (l) {
		l->g = g;
		l->out = out;
	}
	return l;
}

void golabels_close(struct golabels *l)
{
	if (!l)
		return;
	pcmap_free(&l->sets);
	idmap_free(&l->numbers);
	free(l->distinct);
	free(l);
}

void golabels_read(struct golabels *l, uint64_t at, struct gsnap_g *gp)
{
	const struct set *set = pcmap_get(&l->sets, at);
	if (!set)
		set = read_set(l, at);
	if (!set || !set->n)
		return;
	gp->labels = set->text;
	gp->nlabels = set->n;
}

/* The set with these pairs: its number. */
static uint32_t number_of(struct golabels *l)
{
	struct set set = {0};
	size_t before = l->ndistinct;
	keep(l, &set);
	if (!set.n)
		return 0;
	uint64_t hash = gsnap_mix(set.n);
	uint32_t known;
	for (size_t i = 0; i < set.len; i++)
		hash = gsnap_mix(hash + (uint8_t)set.text[i]);
	for (; (known = idmap_get(&l->numbers, hash)); hash++) {
		const struct set *it = &l->distinct[known - 1];
		if (it->n == set.n && it->len == set.len && !memcmp(it->text, set.text, set.len))
			return known;
	}
	struct set *more = realloc(l->distinct, (before + 1) * sizeof *more);
	if (!more || !idmap_put(&l->numbers, hash, (uint32_t)before + 1)) {
		l->distinct = more ? more : l->distinct;
		return 0;
	}
	l->distinct = more;
	more[l->ndistinct++] = set;
	return l->ndistinct;
}

uint32_t golabels_now(struct golabels *l, uint64_t at, const char **labels, uint32_t *nlabels)
{
	uint32_t number = read_pairs(l, at) ? number_of(l) : 0;
	free_pairs(l);
	if (!number)
		return 0;
	*labels = l->distinct[number - 1].text;
	*nlabels = l->distinct[number - 1].n;
	return number;
}
