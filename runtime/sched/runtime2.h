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

#include "base/asan.h"
#include "base/atomic.h"
#include "base/futex.h"
#include "base/list.h"
#include "base/lock.h"
#include "gort/gort.h"
#include "mem/mcache.h"
#include "mem/stopped.h"
#include "sched/histogram.h"

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
	waitReasonGCSweepWait = 8,
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
	waitReasonWaitForGCCycle = 27,
	waitReasonGCWorkerIdle = 28,
	waitReasonPreempted = 30
} waitReason;

/* Text of each waitReason, NULL where the number is not used. */
#define NWAITREASON 48
extern const char *const waitReasonStrings[NWAITREASON];

struct g;
struct m;
struct p;
struct hchan;
struct labels;
struct timers;
struct wbblock;
struct gcwork;

LIST_HEAD(gQueue, struct g);

/* Saved context of a G that does not run: the registers are at sp, see asm_amd64.S. */
struct gobuf {
	_Atomic uintptr_t sp;
};

/*
 * A stack is [lo, hi); the guard lies just below lo, struct gcold just above hi. 0, 0 = not bound
 * yet.
 */
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
	bool success; /* woken by a counterpart, not by close */
	union {
		struct {
			bool isSelect;
			bool watched; /* whoever takes it off says when: sync/blocked.h */
		};
		uint16_t special; /* not 0: takes more than to be taken off its queue */
	};
	uint32_t elemsize;
};

/* sudog.special with isSelect alone. */
#define SUDOG_SELECT 1

/* In a list, head included. */
struct timerlink {
	struct timerlink *next;
	struct timerlink *prev;
};

/* What is called when its time has come, see timer.c. That of a G serves gort_sleep and select. */
struct timer {
	struct timerlink link;
	int64_t when; /* nanotime at which to call f */
	void (*f)(void *arg);
	void *arg;
	_Atomic(struct p *) pp; /* in whose timers it is; NULL: in none; TIMERBUSY */
	uint16_t slot;          /* which list of them */
	uint8_t kind;           /* of the timers of sync/time.c */
};

#define GNAMELEN 32

struct g {
	struct gobuf sched;
	struct stack stack;
	struct m *m;         /* running on, NULL otherwise */
	struct g *schedlink; /* of the queue or free list it is on */
	_Atomic uint32_t atomicstatus;
	uint8_t waitreason;     /* waitReason, valid while _Gwaiting */
	uint8_t stackclass : 2; /* index into stack size classes */
	uint8_t bubble : 6;     /* of sched/bubble.c that it is in; 0: none */
	bool system;            /* started by the runtime for itself */
	union {
		struct {
			/* Only gcold.lockedm may run it: whoever picks it hands its P over. */
			bool wired : 1;
			/* Became runnable at waitsince: whoever runs it counts how long ago. */
			bool timed : 1;
		};
		uint8_t aside; /* not 0: g0 looks at it before it runs */
	};
	int64_t waitsince; /* nanotime when it began to wait, at most 10 ms off */
	uint64_t goid;

	union {
		struct {
			struct sudog sudog;
			struct sudog *waiting; /* what it waits in; valid while _Gwaiting on a
						  channel */
		};
		/* Until it first runs: the arguments of startpc, around sudog.c. */
		struct {
			uint64_t arg0to4[5];
			struct hchan *startc; /* NULL */
			uint64_t arg5;
		};
	};

	uint64_t parentGoid;
	uintptr_t gopc;                        /* return address of the go statement */
	uintptr_t startpc;                     /* the function it runs */
	_Atomic(const struct labels *) labels; /* its parent's until it sets some; NULL = none */
	uintptr_t syscallsp;                   /* while _Gsyscall: where a traceback starts */
	union {
		struct {
			uintptr_t syscallpc;
			uintptr_t syscallbp;
		};
		/* Until it first runs: race.c. */
		struct {
			const void *raceafter;
			void *racestart;
		};
	};
	const char *name; /* gcold.namebuf, or NULL */
#ifdef GORT_ASAN
	void *fakestack; /* AddressSanitizer's record while switched out */
#endif
} __attribute__((aligned(64)));

