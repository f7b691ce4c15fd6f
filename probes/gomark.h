/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gomark.h - marks what can be reached in a copied heap, by exact types as Go's collector does.
 * Where none are known, as in most of libgort's heap, every word may be a pointer.
 */
#ifndef GORT_PROBES_GOMARK_H
#define GORT_PROBES_GOMARK_H

#include "goheap.h"
#include "gotype.h"
#include "idmap.h"

#define GOMARK_AHEAD   32
#define GOMARK_REACHED 65536

/* A part of a larger object that waits to be looked into. */
struct gowork {
	struct goobj o;
	uint64_t from;
};

/* A pointer that was found. */
struct gosoon {
	struct gospan *span; /* that it points into, NULL: there is none here */
	uint64_t addr;
	uint32_t index; /* of the slot, once that is known */
};

struct gomark {
	struct goheap *heap;
	struct gotypes types;
	struct idmap opaque;  /* bases of objects that are marked but never looked into */
	struct idmap tiny;    /* words that point into blocks of tiny objects */
	struct gowork *queue; /* larger objects, marked and not yet looked into */
	size_t len, cap;
	uint32_t *spans; /* of small ones: a ring of as many as there are */
	uint32_t head, nqueued;
	struct gospan *here;              /* the one whose objects are being looked into */
	struct gosoon soon[GOMARK_AHEAD]; /* found, not yet marked: a ring */
	unsigned at;
	uint64_t *holders; /* of each object the word that led to it first; NULL: not wanted */
	uint64_t slot;     /* the word that the next pointer is in, when holders are wanted */
	uint64_t owner;    /* instead of it: a g, or GOMARK_SPECIAL; 0: none */
	/* Gets each word found in [straylo, straylo + strays) that points into no span. */
	void (*stray)(void *ctx, uint64_t addr);
	void *strayctx;
	uint64_t straylo, strays;
	/* What was reached of what goroutines wait for, and beside it: gomark_watch's names. */
	uint64_t *reached;
	size_t nreached; /* of GOMARK_REACHED; more are left out */
	bool unread;     /* a part of what lives by itself could not be read: nothing is proved */
	bool oom;
};

/* As an owner: a finalizer or cleanup; what a thread has in registers. */
#define GOMARK_SPECIAL  1
#define GOMARK_REGISTER 2

/* What a waiting goroutine waits for, as the marks tell. */
enum golive {
	GO_DEAD,   /* nothing that was marked points to it */
	GO_LIVE,   /* or it is no heap object */
	GO_UNSURE, /* it shares a block with tiny objects that may be others' */
};

void gomark_init(struct gomark *m, struct goheap *heap);
/* Before any mark: what leads to each object is to be kept; false when out of memory. */
bool gomark_want_holders(struct gomark *m);
/* The word or owner that led to an object, 0 when it was not marked or is none. */
uint64_t gomark_holder(const struct gomark *m, uint64_t addr);
void gomark_free(struct gomark *m);

/* Before any mark: the object that addr lies in leads nowhere. */
void gomark_opaque(struct gomark *m, uint64_t addr);

/*
 * A goroutine waits for what is at addr: when the object that holds it is marked, its name is added
 * to those reached. The name, 0: it is none of the heap.
 */
uint64_t gomark_watch(struct gomark *m, uint64_t addr);
/* Adds what is no object. */
void gomark_reached(struct gomark *m, uint64_t name);

/* Everything that gomark_ptr and the others are told is marked by the next gomark_drain. */
void gomark_ptr(struct gomark *m, uint64_t addr);
/* n bytes of words, copied from at, each of which may be a pointer. */
void gomark_words(struct gomark *m, uint64_t at, const uint8_t *p, size_t n);
/* Looks into an object without marking it. */
void gomark_object(struct gomark *m, struct goobj o);
/* Follows all pointers. */
void gomark_drain(struct gomark *m);

/* exact: addr is a lock, to be told from others in a block of tiny objects. */
enum golive gomark_live(const struct gomark *m, uint64_t addr, bool exact);

#endif
