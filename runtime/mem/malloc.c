/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * malloc.c - mallocgc: every object of the program comes from here (Go's malloc.go).
 *
 * Small objects, up to 32 KiB, take the next free slot of the span that the P has for their size
 * class and kind (mcache.h): a count of trailing zeros, no lock, no atomic operation. The span is
 * replaced when it is full. Objects without pointers of less than 16 bytes share blocks of 16.
 * Larger ones have spans of their own. A thread without a P uses `nop`, under a lock.
 *
 * Nobody is switched out in here: the preemption handler refuses libgort's text, so an allocation
 * is one step for the P. A slot is not cleared when it is freed but when it is taken, right before
 * the program writes to it; spans whose memory is fresh from the system are not cleared at all.
 */
#include "mem/mallocfast.h"

#include <string.h>

#include "base/noptr.h"
#include "base/throw.h"
#include "debug/options.h"
#include "mem/memclr.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "mem/mprof.h"
#include "mem/nostop.h"
#include "sched/proc.h"
#include "sched/race.h"

static struct {
	struct mutex lock;
	struct mcache cache;
} nop NOPTRDATA = {.lock = {.rank = lockRankNop}}; /* a collection empties it */

const gort_type gort_noscan = {.name = "noscan"};

/* Before constructors of the program, which may make channels. */
__attribute__((constructor(101))) static void mallocinit(void)
{
	memclrinit();
	sizeclassesinit();
	mheapinit();
}

/* ---- small objects ---- */

static inline void clearlarge(void *p, size_t size)
{
	if (unlikely(raceenabled))
		zerounseen(p, size);
	else
		memclr(p, size);
}

/*
 * Zeroes a slot, whose size is a multiple of 8. The empty assembly keeps gcc from making the loop a
 * `rep stos`, which takes 20 cycles to begin: half the time of an allocation of 16 bytes.
 */
static inline __attribute__((always_inline)) void clear(char *p, size_t size)
{
	typedef uint64_t word __attribute__((may_alias));
	typedef word pair __attribute__((vector_size(16), aligned(8)));
	if (size > 128) {
		clearlarge(p, size);
		return;
	}
	for (; size >= 16; p += 16, size -= 16) {
		*(pair *)p = (pair){0};
		__asm__ volatile("" : "+r"(p));
	}
	if (size)
		*(word *)p = 0;
}

static inline void countsample(struct mcache *c, struct mspan *s, void *p)
{
	if (likely(s->elemsize < c->nextsample))
		c->nextsample -= s->elemsize;
	else
		profilealloc(c, s, p);
}

static __attribute__((noinline)) void *nextFree(struct mcache *c, unsigned spanclass, bool zero)
{
	struct mspan *s = c->alloc[spanclass];
	uint32_t index = s ? nextFreeIndex(s) : 0;
	if (!s || index == s->nelems) {
		s = mcacherefill(c, spanclass);
		index = nextFreeIndex(s);
	}
	if (unlikely(index >= s->nelems))
		throw("malloc: the span at %p of class %u has no free slot", (void *)s->startAddr,
			spanclass);
	s->allocCount++;
	char *p = (char *)s->startAddr + index * s->elemsize;
	if (zero && s->needzero)
		clear(p, s->elemsize);
	countsample(c, s, p);
	return p;
}

/* A zeroed slot, if takeslot has one; else NULL. */
static inline __attribute__((always_inline)) void *fastalloc(struct mcache *c, unsigned spanclass)
{
	struct mspan *s;
	uintptr_t p = takeslot(c, spanclass, &s);
	if (likely(p) && s->needzero)
		clear((char *)p, s->elemsize);
	return (void *)p;
}

static inline __attribute__((always_inline)) void *smallalloc(
	struct mcache *c, size_t size, enum spankind kind)
{
	unsigned spanclass = SPANCLASS(sizeclassof(size), kind);
	void *p = fastalloc(c, spanclass);
	return likely(p) ? p : nextFree(c, spanclass, true);
}

/* Of less than TINYSIZE bytes, without pointers. */
static void *tinyalloc(struct mcache *c, size_t size)
{
	uint32_t align = size % 8 == 0 ? 8 : size % 4 == 0 ? 4 : size % 2 == 0 ? 2 : 1;
	uint32_t offset = (c->tinyoffset + align - 1) & ~(align - 1);
	c->tinyallocs++;
	if (!c->tiny || offset + size > TINYSIZE) {
		uintptr_t block = (uintptr_t)smallalloc(c, TINYSIZE, SPANNOSCAN);
		if (!c->tiny || size < c->tinyoffset) {
			c->tiny = block;
			c->tinyoffset = (uint32_t)size;
		}
		return (void *)block;
	}
	c->tinyoffset = offset + (uint32_t)size;
	return (void *)(c->tiny + offset);
}

/* ---- typed objects: the heap bitmap ---- */

/* Writes the bits of n words from word at on. */
static void writebits(uint64_t *bits, uintptr_t at, uint64_t mask, unsigned n)
{
	uint64_t keep = n < 64 ? ~(uint64_t)0 << n : 0;
	uint64_t *w = bits + at / 64;
	unsigned shift = at % 64;
	uint64_t one = (w[0] & ((keep << shift) | (((uint64_t)1 << shift) - 1))) | mask << shift;
	__atomic_store_n(&w[0], one, __ATOMIC_RELAXED); /* a marker may read a neighbour's bits */
	if (!shift || shift + n <= 64)
		return;
	uint64_t two =
		(w[1] & (keep >> (64 - shift) | ~(uint64_t)0 << shift)) | mask >> (64 - shift);
	__atomic_store_n(&w[1], two, __ATOMIC_RELAXED);
}

/* Describes all words of the slot p: n elements of type t, and nothing behind them. */
static void describe(const struct mspan *s, uintptr_t p, size_t n, const gort_type *t)
{
	uintptr_t first = (p - s->startAddr) / 8, words = s->elemsize / 8;
	if (likely(n == 1 && words <= 64)) {
		writebits(s->heapBits, first, t->ptrs, (unsigned)words);
		return;
	}
	for (uintptr_t i = 0; i < words; i += 64)
		writebits(s->heapBits, first + i, 0, words - i < 64 ? (unsigned)(words - i) : 64);
	unsigned used = t->ptrs ? 64 - (unsigned)__builtin_clzll(t->ptrs) : 0;
	for (size_t i = 0; i < n && used; i++)
		writebits(s->heapBits, first + i * t->size / 8, t->ptrs, used);
}

static inline struct mspan *spanofclass(struct mcache *c, size_t size, enum spankind kind)
{
	return c->alloc[SPANCLASS(sizeclassof(size), kind)];
}

/* ---- large objects ---- */

static void *largealloc(struct mcache *c, size_t size, enum spankind kind, const gort_type *t)
{
	if (size > PTRDIFF_MAX - PAGESIZE)
		throw("malloc: object of %zu bytes is too large", size);
	size_t npages = (size + PAGESIZE - 1) >> PAGESHIFT;
	sweepcredit(npages);
	struct mspan *s = mheapalloc(npages, 0, kind, npages << PAGESHIFT);
	s->largetype = t;
	s->freeindex = s->allocCount = 1;
	s->allocCache = 0;
	c->nlarge++;
	c->largebytes += npages << PAGESHIFT;
	gcaccount(npages << PAGESHIFT);
	void *p = (void *)s->startAddr;
	racenew(s->startAddr, npages << PAGESHIFT);
	if (s->needzero)
		clearlarge(p, npages << PAGESHIFT);
	countsample(c, s, p);
	uncacheSpan(s);
	return p;
}

/* ---- the entries ---- */

static inline __attribute__((always_inline)) void *allocate(
	struct mcache *c, size_t size, enum spankind kind)
{
	if (unlikely(size > MAXSMALLSIZE))
		return largealloc(c, size, kind, NULL);
	return smallalloc(c, size, kind);
}

static void *allocatetyped(struct mcache *c, size_t n, size_t size, const gort_type *t)
{
	if (n * size > MAXSMALLSIZE)
		return largealloc(c, n * size, SPANTYPED, t);
	void *p = smallalloc(c, n * size, SPANTYPED);
	describe(spanofclass(c, n * size, SPANTYPED), (uintptr_t)p, n, t);
	return p;
}

static void *allocatenoscan(struct mcache *c, size_t size)
{
	return size < TINYSIZE && size ? tinyalloc(c, size) : allocate(c, size, SPANNOSCAN);
}

/* The mcache to use: the P's, or the one of threads without a P, locked. */
static inline struct mcache *takecache(void)
{
	struct m *mp = getm();
	if (likely(mp && mp->p))
		return &mp->p->mcache;
	nostop_begin();
	lock(&nop.lock);
	return &nop.cache;
}

static inline void leavecache(struct mcache *c)
{
	if (unlikely(c == &nop.cache)) {
		unlock(&nop.lock);
		nostop_end();
	}
}

struct mcache *nopcache(void)
{
	return &nop.cache;
}

void flushcaches(void)
{
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		mcacherelease(&allp[i]->mcache);
	mcacherelease(&nop.cache);
}

void *mallocgc(size_t size)
{
	struct mcache *c = takecache();
	void *p = allocate(c, size, SPANSCAN);
	leavecache(c);
	return p;
}

void *mallocgc_noscan(size_t size)
{
	struct mcache *c = takecache();
	void *p = allocatenoscan(c, size);
	leavecache(c);
	return p;
}

static void *mallocgc_typed(size_t n, size_t size, const gort_type *t)
{
	struct mcache *c = takecache();
	void *p = allocatetyped(c, n, size, t);
	leavecache(c);
	return p;
}

/* GORT_DEBUG=gcstress=N: collects at each Nth allocation. */
static __attribute__((noinline)) void gcstress(void)
{
	static _Atomic uint32_t n;
	if (xadd_rlx(&n, 1) % (uint32_t)debug.gcstress == 0) {
		store_rlx(&gcwanted, true);
		gcpoll();
	}
}

/* A goroutine whose P was taken gets one first; other threads need none. */
static inline void enter(void)
{
	struct m *mp = getm();
	if (unlikely(!mp || !mp->curg))
		return;
	getgchecked("gort_malloc");
	if (unlikely(debug.gcstress))
		gcstress();
}

static void *mallocarray(size_t n, size_t size, const gort_type *t)
{
	if (!t)
		return mallocgc(n * size);
	if (t == &gort_noscan)
		return mallocgc_noscan(n * size);
	return mallocgc_typed(n, size, t);
}

static __attribute__((noinline)) void *mallocslow(size_t n, size_t size, const gort_type *t)
{
	enter();
	return mallocarray(n, size, t);
}

void *gort_malloc(size_t size)
{
	struct mcache *c = likely(size <= MAXSMALLSIZE && !debug.gcstress) ? readycache() : NULL;
	void *p = likely(c) ? fastalloc(c, SPANCLASS(sizeclassof(size), SPANSCAN)) : NULL;
	return likely(p) ? p : mallocslow(1, size, NULL);
}

void *gort_malloc_array(size_t n, size_t size, const gort_type *t)
{
	size_t bytes;
	if (unlikely(__builtin_mul_overflow(n, size, &bytes)))
		throw("malloc: %zu objects of %zu bytes are too large", n, size);
	if (!t)
		return gort_malloc(bytes);
	if (unlikely(t != &gort_noscan && t->size != size))
		throw("malloc: object of %zu bytes of the type %s, which has %zu", size, t->name,
			t->size);
	return mallocslow(n, size, t);
}

void *mallocdirtyslow(size_t size, unsigned sizeclass)
{
	struct mcache *c = likely(sizeclass && !debug.gcstress) ? readycache() : NULL;
	if (unlikely(!c))
		return mallocslow(1, size, &gort_noscan);
	if (size < TINYSIZE)
		return tinyalloc(c, size);
	return nextFree(c, SPANCLASS(sizeclass, SPANNOSCAN), false);
}

void *gort_object(const void *p, size_t *size)
{
	struct mspan *s;
	uint32_t index;
	uintptr_t base = findObject((uintptr_t)p, &s, &index);
	if (base)
		*size = s->elemsize;
	return (void *)base;
}