#ifndef GORT_ASAN
_Static_assert(sizeof(struct g) == 192,
	"a million parked goroutines must fit: what only a started one needs goes to struct gcold");
#endif

/*
 * What only a goroutine that has started needs. It lies at the top of its stack, on a page that is
 * there anyway, so it costs no memory; it exists while stack.hi is not 0, and not for g0. Its
 * content outlives the goroutine: zero at first, then whatever the one before left.
 */
struct gcold {
	struct timer timer; /* gort_sleep, select */

	/* A select that waits, see select.c. */
	_Atomic uint32_t selectDone; /* 0 = open; whoever makes it 1 decides the select */
	_Atomic uint32_t timerFired; /* its timer's function is through with this G */
	struct sudog *selected;      /* by the one who decided: the case; NULL = the timeout */

	/* lang/: all three innermost first, and NULL in a goroutine that starts */
	struct gort_defer *_defer;
	struct gprotect *_protect;
	struct gpanic *_panic; /* under way */
	uintptr_t goexitsp;    /* gort_goexit was called here, and left what is above; 0: not */

	struct m *lockedm;  /* while g.wired */
	uint32_t lockdepth; /* calls of gort_lock_os_thread that are open */
	uint32_t locks;     /* > 0: holds something of its thread, must not be switched out */
	uintptr_t pending;  /* gort_pending of a goroutine that was preempted at any pc */
	void *racectx;      /* race.c */

	_Atomic uint32_t gcepoch; /* when its stack was scanned: mgcstack.c */
	bool collecting;          /* in the collector, which it must not enter again */
	bool blocking; /* between gort_blocking_begin and _end: the program's code runs */
	bool unseen;   /* has blocked its M, or looped there, without a word: syscall.c */
	/* Since entersyscall, for the collector: rbx, rbp, r12 to r15; where the stack began. */
	uintptr_t saved[6];
	union {
		uintptr_t savedsp;
		int64_t releasetime; /* while it waits: sync/blocked.h */
	};

	struct gort_case *cases; /* of the select that waits */
	uint32_t ncases;

	/* While it waits in a semaphore, for the mutex profile (sync/sema.c); 0 otherwise. */
	uint32_t waiters;
	int64_t acquiretime;

	char namebuf[GNAMELEN];
} __attribute__((aligned(64)));

/* A thief's memory of a victim: its schedtick, and since when it is that. */
struct seenp {
	uint32_t tick;
	int64_t since;
};

/* m.events: why a scheduling decision of this M is not an ordinary one. */
enum {
	EVENT_PREEMPT = 1, /* preemptone asked for this M's P */
	EVENT_PINNED = 2,  /* m.pinned is not empty */
	EVENT_MOVE = 4,    /* g0: m.nextg goes on on an M that has nothing pinned */
	EVENT_STOP = 8,    /* the world is being stopped */
	EVENT_LOCKED = 16, /* m.lockedg is set, or the thread is to end */
	EVENT_GC = 64,     /* some goroutine's stack must be scanned before it runs: mgcstack.c */
	EVENT_RACE = 32    /* every decision ends on g0, see race.h */
};

#define LENDWORDS 16 /* 1024 CPUs; on a larger machine the kernel refuses to tell */

/* A thread that runs on the CPU of who stops the world. */
struct lending {
	_Atomic uint32_t state;
	uint32_t stop; /* in which it was looked at, */
	int64_t ran;   /* and its CPU time then */
	uint64_t size; /* of the affinity that it had before */
	unsigned long before[LENDWORDS];
};

