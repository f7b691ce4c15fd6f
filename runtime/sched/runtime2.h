/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runtime2.h - the scheduler's data (Go's runtime2.go), with Go's field names.
 *
 *   G  a goroutine. M  a machine: one OS thread. P  a processor: the right to run goroutines,
 *   GOMAXPROCS of them. An M needs a P to run a G; an M in
 *      a system call, or with nothing to do, has none.
 *
 * Invariants:
 *  1. A struct g, m or p is never freed. allgs only grows: the array is published before its
 *     length, so a reader (also in another process) that loads allglen, then allgptr, sees
 *     allglen valid Gs.
 *  2. g.sched.sp == 0: the G has the CPU, or has never run (then stack.hi == 0 too and its only
 *     frame is startpc). sp != 0: switched out, and the registers lie at sp as asm_amd64.S
 *     describes. The store of sp is the last thing a switch does to the old stack: whoever sees
 *     it non-zero may run the G.
 *  3. A G is on at most one queue: a run queue, a wait queue, or a free list.
 *  4. A status changes only by the owner: the M that runs the G; or whoever took it off its queue.
 */
#ifndef GORT_SCHED_RUNTIME2_H
#define GORT_SCHED_RUNTIME2_H

#include <signal.h>
#include <stddef.h>

#include "base/atomic.h"
#include "base/futex.h"
#include "base/list.h"
#include "base/lock.h"
#include "gort/gort.h"

/* g.atomicstatus, Go's numbers. _Gwaiting is set under the lock that makes the G findable. */
enum {
	_Gidle = 0,      /* allocated, not yet in allgs */
	_Grunnable = 1,  /* on a run queue */
	_Grunning = 2,   /* has an M and a P */
	_Gsyscall = 3,   /* has an M, its P may be taken away */
	_Gwaiting = 4,   /* blocked, see waitreason */
	_Gdead = 6,      /* never used, or exited: its memory waits to be reused */
	_Gpreempted = 9, /* stopped itself for a preemption request */
	_Gleaked = 10    /* waiting for ever, proved by the collector */
};

/* p.status */
enum { _Pidle = 0, _Prunning = 1, _Psyscall = 2, _Pgcstop = 3, _Pdead = 4 };

/* Why a G waits: Go 1.26's numbers, so that one table serves both kinds of target. */
typedef enum waitReason {
	waitReasonZero = 0,
	waitReasonIOWait = 2,
	waitReasonPanicWait = 6,
	waitReasonFinalizerWait = 10,
	waitReasonSemacquire = 13,
	waitReasonSleep = 14,
	waitReasonChanReceiveNilChan = 15,
	waitReasonChanSendNilChan = 16,
	waitReasonSelectNoCases = 17,
	waitReasonSelect = 18,
	waitReasonChanReceive = 19,
	waitReasonChanSend = 20,
	waitReasonSyncCondWait = 21,
	waitReasonSyncMutexLock = 22,
	waitReasonSyncRWMutexRLock = 23,
	waitReasonSyncRWMutexLock = 24,
	waitReasonSyncWaitGroupWait = 25,
	waitReasonPreempted = 30
} waitReason;

/* Text of each waitReason, NULL where the number is not used. */
#define NWAITREASON 48
extern const char *const waitReasonStrings[NWAITREASON];

struct g;
struct m;
struct p;
struct hchan;

/* Saved context of a G that does not run: the registers are at sp, see asm_amd64.S. */
struct gobuf {
	_Atomic uintptr_t sp;
};

/* A stack is [lo, hi); the guard is the page just below lo. 0, 0 = not bound yet. */
struct stack {
	uintptr_t lo;
	uintptr_t hi;
};

/*
 * A G waiting in a queue of some object. The one inside struct g serves all waits on one object, so
 * parking neither allocates nor makes a waker touch the parked stack; select has one for each case.
 */
struct sudog {
	struct g *g;
	struct sudog *next;
	struct sudog *prev;
	void *elem; /* data: sender's source, receiver's destination; may be on g's stack */
	union {
		uint64_t val; /* data of elements of at most 8 bytes, instead of elem; ticket */
		struct sudog *waittail; /* sema.c */
	};
	struct hchan *c;
	bool isSelect;
	bool success; /* woken by a counterpart, not by close */
};

