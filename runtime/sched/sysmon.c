/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysmon.c - the system monitor: an M without a P that watches the others (Go's sysmon, retake).
 *
 * It takes the P of an M that blocks in a system call, marks a P as stuck whose goroutine runs on
 * while others wait for it, makes busy Ps look at due timers, polls the network when no M does, and
 * keeps sched.now.
 *
 * Pace: 250 us while anything is queued; after a few quiet rounds 10 ms ("deep"), and when all Ps
 * have been idle for a while it sleeps until one is not. Whoever creates work that nobody may
 * notice (a runnext, a system call) looks at sched.sysmonwait, one load of a line that rarely
 * changes, and wakes it. Such a check without a barrier can miss: then the deep sleep ends by
 * itself. The endless sleep is entered, and left by pidleget, under sched.lock, so that cannot be
 * missed.
 */
#include <pthread.h>
#include <signal.h>

#include "base/clock.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/netpoll.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/timer.h"

#define ACTIVE_NS     250000
#define DEEP_NS       10000000
#define QUIET_ROUNDS  4
#define ASLEEP_ROUNDS 10
/* A goroutine that runs on for this long holds up what is queued behind it. */
#define STUCK_NS 200000
/* A blocked M loses its P at the latest now, even if nothing waits for the P. */
#define SYSCALL_NS 10000000
/* Ready descriptors are looked for at least this often. */
#define POLL_NS 10000000

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

static bool retakesyscall(struct p *pp, int64_t now)
{
	uint32_t tick = load_rlx(&pp->syscalltick), status = _Psyscall;
	if (tick != pp->sysmonsyscalltick) {
		pp->sysmonsyscalltick = tick;
		pp->sysmonwhen = now;
		return true;
	}
	bool wanted = !runqempty(pp) || load_rlx(&sched.runqsize) || load_rlx(&sched.npidle) == 0 ||
		      timersdue(pp, now);
	if (!wanted && now - pp->sysmonwhen < SYSCALL_NS)
		return true;
	/*
	 * Announced before the P is taken: else its M could return, find no P, queue its goroutine,
	 * park as the last one and report a deadlock while the P is in our hands.
	 */
	retaking(1);
	if (cas_acqrel(&pp->status, &status, _Pidle))
		handoffp(pp);
	retaking(-1);
	return true;
}

static bool watchrunning(struct p *pp, int64_t now)
{
	uint32_t tick = load_rlx(&pp->schedtick);
	bool queued = !runqempty(pp);
	if (timersdue(pp, now))
		store_rlx(&pp->slow, true);
	if (tick != pp->sysmontick) {
		pp->sysmontick = tick;
		pp->sysmonwhen = now;
		return queued;
	}
	if (queued && now - pp->sysmonwhen > STUCK_NS && load_rlx(&sched.npidle)) {
		store_rlx(&pp->stuck, 1);
		wakep();
	}
	return queued;
}

/* One look at every P; true when there is reason to look again soon. */
static bool watch(int64_t now)
{
	bool active = false;
	for (int32_t i = 0; i < gomaxprocs; i++) {
		struct p *pp = allp[i];
		uint32_t status = load_acq(&pp->status);
		if (status == _Psyscall)
			active |= retakesyscall(pp, now);
		else if (status == _Prunning)
			active |= watchrunning(pp, now);
	}
	return active;
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
	injectglist(&ready);
	for (int32_t i = 0; found && i < gomaxprocs; i++)
		store_rlx(&allp[i]->slow, true);
}

static void deepsleep(uint32_t kind, int64_t ns)
{
	noteclear(&sched.sysmonnote);
	store_sc(&sched.sysmonwait, kind);
	if (kind == SYSMON_ENDLESS)
		unlock(&sched.lock);
	if (load_acq(&sched.sysmonnote.key) == 0)
		futexsleep(&sched.sysmonnote.key, 0, ns);
	store_sc(&sched.sysmonwait, SYSMON_AWAKE);
}

/* Sleeps until the next round; quiet and asleep count the rounds with nothing to do. */
static void sysmonsleep(uint32_t quiet, uint32_t asleep)
{
	if (quiet <= QUIET_ROUNDS) {
		struct timespec ts = {0, ACTIVE_NS};
		rawsyscall(SYS_nanosleep, (long)&ts, 0, 0, 0);
		return;
	}
	if (asleep > ASLEEP_ROUNDS) {
		lock(&sched.lock);
		if (load_rlx(&sched.npidle) == gomaxprocs) {
			deepsleep(SYSMON_ENDLESS, -1);
			return;
		}
		unlock(&sched.lock);
	}
	deepsleep(SYSMON_DEEP, DEEP_NS);
}

static void *sysmon(void *arg)
{
	minit(arg);
	uint32_t quiet = 0, asleep = 0;
	for (;;) {
		int64_t before = nanotime();
		sysmonsleep(quiet, asleep);
		int64_t now = nanotime();
		store_rlx(&sched.now, now);
		bool woken = quiet > QUIET_ROUNDS && now - before < DEEP_NS;
		pollnetwork(now);
		quiet = watch(now) || woken ? 0 : quiet + 1;
		asleep = load_rlx(&sched.npidle) == gomaxprocs ? asleep + 1 : 0;
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
		throw("sysmon: cannot create a thread: errno %d", err);
	pthread_detach(thread);
}
