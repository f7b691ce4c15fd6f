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
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/debug.h"
#include "mem/malloc.h"
#include "sched/netpoll.h"
#include "sched/proc.h"
#include "sched/runq.h"
#include "sched/sanitizer.h"
#include "sched/stack.h"
#include "sched/timer.h"

#define SPIN_NS  20000
#define SIGSTACK (64u << 10)

struct p **allp;
int32_t gomaxprocs;
_Atomic(struct m *) allm;
struct m m0;
__thread struct m *tls_m __attribute__((tls_model("initial-exec")));

/* ---- Ps ---- */

void acquirep(struct m *mp, struct p *pp)
{
	if (unlikely(mp->p || pp->m || load_rlx(&pp->status) != _Pidle))
		throw("acquirep: M %ld has P %p, P %d has status %u", (long)mp->id, (void *)mp->p,
			pp->id, load_rlx(&pp->status));
	mp->p = pp;
	pp->m = mp;
	store_rlx(&pp->status, _Prunning);
}

struct p *releasep(struct m *mp)
{
	struct p *pp = mp->p;
	if (unlikely(!pp || pp->m != mp || load_rlx(&pp->status) != _Prunning))
		throw("releasep: M %ld has no running P", (long)mp->id);
	mp->p = NULL;
	pp->m = NULL;
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
	mp->procid = (int32_t)rawsyscall(SYS_gettid, 0, 0, 0, 0);
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
	prctl(PR_SET_TIMERSLACK, 1); /* sleeps end on time: the default is 50 us late */
	allmadd(mp);
	debugminit(mp);
}

/* With sched.lock held, and before the thread exists: checkdead must count it as running. */
static struct m *mnew(void)
{
	struct m *mp = persistentalloc(sizeof(*mp));
	mp->id = sched.mnext++;
	mp->seen = persistentalloc((size_t)gomaxprocs * sizeof(*mp->seen));
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
}

static void newm(struct m *mp)
{
	pthread_t thread;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int err = pthread_create(&thread, &attr, mstart, mp);
	pthread_attr_destroy(&attr);
	if (err)
		throw("newm: cannot create a thread: %s", strerrordesc_np(err));
}

/* ---- parking and waking Ms ---- */

/* Runs pp, or when NULL an idle P, on some M. spinning: the caller passes on the token it owns. */
void startm(struct p *pp, bool spinning)
{
	lock(&sched.lock);
	if (!pp)
		pp = pidleget();
	if (!pp) {
		unlock(&sched.lock);
		if (spinning)
			store_sc(&sched.nmspinning, 0);
		return;
	}
	struct m *mp = sched.midle;
	bool fresh = !mp;
	if (fresh) {
		mp = mnew();
	} else {
		sched.midle = mp->schedlink;
		sched.nmidle--;
	}
	unlock(&sched.lock);
	mp->spinning = spinning;
	mp->nextp = pp;
	if (fresh)
		newm(mp);
	else
		notewakeup(&mp->park); /* pairs with notesleep in stopm: nextp, spinning */
}

/* Parks an M that has no P until startm gives it one. */
void stopm(struct m *mp)
{
	noteclear(&mp->park);
	lock(&sched.lock);
	mp->schedlink = sched.midle;
	sched.midle = mp;
	sched.nmidle++;
	checkdead();
	unlock(&sched.lock);
	notesleep(&mp->park);
	struct p *pp = mp->nextp;
	mp->nextp = NULL;
	acquirep(mp, pp);
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
	if (sched.runq.size) {
		unlock(&sched.lock);
		startm(pp, false);
		return;
	}
	pidleput(pp);
	unlock(&sched.lock);
	int64_t when = load_rlx(&pp->timers.minwhen);
	if (when == INT64_MAX)
		return;
	if (load_rlx(&sched.lastpoll) != 0)
		wakep(); /* nobody watches the clock: that M will */
	else
		wakeNetPoller(when);
}

void injectglist(struct gQueue *list)
{
	uint32_t n = list->size;
	if (n == 0)
		return;
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
	if (netpollAnyWaiters()) {
		struct gQueue ready = netpoll(0);
		injectglist(&ready);
	}
	return runqpick(pp);
}

/* Looks at the other Ps for a while, if no other M does. */
static struct g *spin(struct m *mp, struct p *pp, int64_t start)
{
	int32_t none = 0;
	if (gomaxprocs == 1)
		return NULL;
	if (!mp->spinning) {
		if (load_rlx(&sched.nmspinning) || !cas_sc(&sched.nmspinning, &none, 1))
			return NULL;
		mp->spinning = true;
	}
	for (int64_t now = start; now - start < SPIN_NS; now = nanotime()) {
		struct g *gp = runqsteal(mp, pp, now);
		if (gp)
			return gp;
		if (load_rlx(&sched.runqsize) || timeSleepUntil() <= now)
			return findlocal(pp, now);
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
	if (until == INT64_MAX && !netpollAnyWaiters())
		return;
	if (xchg_sc(&sched.lastpoll, 0) == 0) {
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
	if (pp)
		acquirep(mp, pp);
	injectglist(&ready);
}

/* No work found: gives up the P. Returns a G after all, or NULL with or without a P. */
static struct g *goidle(struct m *mp)
{
	struct p *pp = mp->p;
	lock(&sched.lock);
	struct g *gp = globrunqgetlocked(pp);
	if (gp) {
		unlock(&sched.lock);
		return gp;
	}
	pidleput(releasep(mp));
	unlock(&sched.lock);
	if (mp->spinning) {
		dropspin(mp);
		if (recheck(mp))
			return NULL;
	}
	pollidle(mp);
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
		if (!mp->p)
			stopm(mp);
		int64_t now = nanotime();
		store_rlx(&sched.now, now);
		gp = findlocal(mp->p, now);
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
 * Threads the program made itself: any of them may still wake a goroutine. Counted only here,
 * when all else says deadlock, and without allocation. When /proc is not there, there may be
 * some.
 */
static bool foreignthreads(void)
{
	char buf[2048];
	int64_t n = 0;
	int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return true;
	for (long len; (len = rawsyscall(SYS_getdents64, fd, (long)buf, sizeof(buf), 0)) > 0;)
		for (long i = 0; i < len; i += ((struct dirent64 *)(buf + i))->d_reclen)
			n += ((struct dirent64 *)(buf + i))->d_name[0] != '.';
	close(fd);
	return n > sched.mnext;
}

/* With sched.lock held, by an M that is about to park, or sysmon: can anything still happen? */
void checkdead(void)
{
	int64_t running = sched.mnext - sched.nmidle - sched.nmsys;
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
	pthread_sigmask(SIG_SETMASK, NULL, &sched.sigmask);
	stackinit();
	gomaxprocs = getproccount();
	allp = persistentalloc((size_t)gomaxprocs * sizeof(*allp));
	for (int32_t i = 0; i < gomaxprocs; i++) {
		allp[i] = persistentalloc(sizeof(**allp));
		allp[i]->id = i;
		timersinit(allp[i]);
	}
	runqinit();
	store_rlx(&sched.lastpoll, nanotime());
	store_rlx(&sched.now, nanotime());
	m0.id = sched.mnext++;
	m0.seen = persistentalloc((size_t)gomaxprocs * sizeof(*m0.seen));
	minit(&m0);
	for (int32_t i = gomaxprocs; i-- > 1;)
		pidleput(allp[i]);
	acquirep(&m0, allp[0]);
	debuginit();
}