/* A per-P heap of these; the one inside struct g serves gort_sleep and select. See timer.c. */
struct timer {
	int64_t when; /* nanotime at which to call f */
	void (*f)(void *arg);
	void *arg;
	_Atomic(struct p *) pp; /* whose heap it is in, NULL when in none; under its timers.lock */
	uint32_t index;         /* where in the heap */
};

#define GNAMELEN 32

struct g {
	struct gobuf sched;
	struct stack stack;
	struct m *m; /* running on, NULL otherwise */
	struct g *schedlink;
	_Atomic uint32_t atomicstatus;
	uint8_t waitreason; /* waitReason, valid while _Gwaiting */
	uint8_t stackclass; /* index into stack size classes */
	bool system;        /* started by the runtime for itself */
	int64_t waitsince;  /* nanotime when it began to wait, at most 10 ms off */

	struct sudog sudog;
	struct sudog *waiting; /* what it waits in; valid while _Gwaiting on a channel */

	/* A select that waits, see select.c. */
	_Atomic uint32_t selectDone; /* 0 = open; whoever makes it 1 decides the select */
	_Atomic uint32_t timerFired; /* its timer's function is through with this G */
	struct sudog *selected;      /* by the one who decided: the case; NULL = the timeout */

	uint64_t goid;
	uint64_t parentGoid;
	uintptr_t gopc;            /* return address of the go statement */
	uintptr_t startpc;         /* the function it runs */
	struct gort_defer *_defer; /* innermost first */
	uintptr_t syscallsp;       /* while _Gsyscall: where a traceback starts */
	uintptr_t syscallpc;
	uintptr_t syscallbp;
	struct gort_call start; /* function and argument words */
	struct timer timer;     /* gort_sleep */
	struct g *alllink;      /* free-list link of dead Gs */
	void *racectx;
	void *fakestack;  /* AddressSanitizer's record while switched out */
	const char *name; /* namebuf, or NULL */
	char namebuf[GNAMELEN];
} __attribute__((aligned(64)));

/* A thief's memory of a victim: its schedtick, and since when it is that. */
struct seenp {
	uint32_t tick;
	int64_t since;
};

struct m {
	struct g *g0;    /* the thread's own stack: runs the scheduler */
	struct g *curg;  /* NULL while on g0 */
	struct p *p;     /* NULL while it may not run Gs */
	struct p *nextp; /* handed over by whoever wakes it */
	struct p *oldp;  /* P it had before the system call */
	struct g *nextg; /* chosen on a G stack, to be run by g0 once its switch-out is complete */
	bool spinning;   /* owns the one spinning token */
	bool sysm;       /* not for goroutines: sysmon */
	uint32_t fastrand;
	struct note park;
	int64_t id;
	int32_t procid; /* OS thread id */
	struct m *schedlink;
	struct m *alllink;    /* allm */
	struct stack gsignal; /* alternate signal stack */
	struct seenp *seen;   /* per P, what runqsteal saw of it */
	struct g g0_;
} __attribute__((aligned(64)));

#define RUNQSIZE 256

/* Sorted as a 4-ary heap by when. minwhen is 0 when empty and may be read without the lock. */
struct timers {
	struct mutex lock;
	uint32_t len, cap;
	struct timer **heap;
	_Atomic int64_t minwhen;
};

struct gfree {
	struct g *first;
	uint32_t n;
};

/* Free stacks: first is the top of the newest, whose last word holds the top of the next. */
struct stackcache {
	uintptr_t first;
	uint32_t n;
};

#define NSTACKCLASS 4

struct p {
	/* Touched by the owner at each switch. */
	struct g *runnext; /* see runq.h */
	_Atomic uint32_t rnowner;
	_Atomic uint32_t rnthief;
	_Atomic uint32_t schedtick; /* counts scheduling decisions */
	uint32_t wakelen;           /* ring length at which to wake another M */
	_Atomic bool slow;          /* look at everything at the next decision; set by sysmon */
	struct m *m;
	int32_t id;
	_Atomic uint32_t status;
	uintptr_t dying; /* stack that an exited G is about to leave */
	uint8_t dyingclass;
	struct gfree gFree;
	uint64_t goidcache, goidcacheend;

