/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * time.c - timers and tickers of the program (Go's time/sleep.go, time/tick.go, and the channel
 * timers of runtime/time.go).
 *
 * A timer of gort_after_func is in a P's timers while it is active, so the lock of these guards it.
 *
 * A channel timer is a deadline that belongs to a channel; the channel's lock guards both. It is in
 * a P's timers only while a goroutine waits on the channel. Else nobody needs the clock: a
 * receive that comes later looks at it and, when the deadline has passed, puts the value into the
 * buffer and takes it. So an unused timer costs nothing, and stop and reset, which hold the same
 * lock, decide alone whether a value of the old deadline can still be received.
 *
 * Invariants, under c->lock:
 *  1. The value is in the buffer only if it was put there by a receiver, or by sendtime for a
 *     waiter that had gone. Then nobody waits.
 *  2. If somebody waits and when is not 0, the timer is in a P's timers for when, or its sendtime
 *     is on its way.
 *  3. sendtime may come late: for a timer that has been stopped, reset, freed or reused. It acts on
 *     what it finds under the lock, so it does no harm. That is why the memory of a channel timer
 *     is only ever used for another one.
 *
 * Lock order: c->lock, then the timers'.
 *
 * Rejected: Go's three locks, sequence number and counter of sends under way; they order a send
 * that has left the timer's lock with stop and reset, and here the deadline itself tells.
 */
#include "sync/time.h"

#include "base/clock.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "mem/mbarrier.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sched/timer.h"
#include "sched/tsc.h"

/* In d from now, or a little later, but never before. */
static inline int64_t whenafter(gort_duration d)
{
	int64_t now = timeat(nanotimeupper(getm()->p));
	if (d <= 0)
		return now;
	return d < INT64_MAX - now ? now + d : INT64_MAX - 1;
}

gort_time gort_now(void)
{
	return timenow();
}

/* ---- memory: two kinds, so that invariant 3 holds; free ones cached by each P ---- */

enum { FUNCLIST, CHANLIST };
enum { TIMERCACHE = 256 }; /* half of them goes to central when there are so many */

static const size_t timersize[] = {
	[FUNCLIST] = offsetof(struct gort_timer, gopc) + sizeof(uintptr_t),
	[CHANLIST] = sizeof(struct gort_timer),
};

static struct {
	struct mutex lock;
	struct timercache cache[2];
} central = {.lock = {.rank = lockRankLeaf}};

static void movetimers(struct timercache *to, struct timercache *from, uint32_t n)
{
	for (; n > 0 && from->first; n--) {
		struct timerlink *l = from->first;
		from->first = l->next;
		from->n--;
		wblog(l->next);
		l->next = to->first;
		to->first = l;
		to->n++;
	}
}

static __attribute__((noinline)) void refill(struct timercache *cache, unsigned list)
{
	lock(&central.lock);
	movetimers(cache, &central.cache[list], TIMERCACHE / 2);
	unlock(&central.lock);
	if (cache->first)
		return;
	struct gort_timer *t = mallocgc(timersize[list]);
	if (list == CHANLIST) {
		chaninit(&t->c, sizeof(gort_time), 1);
		t->c.timer = t;
	}
	cache->first = &t->t.link;
	cache->n = 1;
}

static inline struct gort_timer *timeralloc(struct p *pp, unsigned list)
{
	struct timercache *cache = &pp->timers.cache[list];
	if (unlikely(!cache->first))
		refill(cache, list);
	struct timerlink *l = cache->first;
	gort_wbrange(l, timersize[list]); /* its link, and the arguments it had */
	cache->first = l->next;
	cache->n--;
	return (struct gort_timer *)l;
}

static inline void timerfree(struct p *pp, struct gort_timer *t)
{
	unsigned list = t->t.kind == TIMERFUNC ? FUNCLIST : CHANLIST;
	struct timercache *cache = &pp->timers.cache[list];
	t->t.kind = 0;
	t->t.link.next = cache->first;
	cache->first = &t->t.link;
	if (unlikely(++cache->n > TIMERCACHE)) {
		lock(&central.lock);
		movetimers(&central.cache[list], cache, TIMERCACHE / 2);
		unlock(&central.lock);
	}
}

/* ---- channel timers, with the lock ---- */

/* The deadline has passed: sets the next one. Returns the one that was. */
static gort_time expire(struct gort_timer *t, int64_t now)
{
	int64_t when = load_rlx(&t->when), next = 0;
	if (t->period) {
		int64_t missed = (now - when) / t->period;
		if (__builtin_mul_overflow(missed + 1, t->period, &next) ||
			__builtin_add_overflow(when, next, &next))
			next = INT64_MAX - 1;
	}
	store_rlx(&t->when, next);
	return when;
}

static inline bool due(struct gort_timer *t, int64_t now)
{
	int64_t when = load_rlx(&t->when);
	return when != 0 && when <= now;
}

void timerchancheck(struct hchan *c)
{
	struct gort_timer *t = c->timer;
	int64_t now = timenow();
	if (c->recvq.first || !due(t, now))
		return;
	gort_time value = expire(t, now);
	if (c->qcount == 0) {
		t->value = value;
		c->qcount = 1;
	}
}

