/* SPDX-License-Identifier: BSD-2-Clause */
/* mgc.h - the collector, as the runtime and its own files see it; mgc.c has the design. */
#ifndef GORT_MEM_MGC_H
#define GORT_MEM_MGC_H

#include "sched/runtime2.h"

/* ---- mgc.c: the cycle ---- */

void gcinit(void);
/* size bytes more may be in use from now on; asks for a collection when that is enough. */
void gcaccount(size_t size);
/* When to collect, and what has been done; told to readers outside by the .gort.abi table. */
extern struct gcpace {
	_Atomic uint64_t live;    /* bytes marked, and of spans taken since */
	_Atomic uint64_t trigger; /* collect when live gets there */
	uint64_t goal, marked;    /* marked: in the last cycle */
	int32_t percent;          /* GOGC; negative: off */
} gcpace;
extern struct gccycles {
	uint32_t n, forced;
	int64_t last, paused; /* nanotime of the end of the last one; ns of all */
} gccycles;
/* A collection is wanted; the next entry of a goroutine into libgort makes it. */
extern _Atomic bool gcwanted;
/* Collects if that is still wanted. A goroutine, with no lock; may switch. */
void gcpoll(void);
/*
 * Collects now, all of it in one stop, in which mark(sp, arg) marks everything: between markbegin
 * and the end of marking it may find out more than that. Otherwise as gort_gc. False: some thread
 * could not be stopped, mark was not called.
 */
bool gccollectby(void (*mark)(uintptr_t sp, void *arg), void *arg);

/* ---- mgcstop.c: threads ---- */

/*
 * Returns when no thread of the program runs but this one, and goroutines are stopped: those that
 * compute, by the signal handler; the others where they wait. False when a thread cannot be
 * stopped: everything runs again then.
 */
bool gcstop(void);
void gcrestart(void);
/* By stopTheWorldGC, before it asks anybody: the handler may make threads stand. */
void gcstopbegin(void);
/* Of this stop: others than the last one's, for the handler. */
uint32_t gcturn(void);
/* By startTheWorld: whoever stands in the handler goes on. */
void gcletgo(void);
/* Calls f for each thread that stands in the handler; mp is NULL for one that is no M. */
void standingdo(void (*f)(const struct stopped *t, struct m *mp));
/* The handler of the preemption signal: true when it was for the collector, and all is done. */
bool gcstophere(struct m *mp, const ucontext_t *uc);

/* ---- mgcroot.c ---- */

/* Finds out what is loaded, before a stop. False: it has changed since, when asked in a stop. */
void rootsgather(void);
bool rootscurrent(void);
/*
 * All roots, in a stop. sp: the stack pointer of the caller, whose registers have been saved.
 * leaveout: of which goroutines, that do not run, not; NULL: of none.
 */
void rootsmark(uintptr_t sp, bool (*leaveout)(const struct g *gp));
/* The stack of a goroutine that waits, and what its struct g holds. */
void rootsgoroutine(const struct g *gp);
/* Where that stack begins. */
uintptr_t rootssp(const struct g *gp);
uint64_t rootsglobals(void); /* bytes */
uint64_t rootsstacks(void);

/* ---- mgcmark.c ---- */

/* Each aligned word in [lo, hi) that points into an object marks it. */
void scanblock(uintptr_t lo, uintptr_t hi);
void scanword(uintptr_t w);
/* What the object that has an address at p refers to; it is not marked itself. */
void scancontents(uintptr_t p);
/* Until everything reachable from what is marked is marked. */
void markdrain(void);
void markbegin(void);
/*
 * From now on f gets each word in [lo, hi) that is found and points into no span; f may scan more.
 * NULL: no longer.
 */
void markstray(void (*f)(uintptr_t w), uintptr_t lo, uintptr_t hi);
/* p points into an object that has not been marked. */
bool isunmarked(uintptr_t p);
/* Of objects marked since markbegin. */
uint64_t markedbytes(void);
/* For tests: checkmarks first takes the mark of this object away. */
extern uintptr_t gcforget;
/*
 * on: throws when a marked object points to one that is not; from then on, until it is turned off,
 * scanning any block or word checks that as well.
 */
void checkmarks(bool on);
/* Throws when some object is marked, before marking begins. */
void checknomarks(void);

/* ---- mgcsweep.c ---- */

/* s, which the caller has taken off its list: what is not marked is free. */
void sweepspan(struct mspan *s);
/* Sweeps some span of any class; false when none is left. */
bool sweepone(void);
/* Somebody takes npages fresh pages: sweeps so much that all is swept before the next cycle. */
void sweepcredit(size_t npages);
/* In a stop: everything has to be swept; allocations until the goal take bytes. */
void sweepbegin(uint64_t bytes);

#endif
