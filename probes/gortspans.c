/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortspans.c - the spans of a program on libgort, for goheap.c.
 *
 * The layout is Go's, but that bits lie beside the heap: those of slots in use in turn with the
 * collector's marks, 64 each, and those of typed objects in an array of their own, which is copied
 * behind the memory of the span.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "goheap.h"
#include "gortheap.h"

enum { KIND_SCAN, KIND_NOSCAN, KIND_TYPED }; /* mspan.kind */

struct list {
	struct gospans *out;
	uint32_t cap, unsound;
};

static enum gospan_kind kind_of(const struct gortspan *s)
{
	if (s->v[SP_KIND] == KIND_NOSCAN)
		return GOSPAN_NOSCAN;
	if (s->v[SP_KIND] != KIND_TYPED)
		return GOSPAN_WORDS;
	if (s->v[SP_CLASS])
		return s->v[SP_HEAPBITS] ? GOSPAN_BITMAP : GOSPAN_WORDS;
	return s->v[SP_TYPE] ? GOSPAN_LARGE : GOSPAN_WORDS;
}

static struct gospan span_of(const struct gortheap *h, const struct gortspan *s)
{
	struct gospan span = {.start = s->v[SP_START],
		.size = s->v[SP_NPAGES] * h->pagesize,
		.elemsize = s->v[SP_ELEMSIZE],
		.nelems = (uint32_t)s->v[SP_NELEMS],
		.freeindex = (uint32_t)s->v[SP_FREEINDEX],
		.allocbits = s->v[SP_BITS],
		.specials = s->v[SP_SPECIALS],
		.mspan = s->at,
		.kind = (uint8_t)kind_of(s)};
	if (span.nelems > 1) /* the next larger fraction: exact for every offset in a span */
		span.divmul = (uint32_t)(((1ull << 32) + span.elemsize - 1) / span.elemsize);
	if (span.kind == GOSPAN_LARGE)
		span.type = s->v[SP_TYPE];
	if (span.kind == GOSPAN_BITMAP)
		span.heapbits = s->v[SP_HEAPBITS];
	return span;
}

static bool sound(const struct gospan *s)
{
	return s->start >= GO_PAGE && s->start % GO_PAGE == 0 && s->size <= 1ull << 46 &&
	       s->start < 1ull << 47 && s->nelems && s->elemsize >= 8 && s->elemsize % 8 == 0 &&
	       s->size >= s->elemsize;
}

static int add_span(const struct gortheap *h, const struct gortspan *s, void *arg)
{
	struct list *l = arg;
	struct gospan span = span_of(h, s);
	if (!sound(&span)) {
		l->unsound++;
		return 0;
	}
	if (l->out->n == l->cap) {
		uint32_t cap = l->cap ? l->cap * 2 : 1024;
		struct gospan *bigger =
			aligned_alloc(_Alignof(struct gospan), cap * sizeof *bigger);
		if (!bigger)
			return -ENOMEM;
		if (l->out->n)
			memcpy(bigger, l->out->v, l->out->n * sizeof *bigger);
		free(l->out->v);
		l->out->v = bigger;
		l->cap = cap;
	}
	l->out->v[l->out->n++] = span;
	return 0;
}

static int by_structure(const void *a, const void *b)
{
	const struct gospan *x = a, *y = b;
	return (x->mspan > y->mspan) - (x->mspan < y->mspan);
}

/* Pages must be those that goheap.c counts in. */
static int read_spans(struct goheap *h, struct gospans *out)
{
	struct gortheap heap;
	struct list l = {.out = out};
	*out = (struct gospans){0};
	int err = gortheap_open(&heap, h->r);
	if (!err && (heap.pagesize != GO_PAGE || !heap.span[SP_BITS].size ||
			    !heap.span[SP_FREEINDEX].size || !heap.span[SP_HEAPBITS].size ||
			    !heap.span[SP_SPECIALS].size))
		err = -ENOTSUP;
	if (!err)
		err = gortheap_walk(&heap, add_span, &l);
	h->unsound += l.unsound;
	if (!err && out->n)
		qsort(out->v, out->n, sizeof *out->v, by_structure);
	return err;
}

