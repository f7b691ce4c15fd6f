/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * timer.c - per-P timers, and gort_sleep (Go's time.go).
 *
 * The timers of a P are a monotone radix heap, which is a hierarchical timing wheel whose slots do
 * not turn. Time is counted in ticks; a deadline is the first tick that begins at it or after it.
 * A deadline is written as digits of 6 bits. It stands at level l, where l is the highest digit in
 * which it differs from ts->tick, in the slot that this digit names. So all timers of a level are
 * due before those of the next, and the first slot of the lowest level in use holds the earliest
 * timers: adding, removing and finding them take a fixed number of steps, whatever their number.
 * When ts->tick reaches a slot above level 0, its timers are put into slots anew, each time at a
 * lower level.
 *
 * Who calls a due timer: its P at each 64th decision and when it runs out of work; an M that has
 * found nothing to run, for every P; sysmon makes a busy P look (p.slow); and when all is idle,
 * the one M in netpoll wakes for the earliest timer of all Ps.
 *
 * Invariants, under ts->lock:
 *  1. A timer at level l > 0 has the digits of ts->tick above l and a greater one at l; at level 0,
 *     one that is not smaller. Deadlines in the past count as ts->tick.
 *  2. ts->tick moves only to the first slot, or where no slot is passed; never beyond the time.
 *  3. A timer is out before its function is called, and the lock is released: the function may use
 *     the timer again. No timer fires before nanotime() >= when.
 *  4. minwhen is no later than the earliest deadline, and INT64_MAX only when there is none. It may
 *     be too early: removing a timer leaves it. Then somebody looks in vain once.
 *  5. t->pp and t->slot change only under the lock of t->pp's timers, or while t is in none by
 *     whoever owns it.
 *
 * Rejected: Go's 4-ary heap. With 100,000 timers each step down it misses the cache, and Go has to
 * mark timers dead instead of removing them, as stop may run on another P. Rejected: slots that
 * turn, as in Varghese and Lauck's wheel (SOSP 1987): finding the next one in use takes a rotation,
 * and far deadlines need a bound.
 */
#include "sched/timer.h"

#include "base/clock.h"
#include "base/throw.h"
#include "sched/netpoll.h"
#include "sched/park.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sched/runq.h"
#include "sync/time.h"

/* Everything that it calls here is inlined: what programs with many timers do most. */
#define HOT __attribute__((flatten))

_Static_assert(
	TIMERTICKBITS + NTIMERLEVEL * TIMERSLOTBITS >= 63, "no level for the last deadlines");

/* ---- lists: the head is a link of the ring ---- */

static inline void ringinit(struct timerlink *head)
{
	head->next = head->prev = head;
}

static inline bool ringempty(const struct timerlink *head)
{
	return head->next == head;
}

static inline void ringappend(struct timerlink *head, struct timerlink *l)
{
	l->next = head;
	l->prev = head->prev;
	head->prev->next = l;
	head->prev = l;
}

/* True when it was the last one. */
static inline bool ringremove(struct timerlink *l)
{
	l->next->prev = l->prev;
	l->prev->next = l->next;
	return l->next == l->prev;
}

/* ---- slots ---- */

void timersinit(struct p *pp)
{
	struct timers *ts = &pp->timers;
	lockinit(&ts->lock, lockRankTimers);
	store_rlx(&ts->minwhen, INT64_MAX);
	ringinit(&ts->spill);
}

/* The tick of a deadline: rounded up, and not so late that its time is no int64_t. */
static inline uint64_t tickof(int64_t when)
{
	uint64_t up = ((uint64_t)when + (1 << TIMERTICKBITS) - 1) >> TIMERTICKBITS;
	uint64_t last = INT64_MAX >> TIMERTICKBITS;
	return up < last ? up : last;
}

static inline int64_t tickstart(uint64_t tick)
{
	return (int64_t)(tick << TIMERTICKBITS);
}

/* The first tick of the first slot in use, UINT64_MAX when there is none. */
static inline uint64_t firstslot(const struct timers *ts)
{
	if (!ts->levels)
		return UINT64_MAX;
	unsigned level = (unsigned)__builtin_ctz(ts->levels);
	unsigned shift = level * TIMERSLOTBITS;
	uint64_t digit = (uint64_t)__builtin_ctzll(ts->occupied[level]);
	uint64_t below = (UINT64_C(1) << (shift + TIMERSLOTBITS)) - 1;
	return (ts->tick & ~below) | digit << shift;
}

/* Puts t into its slot; at is its deadline, not before ts->tick. */
static inline void place(struct timers *ts, struct timer *t, uint64_t at)
{
	uint64_t differ = (at ^ ts->tick) | (NTIMERSLOT - 1);
	unsigned level = (63 - (unsigned)__builtin_clzll(differ)) / TIMERSLOTBITS;
	unsigned digit = at >> level * TIMERSLOTBITS & (NTIMERSLOT - 1);
	struct timerlink *head = &ts->slot[level][digit];
	if (!(ts->occupied[level] >> digit & 1)) {
		ringinit(head);
		ts->occupied[level] |= UINT64_C(1) << digit;
		ts->levels |= 1u << level;
	}
	ringappend(head, &t->link);
	t->slot = (uint16_t)(level << TIMERSLOTBITS | digit);
}

static inline void vacate(struct timers *ts, unsigned slot)
{
	unsigned level = slot >> TIMERSLOTBITS;
	ts->occupied[level] &= ~(UINT64_C(1) << (slot & (NTIMERSLOT - 1)));
	if (!ts->occupied[level])
		ts->levels &= ~(1u << level);
}

static inline uint64_t notbefore(uint64_t tick, uint64_t least)
{
	return tick > least ? tick : least;
}

/* The time that is known without asking the clock. */
static inline _Atomic int64_t *clockof(const struct timers *ts)
{
	return unlikely(ts->bubble) ? &bubbles[ts->bubble].now : &sched.now;
}

/*
 * sched.now lies in the past, so ts->tick may follow it up to the first slot. The nearer it is to
 * the deadline, the fewer slots the timer goes through.
 */
void timeradd(struct p *pp, struct timer *t)
{
	struct timers *ts = &pp->timers;
	uint64_t now = (uint64_t)load_rlx(clockof(ts)) >> TIMERTICKBITS;
	if (now > ts->tick && now < firstslot(ts) && ringempty(&ts->spill))
		ts->tick = now;
	uint64_t at = notbefore(tickof(t->when), ts->tick);
	place(ts, t, at);
	store_rlx(&t->pp, pp);
	ts->len++;
	if (tickstart(at) < load_rlx(&ts->minwhen))
		store_rlx(&ts->minwhen, tickstart(at));
}

static inline void unslot(struct timers *ts, struct timer *t)
{
	if (ringremove(&t->link))
		vacate(ts, t->slot);
	if (--ts->len == 0)
		store_rlx(&ts->minwhen, INT64_MAX);
}

static void timerremove(struct p *pp, struct timer *t)
{
	unslot(&pp->timers, t);
	store_rel(&t->pp, NULL); /* pairs with the load of whoever may then add it again */
}

static __attribute__((noinline)) void awaitreset(struct timer *t)
{
	for (unsigned i = 0; load_acq(&t->pp) == TIMERBUSY; i++)
		osyield_backoff(i);
}

/* The P whose timers t is in, with their lock; NULL when in none. Waits out TIMERBUSY. */
static struct p *locktimersof(struct timer *t)
{
	for (struct p *pp; (pp = load_acq(&t->pp));) {
		if (unlikely(pp == TIMERBUSY)) {
			awaitreset(t);
			continue;
		}
		plock(&pp->timers.lock);
		if (likely(load_rlx(&t->pp) == pp))
			return pp;
		unlock(&pp->timers.lock); /* it has fired, and may be set anew elsewhere */
	}
	return NULL;
}

HOT bool timerdel(struct timer *t)
{
	struct p *pp = locktimersof(t);
	if (!pp)
		return false;
	timerremove(pp, t);
	unlock(&pp->timers.lock);
	return true;
}

/*
 * Whether an idle M should be told of a timer about to be added. Not when one of this P's is due
 * before; nor when the P, as its goroutine parks, has nothing to run but wait for it.
 */
static inline bool needswatch(struct p *pp, int64_t when, bool parking)
{
	return when < load_rlx(&pp->timers.minwhen) && !(parking && runqempty(pp)) &&
	       !pp->timers.bubble;
}

/*
 * The fence pairs with the exchange of lastpoll in pollidle: either the poller, now about to
 * sleep, sees the new minwhen, or we see that it polls. When nobody polls, the M that wakep wakes
 * will.
 */
void wakeNetPoller(int64_t when)
{
	if (load_rlx(&sched.npidle) == 0)
		return;
	atomic_thread_fence(memory_order_seq_cst);
	int64_t until = load_rlx(&sched.pollUntil);
	if (load_rlx(&sched.lastpoll) != 0)
		wakep();
	else if (until == 0 || until > when)
		netpollBreak();
}

HOT void timerstart(struct timer *t, bool parking)
{
	struct p *pp = timersp(getm()->p);
	int64_t when = t->when;
	plock(&pp->timers.lock);
	bool watch = needswatch(pp, when, parking);
	timeradd(pp, t);
	unlock(&pp->timers.lock);
	if (watch)
		wakeNetPoller(when);
}

/*
 * An active timer stays with its P, under whose lock it moves at once: nobody finds it inactive
 * in between. For an inactive one TIMERBUSY does the same.
 */
bool timerreset(struct timer *t, int64_t when)
{
	struct p *pp, *none = NULL;
	while (!(pp = locktimersof(t))) {
		none = NULL;
		if (pcas(&t->pp, &none, TIMERBUSY)) {
			t->when = when;
			timerstart(t, false);
			return false;
		}
	}
	unslot(&pp->timers, t); /* t->pp stays */
	t->when = when;
	bool watch = needswatch(pp, when, false);
	timeradd(pp, t);
	unlock(&pp->timers.lock);
	if (watch)
		wakeNetPoller(when);
	return true;
}

/* Of some timers. */
static struct timer *anyof(struct timers *ts)
{
	struct timerlink *head = &ts->spill;
	if (ringempty(head)) {
		unsigned level = (unsigned)__builtin_ctz(ts->levels);
		head = &ts->slot[level][__builtin_ctzll(ts->occupied[level])];
	}
	return (struct timer *)head->next;
}

void timersmove(struct p *to, struct p *from)
{
	while (from->timers.len) {
		struct timer *t = anyof(&from->timers);
		timerremove(from, t);
		timeradd(to, t);
	}
}

void timersdrop(struct p *pp)
{
	plock(&pp->timers.lock);
	while (pp->timers.len)
		timerremove(pp, anyof(&pp->timers));
	pp->timers.tick = 0;
	unlock(&pp->timers.lock);
}

/* ---- due timers ---- */

/* What is done under one hold of the lock. */
enum { TIMERBATCH = 16, TIMERSTEPS = 64 };

struct due {
	void (*f)(void *arg);
	void *arg;
	struct gort_call call; /* f is NULL: of gort_after_func */
	uintptr_t gopc;
	const void *timer;
};

static inline void copydue(struct due *d, const struct timer *t)
{
	d->f = t->f;
	d->arg = t->arg;
	if (t->kind == TIMERFUNC) {
		d->call = ((const struct gort_timer *)t)->call;
		d->gopc = ((const struct gort_timer *)t)->gopc;
		d->timer = t;
	}
}

/* The goroutine that happens to call this is no parent of the new one. */
static inline void calldue(const struct due *d)
{
	if (d->f) {
		d->f(d->arg);
		return;
	}
	if (unlikely(raceenabled))
		getm()->raceafter = d->timer;
	newproc(&d->call, d->gopc)->parentGoid = 0;
}

/*
 * Moves the first slot, which is above level 0, to spill. Its timers keep the slot's number: it
 * stays empty until spill is, as ts->tick has its digit.
 */
static void spill(struct timers *ts, unsigned slot, struct timerlink *head)
{
	ts->spill = *head;
	ts->spill.next->prev = ts->spill.prev->next = &ts->spill;
	vacate(ts, slot);
}

/* At level 0: the next timer. A bubble's time is exact: it may stand before that of some. */
static inline struct timer *reached(const struct timers *ts, const struct timerlink *head)
{
	if (likely(!ts->bubble))
		return (struct timer *)head->next;
	int64_t now = load_rlx(clockof(ts));
	struct timerlink *l = head->next;
	while (l != head && ((const struct timer *)l)->when > now)
		l = l->next;
	return l == head ? NULL : (struct timer *)l;
}

/*
 * Takes the next timer due at tick now, or prepares that with one step; false and *more false when
 * there is none. It is copied before it is out: then somebody may free it or set it anew.
 */
static bool step(struct p *pp, uint64_t now, struct due *d, bool *more)
{
	struct timers *ts = &pp->timers;
	struct timer *t = (struct timer *)ts->spill.next;
	if (!ringempty(&ts->spill)) {
		ringremove(&t->link);
		place(ts, t, notbefore(tickof(t->when), ts->tick));
		return false;
	}
	uint64_t first = firstslot(ts);
	if (first > now) {
		*more = false;
		return false;
	}
	ts->tick = first;
	unsigned level = (unsigned)__builtin_ctz(ts->levels);
	unsigned digit = (unsigned)__builtin_ctzll(ts->occupied[level]);
	struct timerlink *head = &ts->slot[level][digit];
	if (level > 0) {
		spill(ts, level << TIMERSLOTBITS | digit, head);
		return false;
	}
	t = reached(ts, head);
	if (!t) {
		*more = false;
		return false;
	}
	copydue(d, t);
	timerremove(pp, t);
	return true;
}

/*
 * When somebody must look again. The first slot is that only approximately if it lies above level
 * 0: when few are in it, their deadlines tell, and save an idle program a wake-up.
 */
static int64_t nextwhen(const struct timers *ts)
{
	if (ts->len == 0)
		return INT64_MAX;
	if (!ringempty(&ts->spill))
		return tickstart(ts->tick);
	unsigned level = (unsigned)__builtin_ctz(ts->levels);
	const struct timerlink *head = &ts->slot[level][__builtin_ctzll(ts->occupied[level])];
	uint64_t least = UINT64_MAX;
	unsigned n = 0;
	for (const struct timerlink *l = head->next; level > 0 && l != head; l = l->next) {
		if (++n > 4)
			return tickstart(firstslot(ts));
		uint64_t at = tickof(((const struct timer *)l)->when);
		least = at < least ? at : least;
	}
	return tickstart(level > 0 ? least : firstslot(ts));
}

/* Takes due timers off, some at a time; more: there may be others. */
static int collect(struct p *pp, uint64_t now, struct due *due, bool *more)
{
	int n = 0;
	*more = true;
	for (int steps = 0; *more && n < TIMERBATCH && steps < TIMERSTEPS; steps++)
		n += step(pp, now, &due[n], more);
	store_rlx(&pp->timers.minwhen, nextwhen(&pp->timers));
	return n;
}

/* In the bubble of ts, which need not be that of the goroutine that happens to be here. */
static void callall(const struct timers *ts, const struct due *due, int n)
{
	struct m *mp = getm();
	bool open = load_rlx(&bubblesopen) != 0;
	if (unlikely(open))
		mp->timersof = ts;
	if (unlikely(raceenabled))
		raceswitch(mp, NULL); /* what timers do makes no edges */
	for (int i = 0; i < n; i++)
		calldue(&due[i]);
	if (unlikely(raceenabled))
		raceswitch(mp, mp->curg);
	if (unlikely(open))
		mp->timersof = NULL;
}

void timersrunlocked(struct p *pp, int64_t now)
{
	struct due due[TIMERBATCH];
	uint64_t tick = pp->timers.bubble ? tickof(now) : (uint64_t)now >> TIMERTICKBITS;
	bool more = true;
	while (more) {
		if (!ptrylock(&pp->timers.lock))
			return; /* another M is at it */
		int n = collect(pp, tick, due, &more);
		unlock(&pp->timers.lock);
		if (n > 0)
			callall(&pp->timers, due, n);
	}
}

int64_t timeSleepUntil(void)
{
	int64_t least = INT64_MAX;
	for (int32_t i = 0; i < gomaxprocs; i++) {
		int64_t when = load_rlx(&allp[i]->timers.minwhen);
		least = when < least ? when : least;
	}
	return least;
}

static int64_t ringleast(const struct timerlink *head, int64_t least)
{
	for (const struct timerlink *l = head->next; l != head; l = l->next) {
		int64_t when = ((const struct timer *)l)->when;
		least = when < least ? when : least;
	}
	return least;
}

static int64_t leastwhen(const struct timers *ts)
{
	int64_t least = ringleast(&ts->spill, INT64_MAX);
	for (unsigned level = 0; level < NTIMERLEVEL; level++)
		for (uint64_t left = ts->occupied[level]; left; left &= left - 1)
			least = ringleast(&ts->slot[level][__builtin_ctzll(left)], least);
	return least;
}

int64_t timersleast(struct p *pp)
{
	plock(&pp->timers.lock);
	int64_t least = leastwhen(&pp->timers);
	unlock(&pp->timers.lock);
	return least;
}

/* ---- sleep ---- */

static void goroutineReady(void *arg)
{
	goready(arg);
}

static void sleepunlock(void *arg)
{
	struct p *pp = arg; /* a bubble's, perhaps */
	unlock(&pp->timers.lock);
}

static void sleepcommit(void *arg)
{
	struct timer *t = arg;
	int64_t when = t->when;
	unlock(&getm()->p->timers.lock);
	wakeNetPoller(when);
}

void gort_sleep(gort_duration ns)
{
	struct g *gp = getgchecked("gort_sleep");
	if (ns <= 0)
		return;
	struct p *pp = timersp(getm()->p);
	int64_t now = timenow();
	struct timer *t = &gcold(gp)->timer;
	t->when = ns < INT64_MAX - now ? now + ns : INT64_MAX - 1;
	t->f = goroutineReady;
	t->arg = gp;
	gp->waiting = NULL;
	plock(&pp->timers.lock);
	bool watch = needswatch(pp, t->when, true);
	timeradd(pp, t);
	/* One call, that who sleeps in one place have one stack. */
	gopark(watch ? sleepcommit : sleepunlock, watch ? (void *)t : pp, waitReasonSleep);
}
