/* SPDX-License-Identifier: BSD-2-Clause */
/* timer.h - per-P timers (Go's time.go). */
#ifndef GORT_SCHED_TIMER_H
#define GORT_SCHED_TIMER_H

#include "sched/runtime2.h"

void timersinit(struct p *pp);
/* Puts t into the heap of pp, whose timers.lock is held. t->when, f, arg are set. */
void timeradd(struct p *pp, struct timer *t);
/*
 * Takes t out of its heap; takes that heap's lock. False: it has fired or is about to, and its
 * function may still run. For the goroutine that owns t, after timeradd.
 */
bool timerdel(struct timer *t);
/* After the lock is released: makes the sleeping poller notice a timer that is due at when. */
void wakeNetPoller(int64_t when);
/* Calls every timer of pp that is due at now, on the calling M, which has a P. */
void timersrunlocked(struct p *pp, int64_t now);
/* When the earliest timer of all Ps is due, INT64_MAX when there is none. */
int64_t timeSleepUntil(void);

static inline bool timersdue(struct p *pp, int64_t now)
{
	return load_rlx(&pp->timers.minwhen) <= now;
}

static inline void timersrun(struct p *pp, int64_t now)
{
	if (unlikely(timersdue(pp, now)))
		timersrunlocked(pp, now);
}

#endif
