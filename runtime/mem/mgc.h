/* SPDX-License-Identifier: BSD-2-Clause */
/* mgc.h - the collector, as the runtime and its own files see it; mgc.c has the design. */
#ifndef GORT_MEM_MGC_H
#define GORT_MEM_MGC_H

#include "sched/runtime2.h"

/* ---- mgc.c: the cycle ---- */

void gcinit(void);
/* The mode is kernel, and the system can. */
bool gckernel(void);
/* What has been done; told to readers outside, too. */
extern struct gccycles {
	_Atomic uint32_t n;
	uint32_t forced;
	int64_t last, paused; /* nanotime of the end of the last one; ns of all */
	int64_t stops[2];     /* ns of the two of the last one */
	/* ns of CPU time until then; total: of all Ps */
	int64_t assist, dedicated, idle, pause, total;
	int64_t accounted; /* nanotime up to which total counts */
} gccycles;
/* A collection is wanted, or help with one; the next entry of a goroutine into libgort gives it. */
extern _Atomic bool gcwanted;
void gcwant(void);
/* Does so. A goroutine, with no lock; may switch. False: not now. */
bool gcpoll(void);
/*
 * Collects now, all of it in one stop, in which mark(sp, arg) marks everything: between markbegin
 * and the end of marking it may find out more than that. Otherwise as gort_gc. False: some thread
 * could not be stopped, mark was not called.
 */
bool gccollectby(void (*mark)(uintptr_t sp, void *arg), void *arg);
/* Goroutines run while others mark. Changes only in a stop. */
bool gcmarking(void);
/* By who has swept all and given back what is to be. */
void gcswept(void);
/* By a worker that has found nothing more to mark. */
void gcmarkdone(void);
/*
 * For tests: called where a worker is about to mark, before it asks for the final pause, and in
 * that, once the logs have been shaded; only there the result counts: false gives the pause up.
 */
enum gcteststep { GCTEST_MARK, GCTEST_DONE, GCTEST_FINAL };
extern bool (*gcteststep)(enum gcteststep at);

/* ---- mgcpacer.c ---- */

#define GCSHARE 0.25 /* of all CPUs, for marking */

/* When to collect; told to readers outside by the .gort.abi table. */
extern struct gcpace {
	_Atomic uint64_t live;    /* bytes marked, and of spans taken since */
	_Atomic uint64_t trigger; /* collect when live gets there */
	uint64_t goal, marked;    /* marked: in the last cycle */
	_Atomic int64_t limit;    /* GOMEMLIMIT, INT64_MAX: none */
	uint64_t limitgoal;       /* the goal that that asks for, UINT64_MAX: none */
	int32_t percent;          /* GOGC; negative: off */
} gcpace;

void paceinit(bool concurrent);
/* Returns the percentage before. */
int32_t pacesetpercent(int32_t percent, bool concurrent);
int64_t pacesetlimit(int64_t limit, bool concurrent);
/* Free memory has been given back: what is left may call for a lower goal. With gcsema. */
void paceswept(bool concurrent);
/* Only the memory limit asks for a cycle now, not the percentage. */
bool pacelimited(void);
/* What counts for the limit: memory that the system has given for the heap and what it needs. */
uint64_t memoryready(void);
/*
 * In the stops that begin and end a cycle. assisted, idle: the parts of the Ps' time in which those
 * who allocate marked, and in which nobody else had a use for the P.
 */
void pacebegin(void);
void paceend(uint64_t marked, double assisted, double idle, bool concurrent);
/* It could not begin, or must not: not for a while. */
void pacelater(void);
/*
 * size bytes more may be in use from now on; asks for a collection when that is enough, and marks
 * for them while one is under way. Never switches.
 */
void gcaccount(size_t size);

/* ---- mgclimit.c ---- */

/*
 * CPU time of this thread, at which somebody stops everybody, or begins to mark; and what he says
 * when he is through. idle: on a P that nobody wanted. limitstopped returns how much it was.
 */