bool timerchandue(struct hchan *c)
{
	return !__atomic_load_n(&c->recvq.first, __ATOMIC_RELAXED) && due(c->timer, timenow());
}

void timerchanblock(struct hchan *c)
{
	struct gort_timer *t = c->timer;
	int64_t when = load_rlx(&t->when);
	if (when == 0 || load_rlx(&t->t.pp))
		return;
	t->t.when = when;
	timerstart(&t->t, true);
}

void timerchanunblock(struct hchan *c)
{
	if (!c->recvq.first)
		timerdel(&c->timer->t);
}

/* The timer function. */
static void sendtime(void *arg)
{
	struct gort_timer *t = arg;
	struct hchan *c = &t->c;
	int64_t now = timenow();
	plock(&c->lock);
	if (!c->recvq.first || !due(t, now)) {
		unlock(&c->lock);
		return;
	}
	gort_time value = expire(t, now);
	if (c->recvq.first != c->recvq.last)
		timerchanblock(c); /* the others wait for the next tick */
	if (!chantrysend(c, &value))
		throw("time: the channel of a timer is full while a goroutine waits on it");
}

/* Forgets the old deadline with its value; when 0: there is no new one. */
static bool setchan(struct gort_timer *t, int64_t when, int64_t period)
{
	struct hchan *c = &t->c;
	plock(&c->lock);
	bool pending = load_rlx(&t->when) != 0 || c->qcount != 0;
	timerdel(&t->t);
	c->qcount = 0;
	c->sendx = c->recvx = 0;
	store_rlx(&t->when, when);
	t->period = period;
	if (c->recvq.first)
		timerchanblock(c);
	unlock(&c->lock);
	return pending;
}

static struct gort_timer *newchan(gort_duration d, int64_t period, uint8_t kind, const char *what)
{
	getgchecked(what);
	struct gort_timer *t = timeralloc(getm()->p, CHANLIST);
	t->c.bubble = bubblenow();
	t->t.kind = kind;
	t->t.f = sendtime;
	t->t.arg = t;
	setchan(t, whenafter(d), period);
	return t;
}

/* ---- timers ---- */

gort_timer *gort_timer_new(gort_duration d)
{
	return newchan(d, 0, TIMERCHAN, "gort_timer_new");
}

gort_timer *gort_after_func(gort_duration d, const struct gort_call *call)
{
	getgchecked("gort_after_func");
	struct gort_timer *t = timeralloc(getm()->p, FUNCLIST);
	t->t.kind = TIMERFUNC;
	t->call.fn = call->fn;
	t->call.n = call->n;
	for (unsigned i = 0; i < call->n; i++)
		t->call.w[i] = call->w[i];
	t->gopc = (uintptr_t)__builtin_return_address(0);
	t->t.when = whenafter(d);
	racerelease(t);
	timerstart(&t->t, false);
	return t;
}

struct gort_chan *gort_timer_chan(gort_timer *t)
{
	return t->t.kind == TIMERFUNC ? NULL : (struct gort_chan *)&t->c;
}

bool gort_timer_stop(gort_timer *t)
{
	getgchecked("gort_timer_stop");
	if (unlikely(!t || t->t.kind == 0))
		gopanic_text("time: Stop called on uninitialized Timer");
	return t->t.kind == TIMERFUNC ? timerdel(&t->t) : setchan(t, 0, 0);
}

bool gort_timer_reset(gort_timer *t, gort_duration d)
{
	getgchecked("gort_timer_reset");
	if (unlikely(!t || t->t.kind == 0))
		gopanic_text("time: Reset called on uninitialized Timer");
	int64_t when = whenafter(d);
	racerelease(t);
	return t->t.kind == TIMERFUNC ? timerreset(&t->t, when) : setchan(t, when, 0);
}

void gort_timer_free(gort_timer *t)
{
	if (!t)
		return;
	gort_timer_stop(t);
	timerfree(getm()->p, t);
}

struct gort_chan *gort_after(gort_duration d)
{
	return gort_timer_chan(newchan(d, 0, TIMERCHAN, "gort_after"));
}

/* ---- tickers ---- */

gort_ticker *gort_ticker_new(gort_duration d)
{
	if (d <= 0)
		gopanic_text("non-positive interval for NewTicker");
	return (gort_ticker *)newchan(d, d, TIMERTICKER, "gort_ticker_new");
}

struct gort_chan *gort_ticker_chan(gort_ticker *t)
{
	return gort_timer_chan((struct gort_timer *)t);
}

void gort_ticker_stop(gort_ticker *t)
{
	if (t)
		gort_timer_stop((struct gort_timer *)t);
}

void gort_ticker_reset(gort_ticker *ticker, gort_duration d)
{
	struct gort_timer *t = (struct gort_timer *)ticker;
	getgchecked("gort_ticker_reset");
	if (d <= 0)
		gopanic_text("non-positive interval for Ticker.Reset");
	if (unlikely(!t || t->t.kind == 0))
		gopanic_text("time: Reset called on uninitialized Ticker");
	setchan(t, whenafter(d), d);
}

void gort_ticker_free(gort_ticker *t)
{
	gort_timer_free((struct gort_timer *)t);
}

struct gort_chan *gort_tick(gort_duration d)
{
	return d > 0 ? gort_ticker_chan(gort_ticker_new(d)) : NULL;
}
