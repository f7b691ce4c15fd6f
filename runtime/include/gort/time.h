/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort/time.h - the clock, timers and tickers for C and C++ (Go's package time). go.h has the short
 * words: time_after, time_after_func, new_timer, timer_stop ...
 *
 * A timer's channel carries one gort_time, the moment at which the timer was due. As in Go 1.23 it
 * behaves as if it had no buffer: len and cap are 0, and once stop or reset has returned, no value
 * from before is ever received. So there is nothing to drain. A timer or ticker whose channel
 * nobody waits on costs no wake-up and does not keep a deadlock from being found. Only receive from
 * these channels: do not send to them nor close them.
 *
 * Timers and tickers belong to the library. free gives one back: afterwards neither it nor its
 * channel may be used. One that is never freed is collected once nothing points to it and it is not
 * set; in a loop prefer case_after, which needs no memory, to time_after.
 *
 * Timers never fire early; they may be set up to 2 us later than asked for. A due timer is late by
 * a microsecond when its goroutine's P has nothing else to do and the wait is at most 20 us; by the
 * time that the kernel takes to wake a thread when it is longer.
 *
 * Unless said otherwise a function may be called by goroutines only, does not block, and several
 * goroutines may call it for the same timer at once.
 */
#ifndef GORT_TIME_H
#define GORT_TIME_H

#include "gort/gort.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A moment: nanoseconds of CLOCK_MONOTONIC. */
typedef int64_t gort_time;

typedef struct gort_timer gort_timer;
typedef struct gort_ticker gort_ticker;

/* Any thread. Go's time.Now. runtime/sync/time.c, as all of this header */
GORT_API gort_time gort_now(void);

/* Go's time.Since and time.Until. */
static inline gort_duration gort_since(gort_time t)
{
	return gort_now() - t;
}

static inline gort_duration gort_until(gort_time t)
{
	return t - gort_now();
}

/* ---- timers ---- */

/* A timer that sends on its channel once, when at least d has passed. Go's time.NewTimer. */
GORT_API gort_timer *gort_timer_new(gort_duration d);

/*
 * A timer that starts a goroutine with the call, which is copied, when at least d has passed. It
 * has no channel. Dumps show the goroutine as created by the caller. Go's time.AfterFunc.
 */
GORT_API gort_timer *gort_after_func(gort_duration d, const struct gort_call *call);

/* Carries gort_time; NULL for a timer of gort_after_func. Go's Timer.C. */
GORT_API struct gort_chan *gort_timer_chan(gort_timer *t);

/*
 * False when the timer was stopped before, its value has been received, or its goroutine started.
 * Does not wait for that goroutine. Panics when t is NULL or freed. Go's Timer.Stop.
 */
GORT_API bool gort_timer_stop(gort_timer *t);

/* Stops and starts it again, for d from now; returns what stop would have. Go's Timer.Reset. */
GORT_API bool gort_timer_reset(gort_timer *t, gort_duration d);

/* Stops it and gives it back; nobody may be waiting on its channel. NULL does nothing. */
GORT_API void gort_timer_free(gort_timer *t);

/* The channel of a new timer that nobody can stop. Go's time.After. */
GORT_API struct gort_chan *gort_after(gort_duration d);

/* ---- tickers ---- */

/*
 * Sends at every multiple of d from now on. A tick that nobody has received when the next one comes
 * stands for both. Panics unless d > 0. Go's time.NewTicker.
 */
GORT_API gort_ticker *gort_ticker_new(gort_duration d);

/* Carries gort_time. Go's Ticker.C. */
GORT_API struct gort_chan *gort_ticker_chan(gort_ticker *t);

/* No more ticks; the channel is not closed. NULL does nothing. Go's Ticker.Stop. */
GORT_API void gort_ticker_stop(gort_ticker *t);

/* From now on it ticks each d, also when it was stopped. Panics unless d > 0. Go's Ticker.Reset. */
GORT_API void gort_ticker_reset(gort_ticker *t, gort_duration d);

/* Stops it and gives it back; nobody may be waiting on its channel. NULL does nothing. */
GORT_API void gort_ticker_free(gort_ticker *t);

/* The channel of a new ticker that nobody can stop; NULL unless d > 0. Go's time.Tick. */
GORT_API struct gort_chan *gort_tick(gort_duration d);

#ifdef __cplusplus
}
#endif

#endif