int64_t limitclock(void);
int64_t limitstopped(int64_t since);
void limitmarked(int64_t since, bool idle);
/* Collecting has had its half: nobody is to help who has something else to do. */
bool limitreached(void);
/* With gcsema: everybody may be stopped for ns more. */
bool limitallows(int64_t ns);
/*
 * Says which limit to set, when there is none, and the control group has less memory than the
 * machine. root as in cgroup.h.
 */
void limitadvise(const char *root);

/* ---- mgcworker.c ---- */

/* Around marking by whoever is no worker, on one P. */
void markenter(void);
void markleave(void);
/* In the stop that begins marking; and after it. */
void workersbegin(int64_t now);
void workersstart(void);
/* Marks debt bytes, but not many at once. */
void gcassist(uint64_t debt);
/* For a while, or sleeps: the heap grows too fast. */
void gchold(void);

/* Nanoseconds of CPU time in this cycle. */
struct gctimes {
	int64_t background, assisted, idle;
};
struct gctimes workerstimes(void);

/* ---- mgcstop.c: threads ---- */

/*
 * Returns when no thread of the program runs but this one, and goroutines are stopped: those that
 * compute, by the signal handler; the others where they wait. False when a thread cannot be
 * stopped, or the threads cannot be listed: everything runs again then. *begin: when the first of
 * them may have been stopped.
 */
bool gcstop(int64_t *begin);
/* The first look at the threads is the slow one: taken before a pause that has to be short. */
void gcstoplook(void);
/* Returns when all could go on. */
int64_t gcrestart(void);
/* By stopTheWorldGC, before it asks anybody: the handler may make threads stand. */
void gcstopbegin(void);
/* Of this stop: others than the last one's, for the handler. */
uint32_t gcturn(void);
/* Returns when that is over. */
void gcawait(uint32_t turn);
/* By startTheWorld: whoever stands in the handler goes on. */
void gcletgo(void);
/* Calls f for each thread that stands in the handler; mp is NULL for one that is no M. */
void standingdo(void (*f)(const struct stopped *t, struct m *mp));
/* The handler of the preemption signal: true when it was for the collector, and all is done. */
bool gcstophere(struct m *mp, const ucontext_t *uc);

/* ---- mgcroot.c ---- */

/* Finds out what is loaded, before a stop. False: it has changed since, when asked in a stop. */
void rootsgather(void);
bool rootscurrent(void);
/* Some module that was loaded then stores without a barrier. */
bool rootsunstamped(void);
/*
 * All roots, in a stop. sp: the stack pointer of the caller, whose registers have been saved.
 * leaveout: of which goroutines, that do not run, not; NULL: of none.
 */
void rootsmark(uintptr_t sp, bool (*leaveout)(const struct g *gp));
/*
 * In the first pause: those that are to be scanned there. The others become jobs; changed: and so
 * do pages that are written to meanwhile.
 */
void rootsbegin(uintptr_t sp, bool changed);
/* Does one job; false when there is none left, though others may still be at theirs. */
bool rootsjob(void);
/* Whether that is so. */
bool rootsleft(void);
/* In the final pause, to check: all but stacks. */
void rootscheck(void);
uint64_t rootsglobals(void); /* bytes */

/* ---- mgcstack.c ---- */

void registersinit(void);
extern _Atomic uint32_t gcepoch;
/* Some goroutines must not run before their stacks have been scanned. */
extern _Atomic bool gcscanning;
/* The system lets slots be read whose address may be wrong; a sandbox may not. */
bool canpeek(void);
/* The halves of rootsmark, rootsbegin and rootsjob that are about stacks. */
void stacksmark(uintptr_t sp, bool (*leaveout)(const struct g *gp));
void stacksbegin(uintptr_t sp);
bool stacksjob(void);
uint64_t rootsstacks(void);
/* The pages that those are on. */
uint64_t rootsstackmemory(void);
/* In a stop: calls f for each timer that is active, or free and kept. */
void rootstimers(void (*f)(const struct timerlink *l));
/* In a stop: calls f for each writable segment of what is loaded. */
void rootsvariables(void (*f)(uintptr_t lo, uintptr_t hi, void *arg), void *arg);
/* The stack of a goroutine that waits, and what its struct g holds. In a stop. */
void rootsgoroutine(const struct g *gp);
/* Where that stack begins. */
uintptr_t rootssp(const struct g *gp);
/*
 * The decision of mp is to run gp, or nobody: scans gp's stack if that is to be. NULL when g0 must
 * decide. With EVENT_GC, on any stack.
 */
