/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mspecial.h - what is attached to single objects: finalizers, cleanups, weak pointers, samples of
 * the heap profile (Go's special records, mheap.go).
 *
 * A span has a list of them, sorted by place, under mspan.speciallock. Each sweep of the span looks
 * through it before anything is freed. Nobody is stopped who holds that lock.
 */
#ifndef GORT_MEM_MSPECIAL_H
#define GORT_MEM_MSPECIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "gort/abi.h"

struct mspan;

/* Several of one kind at one place: cleanups only. */
enum specialkind { SPECIALFINALIZER, SPECIALWEAK, SPECIALCLEANUP, SPECIALPROFILE };

struct special {
	struct special *next; /* of the span, by place; of a queue; of the free ones */
	uintptr_t offset;     /* in the span */
	enum specialkind kind;
	union {
		/* Finalizers, whose argument is the object, and cleanups. */
		struct {
			void (*fn)(void *arg);
			void *arg;
			uint64_t id; /* of a cleanup */
		};
		/* SPECIALWEAK: where weak pointers find the object; a collected object. */
		_Atomic uintptr_t *handle;
		struct bucket *bucket; /* SPECIALPROFILE */
	};
};

/* ---- mspecial.c ---- */

struct special *specialalloc(enum specialkind kind);
void specialfree(struct special *sp);
/*
 * Attaches sp to the object of s that has an address at p; false when there is one of its kind, and
 * that may be one only. The caller keeps the object alive.
 */
bool addspecial(struct mspan *s, const void *p, struct special *sp);
/* Takes it off again; id: of a cleanup, else 0. NULL: there is none. */
struct special *removespecial(struct mspan *s, uintptr_t p, enum specialkind kind, uint64_t id);
/* The weak handle of p, NULL: it has none. */
_Atomic uintptr_t *findweakhandle(struct mspan *s, const void *p);
/*
 * By the sweeper of s, with s->speciallock, before it frees: what is attached to objects that are
 * not marked goes where it belongs. One with a finalizer is marked, and so lives once more.
 */
void sweepspecials(struct mspan *s);
/*
 * Scans what specials refer to, and what objects with finalizers refer to, but not these
 * themselves. Needs no stop, only that nothing is swept meanwhile.
 */
void specialroots(void);

/* ---- mfinal.c, mcleanup.c: with their goroutines ---- */

/* The object of sp is not reachable any more: its call is to be made. Any thread. */
void queuefinalizer(struct special *sp);
void queuecleanup(struct special *sp);
/* Whether calls wait whose goroutine sleeps. */
extern _Atomic bool finwanted;
/* Then wakes it. Any M, with or without a P, no lock. */
void finwake(void);
/* Scans what waits to be called. In a stop. */
void finroots(void);
/* The same, for readers outside. */
extern const struct gort_abi_roots finlist, cleanuplist;
/* Starts the goroutine that calls cleanups, unless there is one. A goroutine. */
void startcleanups(void);

#endif