struct m {
	struct g *g0;          /* the thread's own stack: runs the scheduler */
	struct g *curg;        /* NULL while on g0 */
	struct p *p;           /* NULL while it may not run Gs */
	struct p *nextp;       /* handed over by whoever wakes it */
	struct p *oldp;        /* P it had before the system call */
	_Atomic uint32_t gate; /* GATE_..., see syscall.c; GATE_OPEN while curg runs with a P */
	uint32_t noretake;     /* > 0: libgort itself waits in libc, and relies on its P */
	struct g *nextg; /* chosen on a G stack, to be run by g0 once its switch-out is complete */
	_Atomic uint32_t events;  /* EVENT_..., set by anybody */
	bool spinning;            /* owns the one spinning token */
	bool sysm;                /* not for goroutines: sysmon */
	bool blocked;             /* asleep on park */
	struct gort_elide *elide; /* this thread's: others write its mode to end elision */
	uint32_t fastrand;
	struct note park;
	int64_t id;
	int32_t procid;     /* OS thread id */
	int32_t startclock; /* kernel's id of its timer + 1; 0: none yet, below: none to be had */
	struct m *schedlink;
	struct m *alllink;              /* allm */
	const struct timers *timersof;  /* whose functions it calls */
	struct stack gsignal;           /* alternate signal stack */
	struct seenp *seen;             /* per P, what runqsteal saw of it */
	struct epoll_event *pollevents; /* netpoll's, from its first call on this M */

	/* lockedm.c */
	struct g *lockedg;   /* the only goroutine that this thread runs */
	bool exiting;        /* its goroutine ended while it was locked: the thread ends */
	bool listed;         /* in allm */
	_Atomic bool exited; /* the thread no longer uses this struct */
	struct m *freelink;  /* sched.mfree */

	/* preempt.c */
	struct gQueue pinned;  /* preempted at an arbitrary instruction: run here or nowhere */
	int64_t pinnedwhen;    /* nanotime when one of them last ran */
	_Atomic bool stranded; /* they wait for a goroutine that blocked it unseen: syscall.c */
	_Atomic uint32_t preempttick;   /* p.schedtick of the decision to be cut short */
	_Atomic uint32_t signalpending; /* a preemption signal is on its way */
	struct lending lending;         /* lend.c */
	struct stopped stop;            /* by the collector */
	uintptr_t tp;                   /* the thread pointer */
	uint32_t mxcsr;                 /* the thread's floating-point control words */
	uint16_t fpucw;
	_Atomic bool startarmed; /* startclock has not struck: written by its own thread only */
	_Atomic uint64_t npreempted, nrefused; /* signals that switched, and that must not */
	int64_t foreignsince; /* since when they have found it where it cannot be preempted */
	uint32_t foreigntick; /* p.schedtick then */
	uint32_t starttick;   /* p.schedtick of the decision that startclock is to cut short */

	/* race.c: contexts of g0 and of what runs, g0 or a goroutine */
	void *racectx, *racecur;
	const void *raceafter;
	struct g g0_;
} __attribute__((aligned(64)));

/* m.gate: whether the goroutine may enter libgort as it is. syscall.c has the transitions. */
enum {
	GATE_OPEN = 0,
	GATE_SYSCALL, /* between entersyscall and exitsyscall */
	GATE_PROBED,  /* sysmon is about to decide whether it takes the P */
	GATE_TAKEN,   /* sysmon took the P of the sleeping M: the next entry gets one first */
	GATE_BACK,    /* sysmon did not: the next entry only opens the gate */
	GATE_PREEMPT, /* preemptone: the goroutine that enters next lets others run first */
	GATE_FORKED   /* the child of a fork: there is no scheduler */
};

#define MAXGOMAXPROCS 256
#define RUNQSIZE      256

enum {
	TIMERTICKBITS = 8, /* a tick is 256 ns */
	TIMERSLOTBITS = 6, /* slots of a level */
	NTIMERSLOT = 1 << TIMERSLOTBITS,
	NTIMERLEVEL = 10 /* levels for 63 - TIMERTICKBITS bits */
};

/* Free timers of the program, see sync/time.c. */
struct timercache {
	struct timerlink *first; /* linked by next */
	uint32_t n;
};

/* The timers of a P, guarded by lock; see timer.c. */
struct timers {
	struct mutex lock;
	uint32_t len;
	uint32_t bubble; /* whose time they go by; 0: the clock */
	_Atomic int64_t
		minwhen; /* none is due before; INT64_MAX: there is none. Read without lock */
	uint64_t tick;   /* every slot before it is empty */
	uint32_t levels; /* bit l: occupied[l] is not 0 */
	uint64_t occupied[NTIMERLEVEL]; /* bit s: slot[l][s] is not empty */
	struct timerlink spill;         /* to be put into slots anew */
	struct timerlink slot[NTIMERLEVEL][NTIMERSLOT];
	struct timercache cache[2]; /* touched by the owner of the P only */
};