struct g *gcbeforerun(struct m *mp, struct g *gp);
/* The same on g0, for a goroutine that has left its stack. */
void gcbeforerung0(struct m *mp, struct g *gp);
/* Thread-local variables of a thread. mgcroot.c */
void scantls(uintptr_t tp);

/* ---- mgcmark.c, for the caller's P ---- */

/* Each aligned word in [lo, hi) that points into an object will mark it. */
void scanblock(uintptr_t lo, uintptr_t hi);
void scanword(uintptr_t w);
/* What the object that has an address at p refers to; it is not marked itself. */
void scancontents(uintptr_t p);
/* What marked objects, and those that are newer than the cycle, have in [lo, hi), and near it. */
void scanchanged(uintptr_t lo, uintptr_t hi);
/*
 * Marks what is reachable from there, budget bytes of it; true when nothing was left, here and in
 * the common list.
 */
bool markdrain(uint64_t budget);
/* alone: in a stop, until everything is marked. */
void markbegin(bool alone);
/*
 * From now on f gets each word in [lo, hi) that is found and points into no span; f may scan more.
 * NULL: no longer. In a stop.
 */
void markstray(void (*f)(uintptr_t w), uintptr_t lo, uintptr_t hi);
/* p points into an object that has not been marked. */
bool isunmarked(uintptr_t p);
/* In a stop, with the caches flushed: the object that p points into; 0: none, or it is marked. */
uintptr_t existingobject(uintptr_t p, size_t *size);
uintptr_t unmarkedobject(uintptr_t p, size_t *size);
/* In a stop: calls f for each span. */
void spansdo(void (*f)(const struct mspan *s));
/* So many bytes have got their marks otherwise. */
void markblack(uint64_t bytes);
/* Of objects marked since markbegin. */
uint64_t markedbytes(void);
/* In a stop: no object is marked. */
void clearmarks(void);
/* For tests: checkmarks first takes the mark of this object away. */
extern uintptr_t gcforget;
/*
 * on: throws when a marked object points to one that is not; from then on, until it is turned off,
 * scanning any block or word checks that as well.
 */
void checkmarks(bool on);
/* Throws when some object is marked, before marking begins. */
void checknomarks(void);

/* ---- mgcsweep.c ---- */

/* s, which the caller has taken off its list: what is not marked is free. */
void sweepspan(struct mspan *s);
/* Sweeps some span of any class; false when none is left. */
bool sweepone(void);
/* Somebody takes npages fresh pages: sweeps so much that all is swept before the next cycle. */
void sweepcredit(size_t npages);
/* In a stop: everything has to be swept; allocations until the goal take bytes. */
void sweepbegin(uint64_t bytes);

/* ---- mgcscavenge.c ---- */

/* A cycle has ended: the rest of the sweep is to be done, and memory given back. */
void bgwake(void);
/* Gives some pages back to the system; false when there are none, or no more than needed. */
bool scavengeone(void);
/* By sysmon: the same while the program hardly allocates. In how many ns again; -1: not at all. */
int64_t heapscavenge(int64_t now);
/* With mheap.lock: so much more in memory is no more than the heap needs and may have. */
bool heapmayhold(uint64_t more);
/* npages pages without memory have been taken: gives as many back while the limit is exceeded. */
void scavengefor(size_t npages);

#endif
