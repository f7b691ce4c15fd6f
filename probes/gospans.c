/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gospans.c - the spans of a Go process, for goheap.c.
 *
 * mheap_.allspans lists every mspan there ever was. The structures come from a fixed allocator and
 * are never unmapped, so they can be read at any time; their addresses are sorted and neighbours
 * read together, since one read a span would be most of the cost.
 *
 * Every size that comes from the target is checked before it is multiplied.
 */
#include "goheap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SPANS     (1u << 26)
#define MAX_SPANPAGES (1u << 24)
#define SPAN_SIZE     160  /* what is read of an mspan: all versions' is as long or longer */
#define MERGE_GAP     2048 /* holes up to this between two mspans are read too */
#define IN_USE        1    /* mSpanInUse */
#define SMALL_SCAN    512  /* heapBitsInSpan */
#define BITS_ROUNDS   8    /* that a span may be swept each time its bits are read */

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static uint16_t half(const uint8_t *raw, size_t off)
{
	uint16_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static uint32_t u32(const uint8_t *raw, size_t off)
{
	uint32_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static int by_address(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Reads [from, to) of the sorted addresses at once; those that cannot be read stay zero. */
static void read_run(const struct gotarget *g, const uint64_t *addrs, size_t n, uint8_t *raw)
{
	uint64_t first = addrs[0], len = addrs[n - 1] + SPAN_SIZE - first;
	uint8_t *run = malloc(len);
	bool whole = run && target_read(g->t, first, run, len);
	for (size_t i = 0; i < n; i++) {
		if (whole)
			memcpy(raw + i * SPAN_SIZE, run + (addrs[i] - first), SPAN_SIZE);
		else if (!target_read(g->t, addrs[i], raw + i * SPAN_SIZE, SPAN_SIZE))
			memset(raw + i * SPAN_SIZE, 0, SPAN_SIZE);
	}
	free(run);
}

static void read_mspans(const struct gotarget *g, uint64_t *addrs, size_t n, uint8_t *raw)
{
	qsort(addrs, n, sizeof *addrs, by_address);
	for (size_t from = 0, to; from < n; from = to) {
		for (to = from + 1; to < n && to - from < 4096; to++)
			if (addrs[to] - addrs[to - 1] > SPAN_SIZE + MERGE_GAP)
				break;
		read_run(g, addrs + from, to - from, raw + from * SPAN_SIZE);
	}
}

static enum gospan_kind kind_of(const struct gospan *s, bool user_arena)
{
	if (s->spanclass & 1)
		return GOSPAN_NOSCAN;
	if (user_arena)
		return GOSPAN_WORDS;
	if (s->elemsize <= SMALL_SCAN)
		return GOSPAN_BITMAP;
	return s->spanclass >> 1 ? GOSPAN_HEADER : GOSPAN_LARGE;
}

/*
 * Slots below freeindex are in use. freeIndexForScan, which Go's own conservative scans go by,
 * stays behind while the collector marks: what is allocated meanwhile is marked at once there. Here
 * it has to be found.
 */
static uint32_t used_below(const struct golayout *l, const uint8_t *raw)
{
	uint16_t next = half(raw, l->span_freeindex), scan = half(raw, l->span_freeindexforscan);
	return next > scan ? next : scan;
}

/* False when the mspan is not in use, or was read while it changed. */
static bool decode(const struct golayout *l, const uint8_t *raw, struct gospan *s)
{
	uint64_t npages = word(raw, l->span_npages);
	if (raw[l->span_state] != IN_USE || npages == 0 || npages > MAX_SPANPAGES)
		return false;
	*s = (struct gospan){
		.start = word(raw, l->span_startaddr),
		.size = npages * GO_PAGE,
		.elemsize = word(raw, l->span_elemsize),
		.type = word(raw, l->span_largetype),
		.specials = word(raw, l->span_specials),
		.allocbits = word(raw, l->span_allocbits),
		.nelems = half(raw, l->span_nelems),
		.freeindex = used_below(l, raw),
		.divmul = u32(raw, l->span_divmul),
		.spanclass = raw[l->span_spanclass],
	};
	s->kind = (uint8_t)kind_of(s, raw[l->span_userarena]);
	return s->start >= GO_PAGE && s->start < 1ull << 47 && s->start % GO_PAGE == 0 &&
	       s->nelems > 0 && s->elemsize >= 8 && s->elemsize <= s->size &&
	       s->nelems <= s->size / s->elemsize;
}

/* Addresses of all mspans there ever were, sorted; NULL with *err. */
static uint64_t *read_allspans(const struct gotarget *g, size_t *n, int *err)
{
	uint64_t slice[3];
	*err = -EFAULT;
	if (!target_read(g->t, g->glob.mheap_ + g->lay->h_allspans, slice, sizeof slice))
		return NULL;
	*n = slice[1];
	*err = -EPROTO;
	return *n && *n <= MAX_SPANS ? target_array(g->t, slice[0], *n, sizeof *n, err) : NULL;
}

static int read_spans(struct goheap *h, struct gospans *out)
{
	size_t n = 0;
	int err;
	*out = (struct gospans){0};
	uint64_t *addrs = read_allspans(h->g, &n, &err);
	uint8_t *raw = addrs ? malloc(n * SPAN_SIZE) : NULL;
	out->v = addrs ? aligned_alloc(_Alignof(struct gospan), n * sizeof *out->v) : NULL;
	if (!err && (!raw || !out->v))
		err = -ENOMEM;
	if (!err)
		read_mspans(h->g, addrs, n, raw);
	for (size_t i = 0; !err && i < n; i++) {
		struct gospan *span = &out->v[out->n];
		if (!decode(h->g->lay, raw + i * SPAN_SIZE, span))
			continue;
		span->mspan = addrs[i];
		out->n++;
	}
	free(addrs);
	free(raw);
	return err;
}

/* Whether a span is as it was read. */
static bool still_there(const struct goheap *h, const struct gospan *s)
{
	uint8_t raw[SPAN_SIZE];
	struct gospan now;
	return target_read(h->g->t, s->mspan, raw, sizeof raw) && decode(h->g->lay, raw, &now) &&
	       now.start == s->start && now.size == s->size;
}

/* ---- slots in use ---- */

/* Below freeindex every slot is in use; allocBits need not be read where there are no others. */
static bool wants_bits(const struct gospan *s)
{
	return !s->inuse && s->freeindex < s->nelems && s->allocbits;
}

static size_t bits_len(const struct gospan *s)
{
	return (s->nelems + 7u) / 8;
}

/* Room for the bits of all that want them; *todo: these spans. How many; 0 with *err perhaps. */
static size_t plan_bits(
	struct goheap *h, struct gospans *s, bool again, struct gospan ***todo, int *err)
{
	size_t n = 0, k = 0;
	for (uint32_t i = 0; i < s->n; i++)
		n += wants_bits(&s->v[i]) ? bits_len(&s->v[i]) : 0;
	uint8_t *to = h->inuse[again] = malloc(n + 1);
	*todo = malloc((s->n + 1) * sizeof **todo);
	*err = to && *todo ? 0 : -ENOMEM;
	for (uint32_t i = 0; !*err && i < s->n; i++) {
		struct gospan *span = &s->v[i];
		if (!wants_bits(span))
			continue;
		span->inuse = to;
		to += bits_len(span);
		(*todo)[k++] = span;
	}
	return k;
}

static void read_bits(struct goheap *h, struct gospan **todo, size_t n, struct tmem_read_at *reads)
{
	for (size_t i = 0; i < n; i++)
		reads[i] = (struct tmem_read_at){.at = {todo[i]->allocbits},
			.buf = todo[i]->inuse,
			.len = bits_len(todo[i])};
	target_readv(h->g->t, reads, n);
	for (size_t i = 0; i < n; i++)
		h->lost += !reads[i].ok;
}

/*
 * Whether the bits of a span are those that its mspan tells of: a sweep puts others in their place,
 * freeindex back to 0 first, and two cycles later their memory serves another span. If not, *s is
 * what the mspan says now. A span that is gone has all its slots in use: what leads to them is old.
 */
static bool has_its_bits(const struct golayout *l, struct gospan *s, const uint8_t *raw)
{
	struct gospan now;
	if (!decode(l, raw, &now) || now.start != s->start || now.elemsize != s->elemsize ||
		now.nelems != s->nelems || !now.allocbits) {
		s->freeindex = s->nelems;
		return true;
	}
	bool same = now.allocbits == s->allocbits && now.freeindex >= s->freeindex;
	s->allocbits = now.allocbits;
	s->freeindex = now.freeindex;
	return same;
}

/* Leaves in todo those whose bits are to be read once more; how many. */
static size_t check_bits(const struct gotarget *g, struct gospan **todo, size_t n,
	struct tmem_read_at *reads, uint8_t *raw)
{
	size_t left = 0;
	for (size_t i = 0; i < n; i++)
		reads[i] = (struct tmem_read_at){
			.at = {todo[i]->mspan}, .buf = raw + i * SPAN_SIZE, .len = SPAN_SIZE};
	target_readv(g->t, reads, n);
	for (size_t i = 0; i < n; i++)
		if (!reads[i].ok || !has_its_bits(g->lay, todo[i], raw + i * SPAN_SIZE))
			todo[left++] = todo[i];
	return left;
}

/* Of the first sweep the second one tells whether the bits are right: its spans are unchanged. */
static int read_inuse(struct goheap *h, struct gospans *s, bool again)
{
	struct gospan **todo;
	int err;
	size_t n = plan_bits(h, s, again, &todo, &err);
	struct tmem_read_at *reads = malloc((n + 1) * sizeof *reads);
	uint8_t *raw = again ? malloc(n * SPAN_SIZE + 1) : NULL;
	if (!err && (!reads || (again && !raw)))
		err = -ENOMEM;
	for (unsigned round = 0; !err && n && round < BITS_ROUNDS; round++) {
		read_bits(h, todo, n, reads);
		n = again ? check_bits(h->g, todo, n, reads, raw) : 0;
	}
	for (size_t i = 0; !err && i < n; i++)
		todo[i]->freeindex = todo[i]->nelems;
	free(todo);
	free(reads);
	free(raw);
	return err;
}

/*
 * With Green Tea the last 128 bytes of a one-page span of 16 to 512 byte objects are the
 * collector's, and their last byte is the span class (spanInlineMarkBits). The version does not
 * tell: it was an experiment, and can be switched off.
 */
static void test_greentea(struct goheap *h)
{
	uint32_t with = 0, without = 0;
	for (uint32_t i = 0; i < h->nspans; i++) {
		const struct gospan *s = &h->spans[i];
		if (s->kind != GOSPAN_BITMAP || s->elemsize < 16 || s->size != GO_PAGE)
			continue;
		if (s->mem[GO_PAGE - 1] == s->spanclass)
			with++;
		else
			without++;
	}
	uint32_t few = (with + without) / 10;
	h->greentea = with > without;
	h->odd = with > few && without > few;
	for (uint32_t i = 0; i < h->nspans; i++) {
		struct gospan *s = &h->spans[i];
		size_t marks = h->greentea && s->elemsize >= 16 ? 128 : 0;
		if (s->kind == GOSPAN_BITMAP)
			s->bitmap = s->size - s->size / 64 - marks;
	}
}

static int settle(struct goheap *h)
{
	test_greentea(h);
	return 0;
}

static const struct goheap_ops ops = {read_spans, still_there, read_inuse, settle};

int goheap_begin(struct goheap *h, const struct gotarget *g)
{
	h->g = g;
	return g->glob.mheap_ ? goheap_copy(h, &ops, &g->t->mem) : -EPROTO;
}