/* Free contexts, see sync/context.c. */
struct ctxcache {
	struct gort_contextobj *first; /* linked by parent */
	uint32_t n;
	int64_t live; /* contexts made here less those freed here */
};

struct gfree {
	struct g *first;
	uint32_t n;
};

/* Free stacks of one size class, see stack.c. */
struct stackcache {
	struct stackmag *loaded; /* the newest: the last of them is used next */
	struct stackmag *spare;
};

/* Readings of the time stamp counter and of nanotime at one moment, see tsc.h. */
struct anchor {
	uint64_t tsc;
	int64_t ns;
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
	_Atomic bool fresh;         /* was idle and has started no goroutine since */
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
	_Atomic uint32_t offer; /* while schedtick is this, any M may have runnext */
	int64_t slicestart, sliceprev;
	uint32_t slowhead; /* runqhead when the global queue last went first for p.slow */

	struct stackcache stackcache[NSTACKCLASS];
	struct mcache mcache;
	struct wbblock *wbblock;      /* mem/mbarrier.c */
	struct gcwork *gcwork;        /* mem/mgcwork.c; NULL: nobody has marked here */
	struct p *link;               /* pidle */
	uint64_t ngcreated, ngexited; /* on this P */
	uint64_t steals, stolen;      /* this P stole: how often, how many Gs */

	_Atomic uint32_t runqtail __attribute__((aligned(64)));
	_Atomic uint32_t runqhead __attribute__((aligned(64)));
	_Atomic(struct g *) runq[RUNQSIZE] __attribute__((aligned(64)));

	struct timers timers __attribute__((aligned(64)));
	_Atomic int64_t pollwhen; /* when it last found ready descriptors */
	struct anchor anchor;     /* touched by the owner only, as is the next */
	struct ctxcache ctxcache;

	/* Touched by the owner, read by anybody. */
	struct timeHistogram timeToRun; /* of one in gTrackingPeriod that became runnable */
	_Atomic int64_t mutexwait;      /* ns that goroutines waited for locks */

	/* sysmon's own notes */
	uint32_t sysmontick;
	int64_t sysmonwhen;
	_Atomic uint32_t syscalltick;
	uint32_t sysmonsyscalltick;
	int64_t sysmonprobe; /* when it last looked whether the M sleeps */
	uint32_t sysmonhead; /* runqhead, and since when decisions pass it by; 0: none has */
	int64_t sysmonheadwhen;
} __attribute__((aligned(128)));

struct schedt {
	struct mutex lock;
	struct m *midle; /* Ms without work, asleep on m.park */
	int32_t nmidle;
	int32_t nmidlelocked; /* asleep too, but only for one goroutine: not in midle */
	int32_t nmsys;        /* threads of the runtime that are Ms but never run Gs */
	int32_t nretaking;    /* sysmon holds a P that it took from an M */
	int64_t mnext;        /* Ms created, sysmon included */
	int64_t nmexited;     /* of them, those whose thread has ended */
	int32_t nmleaving;    /* 1 while such a thread looks for a deadlock */
	struct m *mfree;      /* Ms of threads that have ended */
	struct p *pidle;
	struct gQueue runq;    /* global queue; the other two are part of it, see runq.h */
	struct gQueue runqnew; /* what rings had no room for, newest batch first */
	struct gQueue runqold; /* what was in runqnew for long, oldest first */
	int64_t runqaged;      /* when runqnew became runqold last */
	uint32_t runqtick;     /* goroutines that were put into runq */

	struct note stopnote; /* stopwait has become 0 */

