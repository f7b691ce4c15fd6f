/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcmark.c - finding what is reachable (Go's mgcmark.go).
 *
 * Whatever looks like a pointer into the heap goes onto a stack, unchecked. From there words go
 * through a short queue: at its entry the word is turned into the place of the object and of its
 * bits, and both are prefetched; at its exit they have arrived, and the object is marked and
 * scanned. A random graph is so marked in less than half the time, as a miss no longer waits for
 * the one before. The struct mspan is not touched for small objects.
 *
 * Objects are marked when their alloc bit is set: a word that points to a free slot keeps nothing.
 * Of objects without pointers only the mark is written.
 */
#include <string.h>

#include "base/throw.h"
#include "gort/mem.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mgcwork.h"

#define NOSAN __attribute__((no_sanitize("address")))
#define SIGN  0x80000000u

typedef uint32_t quad __attribute__((vector_size(16), may_alias));
typedef int32_t signedquad __attribute__((vector_size(16)));
typedef float floats __attribute__((vector_size(16)));

static struct {
	uintptr_t lo, span; /* all of the heap, and what stray wants */
	quad first, n;      /* the upper halves of such words; see maybe */
	void (*stray)(uintptr_t w);
	uint64_t before; /* gcbytes at the beginning */
	_Atomic uint64_t black;
	bool alone;    /* the world is stopped, and one thread marks */
	bool checking; /* words are looked up, and must be marked */
} work;

/* ---- from a word to an object ---- */

static bool locatelarge(struct heapArena *ha, uintptr_t w, struct candidate *c)
{
	struct mspan *s = load_acq(&ha->spans[pageof(w)]);
	if (!s || load_acq(&s->state) != mSpanInUse || s->sizeclass ||
		w - s->startAddr >= s->elemsize)
		return false;
	*c = (struct candidate){.bits = s->bits,
		.mask = 1,
		.base = s->startAddr,
		.size = s->elemsize,
		.spanbase = s->startAddr,
		.kind = s->kind,
		.type = s->largetype};
	return true;
}

/* False when w points to no page with objects. */
static inline bool locate(uintptr_t w, struct candidate *c)
{
	struct heapArena *ha = arenaof(w);
	if (unlikely(!ha))
		return false;
	uint32_t page = pageof(w);
	struct pageinfo info = pageinfoof(ha, page);
	if (info.sizeclass == 0)
		return locatelarge(ha, w, c);
	page -= info.offset;
	uintptr_t start = ha->base + ((uintptr_t)page << PAGESHIFT), size;
	uint32_t i = (uint32_t)((w - start) * sizeclasses.magic[info.sizeclass] >> 32);
	size = sizeclasses.size[info.sizeclass];
	c->bits = &ha->bits[page][i / 64];
	c->mask = (uint64_t)1 << i % 64;
	c->base = start + i * size;
	c->size = size;
	c->heapbits = ha->heapBits[page];
	c->spanbase = start;
	c->kind = info.kind;
	return true;
}

/* ---- scanning ---- */

static inline bool inheap(uintptr_t w)
{
	return w - work.lo < work.span;
}

/* The word that lies at that place. */
static void checkword(uintptr_t w, const volatile void *at)
{
	struct candidate c;
	if (locate(w, &c) && (c.bits->alloc & c.mask) && !(load_rlx(&c.bits->mark) & c.mask))
		throw("gc: the object at %p of %zu bytes is reachable and was not marked: from %p",
			(void *)c.base, c.size, at);
}

static NOSAN inline void scan(struct gcwork *w, const volatile uintptr_t *at)
{
	uintptr_t word = *at;
	if (!inheap(word))
		return;
	if (unlikely(work.checking))
		checkword(word, at);
	else
		gcpush(w, word);
}

void scanword(uintptr_t word)
{
	scan(gcwork(), &word);
}

static NOSAN void scanrange(struct gcwork *w, uintptr_t lo, uintptr_t hi)
{
	for (uintptr_t at = (lo + 7) & ~(uintptr_t)7; at + 8 <= hi; at += 8)
		scan(w, (const volatile uintptr_t *)at);
}

/*
 * Where one of the four words there may point into the heap. Roots are mostly something else, and
 * their upper halves tell so. SSE2 compares numbers with a sign only, hence SIGN on both sides.
 */
static NOSAN inline signedquad maybe(uintptr_t at, quad first, signedquad n)
{
	const volatile quad *q = (const volatile quad *)at;
	quad upper = __builtin_shufflevector(q[0], q[1], 1, 3, 5, 7);
	return (signedquad)(upper - first) < n;
}

/* A line at a time, which takes one branch: half the time of 32 bytes, and less than of 128. */
NOSAN void scanblock(uintptr_t lo, uintptr_t hi)
{
	struct gcwork *w = gcwork();
	quad first = work.first;
	signedquad n = (signedquad)work.n;
	uintptr_t at = (lo + 15) & ~(uintptr_t)15;
	scanrange(w, lo, at < hi ? at : hi);
	for (; at + 64 <= hi; at += 64) {
		signedquad some = maybe(at, first, n) | maybe(at + 32, first, n);
		if (unlikely(__builtin_ia32_movmskps((floats)some)))
			scanrange(w, at, at + 64);
	}
	if (at < hi)
		scanrange(w, at, hi);
	w->scanned += hi - lo;
}

/* The words of [base, base + size) that the heap bitmap of the span names. */
static NOSAN void scantyped(struct gcwork *w, const struct candidate *c)
{
	uintptr_t first = (c->base - c->spanbase) / 8, n = c->size / 8;
	const volatile uintptr_t *words = (const volatile uintptr_t *)c->base;
	for (uintptr_t i = 0; i < n;) {
		uintptr_t at = first + i;
		/* A neighbour may be described meanwhile (malloc.c); our bits stay as they are. */
		uint64_t bits = __atomic_load_n(&c->heapbits[at / 64], __ATOMIC_RELAXED) >> at % 64;
		uintptr_t width = 64 - at % 64 < n - i ? 64 - at % 64 : n - i;
		if (width < 64)
			bits &= ((uint64_t)1 << width) - 1;
		for (; bits; bits &= bits - 1)
			scan(w, &words[i + (uintptr_t)__builtin_ctzll(bits)]);
		i += width;
	}
}

/* What of the large object c begins in [lo, hi). */
static NOSAN void scanpart(struct gcwork *w, const struct candidate *c, uintptr_t lo, uintptr_t hi)
{
	hi = hi < c->base + c->size ? hi : c->base + c->size;
	w->scanned += hi - lo;
	if (!c->type) {
		scanrange(w, lo, hi);
		return;
	}
	uintptr_t size = c->type->size, at = c->base + (lo - c->base + size - 1) / size * size;
	for (; at < hi && at + size <= c->base + c->size; at += size)
		for (uint64_t bits = c->type->ptrs; bits; bits &= bits - 1)
			scan(w, (const volatile uintptr_t *)at + __builtin_ctzll(bits));
}

/* Its first part now, the others when they are popped. */
static void scanlarge(struct gcwork *w, const struct candidate *c)
{
	uintptr_t end = c->base + c->size;
	if (work.checking) {
		scanpart(w, c, c->base, end);
		return;
	}
	for (uintptr_t at = c->base + GCPARTSIZE; at < end; at += GCPARTSIZE)
		gcpush(w, at | GCPART);
	scanpart(w, c, c->base, c->base + GCPARTSIZE);
}

static NOSAN inline void scanobject(struct gcwork *w, const struct candidate *c)
{
	if (c->kind == SPANNOSCAN)
		return;
	if (c->size > GCPARTSIZE || c->type) {
		scanlarge(w, c);
		return;
	}
	w->scanned += c->size;
	if (unlikely(c->kind != SPANSCAN)) {
		scantyped(w, c);
		return;
	}
	for (uintptr_t at = c->base, end = at + c->size; at < end; at += 8)
		scan(w, (const volatile uintptr_t *)at);
}

void scancontents(uintptr_t p)
{
	struct candidate c = {.type = NULL};
	if (locate(p, &c))
		scanobject(gcwork(), &c);
}

/*
 * One that is marked, or has been allocated since marking began: those below freeindex that do not
 * exist yet. The program has stored into it after it moved freeindex.
 */
static bool changes(const struct mspan *s, uintptr_t i)
{
	const struct gcbits *b = &s->bits[i / 64];
	uint64_t mask = (uint64_t)1 << i % 64;
	if (load_rlx(&b->mark) & mask)
		return true;
	return !(__atomic_load_n(&b->alloc, __ATOMIC_ACQUIRE) & mask) &&
	       i < __atomic_load_n(&s->freeindex, __ATOMIC_RELAXED);
}

static void scansmall(struct gcwork *w, const struct mspan *s, uintptr_t lo, uintptr_t hi)
{
	struct candidate c = {.type = NULL};
	uintptr_t size = s->elemsize, i = (lo - s->startAddr) / size;
	for (; i < s->nelems && s->startAddr + i * size < hi; i++)
		if (changes(s, i) && locate(s->startAddr + i * size, &c))
			scanobject(w, &c);
}

/* An element of the large object may have begun before lo. */
static void scanpages(struct gcwork *w, struct heapArena *ha, uintptr_t lo, uintptr_t hi)
{
	struct candidate c;
	if (!locatelarge(ha, lo, &c) || !(load_rlx(&c.bits->mark) & 1))
		return;
	if (c.type)
		lo -= (lo - c.base) % c.type->size;
	scanpart(w, &c, lo, hi);
}

void scanchanged(uintptr_t lo, uintptr_t hi)
{
	struct gcwork *w = gcwork();
	while (lo < hi) {
		struct heapArena *ha = arenaof(lo);
		const struct mspan *s = ha ? load_acq(&ha->spans[pageof(lo)]) : NULL;
		bool used = s && load_acq(&s->state) == mSpanInUse;
		uintptr_t page = (lo | (((uintptr_t)1 << PAGESHIFT) - 1)) + 1;
		uintptr_t end = used ? s->startAddr + ((uintptr_t)s->npages << PAGESHIFT) : page;
		end = end < hi ? end : hi;
		if (used && s->kind != SPANNOSCAN && s->sizeclass)
			scansmall(w, s, lo, end);
		else if (used && s->kind != SPANNOSCAN)
			scanpages(w, ha, lo, end);
		lo = end;
	}
}

/* ---- marking ---- */

static void popped(struct gcwork *w, uintptr_t word)
{
	struct candidate *c = &w->queue[w->tail % GCQUEUE];
	c->type = NULL;
	if (!locate(word & ~GCPART, c)) {
		if (unlikely(work.stray))
			work.stray(word);
		return;
	}
	if (word & GCPART) {
		struct candidate large = *c;
		scanpart(w, &large, word & ~GCPART, (word & ~GCPART) + GCPARTSIZE);
		return;
	}
	__builtin_prefetch(c->bits, 1);
	__builtin_prefetch((const void *)c->base);
	w->tail++;
}

/*
 * An object that exists. What has been allocated since marking began does not yet: it gets its mark
 * and its alloc bit together, mark first, when its span leaves the mcache (mcentral.c).
 */
static inline bool setmark(const struct candidate *c)
{
	uint64_t bits = load_rlx(&c->bits->mark);
	if ((bits & c->mask) || !(__atomic_load_n(&c->bits->alloc, __ATOMIC_ACQUIRE) & c->mask))
		return false;
	if (work.alone) {
		store_rlx(&c->bits->mark, bits | c->mask);
		return true;
	}
	return !(or_acqrel(&c->bits->mark, c->mask) & c->mask);
}

bool markdrain(uint64_t budget)
{
	struct gcwork *w = gcwork();
	uint64_t end = budget < UINT64_MAX - w->scanned ? w->scanned + budget : UINT64_MAX;
	uint64_t marked = 0; /* those that are not looked at take time, too */
	for (uintptr_t word;;) {
		bool more = w->scanned + 16 * marked < end;
		while (more && w->tail - w->head < GCQUEUE && (word = gcpop(w)))
			popped(w, word);
		if (w->head == w->tail)
			return more;
		const struct candidate *c = &w->queue[w->head % GCQUEUE];
		if (setmark(c)) {
			w->bytes += c->size;
			marked++;
			scanobject(w, c); /* it pushes, and nothing enters the queue meanwhile */
		}
		w->head++;
	}
}

static void setrange(uintptr_t lo, uintptr_t hi)
{
	uint32_t first = (uint32_t)(lo >> 32), n = (uint32_t)((hi - 1) >> 32) - first + 1;
	work.lo = lo;
	work.span = hi - lo;
	work.first = (quad){0} + first + SIGN;
	work.n = (quad){0} + n + SIGN;
}

void markbegin(bool alone)
{
	setrange(load_rlx(&mheap.lo), load_rlx(&mheap.hi));
	work.before = gcbytes();
	store_rlx(&work.black, 0);
	work.alone = alone;
}

void markstray(void (*f)(uintptr_t w), uintptr_t lo, uintptr_t hi)
{
	uintptr_t first = load_rlx(&mheap.lo), end = load_rlx(&mheap.hi);
	work.stray = f;
	setrange(f && lo < first ? lo : first, f && hi > end ? hi : end);
}

bool isunmarked(uintptr_t p)
{
	struct candidate c;
	return locate(p, &c) && !(load_rlx(&c.bits->mark) & c.mask);
}

uintptr_t existingobject(uintptr_t p, size_t *size)
{
	struct candidate c;
	if (!inheap(p) || !locate(p, &c) || !(c.bits->alloc & c.mask))
		return 0;
	*size = c.size;
	return c.base;
}

uintptr_t unmarkedobject(uintptr_t p, size_t *size)
{
	return isunmarked(p) ? existingobject(p, size) : 0;
}

void markblack(uint64_t bytes)
{
	xadd_rlx(&work.black, bytes);
}

uint64_t markedbytes(void)
{
	return gcbytes() - work.before + load_rlx(&work.black);
}

/* ---- checking ---- */

uintptr_t gcforget;

static void forget(uintptr_t p)
{
	struct candidate c;
	if (p && locate(p, &c))
		and_acqrel(&c.bits->mark, ~c.mask);
}

static void checkcleared(const struct mspan *s)
{
	for (uint32_t w = 0; w < (s->nelems + 63) / 64; w++)
		if (load_rlx(&s->bits[w].mark))
			throw("gc: the span at %p has marks of the last cycle: %u of %u objects, "
			      "class %u, kind %u, free index %u",
				(void *)s->startAddr, s->allocCount, s->nelems, s->sizeclass,
				s->kind, s->freeindex);
}

static void checkspan(const struct mspan *s)
{
	for (uint32_t i = 0; i < s->nelems; i++) {
		struct candidate c = {.type = NULL};
		if ((load_rlx(&s->bits[i / 64].mark) >> i % 64 & 1) &&
			locate(s->startAddr + i * s->elemsize, &c))
			scanobject(gcwork(), &c);
	}
}

static void eachspan(const struct heapArena *ha, void (*f)(const struct mspan *s))
{
	for (uint32_t page = 0; page < PAGESPERARENA; page++) {
		const struct mspan *s = load_rlx(&ha->spans[page]);
		if (s && s->startAddr == ha->base + ((uintptr_t)page << PAGESHIFT))
			f(s);
	}
}

void spansdo(void (*f)(const struct mspan *s))
{
	for (uint32_t i = 0; i < mheap.narena; i++)
		eachspan(mheap.all[i], f);
}

void checkmarks(bool on)
{
	work.checking = on;
	forget(gcforget);
	if (on)
		spansdo(checkspan);
}

void checknomarks(void)
{
	spansdo(checkcleared);
}

static void clearspan(const struct mspan *s)
{
	for (uint32_t w = 0; w < (s->nelems + 63) / 64; w++)
		store_rlx(&s->bits[w].mark, 0);
}

void clearmarks(void)
{
	spansdo(clearspan);
}
