/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mheap.h - the heap: arenas, pages, spans (Go's mheap.go, mcentral.go, mbitmap.go).
 *
 * An arena is 64 MiB of address space; the map finds it by address. Its pages of 8 KiB belong to
 * spans: a run of pages cut into objects of one size. Everything that is known about an object is
 * found from any address in it:
 *
 *	address -> arena (arenas) -> span (heapArena.spans) -> object (a multiplication)
 *	        -> its bits (16 words for each page, beside the heap)
 *
 * The bits lie beside the heap and not in it, so that marking does not dirty the program's pages.
 *
 * Invariants:
 *  1. A struct mspan is never unmapped: who finds one through spans may read it, and sees by its
 *     state and bounds whether it is what it looked for.
 *  2. A span is in exactly one place: a mcache, a list of its mcentral, or in the hands of one
 *     thread that sweeps or moves it.
 *  3. An object exists when its number is below freeindex, or its alloc bit is set. In a span that
 *     no mcache has the bits alone tell.
 *
 * Lock order: mspan.speciallock, mcentral.lock, mheap.lock.
 */
#ifndef GORT_MEM_MHEAP_H
#define GORT_MEM_MHEAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "mem/mcache.h"

#define LINE          64 /* of the CPU's caches, in bytes */
#define ARENASHIFT    26
#define ARENASIZE     ((uintptr_t)1 << ARENASHIFT)
#define PAGESPERARENA ((uint32_t)(ARENASIZE >> PAGESHIFT))
#define GROWBYTES     ((uintptr_t)4 << 20) /* mapped at once */
#define GROWPAGES     ((uint32_t)(GROWBYTES >> PAGESHIFT))
#define ADDRESSBITS   47
#define ARENAL2BITS   12
#define ARENAL1BITS   (ADDRESSBITS - ARENASHIFT - ARENAL2BITS)
#define BITWORDS      (MAXOBJSPERSPAN / 64) /* of each kind of bits, for a page */

enum { mSpanDead, mSpanInUse }; /* mspan.state */

struct gort_type;

/* Bits of 64 objects. Together, since marking an object looks at both. */
struct gcbits {
	_Atomic uint64_t mark; /* reached in this cycle */
	uint64_t alloc;        /* exists, except what freeindex of the span says */
};

struct mspan {
	/* The first line: what an allocation touches, and the list that the span is on. */
	uintptr_t startAddr;
	uint64_t allocCache; /* complement of the alloc bits from freeindex on; 0: look further */
	uint32_t freeindex;  /* where to look for a free slot */
	uint32_t nelems;
	uintptr_t elemsize;
	uint32_t allocCount;
	uint32_t divMagic;
	struct gcbits *bits;
	bool needzero;     /* free slots may hold old data */
	uint8_t kind;      /* enum spankind */
	uint8_t sizeclass; /* 0: one object, of elemsize bytes */
	_Atomic uint8_t state;
	uint32_t npages;
	struct mspan *next;

	uint64_t *heapBits;                /* SPANTYPED: one bit a word that may be a pointer */
	const struct gort_type *largetype; /* SPANTYPED of sizeclass 0: of its elements */
	uint32_t allocCountBefore;         /* when it came into the mcache that it is in */
	_Atomic uint32_t sweepgen;         /* mheap.sweepcycle when it was swept or made */
	struct mutex speciallock;          /* of the next; held while it is being swept */
	struct special *specials;          /* mspecial.h */
} __attribute__((aligned(2 * LINE)));
_Static_assert(offsetof(struct mspan, heapBits) == LINE, "what allocates is one line");

/* Guarded by the lock of its mcentral. */
struct mspanlist {
	struct mspan *first;
	uint64_t n;
};

/* The spans of one class that no mcache has. */
struct mcentral {
	struct mutex lock;
	/* Index 0 and 1 in turn: swept in this cycle, and not yet; see sweepcycle. */
	struct mspanlist partial[2]; /* with free slots */
	struct mspanlist full[2];
	_Atomic uint64_t nfreed; /* objects, ever */
} __attribute__((aligned(64)));

/* What marking must know of the span of a page, so that it need not touch the struct mspan. */
struct pageinfo {
	uint8_t sizeclass; /* 0: no span, or one of a large object */
	uint8_t kind : 4;
	uint8_t offset : 4;    /* the page's number in its span */
} __attribute__((aligned(2))); /* read and written as one */

/* All but the bits is guarded by mheap.lock; spans may be read without. */
struct heapArena {
	uintptr_t base;
	uint32_t mapped;                       /* pages from the base on that may be used */
	uint32_t maxfree;                      /* no run of free pages is longer */
	uint32_t firstfree;                    /* no page of a lower word is free */
	bool closed;                           /* what follows the mapped pages is not ours */
	uint64_t used[PAGESPERARENA / 64];     /* one bit a page */
	uint64_t clean[PAGESPERARENA / 64];    /* free, and without memory: reads as zero */
	uint64_t specials[PAGESPERARENA / 64]; /* first pages of spans with roots; atomic */
	_Atomic uint32_t nspecials;            /* how many of these bits are set */
	_Atomic(struct mspan *) spans[PAGESPERARENA];
	struct pageinfo info[PAGESPERARENA];
	struct gcbits bits[PAGESPERARENA][BITWORDS];
	uint64_t heapBits[PAGESPERARENA][BITWORDS];
};

/* What of a struct heapArena each page takes. */
#define PAGEOVERHEAD (sizeof(struct heapArena) / PAGESPERARENA)

struct mheap {
	struct mutex lock;
	struct heapArena **all; /* by address */
	uint32_t narena, maxarena;
	uint32_t firstarena;     /* no page of one before it is free */
	struct mspan *freespans; /* structures */
	uint64_t pagesused, pagesmapped, pagesclean;
	uint64_t nspans;
	uint64_t tailbytes;               /* at the ends of spans, where no object fits */
	uint64_t largebytes, nlargefreed; /* of objects with spans of their own: now; ever freed */
	uint32_t sweepcycle;              /* its lowest bit: which lists hold what has been swept */
	_Atomic uintptr_t lo, hi;         /* every arena lies between; lo is no pointer into one */
	_Atomic uint64_t classes[(NSPANCLASS + 63) / 64]; /* one bit each that ever had a span */
	struct mcentral central[NSPANCLASS];
};

extern struct mheap mheap;
extern _Atomic(_Atomic(struct heapArena *) *) arenas[1u << ARENAL1BITS];

/* The first from class on that ever had a span, NSPANCLASS when there is none: most never do. */
static inline unsigned usedclass(unsigned class)
{
	for (; class < NSPANCLASS; class = (class | 63) + 1) {
		uint64_t left = load_rlx(&mheap.classes[class / 64]) >> class % 64;
		if (left)
			return class + (unsigned)__builtin_ctzll(left);
	}
	return NSPANCLASS;
}

/* ---- mheap.c ---- */

void mheapinit(void);
/*
 * npages pages as a span of one class; needzero says what they hold. Ends the program when there
 * are none.
 */
struct mspan *mheapalloc(size_t npages, unsigned sizeclass, enum spankind kind, size_t elemsize);
/* With mheap.lock: maps n more pages behind those of ha. False: not there. */
bool extendarena(struct heapArena *ha, uint32_t n);
/* s, which is on no list, and its pages are free. */
void mheapfree(struct mspan *s);

/* ---- mpagealloc.c: with mheap.lock ---- */

/* Where the first run of n free pages of ha begins; PAGESPERARENA when there is none. */
uint32_t pagesalloc(struct heapArena *ha, uint32_t n);
void pagesfree(struct heapArena *ha, uint32_t page, uint32_t n);
/* Pages that were not ours are now, and clean. */
void pagesadd(struct heapArena *ha, uint32_t page, uint32_t n);
/* They are used. Returns how many of them were clean. */
uint32_t pagesuse(struct heapArena *ha, uint32_t page, uint32_t n);
/* They are in memory now, the free ones too. Returns how many of them were clean. */
uint32_t pagestouched(struct heapArena *ha, uint32_t page, uint32_t n);

/* ---- mprefault.c ---- */

/*
 * With mheap.lock: the pages before end were taken just now. True: the next ones should be in
 * memory, and sysmon wants to know once the lock is released.
 */
bool prefaultwanted(uintptr_t end);
/* By sysmon, until it returns false: brings some of the pages that will be taken into memory. */
bool heapprefault(void);

/* ---- mcentral.c, mcache.c, mgcsweep.c ---- */

/* A span with a free slot, for a mcache, in place of old, which is full, or NULL. */
struct mspan *cacheSpan(unsigned spanclass, struct mspan *old);
/* Takes one back. */
void uncacheSpan(struct mspan *s);
/* Takes a span that has not been swept in this cycle, partial ones first; NULL: there is none. */
struct mspan *takeunswept(struct mcentral *c);
/* s has been swept and has objects: puts it where it belongs. */
void putswept(struct mspan *s);
/* Replaces the full span of the class in c by one with free slots. */
struct mspan *mcacherefill(struct mcache *c, unsigned spanclass);
/* Gives all spans of c back. */
void mcacherelease(struct mcache *c);
/* The next free slot of s, nelems when there is none. */
uint32_t nextFreeIndex(struct mspan *s);

/* ---- malloc.c ---- */

/* In a stop: gives back the spans of all mcaches. */
void flushcaches(void);
/* The mcache of threads without a P. */
struct mcache *nopcache(void);

/*
 * Not __builtin_popcountll: without the instruction that is a call of libgcc, which in a program
 * linked with libgort.a is the program's text, where a goroutine may be preempted.
 */
static inline uint32_t popcount(uint64_t x)
{
	x -= x >> 1 & 0x5555555555555555;
	x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
	x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (uint32_t)(x * 0x0101010101010101 >> 56);
}

/* ---- finding ---- */

static inline struct heapArena *arenaof(uintptr_t p)
{
	uintptr_t l1 = p >> (ARENASHIFT + ARENAL2BITS);
	if (unlikely(l1 >= (1u << ARENAL1BITS)))
		return NULL;
	_Atomic(struct heapArena *) *l2 = load_acq(&arenas[l1]);
	return l2 ? load_acq(&l2[p >> ARENASHIFT & ((1u << ARENAL2BITS) - 1)]) : NULL;
}

static inline uint32_t pageof(uintptr_t p)
{
	return (uint32_t)(p >> PAGESHIFT) % PAGESPERARENA;
}

/* Pairs with setpart: the span's bits and kind are those of this span. */
static inline struct pageinfo pageinfoof(const struct heapArena *ha, uint32_t page)
{
	struct pageinfo info;
	__atomic_load(&ha->info[page], &info, __ATOMIC_ACQUIRE);
	return info;
}

/* The span that p lies in, NULL when in none. */
static inline struct mspan *spanOf(uintptr_t p)
{
	struct heapArena *ha = arenaof(p);
	return ha ? load_acq(&ha->spans[pageof(p)]) : NULL;
}

/* The number of the object of s that p lies in; at least nelems behind the last one. */
static inline uint32_t objIndex(const struct mspan *s, uintptr_t p)
{
	uintptr_t offset = p - s->startAddr;
	return s->sizeclass ? (uint32_t)(offset * s->divMagic >> 32) : offset >= s->elemsize;
}

static inline bool isFree(const struct mspan *s, uint32_t index)
{
	return index >= s->freeindex && !(s->bits[index / 64].alloc >> index % 64 & 1);
}

/*
 * The object that p points into, and its span; 0 when it points into none. For a word of which
 * nobody knows whether it is a pointer.
 */
uintptr_t findObject(uintptr_t p, struct mspan **span, uint32_t *index);

#endif
