/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goheap.c - copies the heap of a running process: Go's (gospans.c), or libgort's (gortspans.c).
 *
 * The process runs on meanwhile. So the spans are read twice, before and after the memory, and the
 * memory of those that changed in between is copied again: else every pointer to what is new would
 * seem to lead nowhere. What moves from one old object to another can still be lost; that is caught
 * by those who read the heap again (goleak.c).
 *
 * The memory of all spans whose objects may hold pointers follows in one batch, into one buffer of
 * huge pages: faulting in fresh 4 KiB pages takes longer than the copy.
 */
#include "goheap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA_MAX (1ull << 40)

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static void *map_memory(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	return p == MAP_FAILED ? NULL : p;
}

/* ---- which page belongs to which span ---- */

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
			keeps = h->ops->still_there(h, &h->spans[other - 1]);
		}
		if (!*page || !keeps)
			*page = i + 1;
	}
}

static int map_pages(struct goheap *h)
{
	h->lo = h->nspans ? UINT64_MAX : 0;
	h->hi = 0;
	for (uint32_t i = 0; i < h->nspans; i++) {
		const struct gospan *s = &h->spans[i];
		h->lo = s->start < h->lo ? s->start : h->lo;
		h->hi = s->start + s->size > h->hi ? s->start + s->size : h->hi;
	}
	if (h->hi - h->lo > ARENA_MAX)
		return -EPROTO;
	if (!h->nspans)
		return 0;
	h->pages = map_memory((h->hi - h->lo) / GO_PAGE * sizeof *h->pages);
	if (!h->pages)
		return -ENOMEM;
	for (uint32_t i = 0; i < h->nspans; i++)
		claim_pages(h, i);
	return 0;
}

/* ---- bits, and memory ---- */

/* Of each span a bit a slot, three times: marked, looked into, in use. */
static int make_bits(struct goheap *h)
{
	size_t n = 1; /* words; some, although there may be no span */
	for (uint32_t i = 0; i < h->nspans; i++)
		n += h->spans[i].nelems / 64 + 1;
	h->nbits = 3 * n * sizeof(uint64_t);
	h->bits = map_memory(h->nbits);
	if (!h->bits)
		return -ENOMEM;
	uint64_t *bits = h->bits;
	for (uint32_t i = 0; i < h->nspans; i++) {
		struct gospan *s = &h->spans[i];
		size_t len = s->nelems / 64 + 1;
		s->marks = bits;
		s->scanned = bits + len;
		s->first = h->nslots;
		h->nslots += s->nelems;
		bits += 3 * len;
	}
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

/* The bits that tell where pointers are may not be in the span itself: then they come behind it. */
static size_t room_of(const struct gospan *s)
{
	return s->heapbits ? s->size + s->size / 64 + sizeof(uint64_t) : s->size;
}

/* Copies the memory of those spans that have none yet into a buffer. */
static int read_memory(struct goheap *h, struct gospans *s, struct gobuffer *to)
{
	size_t n = 0, k = 0;
	for (uint32_t i = 0; i < s->n; i++)
		n += s->v[i].kind && !s->v[i].mem ? room_of(&s->v[i]) : 0;
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
		at += room_of(span);
	}
	h->mem->readv(h->mem->ctx, reads, k);
	for (size_t i = 0; i < k; i++) {
		h->lost += !reads[i].ok;
		if (!reads[i].ok)
			memset(reads[i].buf, 0, reads[i].len);
	}
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

static void take_unchanged(struct gospans *now, const struct gospans *before)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < now->n; i++) {
		while (k < before->n && before->v[k].mspan < now->v[i].mspan)
			k++;
		if (k == before->n || !unchanged(&before->v[k], &now->v[i]))
			continue;
		now->v[i].mem = before->v[k].mem;
		now->v[i].inuse = before->v[k].inuse;
	}
}

static void forget(struct goheap *h)
{
	if (h->pages)
		munmap(h->pages, (h->hi - h->lo) / GO_PAGE * sizeof *h->pages);
	if (h->bits)
		munmap(h->bits, h->nbits);
	free(h->inuse[0]);
	free(h->inuse[1]);
	free(h->spans);
	*h = (struct goheap){.g = h->g,
		.r = h->r,
		.ops = h->ops,
		.mem = h->mem,
		.most = h->most,
		.late = h->late,
		.still = h->still};
}

/* In a process that runs, a few spans may have taken the pages of others meanwhile. */
static bool fits(const struct goheap *h, const struct gospans *s)
{
	uint64_t bytes = 0;
	for (uint32_t i = 0; i < s->n; i++)
		bytes += s->v[i].size;
	return bytes / 8 * 7 <= tmem_size(h->mem);
}

static int read_inuse(struct goheap *h, struct gospans *s, bool again)
{
	return h->ops->read_inuse ? h->ops->read_inuse(h, s, again) : 0;
}

/* Those of one sweep: no more than can be. Go always has some, libgort once it is asked for any. */
static int sweep(struct goheap *h, struct gospans *out)
{
	int err = h->ops->read_spans(h, out);
	bool some = out->n || h->r;
	return err ? err : some && fits(h, out) ? 0 : -EPROTO;
}

int goheap_copy(struct goheap *h, const struct goheap_ops *ops, const struct tmem *mem)
{
	struct gospans s;
	forget(h);
	h->ops = ops;
	h->mem = mem;
	int err = sweep(h, &s);
	if (err) {
		free(s.v);
		return err;
	}
	h->spans = s.v;
	h->nspans = s.n;
	err = read_inuse(h, &s, false);
	return err ? err : read_memory(h, &s, &h->most);
}

static int read_again(struct goheap *h)
{
	struct gospans now, before = {h->spans, h->nspans};
	int err = sweep(h, &now);
	if (!err) {
		take_unchanged(&now, &before);
		err = read_inuse(h, &now, true);
	}
	if (!err)
		err = read_memory(h, &now, &h->late);
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
		err = make_bits(h);
	return err ? err : h->ops->settle(h);
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
	uint64_t v;
	if (s && s->mem)
		return word(s->mem, addr - s->start);
	return tmem_read(h->mem, (taddr){addr}, &v, sizeof v) ? v : 0;
}
