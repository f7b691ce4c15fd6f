/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysmon.c - the system monitor: an M without a P that watches the others (Go's sysmon, retake).
 *
 * It takes the P of an M that blocks in a system call, marks a P as stuck whose goroutine runs on
 * while others wait for it, preempts such a goroutine after 10 ms, makes busy Ps look at due
 * timers, polls the network when no M does, and keeps sched.now.
 *
 * Pace: 250 us while anything is queued, faster while an idle P could take what waits behind a
 * long slice, or a preemption was asked for in vain; while all Ps are busy with slices that have
 * been longer, as long again as these; after a few quiet rounds 10 ms ("deep"), and when all Ps
 * have been idle for a while it sleeps until one is not. Whoever creates work that nobody may
 * notice (a runnext, a system call) looks at sched.sysmonwait, one load of a line that rarely
 * changes, and wakes it; so does, in long slices, a P that goes idle: it could take a runnext that
 * is known to be stuck. Such a check without a barrier can miss: then the sleep ends by itself. The
 * endless sleep is entered, and left by pidleget, under sched.lock, so that cannot be missed.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/debug.h"
#include "debug/options.h"
#include "lib/strconv.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "mem/mspecial.h"
#include "sched/netpoll.h"
#include "sched/preempt.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/stack.h"
#include "sched/timer.h"

#define ACTIVE_NS     250000
#define DEEP_NS       10000000
#define QUIET_ROUNDS  4
#define ASLEEP_ROUNDS 10
/* A goroutine that runs on for this long holds up what is queued behind it. */
#define STUCK_NS 60000
/* The pace while such a goroutine is looked for: one that was just started waits behind it. */
#define LONE_NS 80000
/* Go's forcePreemptNS: the slice of a goroutine for which others wait. */
#define SLICE_NS 10000000
/* A due timer cuts the slice short. */
#define DUESLICE_NS 1000000
/* A preemption is asked for again after so long, and up to four times that, at random. */
#define RETRY_NS 50000
/* A blocked M loses its P at the latest now, even if nothing waits for the P. */
#define SYSCALL_NS 10000000
/* Nor keeps a P that others wait for, when it blocked without saying so. */
#define ASLEEP_NS 1000000
/* An M to which goroutines are pinned that it cannot run is signalled again after so long. */
#define STRANDED_NS    10000000
#define MAXSTRANDED_NS 1000000000
/* Ready descriptors are looked for at least this often. */
#define POLL_NS 10000000
/* A P that made no more decisions than this between two looks has long slices. */
#define LONGSLICES 2
#define NEVER      INT64_MAX

void wakesysmon(void)
{
	if (xchg_acqrel(&sched.sysmonwait, SYSMON_AWAKE) != SYSMON_AWAKE)
		notewakeup(&sched.sysmonnote);
}

static void retaking(int32_t delta)
{
	lock(&sched.lock);
	sched.nretaking += delta;
	if (delta < 0)
		checkdead(); /* the last M may have parked meanwhile, without looking */
	unlock(&sched.lock);
}

/* Whether anything waits for pp, or for any P. */
static bool wanted(struct p *pp, int64_t now)
{
	return !runqempty(pp) || load_rlx(&sched.runqsize) || load_rlx(&sched.npidle) == 0 ||
	       timersdue(pp, now);
}

static void takesyscall(struct p *pp)
{
	uint32_t status = _Psyscall;
	/*
	 * Announced before the P is taken: else its M could return, find no P, queue its goroutine,
	 * park as the last one and report a deadlock while the P is in our hands.
	 */
	retaking(1);
	if (cas_acqrel(&pp->status, &status, _Pidle))
		handoffp(pp);
	retaking(-1);
}

static bool retakesyscall(struct p *pp, int64_t now)
{
	uint32_t tick = load_rlx(&pp->syscalltick);
	if (tick != pp->sysmonsyscalltick) {
		pp->sysmonsyscalltick = tick;
		pp->sysmonwhen = now;
	} else if (wanted(pp, now) || now - pp->sysmonwhen >= SYSCALL_NS) {
		takesyscall(pp);
	}
	return true;
}

/* The goroutine of pp runs on: perhaps it sleeps. */
static bool retakeunannounced(struct p *pp, int64_t now)
{
	int64_t since = pp->sysmonwhen > pp->sysmonprobe ? pp->sysmonwhen : pp->sysmonprobe;
	if (now - since < (wanted(pp, now) ? ASLEEP_NS : SYSCALL_NS))
		return false;
	pp->sysmonprobe = now;
	if (!retakesleeping(pp))
		return false;
	takesyscall(pp);
	signalstranded();
	return true;
}

/*
 * Who could not let the goroutines go on that are pinned behind it is asked again, and ever less
 * often, as that may interrupt a system call each time.
 */
static int64_t watchstranded(int64_t now)
{
	static int64_t last, wait;
	if (likely(!load_rlx(&sched.stranded))) {
		wait = STRANDED_NS;
	} else if (now - last > wait) {
		wait = wait < MAXSTRANDED_NS ? 2 * wait : wait;
		last = now;
		signalstranded();
	}
	return load_rlx(&sched.stranded) ? ACTIVE_NS : NEVER;
}

/* Whether somebody waits for pp's goroutine to end its slice. */
static bool waitedfor(struct p *pp)
{
	struct m *mp = *(struct m *volatile *)&pp->m;
	return !runqempty(pp) || load_rlx(&sched.runqsize) ||
	       (mp && (load_rlx(&mp->events) & EVENT_PINNED));
}

/*
 * Goroutines that wake each other by runnext share one slice, as in Go: after it the ring is next,
 * even if not 64 decisions have been made. The slice begins with the first decision that passes
 * the ring by: the time that one goroutine runs on without a decision is not runnext's, and whoever
 * a timer has put there meanwhile must have its turn.
 */
static bool ringwaits(struct p *pp, uint32_t made, int64_t now)
{
	uint32_t head = load_rlx(&pp->runqhead);
	if (head != pp->sysmonhead || runqlen(pp) == 0) {
		pp->sysmonhead = head;
		pp->sysmonheadwhen = 0;
	} else if (made && !pp->sysmonheadwhen) {
		pp->sysmonheadwhen = now;
	}
	return pp->sysmonheadwhen && now - pp->sysmonheadwhen > SLICE_NS;
}

/*
 * Somebody waits for a goroutine to end its slice, which it has run for so long, and no other P has
 * time. A look finds nothing until the slice ends, unless the goroutine sleeps without saying so,
 * and takes some 20 us of a CPU, which may be the only one.
 */
static int64_t patience(int64_t ran, int64_t slice)
{
	int64_t left = slice - ran, pace = ran < left ? ran : left;
	return pace > ACTIVE_NS ? pace : ACTIVE_NS;
}

/* Returns after how many ns to look again, NEVER when nothing goes on that needs it. */
static int64_t watchrunning(struct p *pp, int64_t now)
{
	uint32_t tick = load_rlx(&pp->schedtick), made = tick - pp->sysmontick;
	bool queued = !runqempty(pp), idle = load_rlx(&sched.npidle) > 0;
	bool due = timersdue(pp, now), waited = due || waitedfor(pp);
	if (due && idle && load_rlx(&pp->slow))
		wakep(); /* it did not look when it should have: another M will */
	else if (due || ringwaits(pp, made, now))
		store_rlx(&pp->slow, true);
	if (made) {
		pp->sysmontick = tick;
		pp->sysmonwhen = now;
	}
	int64_t ran = now - pp->sysmonwhen, slice = due ? DUESLICE_NS : SLICE_NS;
	if (queued && idle && ran > STUCK_NS) {
		store_rlx(&pp->stuck, 1);
		wakep();
	}
	if (retakeunannounced(pp, now))
		return ACTIVE_NS;
	if (debug.preempt || (waited && ran >= slice)) {
		preemptone(pp, tick);
		return RETRY_NS;
	}
	if (queued && idle && made <= LONGSLICES && ran <= STUCK_NS)
		return LONE_NS;
	if (!waited)
		return NEVER;
	return idle ? ACTIVE_NS : patience(ran, slice);
}

/* One look at every P; returns after how many ns the next is wanted, or NEVER. */
static int64_t watch(int64_t now)
{
	int64_t pace = NEVER;
	for (int32_t i = 0; i < gomaxprocs; i++) {
		struct p *pp = allp[i];
		uint32_t status = load_acq(&pp->status);
		int64_t again = NEVER;
		if (status == _Psyscall)
			again = retakesyscall(pp, now) ? ACTIVE_NS : NEVER;
		else if (status == _Prunning)
			again = watchrunning(pp, now);
		pace = again < pace ? again : pace;
	}
	return pace;
}

/*
 * An M that went idle left the poller to the Ps that run (otherspoll in m.c): sends one there when
 * these have not looked for a while, or a timer comes near. It may also be that nobody was left to
 * watch the timers of a P that sysmon took. Returns when to look again.
 */
static int64_t watchpoller(int64_t now)
{
	int64_t last = load_rlx(&sched.lastpoll);
	if (last == 0 || load_rlx(&sched.npidle) == 0)
		return NEVER;
	bool waiters = netpollAnyWaiters();
	int64_t until = timeSleepUntil();
	if (!waiters && until == INT64_MAX)
		return NEVER;
	if ((waiters && now - last > ACTIVE_NS) || until - now < POLLTIMER_NS)
		startm(NULL, false);
	return ACTIVE_NS;
}

/*
 * While all Ps are busy nobody is in netpoll: its goroutines must not wait for an idle P nor, where
 * slices are long, for the decision in 64 that looks at the global queue first.
 */
static void pollnetwork(int64_t now)
{
	int64_t last = load_rlx(&sched.lastpoll);
	if (!netpollAnyWaiters() || last == 0 || now - last < POLL_NS)
		return;
	if (!cas_acqrel(&sched.lastpoll, &last, now)) /* an M just went in, or just came out */
		return;
	struct gQueue ready = netpoll(0);
	bool found = ready.size > 0;
	netpollrun(&ready);
	for (int32_t i = 0; found && i < gomaxprocs; i++)
		store_rlx(&allp[i]->slow, true);
}

/* True when somebody ended it. */
static bool deepsleep(uint32_t kind, int64_t ns)
{
	noteclear(&sched.sysmonnote);
	store_sc(&sched.sysmonwait, kind);
	if (kind == SYSMON_ENDLESS)
		unlock(&sched.lock);
	if (load_acq(&sched.sysmonnote.key) == 0)
		futexsleep(&sched.sysmonnote.key, 0, ns);
	store_sc(&sched.sysmonwait, SYSMON_AWAKE);
	return load_acq(&sched.sysmonnote.key) != 0;
}

/* When nobody is in netpoll the next timer must not wait for the end of a deep sleep. */
static int64_t deeptime(void)
{
	int64_t until = timeSleepUntil(), now = nanotime();
	if (until - now > DEEP_NS || load_rlx(&sched.lastpoll) == 0)
		return DEEP_NS;
	return until > now + ACTIVE_NS ? until - now : ACTIVE_NS;
}

/* What sysmon found in the rounds before. */
struct rounds {
	int64_t pace;           /* after how many ns to look again, or NEVER */
	int64_t idle;           /* how long free memory can wait for it */
	uint32_t quiet, asleep; /* rounds with nothing to do soon, and with all Ps idle */
};

static int64_t jitter(struct m *mp, int64_t pace)
{
	if (debug.preempt)
		return (int64_t)debug.preempt * 1000;
	return pace == RETRY_NS ? RETRY_NS + cheaprand(mp) % (4 * RETRY_NS) : pace;
}

/* Sleeps until the next round. True when somebody had work before the sleep would have ended. */
static bool sysmonsleep(struct m *mp, const struct rounds *r)
{
	if (r->quiet <= QUIET_ROUNDS || debug.preempt) {
		int64_t pace = r->pace < ACTIVE_NS ? r->pace : ACTIVE_NS;
		struct timespec ts = {0, jitter(mp, pace)};
		rawsyscall(SYS_nanosleep, (long)&ts, 0, 0, 0);
		return false;
	}
	if (r->pace != NEVER) {
		int64_t until = deeptime();
		return deepsleep(SYSMON_SLICE, r->pace < until ? r->pace : until);
	}
	if (r->asleep > ASLEEP_ROUNDS && !debug.schedtrace) {
		lock(&sched.lock);
		if (load_rlx(&sched.npidle) == gomaxprocs)
			return deepsleep(SYSMON_ENDLESS, r->idle);
		unlock(&sched.lock);
	}
	return deepsleep(SYSMON_DEEP, deeptime());
}

static int64_t soonest(int64_t a, int64_t b, int64_t c)
{
	int64_t ab = a < b ? a : b;
	return ab < c ? ab : c;
}

/* Of two spans of time, of which -1 is endless. */
static int64_t sooner(int64_t a, int64_t b)
{
	return a < 0 || (b >= 0 && b < a) ? b : a;
}

static void *sysmon(void *arg)
{
	struct m *mp = arg;
	struct rounds r = {.pace = ACTIVE_NS, .idle = -1};
	minit(mp);
	for (;;) {
		bool woken = stackprefill() || heapprefault() || sysmonsleep(mp, &r);
		int64_t now = nanotime();
		store_rlx(&sched.now, now);
		pollnetwork(now);
		r.idle = sooner(stackscavenge(now), heapscavenge(now));
		finwake();
		if (unlikely(debug.schedtrace))
			schedtracetick(now);
		r.pace = soonest(watchpoller(now), watch(now), watchstranded(now));
		r.quiet = r.pace <= ACTIVE_NS || woken ? 0 : r.quiet + 1;
		r.asleep = load_rlx(&sched.npidle) == gomaxprocs ? r.asleep + 1 : 0;
	}
	return NULL;
}

/* Signals are for the other threads: a handler that runs goroutine code has nothing to do here. */
void sysmonstart(void)
{
	struct m *mp = persistentalloc(sizeof(*mp));
	pthread_t thread;
	sigset_t all, old;
	lock(&sched.lock);
	mp->id = sched.mnext++;
	mp->sysm = true;
	sched.nmsys++;
	unlock(&sched.lock);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int err = pthread_create(&thread, NULL, sysmon, mp);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		throwlimit(LIMIT_THREADS, "failed to create the OS thread of the monitor: %s",
			strerror_l(err, clocale));
	pthread_detach(thread);
}