	/* Read without the lock; written under it unless said otherwise. */
	_Atomic int32_t npidle __attribute__((aligned(64)));
	_Atomic uint32_t runqsize;
	_Atomic int32_t nmspinning;  /* 0 or 1; taken by compare-and-swap, without the lock */
	_Atomic bool gcwaiting;      /* the world is stopped, or about to be */
	_Atomic int32_t stopwait;    /* Ps that have not stopped yet */
	_Atomic uint32_t sysmonwait; /* how sysmon sleeps, SYSMON_... */
	_Atomic bool stranded;       /* some M may be; set before m.stranded is looked at */
	_Atomic int64_t lastpoll;    /* 0 = an M is in netpoll(delay) */
	_Atomic int64_t pollUntil;   /* when that M wakes by itself, 0 = not by time */
	_Atomic int64_t now; /* nanotime of a moment ago: at most 10 ms old while a P runs */

	struct mutex gFreelock __attribute__((aligned(64)));
	struct gfree gFree;
	_Atomic uint64_t goidgen;

	/* By whoever stops the world, one at a time: until all stood, until they went on. */
	struct timeHistogram stwStoppingTimeGC, stwStoppingTimeOther;
	struct timeHistogram stwTotalTimeGC, stwTotalTimeOther;

	struct note sysmonnote;
	bool started;
	struct g *maing;
	sigset_t sigmask; /* of the thread that started the scheduler: all Ms get it */
};

/* schedt.sysmonwait */
enum { SYSMON_AWAKE, SYSMON_SLICE, SYSMON_DEEP, SYSMON_ENDLESS };

extern struct schedt sched;
extern struct p **allp; /* room for MAXGOMAXPROCS; nallp were ever used, gomaxprocs are */
extern int32_t gomaxprocs;
extern _Atomic int32_t nallp;
extern _Atomic(struct m *) allm;
extern _Atomic(struct g **) allgptr;
extern _Atomic uint64_t allglen;
extern struct m m0;

extern __thread struct m *tls_m __attribute__((tls_model("initial-exec")));

/*
 * Lock elision. While there is one P, what only the owner of a P touches (channels, mutexes,
 * semaphores, conditions, wait groups, timers, run queues) needs no atomic operation: the runtime
 * is not preempted, and a P goes from M to M through sched.lock or a compare-and-swap of p.status,
 * which order one owner's stores before the next one's loads. Changes only while the world is
 * stopped. gort_elide of gort.h is the same for code inlined into the program.
 */
extern bool single;

/* Locks what only owners of a P lock. unlock() is one plain store anyway and serves both. */
static inline void plock(struct mutex *l)
{
	if (single)
		lockrank_acquire(l);
	else
		lock(l);
}

static inline bool ptrylock(struct mutex *l)
{
	if (!single)
		return trylock(l);
	lockrank_acquire(l);
	return true;
}

/* Read-modify-write of what only owners of a P write. */
#define pcas(p, old, v)                                                                           \
	(single ? load_rlx(p) == *(old) ? (store_rlx(p, v), true) : (*(old) = load_rlx(p), false) \
		: cas_acqrel(p, old, v))
#define pxadd(p, v)                                     \
	__extension__({                                 \
		__typeof__(load_rlx(p)) pxadd_old_;     \
		if (single) {                           \
			pxadd_old_ = load_rlx(p);       \
			store_rlx(p, pxadd_old_ + (v)); \
		} else {                                \
			pxadd_old_ = xadd_acqrel(p, v); \
		}                                       \
		pxadd_old_;                             \
	})

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

/*
 * errno of this thread. libc keeps it at the same distance from the thread pointer in all threads,
 * as it does with what it needs before it can allocate; asking libc for the address would cost more
 * than the rest of a switch.
 */
extern intptr_t errnooffset;

static inline int errnoload(void)
{
	int value;
	__asm__ volatile("movl %%fs:(%1), %0" : "=r"(value) : "r"(errnooffset));
	return value;
}

static inline void errnostore(int value)
{
	__asm__ volatile("movl %0, %%fs:(%1)" : : "r"(value), "r"(errnooffset) : "memory");
}

/* The goroutine that runs here, NULL on a system stack. */
static inline struct g *getg(void)
{
	struct m *mp = getm();
	return mp ? mp->curg : NULL;
}

static inline struct gcold *gcold(const struct g *gp)
{
	return (struct gcold *)gp->stack.hi;
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
