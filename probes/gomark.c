/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gomark.c - the marker. Marks are a bit a slot, as in Go.
 *
 * Small objects are looked into span by span: a span with marked ones goes to the end of a queue,
 * so that more of them are marked when its turn comes, and memory is met page by page (Go's Green
 * Tea). Following each pointer at once took twice the time, nearly all of it waiting for memory.
 * Larger objects are on a stack.
 *
 * Small objects' pointer bits are copied with their span; larger ones name their type. An object
 * whose type is not to be had is tried word by word: that can only keep more alive.
 */
#include "gomark.h"

#include <string.h>
#include <sys/mman.h>

#define SIZECLASS_TINY 16u
/* Larger objects are looked into part by part, lest all that one points to waits at once. */
#define PART        (128u << 10)
#define ASK_OBJECTS 48

static uint64_t word(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

void gomark_init(struct gomark *m, struct goheap *heap)
{
	*m = (struct gomark){.heap = heap, .types = {.g = heap->g}};
	m->types.most = tmem_size(heap->mem);
	m->spans = malloc((heap->nspans + 1) * sizeof *m->spans);
	m->reached = malloc(GOMARK_REACHED * sizeof *m->reached);
	m->oom = !m->spans || !m->reached;
}

void gomark_free(struct gomark *m)
{
	gotypes_free(&m->types);
	idmap_free(&m->opaque);
	idmap_free(&m->tiny);
	free(m->queue);
	free(m->spans);
	free(m->reached);
	if (m->holders)
		munmap(m->holders, (m->heap->nslots + 1) * sizeof *m->holders);
	*m = (struct gomark){0};
}

bool gomark_want_holders(struct gomark *m)
{
	size_t n = (m->heap->nslots + 1) * sizeof *m->holders;
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	m->holders = p == MAP_FAILED ? NULL : p;
	return m->holders;
}

uint64_t gomark_holder(const struct gomark *m, uint64_t addr)
{
	struct goobj o;
	return goheap_find(m->heap, addr, &o) ? m->holders[o.span->first + o.index] : 0;
}

void gomark_opaque(struct gomark *m, uint64_t addr)
{
	struct goobj o;
	if (!goheap_find(m->heap, addr, &o))
		return;
	o.span->opaque = true;
	m->oom |= !idmap_put(&m->opaque, goobj_base(o), 1);
}

uint64_t gomark_watch(struct gomark *m, uint64_t addr)
{
	struct goobj o;
	if (!goheap_find(m->heap, addr, &o))
		return 0;
	o.span->watched = true;
	return goobj_base(o);
}

void gomark_reached(struct gomark *m, uint64_t name)
{
	if (m->nreached < GOMARK_REACHED)
		m->reached[m->nreached++] = name;
}

static void enqueue(struct gomark *m, struct goobj o, uint64_t from)
{
	if (m->len == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 1 << 16;
		struct gowork *bigger = realloc(m->queue, cap * sizeof *bigger);
		if (!bigger) {
			m->oom = true;
			return;
		}
		m->queue = bigger;
		m->cap = cap;
	}
	m->queue[m->len++] = (struct gowork){o, from};
}

static void enqueue_span(struct gomark *m, struct gospan *s)
{
	uint32_t n = m->heap->nspans;
	if (s->queued || m->oom)
		return;
	s->queued = true;
	m->spans[(m->head + m->nqueued++) % n] = (uint32_t)(s - m->heap->spans);
}

static bool is_opaque(const struct gomark *m, struct goobj o)
{
	return o.span->opaque && idmap_get(&m->opaque, goobj_base(o));
}

/* Whether its objects are small. */
static bool by_span(const struct gospan *s)
{
	return s->kind == GOSPAN_BITMAP || (s->kind == GOSPAN_WORDS && s->nelems > 1);
}

/* Of a block of tiny objects it matters where each word leads, also once it is marked. */
static void visit_tiny(struct gomark *m, struct goobj o, uint64_t addr)
{
	if (o.span->watched && !idmap_get(&m->tiny, addr))
		gomark_reached(m, goobj_base(o));
	m->oom |= !idmap_put(&m->tiny, addr, 1);
}

static void visit(struct gomark *m, struct gospan *s, uint32_t i, uint64_t addr)
{
	if (i >= s->nelems)
		return;
	uint64_t *cell = &s->marks[i / 64], bit = 1ull << i % 64;
	struct goobj o = {s, i};
	if (s->spanclass == GO_TINY_SPAN && gospan_inuse(s, i))
		visit_tiny(m, o, addr);
	if (*cell & bit || !gospan_inuse(s, i))
		return;
	*cell |= bit;
	if (s->watched)
		gomark_reached(m, goobj_base(o));
	if (m->holders)
		m->holders[s->first + i] = m->owner ? m->owner : m->slot;
	if (by_span(s))
		enqueue_span(m, s);
	else if (s->kind != GOSPAN_NOSCAN && !is_opaque(m, o))
		enqueue(m, o, 0);
}

/*
 * Objects lie anywhere in memory, so a pointer is not followed at once: first the line of its span
 * is asked for, then that of its mark, while others are. What holds an object is known only until
 * the next pointer is found; those who want it do without.
 */
void gomark_ptr(struct gomark *m, uint64_t addr)
{
	struct gospan *s = goheap_span(m->heap, addr);
	if (!s) {
		if (addr - m->straylo < m->strays)
			m->stray(m->strayctx, addr);
		return;
	}
	if (s == m->here || m->holders) {
		visit(m, s, gospan_index(s, addr), addr);
		return;
	}
	__builtin_prefetch(s);
	struct gosoon *slot = &m->soon[m->at % GOMARK_AHEAD], ready = *slot;
	struct gosoon *half = &m->soon[(m->at + GOMARK_AHEAD / 2) % GOMARK_AHEAD];
	*slot = (struct gosoon){s, addr, 0};
	m->at++;
	if (half->span) {
		half->index = gospan_index(half->span, half->addr);
		__builtin_prefetch(&half->span->marks[half->index / 64]);
	}
	if (ready.span)
		visit(m, ready.span, ready.index, ready.addr);
}

static void visit_soon(struct gomark *m)
{
	for (unsigned i = 0; i < GOMARK_AHEAD; i++) {
		struct gosoon it = m->soon[i];
		m->soon[i].span = NULL;
		if (it.span)
			visit(m, it.span, gospan_index(it.span, it.addr), it.addr);
	}
}

void gomark_words(struct gomark *m, uint64_t at, const uint8_t *p, size_t n)
{
	for (size_t k = 0; k + 8 <= n; k += 8) {
		m->slot = at + k;
		gomark_ptr(m, word(p + k));
	}
}

/* n bytes of values of a type, one after the other. */
static void scan_values(
	struct gomark *m, const struct gotype *t, uint64_t addr, const uint8_t *p, size_t n)
{
	for (uint64_t at = 0; at < n; at += t->size) {
		for (uint64_t cell = 0; cell * 512 < t->ptrbytes; cell++) {
			for (uint64_t bits = t->mask[cell]; bits; bits &= bits - 1) {
				uint64_t off =
					at + cell * 512 + (uint64_t)__builtin_ctzll(bits) * 8;
				m->slot = addr + off;
				if (off + 8 <= n)
					gomark_ptr(m, word(p + off));
			}
		}
	}
}

/* A bit for each of n <= 64 words: the span's bits may start in the middle of one of ours. */
static uint64_t small_mask(const struct gospan *s, uint64_t first, uint64_t n)
{
	const uint8_t *bits = s->mem + s->bitmap + first / 64 * 8;
	uint64_t shift = first % 64, mask = word(bits) >> shift;
	if (shift + n > 64)
		mask |= word(bits + 8) << (64 - shift);
	return n < 64 ? mask & ((1ull << n) - 1) : mask;
}

/* An object of a span with bits; only libgort's are of more than 64 words. */
static void scan_small(struct gomark *m, const struct gospan *s, uint64_t off)
{
	for (uint64_t n = s->elemsize / 8, some; n; n -= some, off += some * 8) {
		some = n < 64 ? n : 64;
		for (uint64_t mask = small_mask(s, off / 8, some); mask; mask &= mask - 1) {
			uint64_t at = off + (uint64_t)__builtin_ctzll(mask) * 8;
			m->slot = s->start + at;
			gomark_ptr(m, word(s->mem + at));
		}
	}
}

/* A part of a span's memory that holds values of a type. */
static void scan_typed(
	struct gomark *m, const struct gospan *s, uint64_t type, uint64_t off, size_t n)
{
	const struct gotype *t = gotype_get(&m->types, type);
	if (t && t->known) {
		scan_values(m, t, s->start + off, s->mem + off, n);
		return;
	}
	m->oom |= !t;
	gomark_words(m, s->start + off, s->mem + off, n);
}

void gomark_object(struct gomark *m, struct goobj o)
{
	const struct gospan *s = o.span;
	uint64_t off = o.index * s->elemsize, n = s->elemsize, type;
	switch (s->kind) {
	case GOSPAN_NOSCAN:
		return;
	case GOSPAN_BITMAP:
		scan_small(m, s, off);
		return;
	case GOSPAN_HEADER:
		type = word(s->mem + off);
		if (type) /* else it is being allocated */
			scan_typed(m, s, type, off + 8, n - 8);
		return;
	case GOSPAN_LARGE:
		scan_typed(m, s, s->type, off, n);
		return;
	default:
		gomark_words(m, s->start + off, s->mem + off, n);
	}
}

/* A part of a large object of whole values; what is left of it waits below what that points to. */
static void scan_part(struct gomark *m, struct gowork w)
{
	const struct gospan *s = w.o.span;
	const struct gotype *t = gotype_get(&m->types, s->type);
	uint64_t size = t && t->known ? t->size : 8;
	uint64_t part = size < PART ? PART / size * size : size;
	if (s->elemsize - w.from > part)
		enqueue(m, w.o, w.from + part);
	else
		part = s->elemsize - w.from;
	scan_typed(m, s, s->type, w.from, part);
}

/* The objects of one word of marks, with those that they add to it; false when there were none. */
static bool scan_cell(struct gomark *m, struct gospan *s, uint32_t k)
{
	bool any = false;
	for (uint64_t todo; (todo = s->marks[k] & ~s->scanned[k]); any = true) {
		uint32_t i = (uint32_t)__builtin_ctzll(todo);
		s->scanned[k] |= 1ull << i;
		struct goobj o = {s, k * 64 + i};
		if (!is_opaque(m, o))
			gomark_object(m, o);
	}
	return any;
}

/* Those objects of a span that were marked since it was here last, and what they lead to in it. */
static void scan_span(struct gomark *m, struct gospan *s)
{
	bool any = true;
	m->here = s;
	while (any) {
		any = false;
		for (uint32_t k = 0; k * 64 < s->nelems; k++)
			any |= scan_cell(m, s, k);
	}
	m->here = NULL;
	s->queued = false;
}

/* The k-th span that waits, NULL when there are not so many. */
static struct gospan *waiting(const struct gomark *m, uint32_t k)
{
	uint32_t n = m->heap->nspans, at = m->head + k;
	return k < m->nqueued ? &m->heap->spans[m->spans[at < n ? at : at - n]] : NULL;
}

/* Asks for what is going to be looked into, of as many objects as the CPU can wait for at once. */
static void ask_objects(const struct gospan *s)
{
	unsigned budget = ASK_OBJECTS;
	for (uint32_t k = 0; k * 64 < s->nelems && budget; k++) {
		uint64_t todo = s->marks[k] & ~s->scanned[k];
		for (; todo && budget; todo &= todo - 1, budget--) {
			uint64_t i = k * 64 + (uint32_t)__builtin_ctzll(todo);
			__builtin_prefetch(s->mem + i * s->elemsize);
		}
	}
}

/*
 * The next span. Each step of what those behind it need is asked for while those before it are
 * worked on: the span, its marks and pointer bits, its objects.
 */
static struct gospan *next_span(struct gomark *m)
{
	struct gospan *s = waiting(m, 0), *then = waiting(m, 1), *later = waiting(m, 2);
	if (then)
		ask_objects(then);
	if (later) {
		__builtin_prefetch(later->marks);
		__builtin_prefetch(later->scanned);
		__builtin_prefetch(later->mem + later->bitmap);
		__builtin_prefetch(later->mem + later->bitmap + 64);
	}
	later = waiting(m, 4);
	if (later) {
		__builtin_prefetch(later);
		__builtin_prefetch((const uint8_t *)later + 64);
	}
	m->head = m->head + 1 < m->heap->nspans ? m->head + 1 : 0;
	m->nqueued--;
	return s;
}

void gomark_drain(struct gomark *m)
{
	for (;;) {
		if (m->len) {
			struct gowork w = m->queue[--m->len];
			if (w.o.span->kind == GOSPAN_LARGE)
				scan_part(m, w);
			else
				gomark_object(m, w.o);
		} else if (m->nqueued) {
			scan_span(m, next_span(m));
		} else {
			visit_soon(m);
			if (!m->len && !m->nqueued)
				return;
		}
	}
}

static bool points_into(const struct gomark *m, uint64_t lo, uint64_t hi)
{
	for (uint64_t v = lo; v < hi; v++)
		if (idmap_get(&m->tiny, v))
			return true;
	return false;
}

/*
 * Tiny objects share blocks of 16 bytes, which live as long as one of them does: a lock of 8 bytes
 * is alive only if a pointer leads into it, or to the start of the object that it is part of. Where
 * that starts is not recorded. A lock word at offset 12 is a mutex that may be the second half of
 * a 16-byte object or share its block with another.
 */
static enum golive live_tiny(const struct gomark *m, uint64_t block, uint64_t addr)
{
	bool second = addr % SIZECLASS_TINY == 12;
	uint64_t lo = second ? addr - 8 : block;
	if (points_into(m, lo, addr + 1))
		return GO_LIVE;
	return points_into(m, block, lo) ? GO_UNSURE : GO_DEAD;
}

enum golive gomark_live(const struct gomark *m, uint64_t addr, bool exact)
{
	struct goobj o;
	if (!goheap_find(m->heap, addr, &o))
		return GO_LIVE;
	if (!(o.span->marks[o.index / 64] >> o.index % 64 & 1))
		return GO_DEAD;
	return exact && o.span->spanclass == GO_TINY_SPAN ? live_tiny(m, goobj_base(o), addr)
							  : GO_LIVE;
}
