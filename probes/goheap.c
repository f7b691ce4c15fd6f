/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goheap.c - copies the heap of a running Go process.
 *
 * mheap_.allspans lists every mspan there ever was. The structures come from a fixed allocator and
 * are never unmapped, so they can be read at any time; their addresses are sorted and neighbours
 * read together, since one read a span would be most of the cost.
 *
 * The process runs on meanwhile. So the mspans are read twice, before and after the memory, and the
 * memory of those that changed in between is copied again: else every pointer to what is new would
 * seem to lead nowhere. What moves from one old object to another can still be lost; that is caught
 * by those who read the heap again (goleak.c).
 *
 * The memory of all spans whose objects may hold pointers follows in one batch, into one buffer of
 * huge pages: faulting in fresh 4 KiB pages takes longer than the copy.
 *
 * Every size that comes from the target is checked before it is multiplied.
 */
#include "goheap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAX_SPANS     (1u << 26)
#define MAX_SPANPAGES (1u << 24)
#define SPAN_SIZE     160  /* what is read of an mspan: all versions' is as long or longer */
#define MERGE_GAP     2048 /* holes up to this between two mspans are read too */
#define IN_USE        1    /* mSpanInUse */
#define SMALL_SCAN    512  /* heapBitsInSpan */
#define ARENA_MAX     (1ull << 40)

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

static void *map_memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* What one sweep over the mspans found in use, by the address of the mspan. */
struct spans {
	struct gospan *v;
	uint32_t n;
};

/* ---- mspans ---- */

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

/* In a process that runs, a few spans may have taken the pages of others meanwhile. */
static bool fits(const struct goheap *h, const struct spans *s)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < s->n; i++)
		bytes += s->v[i].size;
	return bytes / 8 * 7 <= target_size(h->g->t);
}

static int read_spans(struct goheap *h, struct spans *out)
{
	size_t n = 0;
	int err;
	*out = (struct spans){0};
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
	return err ? err : out->n && fits(h, out) ? 0 : -EPROTO;
}

/* ---- which page belongs to which span ---- */

/* Whether a span is as it was read. */
static bool still_there(const struct goheap *h, const struct gospan *s)
{
	uint8_t raw[SPAN_SIZE];
	struct gospan now;
	return target_read(h->g->t, s->mspan, raw, sizeof raw) && decode(h->g->lay, raw, &now) &&
	       now.start == s->start && now.size == s->size;
}

/*
 * A span that was freed after it was read has given its pages to another, that was read later:
 * whoever has them now is right.
 */
static void claim_pages(struct goheap *h, uint32_t i)
{
	const struct gospan *s = &h->spans[i];
	uint64_t first = (s->start - h->lo) / GO_PAGE;
	uint32_t other = 0; /* the last one met */
	bool keeps = false;
	for (uint64_t k = 0; k < s->size / GO_PAGE; k++) {
		uint32_t *page = &h->pages[first + k];
		if (*page && *page != other) {
			other = *page;
			keeps = still_there(h, &h->spans[other - 1]);
		}
		if (!*page || !keeps)
			*page = i + 1;
	}
}

static int map_pages(struct goheap *h)
{
	h->lo = UINT64_MAX;
	h->hi = 0;
	for (uint32_t i = 0; i < h->nspans; i++) {
		const struct gospan *s = &h->spans[i];
		h->lo = s->start < h->lo ? s->start : h->lo;
		h->hi = s->start + s->size > h->hi ? s->start + s->size : h->hi;
	}
	if (h->hi - h->lo > ARENA_MAX)
		return -EPROTO;
	h->pages = map_memory((h->hi - h->lo) / GO_PAGE * sizeof *h->pages);
	if (!h->pages)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->nspans; i++)
		claim_pages(h, i);
	return 0;
}

/* ---- slots in use, and memory ---- */

/* Below freeindex every slot is in use; allocBits need not be read where there are no others. */
static int read_inuse(struct goheap *h)
{
	size_t n = 0, k = 0; /* words */
	for (uint32_t i = 0; i < h->nspans; i++)
		n += h->spans[i].nelems / 64 + 1;
	h->nbits = 3 * n * sizeof(uint64_t);
	h->bits = map_memory(h->nbits);
	struct tmem_read_at *reads = malloc(h->nspans * sizeof *reads);
	if (!h->bits || !reads) {
		free(reads);
		return -ENOMEM;
	}
	uint64_t *bits = h->bits;
	for (uint32_t i = 0; i < h->nspans; i++) {
		struct gospan *s = &h->spans[i];
		size_t len = s->nelems / 64 + 1;
		s->marks = bits;
		s->scanned = bits + len;
		s->first = h->nslots;
		h->nslots += s->nelems;
		if (s->freeindex < s->nelems && s->allocbits) {
			s->inuse = (uint8_t *)(bits + 2 * len);
			reads[k++] = (struct tmem_read_at){.at = {s->allocbits},
				.buf = bits + 2 * len,
				.len = (s->nelems + 7u) / 8};
		}
		bits += 3 * len;
	}
	target_readv(h->g->t, reads, k);
	free(reads);
	return 0;
}