static bool still_there(const struct goheap *h, const struct gospan *s)
{
	struct gortheap heap;
	uint64_t start, npages;
	if (gortheap_open(&heap, h->r))
		return false;
	struct member at = heap.span[SP_START], pages = heap.span[SP_NPAGES];
	uint8_t raw[8] = {0};
	if (!tmem_read(h->mem, (taddr){s->mspan + at.offset}, &start, sizeof start) ||
		!tmem_read(h->mem, (taddr){s->mspan + pages.offset}, raw, pages.size))
		return false;
	memcpy(&npages, raw, sizeof npages);
	return start == s->start && npages * GO_PAGE == s->size;
}

/* ---- bits ---- */

/* Where the 64 bits of slots in use are in each element of mspan.bits. */
struct bits {
	uint32_t size, alloc;
};

static bool bits_of(const struct gortread *r, struct bits *b)
{
	const struct gort_abi_entry *size = gortabi_find(&r->abi, "gcbits.size", GORT_ABI_SIZE);
	struct member alloc = glayout_member(&r->abi, "gcbits.alloc");
	if (!size || size->value > 256 || alloc.size != 8 || alloc.offset + 8 > size->value)
		return false;
	*b = (struct bits){(uint32_t)size->value, alloc.offset};
	return true;
}

static size_t cells(const struct gospan *s)
{
	return (s->nelems + 63) / 64;
}

static bool has_bits(const struct gospan *s)
{
	return s->freeindex < s->nelems && s->allocbits;
}

/* What is to be read of each: the cells of its bits into raw, its pointer bits to where they go. */
static size_t plan(struct goheap *h, struct bits b, uint8_t *raw, struct tmem_read_at *reads)
{
	size_t k = 0;
	for (uint32_t i = 0; i < h->nspans; i++) {
		struct gospan *s = &h->spans[i];
		if (has_bits(s)) {
			reads[k++] = (struct tmem_read_at){
				.at = {s->allocbits}, .buf = raw, .len = cells(s) * b.size};
			raw += cells(s) * b.size;
		}
		if (s->heapbits) {
			s->bitmap = s->size;
			reads[k++] = (struct tmem_read_at){.at = {s->heapbits},
				.buf = (uint8_t *)s->mem + s->size,
				.len = s->size / 64};
		}
	}
	return k;
}

static void take_bits(struct goheap *h, struct bits b, const uint8_t *raw)
{
	for (uint32_t i = 0; i < h->nspans; i++) {
		struct gospan *s = &h->spans[i];
		if (!has_bits(s))
			continue;
		s->inuse = gospan_bits(s);
		for (size_t k = 0; k < cells(s); k++, raw += b.size)
			memcpy(s->inuse + 8 * k, raw + b.alloc, 8);
	}
}

static int settle(struct goheap *h)
{
	struct bits b;
	size_t n = 0;
	if (!bits_of(h->r, &b))
		return -ENOTSUP;
	for (uint32_t i = 0; i < h->nspans; i++)
		n += has_bits(&h->spans[i]) ? cells(&h->spans[i]) * b.size : 0;
	uint8_t *raw = calloc(1, n + 1);
	struct tmem_read_at *reads = malloc((2 * (size_t)h->nspans + 1) * sizeof *reads);
	if (raw && reads) {
		size_t k = plan(h, b, raw, reads);
		h->mem->readv(h->mem->ctx, reads, k);
		for (size_t i = 0; i < k; i++)
			h->lost += !reads[i].ok;
		take_bits(h, b, raw);
	}
	int err = raw && reads ? 0 : -ENOMEM;
	free(raw);
	free(reads);
	return err;
}

static const struct goheap_ops ops = {read_spans, still_there, NULL, settle};

int gortspans_begin(struct goheap *h, const struct gortread *r)
{
	h->r = r;
	return goheap_copy(h, &ops, &r->mem);
}
