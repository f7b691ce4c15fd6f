/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcwork.h - what has been found and not been looked at yet (Go's mgcwork.go).
 *
 * Each P has a struct gcwork for whoever marks there: a stack of words, of which nothing is known
 * but that they are addresses in the heap, and a short queue of objects on their way into the cache
 * (mgcmark.c). Full blocks of the stack go to a common list, and all that is left when the marker
 * is through with its slice; so outside of a slice it is empty, and while the world is stopped all
 * work is in the common list or the stopper's.
 */
#ifndef GORT_MEM_MGCWORK_H
#define GORT_MEM_MGCWORK_H

#include "gort/mem.h"
#include "mem/mheap.h"

#define GCQUEUE 16u

/*
 * A word that names not an object but a part of a large one, from that address on: such objects are
 * looked at piece by piece, by several or one after the other.
 */
#define GCPART     ((uintptr_t)1 << 63)
#define GCPARTSIZE ((size_t)128 << 10)

/* Something that may be an object: which, and how to scan it. */
struct candidate {
	struct gcbits *bits;
	uint64_t mask;
	uintptr_t base;
	size_t size;
	uint64_t *heapbits; /* SPANTYPED: of the span */
	uintptr_t spanbase;
	uint32_t kind;
	const gort_type *type; /* of a large one */
};

/* A block of the stack. */
struct workbuf {
	struct workbuf *next;
	uint64_t n;
	uintptr_t word[510];
};

/* Of its own memory, which is no root: it holds beginnings of spans, which are objects. */
struct gcwork {
	struct workbuf *top; /* a block that is not full, or NULL */
	struct candidate queue[GCQUEUE];
	uint32_t head, tail;
	uint64_t bytes;   /* marked, ever */
	uint64_t scanned; /* bytes that were looked at, ever */
};

/* That of the caller's P. */
struct gcwork *gcwork(void);

/* Makes room on the stack for one more word. */
void gcnewtop(struct gcwork *w);
/* The next word of the common list, 0 when it has none. */
uintptr_t gcpopcommon(struct gcwork *w);

static inline void gcpush(struct gcwork *w, uintptr_t word)
{
	struct workbuf *b = w->top;
	if (unlikely(!b || b->n == sizeof(b->word) / sizeof(b->word[0]))) {
		gcnewtop(w);
		b = w->top;
	}
	b->word[b->n++] = word;
}

/* 0: there is nothing, not in the common list either. */
static inline uintptr_t gcpop(struct gcwork *w)
{
	struct workbuf *b = w->top;
	return likely(b && b->n) ? b->word[--b->n] : gcpopcommon(w);
}

/* Gives all of the stack to the common list. The queue is empty. */
void gcpublish(struct gcwork *w);
/* Gives half of the stack to the common list if that is empty. */
void gcbalance(struct gcwork *w);
/* Whether the common list has something. A hint. */
bool gchaswork(void);
/* In a stop: nothing is to be looked at. */
void gcdropwork(void);
/* Sums over all Ps; exact while nobody marks. */
uint64_t gcbytes(void);
uint64_t gcscanned(void);

#endif
