/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * m.c - Ms and Ps: finding work, going idle, waking, deadlock (the M half of Go's proc.go).
 *
 * Parking and unparking of Ms. Three ways that do not work well are listed at the head of Go's
 * proc.go; as there, the scheme is: an M without work spins for a short time before it parks; at
 * most one M spins (sched.nmspinning, a token taken by compare-and-swap); whoever makes work
 * wakes an M only when a P is idle and nobody spins; and the wake policy of runq.h says when work
 * is worth it.
 *
 * No wake-up is lost. Work in the ring of a running P needs no wake-up at all: that P will run
 * it, and only parallelism is at stake. Work in the global queue: an M looks at that queue and
 * gives up its P in one critical section of sched.lock, and whoever adds work there without
 * owning a P looks for an idle P in the critical section. The spinning M drops the token (a full
 * barrier) and then looks at all queues once more, since others did not wake anybody while it
 * held the token.
 *
 * Timers of idle Ps are kept by one M, without a P, in netpoll(delay): sched.lastpoll == 0
 * meanwhile.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/debug.h"
#include "debug/options.h"
#include "lib/strconv.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mprof.h"
#include "sched/netpoll.h"
#include "sched/preempt.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sched/runq.h"
#include "sched/sanitizer.h"
#include "sched/stack.h"
#include "sched/stw.h"
#include "sched/timer.h"
#include "sched/tsc.h"

/* A P that found ready descriptors so long ago is busy with them. */
#define POLLRECENT_NS 100000
/* What is worth stealing from a server shows at once; its clients need the CPU more. */
#define SPINPOLL_NS 1000
#define SPIN_NS     20000
/* A sleep shorter than this is ended SPIN_NS early, and the rest of it spun. */
#define SHORTSLEEP_NS 1000000
#define SIGSTACK      (64u << 10)

struct p **allp;
int32_t gomaxprocs;
_Atomic int32_t nallp;
_Atomic(struct m *) allm;
struct m m0;
bool single;
/* A thread that runs no goroutine locks as nobody. */
__thread struct gort_elide gort_elide __attribute__((tls_model("initial-exec"))) = {.locked = 1};
__thread struct m *tls_m __attribute__((tls_model("initial-exec")));
/* The same for gort/panic.h, whose inlined code finds the goroutine by it. */
extern GORT_API __thread struct m *gort_self
	__attribute__((alias("tls_m"), tls_model("initial-exec")));

/* ---- Ps ---- */

void acquirep(struct m *mp, struct p *pp)
{
	if (unlikely(mp->p || pp->m || load_rlx(&pp->status) != _Pidle))
		throw("acquirep: M %ld has P %p, P %d has status %u", (long)mp->id, (void *)mp->p,
			pp->id, load_rlx(&pp->status));
	mp->p = pp;
	pp->m = mp;
	gort_elide.mode = single;
	store_rlx(&pp->status, _Prunning);
}

struct p *releasep(struct m *mp)
{
	struct p *pp = mp->p;
	if (unlikely(!pp || pp->m != mp || load_rlx(&pp->status) != _Prunning))
		throw("releasep: M %ld has no running P", (long)mp->id);
	mp->p = NULL;
	pp->m = NULL;
	gort_elide.mode = 0;
	store_rlx(&pp->status, _Pidle);
	return pp;
}

void pidleput(struct p *pp)
{
	if (unlikely(!runqempty(pp)))
		throw("pidleput: P %d has goroutines", pp->id);
	pp->link = sched.pidle;
	sched.pidle = pp;
	store_rlx(&sched.npidle, load_rlx(&sched.npidle) + 1);
}

/*
 * With sched.lock held, so that sysmon, which goes into its endless sleep only while every P is
 * idle and under the same lock, cannot miss that one no longer is.
 */
struct p *pidleget(void)
{
	struct p *pp = sched.pidle;
	if (!pp)
		return NULL;
	sched.pidle = pp->link;
	pp->link = NULL;
	store_rlx(&pp->stuck, 0);
	store_rlx(&pp->fresh, true);
	if (load_rlx(&sched.npidle) == gomaxprocs && load_rlx(&sched.sysmonwait) == SYSMON_ENDLESS)
		wakesysmon();
	store_rlx(&sched.npidle, load_rlx(&sched.npidle) - 1);
	return pp;
}

/* ---- threads ---- */

static void allmadd(struct m *mp)
{
	struct m *head = load_rlx(&allm);
	do
		mp->alllink = head;
	while (!cas_rel(&allm, &head, mp)); /* pairs with readers' acquire of allm */
}

static void stackbounds(struct stack *s)
{
	pthread_attr_t attr;
	void *lo;
	size_t size;
	if (pthread_getattr_np(pthread_self(), &attr) != 0) {
		/* No /proc: some of what is known to be there. */
		s->hi = (uintptr_t)__builtin_frame_address(0);
		s->lo = s->hi - SIGSTACK;
		return;
	}
	pthread_attr_getstack(&attr, &lo, &size);
	pthread_attr_destroy(&attr);
	s->lo = (uintptr_t)lo;
	s->hi = (uintptr_t)lo + size;
}

void minit(struct m *mp)
{
	tls_m = mp;
	mp->elide = &gort_elide;
	mutexminit();
	mp->procid = (int32_t)rawsyscall(SYS_gettid, 0, 0, 0, 0);
	mp->tp = (uintptr_t)__builtin_thread_pointer();
	mp->g0 = &mp->g0_;
	mp->g0_.m = mp;
	mp->g0_.system = true;
	mp->fastrand = (uint32_t)mp->procid * 2654435761u;
	stackbounds(&mp->g0_.stack);
	san_root((void *)mp->g0_.stack.lo, mp->g0_.stack.hi - mp->g0_.stack.lo);
	void *alt = sysalloc(SIGSTACK);
	stack_t ss = {.ss_sp = alt, .ss_size = SIGSTACK};
	sigaltstack(&ss, NULL);
	mp->gsignal = (struct stack){(uintptr_t)alt, (uintptr_t)alt + SIGSTACK};
	preemptminit(mp);
	if (raceenabled)
		raceminit(mp);
	prctl(PR_SET_TIMERSLACK, 1); /* sleeps end on time: the default is 50 us late */
	if (!mp->listed)
		allmadd(mp);
	mp->listed = true;
	debugminit(mp);
}

/* With sched.lock held, and before the thread exists: checkdead must count it as running. */
static struct m *mnew(void)
{
	struct m *mp = sched.mfree;
	if (mp && load_acq(&mp->exited)) { /* pairs with the release in mstart */
		sched.mfree = mp->freelink;
		sched.nmexited--;
		store_rlx(&mp->exited, false);
		return mp;
	}
	mp = persistentalloc(sizeof(*mp));
	mp->id = sched.mnext++;
	mp->seen = persistentalloc(MAXGOMAXPROCS * sizeof(*mp->seen));
	return mp;
}

static void *mstart(void *arg)
{
	struct m *mp = arg;
	pthread_sigmask(SIG_SETMASK, &sched.sigmask, NULL); /* the creator may be sysmon */
	minit(mp);
	struct p *pp = mp->nextp;
	mp->nextp = NULL;
	acquirep(mp, pp);
	mainloop(mp);
	store_rel(&mp->exited, true); /* the last access: mnew may use mp again */
	return NULL;
}

static void newm(struct m *mp)
{
	pthread_t thread;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	struct m *self = getm();
	self->noretake++; /* libc may sleep for a lock of its own; pairs with retakesleeping */
	int err = pthread_create(&thread, &attr, mstart, mp);
	self->noretake--;
	pthread_attr_destroy(&attr);
	if (err)
		throwlimit(LIMIT_THREADS, "failed to create new OS thread (have %ld already): %s",
			(long)sched.mnext - 1, strerror_l(err, clocale));
}

/* ---- parking and waking Ms ---- */

/* With sched.lock held: an M to run a P. fresh: it has no thread yet. */
static struct m *mget(bool *fresh)
{
	struct m *mp = sched.midle;
	*fresh = !mp;
	if (*fresh)
		return mnew();
	sched.midle = mp->schedlink;
	sched.nmidle--;
	return mp;
}

/* Makes mp run with pp; its nextg and spinning are set. */
static void mrun(struct m *mp, bool fresh, struct p *pp)
{
	mp->nextp = pp;
	if (fresh)
		newm(mp);
	else
		notewakeup(&mp->park); /* pairs with notesleep in stopm: nextp, nextg, spinning */
}

/* Runs pp, or when NULL an idle P, on some M. spinning: the caller passes on the token it owns. */
void startm(struct p *pp, bool spinning)
{
	bool fresh;
	lock(&sched.lock);
	if (!pp)
		pp = pidleget();
	struct m *mp = pp ? mget(&fresh) : NULL;
	unlock(&sched.lock);
	if (!mp) {
		if (spinning)
			store_sc(&sched.nmspinning, 0);
		return;
	}
	mp->spinning = spinning;
	mrun(mp, fresh, pp);
}

void movetom(struct m *mp, struct g *gp)
{
	struct p *pp = releasep(mp);
	bool fresh;
	lock(&sched.lock);
	struct m *to = mget(&fresh);
	unlock(&sched.lock);
	to->nextg = gp;
	mrun(to, fresh, pp);
}

void startlockedm(struct m *mp, struct g *gp)
{
	struct m *to = gcold(gp)->lockedm;
	struct p *pp = releasep(mp);
	lock(&sched.lock);
	sched.nmidlelocked--;
	unlock(&sched.lock);
	to->nextg = gp;
	mrun(to, false, pp);
}

void mpark(struct m *mp)
{
	checkdead();
	unlock(&sched.lock);
	notesleep(&mp->park);
	struct p *pp = mp->nextp;
	mp->nextp = NULL;
	acquirep(mp, pp);
}

/*
 * Parks an M that has no P until it is given one, perhaps with a goroutine to run, m.nextg. An M
 * with pinned goroutines is on no list: one of them goes into the global queue, and whoever finds
 * it there hands its P over.
 */
void stopm(struct m *mp)
{
	noteclear(&mp->park);
	lock(&sched.lock);
	if (mp->pinned.first) {
		struct p *pp = pidleget();
		if (pp) {
			unlock(&sched.lock);
			acquirep(mp, pp);
			return;
		}
		pinnedsend(mp);
		sched.nmidlelocked++;
	} else {
		mp->schedlink = sched.midle;
		sched.midle = mp;
		sched.nmidle++;
	}
	mpark(mp);
}

void wakep(void)
{
	int32_t none = 0;
	if (load_rlx(&sched.npidle) == 0 || load_rlx(&sched.nmspinning) != 0)
		return;
	if (cas_sc(&sched.nmspinning, &none, 1))
		startm(NULL, true);
}

/* Gives away pp, which no M runs (status _Pidle), to an M if there is anything to do for it. */
void handoffp(struct p *pp)
{
	if (!runqempty(pp) || load_rlx(&sched.runqsize)) {
		startm(pp, false);
		return;
	}
	lock(&sched.lock);
	if (load_rlx(&sched.runqsize)) {
		unlock(&sched.lock);
		startm(pp, false);
		return;
	}
	if (unlikely(load_rlx(&sched.gcwaiting))) {
		gcstopp(pp);
		unlock(&sched.lock);
		return;
	}
	pidleput(pp);
	unlock(&sched.lock);
	int64_t when = load_rlx(&pp->timers.minwhen);
	if (when != INT64_MAX)
		wakeNetPoller(when);
}

/* With a P, to its ring; without, each goroutine gets an idle P. */
void injectglist(struct gQueue *list)
{
	uint32_t n = list->size;
	struct m *mp = getm();
	if (n == 0)
		return;
	if (mp && mp->p) {
		runqputbatch(mp->p, list);
		return;
	}
	lock(&sched.lock);
	globrunqputbatch(list);
	unlock(&sched.lock);
	for (; n > 0 && load_rlx(&sched.npidle) > 0; n--)
		startm(NULL, false);
}

/* ---- finding work ---- */

static void dropspin(struct m *mp)
{
	mp->spinning = false;
	xchg_sc(&sched.nmspinning, 0); /* full barrier: see "No wake-up is lost" */
}

/* Due timers of any P: their goroutines land in pp's queue. */
static void alltimersrun(int64_t now)
{
	for (int32_t i = 0; i < gomaxprocs; i++)
		timersrun(allp[i], now);
}

static struct g *findlocal(struct p *pp, int64_t now)
{
	alltimersrun(now);
	if (runqempty(pp) && netpollAnyWaiters())
		netpolltry(now);
	return runqpick(pp);
}

/* One P: a timer that is due before the kernel could have put us to sleep and woken us. */
static struct g *awaittimer(struct p *pp, int64_t start)
{
	int64_t when = timeSleepUntil(), now = start;
	if (when - start > SPIN_NS)
		return NULL;
	while (now < when && load_rlx(&sched.runqsize) == 0) {
		procyield(1);
		now = nanotime();
	}
	return findlocal(pp, now);
}

/* Looks at the other Ps and at all timers for a while, if no other M does. */
static struct g *spin(struct m *mp, struct p *pp, int64_t start)
{
	int32_t none = 0;
	if (gomaxprocs == 1)
		return awaittimer(pp, start);
	if (!mp->spinning) {
		if (load_rlx(&sched.nmspinning) || !cas_sc(&sched.nmspinning, &none, 1))
			return NULL;
		mp->spinning = true;
	}
	int64_t span = start - load_rlx(&pp->pollwhen) < POLLRECENT_NS ? SPINPOLL_NS : SPIN_NS;
	for (int64_t now = start; now - start < span; now = nanotime()) {
		struct g *gp = runqsteal(mp, pp, now);
		if (gp)
			return gp;
		if (load_rlx(&sched.runqsize) || timeSleepUntil() <= now)
			return findlocal(pp, now);
		if (unlikely(load_rlx(&sched.gcwaiting)))
			return NULL;
		procyield(8);
	}
	return NULL;
}

/* After dropping the token: work that came meanwhile. Gets a P for it and the token again. */
static bool recheck(struct m *mp)
{
	bool found = load_rlx(&sched.runqsize) != 0;
	int32_t none = 0;
	for (int32_t i = 0; i < gomaxprocs && !found; i++)
		found = load_rlx(&allp[i]->status) != _Pidle && runqworth(allp[i]);
	if (!found)
		return false;
	lock(&sched.lock);
	struct p *pp = pidleget();
	unlock(&sched.lock);
	if (!pp)
		return false;
	acquirep(mp, pp);
	mp->spinning = cas_sc(&sched.nmspinning, &none, 1);
	return true;
}

/*
 * This M is the poller: sleeps until then (INT64_MAX: until a descriptor is ready or
 * netpollBreak).
 */
static struct gQueue pollsleep(int64_t until)
{
	store_rlx(&sched.pollUntil, until == INT64_MAX ? 0 : until);
	int64_t now = nanotime(), delay = until > now ? until - now : 0;
	if (delay > SPIN_NS && delay < SHORTSLEEP_NS)
		delay -= SPIN_NS; /* the kernel takes that long to wake us */
	struct gQueue ready = netpoll(until == INT64_MAX ? -1 : delay);
	store_rlx(&sched.pollUntil, 0);
	return ready;
}

/*
 * Sleeps for the earliest timer or a ready descriptor, unless another M does; then tries to get a P
 * again. When there is none all Ps are busy, and each looks at its own timers.
 */
static void pollidle(struct m *mp)
{
	int64_t until = timeSleepUntil();
	struct gQueue ready = {0};
	if (until == INT64_MAX && !netpollAnyWaiters()) {
		/* It waits for a timer that was stopped, and while it does no deadlock is seen. */
		if (load_rlx(&sched.lastpoll) == 0)
			netpollBreak();
		return;
	}
	if (xchg_sc(&sched.lastpoll, 0) == 0) {
		if (until != INT64_MAX)
			wakeNetPoller(until);
		return;
	}
	/*
	 * Again: a timer added before the exchange woke nobody; one that has fired is no reason
	 * to sleep.
	 */
	until = timeSleepUntil();
	if (until != INT64_MAX || netpollAnyWaiters())
		ready = pollsleep(until);
	int64_t now = nanotime();
	store_rlx(&sched.now, now);
	store_sc(&sched.lastpoll, now);
	lock(&sched.lock);
	struct p *pp = pidleget();
	unlock(&sched.lock);
	if (pp) {
		acquirep(mp, pp);
		if (ready.size)
			store_rlx(&pp->pollwhen, now);
	}
	netpollrun(&ready);
}

/*
 * With sched.lock held, when this M has just given up its P: whether it need not sit in the poller,
 * since a P that runs got work from there a moment ago and will look again. Else each packet would
 * wake this M too, only to find that the other P was quicker. sysmon sends an M to the poller when
 * the others have not looked for 250 us, or when a timer comes near. The lock lets the last M to go
 * idle see that it is the last.
 */
static bool otherspoll(void)
{
	int64_t now = nanotime();
	if (load_rlx(&sched.lastpoll) == 0 || timeSleepUntil() - now < POLLTIMER_NS)
		return false;
	for (int32_t i = 0; i < gomaxprocs; i++)
		if (load_rlx(&allp[i]->status) == _Prunning &&
			now - load_rlx(&allp[i]->pollwhen) < POLLRECENT_NS)
			return true;
	return false;
}

/* No work found: gives up the P. Returns a G after all, or NULL with or without a P. */
static struct g *goidle(struct m *mp)
{
	struct p *pp = mp->p;
	lock(&sched.lock);
	bool stop = load_rlx(&sched.gcwaiting);
	struct g *gp = stop ? NULL : globrunqgetlocked(pp);
	if (gp || stop) {
		unlock(&sched.lock);
		return gp;
	}
	pidleput(releasep(mp));
	bool leave = netpollAnyWaiters() && otherspoll();
	unlock(&sched.lock);
	if (unlikely(load_rlx(&sched.sysmonwait) == SYSMON_SLICE))
		wakesysmon();
	if (mp->spinning) {
		dropspin(mp);
		if (recheck(mp))
			return NULL;
	}
	if (!leave)
		pollidle(mp);
	else if (unlikely(load_rlx(&sched.sysmonwait)))
		wakesysmon();
	return NULL;
}

/* Found work while spinning: somebody else may spin now, and should if there is more. */
static void resetspinning(struct m *mp)
{
	struct p *pp = mp->p;
	dropspin(mp);
	if (runqlen(pp) + load_rlx(&sched.runqsize) > load_rlx(&pp->wl))
		wakep();
}

/* Blocks on g0 until there is a goroutine to run on this M, which then has a P. */
struct g *findrunnable(struct m *mp)
{
	struct g *gp = NULL;
	while (!gp) {
		if (!mp->p) {
			stopm(mp);
			gp = mp->nextg;
			mp->nextg = NULL;
			if (gp)
				break;
		}
		if (unlikely(load_acq(&sched.gcwaiting))) {
			gcstopm(mp);
			continue;
		}
		int64_t now = nanotime();
		store_rlx(&sched.now, now);
		gp = findlocal(mp->p, now);
		if (unlikely(mp->pinned.first))
			gp = gp ? besidepinned(mp, gp) : pinnedget(mp);
		if (!gp)
			gp = spin(mp, mp->p, now);
		if (!gp)
			gp = goidle(mp);
	}
	if (mp->spinning)
		resetspinning(mp);
	return gp;
}

/* ---- deadlock ---- */

/*
 * Threads the program made itself: any of them may still wake a goroutine. The kernel counts a link
 * of this directory for each, so neither memory nor a descriptor is needed, of which there may be
 * none. When /proc is not there, there may be some.
 */
static bool foreignthreads(void)
{
	struct stat st;
	int64_t ours = sched.mnext - sched.nmexited + sched.nmleaving + tsanthreads;
	return stat("/proc/self/task", &st) != 0 || (int64_t)st.st_nlink - 2 > ours;
}

/* With sched.lock held, by an M that is about to park, or sysmon: can anything still happen? */
void checkdead(void)
{
	int64_t running =
		sched.mnext - sched.nmexited - sched.nmidle - sched.nmidlelocked - sched.nmsys;
	if (running > 0 || sched.nretaking)
		return;
	if (running < 0)
		throw("checkdead: %d idle Ms of %ld", sched.nmidle, (long)sched.mnext);
	if (netpollAnyWaiters() || timeSleepUntil() != INT64_MAX || foreignthreads())
		return;
	gort_isize n = gort_num_goroutine();
	unlock(&sched.lock); /* the dump may need it; this thread does not come back */
	fatal(n ? "all goroutines are asleep - deadlock!"
		: "no goroutines (main called gort_goexit) - deadlock!");
}

/* ---- start ---- */

void schedinit(void)
{
	lockinit(&sched.lock, lockRankSched);
	lockinit(&sched.gFreelock, lockRankGFree);
	sched.started = true;
	optionsinit();
	pthread_sigmask(SIG_SETMASK, NULL, &sched.sigmask);
	stackinit();
	syscallinit();
	raceinit();
	mprofinit();
	gomaxprocs = getproccount();
	single = gomaxprocs == 1 && !raceenabled;
	mutexinit();
	allp = persistentalloc(MAXGOMAXPROCS * sizeof(*allp));
	store_rlx(&nallp, gomaxprocs);
	for (int32_t i = 0; i < gomaxprocs; i++) {
		allp[i] = persistentalloc(sizeof(**allp));
		allp[i]->id = i;
		timersinit(allp[i]);
	}
	runqinit();
	store_rlx(&sched.lastpoll, nanotime());
	store_rlx(&sched.now, nanotime());
	tscinit();
	m0.id = sched.mnext++;
	m0.seen = persistentalloc(MAXGOMAXPROCS * sizeof(*m0.seen));
	minit(&m0);
	for (int32_t i = gomaxprocs; i-- > 1;)
		pidleput(allp[i]);
	acquirep(&m0, allp[0]);
	preemptinit();
	debuginit();
	gcinit();
}
