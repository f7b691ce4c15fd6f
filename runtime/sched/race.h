/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race.h - what a race detector is told (Go's race.go): which goroutine runs, and each edge of
 * MEMORY_MODEL.md. Who is told is in gort_race (gort/abi.h): libgort-race.so, or the thread
 * sanitizer's runtime that the program is linked with (tsan.c).
 *
 * raceenabled is decided before the first M exists. Then nothing is elided (`single` is false), and
 * the library's functions do what is inlined into other programs (gort/fast.h); so the paths that
 * are counted in nanoseconds never ask. Every decision of an M ends on g0 (EVENT_RACE), which tells
 * of the switch: so the switch itself, inlined in many places, need not ask either.
 *
 * An edge is a key, any address, that one goroutine releases and another acquires. The protocols
 * of channels are in chan.h.
 */
#ifndef GORT_SCHED_RACE_H
#define GORT_SCHED_RACE_H

#include "gort/abi.h"
#include "sched/runtime2.h"

extern struct gort_race_hooks gort_race; /* debug/abi.c */
extern bool raceenabled;
extern void (*raceforget)(void *p, size_t n); /* NULL: the detector cannot, or sees by itself */

/* What the calling thread did so far happens before the next acquire of key. */
void racereleasekey(const void *key);
void raceacquirekey(const void *key);

static inline void racerelease(const void *key)
{
	if (unlikely(raceenabled))
		racereleasekey(key);
}

static inline void raceacquire(const void *key)
{
	if (unlikely(raceenabled))
		raceacquirekey(key);
}

/* In a function that the program calls: where it does. */
#define CALLER ((uintptr_t)__builtin_return_address(0))

/* What the caller of libgort, at pc, reads or writes there by its help. */
static inline void raceread(const void *p, size_t n, uintptr_t pc)
{
	if (unlikely(raceenabled))
		gort_race.access(p, n, GORT_ACCESS_READ, pc);
}

static inline void racewrite(const void *p, size_t n, uintptr_t pc)
{
	if (unlikely(raceenabled))
		gort_race.access(p, n, GORT_ACCESS_WRITE, pc);
}

/* Of the heap: where the thread sanitizer has shadow, and the kernel maps no libraries. */
#define RACEFIRST ((uintptr_t)0x10 << 32)
#define RACEEND   ((uintptr_t)0x80 << 32)

/*
 * [p, p + n) is about to become objects: whoever used it before is forgotten, as mapping memory and
 * collecting what was there are no accesses. Multiples of 8.
 */
static inline void racenew(uintptr_t p, size_t n)
{
	if (unlikely(raceforget) && n > 0)
		raceforget((void *)p, n);
}

/* A detector takes libc's functions over, and would see accesses that locks of libgort order. */
static inline void copyunseen(void *dst, const void *src, size_t n)
{
	__asm__ volatile("rep movsb" : "+D"(dst), "+S"(src), "+c"(n) : : "memory");
}

static inline void zerounseen(void *dst, size_t n)
{
	__asm__ volatile("rep stosb" : "+D"(dst), "+c"(n) : "a"(0) : "memory");
}

/* Before the first M; and on each M, by itself. */
void raceinit(void);
void raceminit(struct m *mp);

/* The key of all descriptors: what is written can only be read later. Go's ioSync. */
extern const char raceio;

/* ---- with raceenabled only ---- */

/* mp goes on as gp, or when NULL as nobody in particular: its g0. */
void raceswitch(struct m *mp, struct g *gp);
/* gp was just made by mp; the key mp->raceafter is the next such gp's, which acquires it first. */
void racenewg(struct m *mp, struct g *gp);
/* mp, on g0, is about to run gp. */
void racerun(struct m *mp, struct g *gp);
/* gp has ended, and its M is no longer gp. */
void racegoend(struct g *gp);
/* gp's name; NULL or empty: its number. */
void racename(struct g *gp, const char *name);

/* Keys of gp itself: what it did before it waited, and what those did who wake it. */
static inline const void *raceout(const struct g *gp)
{
	return &gp->goid;
}

static inline const void *racein(const struct g *gp)
{
	return &gp->parentGoid;
}

/* ---- tsan.c ---- */

/* Fills in gort_race if there is a detector in the process. */
bool tsaninit(void);
/* How many threads that runtime has started for itself. */
extern int tsanthreads;
/* Its functions do not come before those of libgort; it is a library, and calls libc and so us. */
extern bool racelocks, racelayer;
/* With racelayer: whether an interposed function of libc is called for its own purposes. */
bool tsaninside(void);
/* With raceenabled: whether a thread that sleeps in a system call at pc does so for them. */
bool tsanwaits(uintptr_t pc);
/* libc's function of that name, if the thread sanitizer's runtime has put others in front of it. */
void *tsanhides(const char *name);

#endif
