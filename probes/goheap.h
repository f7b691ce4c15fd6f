/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goheap.h - the heap of a Go process or of one on libgort, copied: its spans, the memory of those
 * whose objects may hold pointers, and which slots are in use. The copy is not of one instant: the
 * process runs on.
 */
#ifndef GORT_PROBES_GOHEAP_H
#define GORT_PROBES_GOHEAP_H

#include "gotarget.h"

#define GO_PAGE 8192u

/* Where the pointers of a span's objects are told: see $GOROOT/src/runtime/mbitmap.go. */
enum gospan_kind {
	GOSPAN_NOSCAN,
	GOSPAN_BITMAP, /* a bit a word; of Go's objects of up to 512 bytes at the end of the span */
	GOSPAN_HEADER, /* larger ones: their first word is the address of their type */
	GOSPAN_LARGE,  /* one object: the type is in the mspan */
	GOSPAN_WORDS,  /* not told: every word may be a pointer */
};

/* The span class of the blocks that tiny objects without pointers share: 16 bytes, noscan. */
#define GO_TINY_SPAN 5

/* The marker meets spans in any order: what it needs of one is in one cache line. */
struct gospan {
	uint64_t start, elemsize;
	const uint8_t *mem; /* copy of [start, start + size), NULL for GOSPAN_NOSCAN */
	uint8_t *inuse;     /* a bit for each slot, NULL: only those below freeindex are */
	uint64_t *marks;    /* a bit a slot, clear at first */
	uint64_t *scanned;  /* the marker: of those marked, which were looked into */
	uint32_t nelems, freeindex, divmul;
	uint8_t spanclass, kind;
	bool opaque : 1;  /* the marker: some of its objects are not to be looked into */
	bool watched : 1; /* the marker: goroutines wait for some of them */
	bool queued;      /* the marker: some are to be looked into */

	uint64_t size, type, specials;
	uint64_t mspan; /* address of the structure itself */
	uint64_t allocbits;
	uint64_t first;    /* slots of all spans before it */
	uint64_t heapbits; /* of libgort, GOSPAN_BITMAP: where the bits are in the process */
	size_t bitmap;     /* GOSPAN_BITMAP: where in mem the bits are */
} __attribute__((aligned(128)));

struct gobuffer {
	uint8_t *mem;
	size_t size;
};

/* Those of one sweep over all there are, by the address of the structure. */
struct gospans {
	struct gospan *v;
	uint32_t n;
};

struct goheap;
struct gortread;

/* Whose heap it is. */
struct goheap_ops {
	/* Those in use; 0 or a negative errno, *out to be freed in any case. */
	int (*read_spans)(struct goheap *h, struct gospans *out);
	/* Whether a span is as it was read. */
	bool (*still_there)(const struct goheap *h, const struct gospan *s);
	/*
	 * Which slots are in use, of those spans of a sweep that do not have it yet. NULL: settle
	 * finds out. again: the second sweep, behind which nobody looks at the spans once more.
	 */
	int (*read_inuse)(struct goheap *h, struct gospans *s, bool again);
	/* The last step: where pointers are. */
	int (*settle)(struct goheap *h);
};

struct goheap {
	const struct gotarget *g; /* one of these two */
	const struct gortread *r;
	const struct goheap_ops *ops;
	const struct tmem *mem;
	struct gospan *spans;
	uint32_t nspans;
	uint64_t nslots; /* of all spans */
	uint64_t lo, hi;
	uint32_t *pages; /* of [lo, hi): number of the span + 1, 0 for none */
	uint64_t *bits;
	size_t nbits;
	uint8_t *inuse[2];          /* of Go: bits of slots in use, of each sweep */
	struct gobuffer most, late; /* copies: of all spans, and of those that changed meanwhile */
	bool still;                 /* the process does not run: what was read first holds */
	bool greentea;    /* the collector keeps mark bits of its own at the end of small spans */
	bool odd;         /* neither most nor hardly any of the small spans do: not understood */
	uint32_t lost;    /* spans of which something could not be read */
	uint32_t unsound; /* of libgort: spans that make no sense */
};

/* A slot in use. */
struct goobj {
	struct gospan *span;
	uint32_t index;
};

/*
 * Copies the heap in two steps; what points into it is copied between them. Each: 0 or a negative
 * errno; -EPROTO: the spans make no sense. The buffers of h are kept and used again when h was read
 * before: fresh ones cost more than the copy.
 */
int goheap_begin(struct goheap *h, const struct gotarget *g);
int gortspans_begin(struct goheap *h, const struct gortread *r);
int goheap_settle(struct goheap *h);
void goheap_free(struct goheap *h);

static inline struct gospan *goheap_span(const struct goheap *h, uint64_t addr)
{
	if (addr < h->lo || addr >= h->hi)
		return NULL;
	uint32_t i = h->pages[(addr - h->lo) / GO_PAGE];
	return i ? &h->spans[i - 1] : NULL;
}

static inline uint32_t gospan_index(const struct gospan *s, uint64_t addr)
{
	return s->divmul ? (uint32_t)(((addr - s->start) * (uint64_t)s->divmul) >> 32) : 0;
}

static inline uint64_t goobj_base(struct goobj o)
{
	return o.span->start + o.index * o.span->elemsize;
}

static inline bool gospan_inuse(const struct gospan *s, uint32_t i)
{
	return i < s->freeindex || (s->inuse && s->inuse[i / 8] >> (i % 8) & 1);
}

/* The object that addr points into; false when it points into none. */
static inline bool goheap_find(const struct goheap *h, uint64_t addr, struct goobj *o)
{
	struct gospan *s = goheap_span(h, addr);
	if (!s)
		return false;
	uint32_t i = gospan_index(s, addr);
	*o = (struct goobj){s, i};
	return i < s->nelems && gospan_inuse(s, i);
}

/* The first step, for those who implement it. */
int goheap_copy(struct goheap *h, const struct goheap_ops *ops, const struct tmem *mem);

/* Room for a bit a slot: gospan.inuse. */
static inline uint8_t *gospan_bits(struct gospan *s)
{
	return (uint8_t *)(s->scanned + (s->scanned - s->marks));
}

/* The word at an address: of the copy, and else as it is now. 0 when it cannot be read. */
uint64_t goheap_word(const struct goheap *h, uint64_t addr);

#endif