	/* Wake policy, see runq.h. */
	_Atomic uint32_t wl;
	_Atomic uint32_t stuck; /* sysmon: its current G holds up what is queued here */
	int64_t slicestart, sliceprev;

	struct stackcache stackcache[NSTACKCLASS];
	char *mcache, *mcacheend;
	struct p *link;               /* pidle */
	uint64_t ngcreated, ngexited; /* on this P */
	uint64_t steals, stolen;      /* this P stole: how often, how many Gs */

	_Atomic uint32_t runqtail __attribute__((aligned(64)));
	_Atomic uint32_t runqhead __attribute__((aligned(64)));
	_Atomic(struct g *) runq[RUNQSIZE] __attribute__((aligned(64)));

	struct timers timers __attribute__((aligned(64)));

	/* sysmon's own notes */
	uint32_t sysmontick;
	int64_t sysmonwhen;
	_Atomic uint32_t syscalltick;
	uint32_t sysmonsyscalltick;
} __attribute__((aligned(128)));

LIST_HEAD(gQueue, struct g);

struct schedt {
	struct mutex lock;
	struct m *midle; /* Ms without work, asleep on m.park */
	int32_t nmidle;
	int32_t nmsys;     /* threads of the runtime that are Ms but never run Gs */
	int32_t nretaking; /* sysmon holds a P that it took from an M */
	int64_t mnext;     /* Ms created, sysmon included */
	struct p *pidle;
	struct gQueue runq; /* global queue */

	/* Read without the lock; written under it unless said otherwise. */
	_Atomic int32_t npidle __attribute__((aligned(64)));
	_Atomic uint32_t runqsize;
	_Atomic int32_t nmspinning;  /* 0 or 1; taken by compare-and-swap, without the lock */
	_Atomic uint32_t sysmonwait; /* how sysmon sleeps, SYSMON_... */
	_Atomic int64_t lastpoll;    /* 0 = an M is in netpoll(delay) */
	_Atomic int64_t pollUntil;   /* when that M wakes by itself, 0 = not by time */
	_Atomic int64_t now; /* nanotime of a moment ago: at most 10 ms old while a P runs */

	struct mutex gFreelock __attribute__((aligned(64)));
	struct gfree gFree;
	_Atomic uint64_t goidgen;

	struct note sysmonnote;
	bool started;
	struct g *maing;
	sigset_t sigmask; /* of the thread that started the scheduler: all Ms get it */
};

/* schedt.sysmonwait */
enum { SYSMON_AWAKE, SYSMON_DEEP, SYSMON_ENDLESS };

extern struct schedt sched;
extern struct p **allp; /* gomaxprocs of them */
extern int32_t gomaxprocs;
extern _Atomic(struct m *) allm;
extern _Atomic(struct g **) allgptr;
extern _Atomic uint64_t allglen;
extern struct m m0;

extern __thread struct m *tls_m __attribute__((tls_model("initial-exec")));

/*
 * The M of this thread, NULL in a thread that libgort did not start. Volatile assembly, because a
 * goroutine resumes on another thread: the compiler may keep neither the value nor the address of a
 * thread-local variable over a switch.
 */
static inline struct m *getm(void)
{
	struct m *mp;
	__asm__ volatile("movq tls_m@gottpoff(%%rip), %0\n\tmovq %%fs:(%0), %0" : "=r"(mp));
	return mp;
}

/* The goroutine that runs here, NULL on a system stack. */
static inline struct g *getg(void)
{
	struct m *mp = getm();
	return mp ? mp->curg : NULL;
}

static inline uint32_t readgstatus(struct g *gp)
{
	return load_acq(&gp->atomicstatus);
}

static inline uint32_t cheaprand(struct m *mp)
{
	mp->fastrand = mp->fastrand * 1664525 + 1013904223;
	return mp->fastrand >> 8;
}

#endif