/* Makes room for n bytes in a buffer that is kept from look to look. */
static bool reserve(struct gobuffer *b, size_t n)
{
	size_t want = (n + (n >> 3) + (2u << 20)) & ~((size_t)(2u << 20) - 1);
	if (b->size >= n)
		return true;
	if (b->mem)
		munmap(b->mem, b->size);
	b->mem = map_memory(want);
	b->size = b->mem ? want : 0;
	if (!b->mem)
		return false;
	madvise(b->mem, want, MADV_HUGEPAGE);
#ifdef MADV_POPULATE_WRITE
	madvise(b->mem, n, MADV_POPULATE_WRITE);
#endif
	return true;
}

/* Copies the memory of those spans that have none yet into a buffer. */
static int read_memory(struct goheap *h, struct spans *s, struct gobuffer *to)
{
	size_t n = 0, k = 0;
	for (uint32_t i = 0; i < s->n; i++)
		n += s->v[i].kind && !s->v[i].mem ? s->v[i].size : 0;
	struct tmem_read_at *reads = malloc(s->n * sizeof *reads);
	if (!reads || !reserve(to, n)) {
		free(reads);
		return -ENOMEM;
	}
	uint8_t *at = to->mem;
	for (uint32_t i = 0; i < s->n; i++) {
		struct gospan *span = &s->v[i];
		if (!span->kind || span->mem)
			continue;
		span->mem = at;
		reads[k++] =
			(struct tmem_read_at){.at = {span->start}, .buf = at, .len = span->size};
		at += span->size;
	}
	target_readv(h->g->t, reads, k);
	for (size_t i = 0; i < k; i++)
		if (!reads[i].ok)
			memset(reads[i].buf, 0, reads[i].len);
	free(reads);
	return 0;
}

/* Nothing was allocated in it, and it was not freed, between two sweeps. */
static bool unchanged(const struct gospan *a, const struct gospan *b)
{
	return a->mspan == b->mspan && a->start == b->start && a->size == b->size &&
	       a->elemsize == b->elemsize && a->spanclass == b->spanclass && a->type == b->type &&
	       a->freeindex == b->freeindex && a->allocbits == b->allocbits;
}

static void take_unchanged(struct spans *now, const struct spans *before)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < now->n; i++) {
		while (k < before->n && before->v[k].mspan < now->v[i].mspan)
			k++;
		if (k < before->n && unchanged(&before->v[k], &now->v[i]))
			now->v[i].mem = before->v[k].mem;
	}
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

static void forget(struct goheap *h)
{
	if (h->pages)
		munmap(h->pages, (h->hi - h->lo) / GO_PAGE * sizeof *h->pages);
	if (h->bits)
		munmap(h->bits, h->nbits);
	free(h->spans);
	*h = (struct goheap){.most = h->most, .late = h->late, .still = h->still};
}

int goheap_begin(struct goheap *h, const struct gotarget *g)
{
	struct spans s = {0};
	forget(h);
	h->g = g;
	int err = g->glob.mheap_ ? read_spans(h, &s) : -EPROTO;
	if (err) {
		free(s.v);
		return err;
	}
	h->spans = s.v;
	h->nspans = s.n;
	return read_memory(h, &s, &h->most);
}

static int read_again(struct goheap *h)
{
	struct spans now, before = {h->spans, h->nspans};
	int err = read_spans(h, &now);
	if (!err) {
		take_unchanged(&now, &before);
		err = read_memory(h, &now, &h->late);
	}
	free(before.v);
	h->spans = now.v;
	h->nspans = now.n;
	return err;
}

int goheap_settle(struct goheap *h)
{
	int err = h->still ? 0 : read_again(h);
	if (!err)
		err = map_pages(h);
	if (!err)
		err = read_inuse(h);
	if (!err)
		test_greentea(h);
	return err;
}

void goheap_free(struct goheap *h)
{
	forget(h);
	if (h->most.mem)
		munmap(h->most.mem, h->most.size);
	if (h->late.mem)
		munmap(h->late.mem, h->late.size);
	*h = (struct goheap){0};
}

uint64_t goheap_word(const struct goheap *h, uint64_t addr)
{
	const struct gospan *s = addr % 8 ? NULL : goheap_span(h, addr);
	return s && s->mem ? word(s->mem, addr - s->start) : target_word(h->g->t, addr);
}
