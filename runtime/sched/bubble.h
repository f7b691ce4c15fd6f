/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bubble.h - goroutines with a time of their own, for gort/synctest.h (Go's synctest.go). bubble.c
 * says how.
 */
#ifndef GORT_SCHED_BUBBLE_H
#define GORT_SCHED_BUBBLE_H

#include "base/atomic.h"
#include "base/clock.h"
#include "sched/runtime2.h"

#define NBUBBLE 64 /* g.bubble has 6 bits; 0: none */

/* For the whole life of the program; used by one test after the other. */
struct bubble {
	_Atomic int64_t now; /* its time; only its clock moves it */
	struct p *p;         /* only its timers are used: those of the bubble. NULL: never used */
	void *owner;         /* of testing/synctest.c */
	uint8_t id;
	bool used; /* guarded by a lock of bubble.c */
};

extern struct bubble bubbles[NBUBBLE];
/* How many are used. 0 in all programs but tests, which so pay one load. */
extern _Atomic uint32_t bubblesopen;

/* What bubblelook finds. */
struct bubblelook {
	uint64_t n; /* goroutines in the bubble */
	bool quiet; /* all of them wait for each other or for its time */
};

/* A new bubble, whose time is the clock's now; NULL when there are too many. */
struct bubble *bubblebegin(void *owner);
/* Drops its timers. left: goroutines of it wait for ever, and keep it. */
void bubbleend(struct bubble *b, bool left);
/* The calling goroutine is in b, or in none if that is NULL, as are the goroutines it starts. */
void bubbleenter(struct bubble *b);
/* The one that the calling goroutine is in; NULL: none. */
struct bubble *bubbleself(void);
/*
 * Calls b's timers that are due; false when there is none. With later, it makes it the time of the
 * earliest one before. By b's clock, which is in no bubble.
 */
bool bubbleskip(struct bubble *b, bool later);
/* Stops the world for a moment. By b's clock. */
struct bubblelook bubblelook(const struct bubble *b);

/* Slow sides of the next three. */
uint8_t bubbleid(void);
int64_t bubbletime(int64_t now);
struct p *bubbletimers(struct p *pp);

/* What goroutines and channels that the calling goroutine makes now have as their bubble. */
static inline uint8_t bubblenow(void)
{
	return unlikely(load_rlx(&bubblesopen)) ? bubbleid() : 0;
}

/* The time of the calling goroutine when the clock shows now. */
static inline int64_t timeat(int64_t now)
{
	return unlikely(load_rlx(&bubblesopen)) ? bubbletime(now) : now;
}

static inline int64_t timenow(void)
{
	return timeat(nanotime());
}

/* Where its timers go: pp is the P that it runs on. */
static inline struct p *timersp(struct p *pp)
{
	return unlikely(load_rlx(&bubblesopen)) ? bubbletimers(pp) : pp;
}

#endif
