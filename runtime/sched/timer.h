/* SPDX-License-Identifier: BSD-2-Clause */
/* timer.h - per-P timers (Go's time.go). */
#ifndef GORT_SCHED_TIMER_H
#define GORT_SCHED_TIMER_H

#include "base/clock.h"
#include "sched/runtime2.h"
#include "sched/bubble.h"

/* In timer.pp: timerreset is about to add the timer. */
#define TIMERBUSY ((struct p *)1)

void timersinit(struct p *pp);
/* Puts t, which is in no timers, into pp's, whose lock is held. t->when, f, arg are set. */
void timeradd(struct p *pp, struct timer *t);
/*
 * Takes t out of whatever timers it is in; takes their lock. False: it has fired or is about to,
 * and its function may still run.
 */
bool timerdel(struct timer *t);
/*
 * timeradd to the calling P's timers; takes their lock. An idle M watches the clock for it where
 * needed. parking: the calling goroutine is about to park.
 */
void timerstart(struct timer *t, bool parking);
/*
 * Sets a timer of gort_after_func to another deadline, in whatever state it is; true when it was
 * active. Several goroutines may call it and timerdel at once.
 */
bool timerreset(struct timer *t, int64_t when);
/* After the lock is released: makes the sleeping poller notice a timer that is due at when. */
void wakeNetPoller(int64_t when);
/* Calls every timer of pp that is due at now on the calling M, which has a P. */
void timersrunlocked(struct p *pp, int64_t now);
/* All timers of from become those of to. The world is stopped. */
void timersmove(struct p *to, struct p *from);
/* Takes all timers out of pp's; their functions are not called. Its time may then go back. */
void timersdrop(struct p *pp);
/* No timer of any P is due before that time; INT64_MAX when there is none. Takes no lock. */
int64_t timeSleepUntil(void);
/* When the earliest timer of pp is due; INT64_MAX when there is none. */
int64_t timersleast(struct p *pp);

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
