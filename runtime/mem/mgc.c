/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgc.c - the collection cycle (Go's mgc.go).
 *
 * Mode stw: everybody is stopped, what is reachable is marked, everybody goes on, and what was not
 * marked is freed span by span as memory is wanted (mgcsweep.c). Mode barrier: goroutines run while
 * workers and those who allocate mark (mgcworker.c); they are stopped twice,
 *  - to turn the barrier on and to scan what is scanned first (mgcroot.c): rootsbegin;
 *  - when nothing is left to mark, to shade what is still in the logs. If that leads to more than
 *    a little, everybody goes on, and the pause is tried again.
 * HACKING.md, "Stores and the collector", has the protocol. A module that stores without a barrier
 * may have been loaded meanwhile: then the second pause marks everything anew. Mode kernel is mode
 * barrier that looks once more at what the program has changed without telling (mgcdirty.c).
 *
 * Conservative: a word anywhere in the roots or in an object without a layout keeps what it points
 * into. Nothing moves.
 *
 * A collection begins when what has been allocated since the last one reaches the trigger
 * (mgcpacer.c). Allocating never switches, so whoever finds that only closes its gate, and the next
 * entry of the goroutine into libgort, at the latest its next allocation, begins (getgslow).
 */
#include "mem/mgc.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/noptr.h"
#include "base/throw.h"
#include "debug/escape.h"
#include "debug/options.h"
#include "mem/malloc.h"
#include "mem/mbarrier.h"
#include "mem/mgccheck.h"
#include "mem/mgcdirty.h"
#include "mem/mgcwork.h"
#include "mem/mprof.h"
#include "sched/park.h"
#include "sched/preempt.h"
#include "sched/proc.h"
#include "sync/pool.h"

#define FINAL_NS  50000  /* the second pause is given up when it takes longer, */
#define MAXGIVEUP 10     /* but not that often */
#define KERNEL_NS 500000 /* of mode kernel, which scans all roots anew each time: later, */
#define KERNELMAX 2      /* and still less often */
#define NPAUSE    256    /* that a reader of gort_memstats may see */

/* What gctrace tells about a cycle: nanoseconds and bytes. */
struct cycle {
	int64_t begin, began, done, end; /* two pauses, or one from begin to end */
	uint64_t before, during, goal;
	uint32_t number; /* from 0 */
	bool forced, concurrent;
	struct gctimes cpu; /* of those who marked beside the program */
	uint32_t gaveup;
	void (*mark)(uintptr_t sp, void *arg); /* in one stop; NULL: as usual */
	void *arg;
};

struct gccycles gccycles;
bool (*gcteststep)(enum gcteststep at);

static struct {
	int64_t start, lastpause;
	int64_t stopcpu;    /* limitclock when the pause began; -1: nobody will ask what it cost */
	int64_t stopcost;   /* CPU time of the last one that somebody asked for */
	bool concurrent;    /* the mode, and the system, let goroutines run while others mark */
	bool kernel;        /* the mode is kernel, and the system can */
	struct cycle cycle; /* the one under way */

	uint64_t pauses[NPAUSE];    /* ns of each of the last cycles */
	uint64_t pauseends[NPAUSE]; /* ns since 1970 */

	struct mutex lock;     /* of waiting */
	struct gQueue waiting; /* for the end of the cycle */
} gc NOPTRDATA = {.lock = {.rank = lockRankSync}};

_Atomic bool gcwanted;
static gort_mutex gcsema; /* who begins or ends a cycle */

/* A goroutine that calls libgort again collects, or helps to. */
__attribute__((noinline)) void gcwant(void)
{
	struct m *mp = getm();
	store_rlx(&gcwanted, true);
	if (mp && mp->curg && mp->p)
		closegate(mp);
}

/* ---- a cycle ---- */

static void sweepall(void)
{
	while (sweepone())
		;
}

/* Nobody has allocated since the stop. */
static void checkcaches(void)
{
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		for (unsigned k = 0; k < NSPANCLASS; k++)
			if (allp[i]->mcache.alloc[k])
				throw("gc: P %d allocated while the world was stopped", i);
}

/* In a stop, with nothing marked. */
static void prepare(bool alone)
{
	flushcaches();
	sweepall();
	poolCleanup();
	if (unlikely(debug.gccheckmark))
		checknomarks();
	markbegin(alone);
}

/* In a stop; sp: of a frame that holds what the caller had in its registers. */
static void markall(const struct cycle *c, uintptr_t sp)
{
	prepare(true);
	if (c->mark) {
		c->mark(sp, c->arg);
	} else {
		rootsmark(sp, NULL);
		markdrain(UINT64_MAX);
	}
	if (unlikely(debug.gccheckmark)) {
		checkmarks(true);
		rootsmark(sp, NULL);
		checkmarks(false);
		checkcaches();
	}
}

/* Which part of all Ps' time in the cycle that is. */
static double partof(const struct cycle *c, int64_t ns)
{
	double all = (double)(c->end - c->began) * gomaxprocs;
	return all > 0 ? (double)ns / all : 1;
}

static void account(struct gctimes t)
{
	gccycles.assist += t.assisted;
	gccycles.dedicated += t.background;
	gccycles.idle += t.idle;
}

/* In a stop: everything is marked. */
static void finish(struct cycle *c)
{
	uint64_t marked = markedbytes();
	if (c->concurrent)
		c->cpu = workerstimes();
	if (unlikely(debug.gcmalloccheck))
		malloccheck();
	c->during = load_rlx(&gcpace.live);
	c->end = nanotime();
	store_rlx(&gcwanted, false);
	paceend(marked, partof(c, c->cpu.assisted), partof(c, c->cpu.idle), c->concurrent);
	sweepbegin(gcpace.goal - marked);
	mProf_NextCycle();
	account(c->cpu);
	gccycles.forced += c->forced;
	gccycles.last = c->end;
	gccycles.stops[0] = c->began - c->begin;
	gccycles.stops[1] = c->end - c->done;
	xadd_acqrel(&gccycles.n, 1);
}

static bool canmark(void)
{
	bool told = options.gcmode == GCMODE_BARRIER || !rootsunstamped();
	return gc.concurrent && (gc.kernel || told);
}

/* Goroutines run while others mark: a stop is but a part of the cycle, and short. */
static bool divided(void)
{
	return gcmarking() || canmark();
}

/*
 * What stops cost is asked for by those who mark beside the program, and where a memory limit asks
 * for cycles (mgclimit.c). Else the clock is not read: two calls of half a microsecond each, where
 * a small cycle takes ten.
 */
static bool costmatters(void)
{
	return divided() || load_rlx(&gcpace.limit) != INT64_MAX;
}

/* Stops everybody, with the list of modules as it is then. begin: of the pause. */
static bool stopall(int64_t *begin)
{
	for (int tries = 0; tries < 3; tries++) {
		getm()->noretake++; /* it waits for files and the loader's lock */
		rootsgather();
		getm()->noretake--;
		if (divided())
			gcstoplook();
		gc.stopcpu = costmatters() ? limitclock() : -1;
		if (!gcstop(begin))
			return false;
		timehistrecord(&sched.stwStoppingTimeGC, nanotime() - *begin);
		if (rootscurrent())
			return true;
		gcrestart();
	}
	return false;
}

/* Nanoseconds since 1970. */
static uint64_t walltime(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/*
 * Lets all go on after a pause that began then. The time of all Ps goes on to its end here, so that
 * what collecting took is never more.
 */
static void restart(int64_t begin)
{
	int64_t end = gcrestart();
	gccycles.total += (end - gccycles.accounted) * gomaxprocs;
	gccycles.accounted = end;
	gc.lastpause = end - begin;
	gccycles.paused += gc.lastpause;
	gccycles.pause += gc.lastpause * gomaxprocs;
	gc.pauses[gc.cycle.number % NPAUSE] += (uint64_t)gc.lastpause;
	gc.pauseends[gc.cycle.number % NPAUSE] = walltime();
	timehistrecord(&sched.stwTotalTimeGC, gc.lastpause);
	if (gc.stopcpu >= 0)
		gc.stopcost = limitstopped(gc.stopcpu);
}

static inline __attribute__((always_inline)) uintptr_t stackpointer(void)
{
	uintptr_t sp;
	__asm__ volatile("movq %%rsp, %0" : "=r"(sp));
	return sp;
}

/* ---- marking while goroutines run ---- */

bool gcmarking(void)
{
	return wbenabled();
}

static void beginmark(struct cycle *c, uintptr_t sp)
{
	pacebegin();
	prepare(false);
	if (unlikely(debug.gcbarriercheck))
		barriercheckbegin();
	wbenable(true);
	rootsbegin(sp, gc.kernel);
	gcpublish(gcwork());
	store_rlx(&gcwanted, false);
	c->concurrent = true;
	c->began = nanotime();
	workersbegin(c->began);
}

/* In the second pause: true when nothing is left to mark. */
static bool drainlast(struct cycle *c, uintptr_t sp)
{
	wbflush(scanword);
	if (rootsleft() || (unlikely(gcteststep) && !gcteststep(GCTEST_FINAL)))
		return false;
	if (gc.kernel)
		rootsmark(sp, NULL);
	int64_t end = gc.kernel ? nanotime() + KERNEL_NS : c->done + FINAL_NS;
	bool patient = c->gaveup >= (gc.kernel ? KERNELMAX : MAXGIVEUP);
	while (!markdrain(patient ? UINT64_MAX : 4096))
		if (nanotime() > end)
			return false;
	return true;
}

/* Objects may point to what is not marked: a conservative look finds it, but not on stacks. */
static void checkheap(void)
{
	checkmarks(true);
	rootscheck();
	checkmarks(false);
	checkcaches();
}

/* The barrier has not seen all stores. */
static void markanew(const struct cycle *c, uintptr_t sp)
{
	wbenable(false);
	flushcaches();
	clearmarks();
	gcdropwork();
	store_rlx(&gcscanning, false);
	markall(c, sp);
}

static bool endmark(struct cycle *c, uintptr_t sp)
{
	if (!canmark() || (gc.kernel && !dirtyall())) {
		markanew(c, sp);
		return true;
	}
	if (!drainlast(c, sp)) {
		c->gaveup++;
		gcpublish(gcwork());
		return false;
	}
	flushcaches();
	if (unlikely(debug.gccheckmark))
		checkheap();
	if (unlikely(debug.gcbarriercheck))
		barriercheckend();
	wbenable(false);
	return true;
}

/* The part of the Ps' time that collecting has had until now, without that of idle Ps. */
static double cpufraction(int64_t now)
{
	int64_t had = gccycles.assist + gccycles.dedicated + gccycles.pause;
	return (double)had / ((double)(now - gc.start) * gomaxprocs + 1);
}

struct text {
	char s[24];
};

/* As Go has them in these lines: whole ones from ten on, else two digits and three places. */
static struct text milliseconds(int64_t ns)
{
	struct text t;
	int64_t n = ns / 1000;
	double unit = 0.001;
	int places = n ? 3 : 0;
	if (ns >= 10000000) {
		snprintf(t.s, sizeof(t.s), "%ld", (long)(ns / 1000000));
		return t;
	}
	for (; n >= 100; n /= 10, places--)
		unit *= 10;
	snprintf(t.s, sizeof(t.s), "%.*f", places, (double)n * unit);
	return t;
}

static void trace(const struct cycle *c)
{
	static bool advised;
	int64_t stop = c->began - c->begin, mark = c->done - c->began, last = c->end - c->done;
	getm()->noretake++;
	if (!advised)
		limitadvise("");
	advised = true;
	dprintf(2,
		"gc %u @%.3fs %d%%: %s+%s+%s ms clock, %s+%s/%s/%s+%s ms cpu, "
		"%lu->%lu->%lu MB, %lu MB goal, %lu MB stacks, %lu MB globals, %d P%s\n",
		load_rlx(&gccycles.n), (double)(c->begin - gc.start) / 1e9,
		(int)(100 * cpufraction(c->end)), milliseconds(stop).s, milliseconds(mark).s,
		milliseconds(last).s, milliseconds(stop * gomaxprocs).s,
		milliseconds(c->cpu.assisted).s, milliseconds(c->cpu.background).s,
		milliseconds(c->cpu.idle).s, milliseconds(last * gomaxprocs).s,
		(unsigned long)(c->before >> 20), (unsigned long)(c->during >> 20),
		(unsigned long)(markedbytes() >> 20), (unsigned long)(c->goal >> 20),
		(unsigned long)(rootsstacks() >> 20), (unsigned long)(rootsglobals() >> 20),
		gomaxprocs, c->forced ? " (forced)" : "");
	getm()->noretake--;
}

/* ---- beginning and ending ---- */

/* Only one at a time. The calls of mutexes would let it begin anew, hence the mark. */
static bool entercollect(void)
{
	struct gcold *c = gcold(getm()->curg);
	bool before = c->collecting;
	c->collecting = true;
	gort_mutex_lock(&gcsema);
	return before;
}

static void leavecollect(bool before)
{
	gort_mutex_unlock(&gcsema);
	gcold(getm()->curg)->collecting = before;
}

/* The world runs again after the last pause of a cycle; the next one has not begun. */
static void after(const struct cycle *c)
{
	struct gQueue all;
	if (unlikely(debug.gctrace))
		trace(c);
	if (unlikely(debug.gcmalloccheck | debug.gcbarriercheck)) {
		getm()->noretake++;
		checkstell();
		getm()->noretake--;
	}
	lock(&gc.lock);
	all = gc.waiting;
	gc.waiting = (struct gQueue){0};
	unlock(&gc.lock);
	for (struct g *gp; (gp = LIST_POP(&all, schedlink));)
		goready(gp);
	if (pooldead())
		newsystemproc(poolDrop, (uintptr_t)after);
	bgwake();
}

/* Saves the registers that its caller's caller may rely on in its frame. */
static __attribute__((noinline)) bool begincycle(struct cycle *c)
{
	__builtin_unwind_init();
	if (!stopall(&c->begin)) {
		store_rlx(&gcwanted, false);
		pacelater();
		return false;
	}
	c->before = load_rlx(&gcpace.live);
	c->goal = gcpace.goal;
	if (!c->mark && canmark()) {
		beginmark(c, stackpointer());
		restart(c->begin);
		return true;
	}
	pacebegin();
	c->began = c->done = nanotime();
	markall(c, stackpointer());
	finish(c);
	restart(c->begin);
	return true;
}

static __attribute__((noinline)) bool endcycle(struct cycle *c)
{
	__builtin_unwind_init();
	if (!stopall(&c->done))
		return false;
	bool done = endmark(c, stackpointer());
	if (done)
		finish(c);
	restart(c->done);
	return done;
}

/* Only a memory limit asks for this cycle, one stop, and the program would get on no more. */
static bool toomuch(const struct cycle *how)
{
	return !how->forced && pacelimited() && !canmark() && !limitallows(gc.stopcost);
}

/*
 * Begins a cycle, which in mode stw ends here, too; unless one is under way, or not wanted. True
 * when one was begun.
 */
static bool collect(struct cycle how)
{
	struct cycle *c = &gc.cycle;
	bool before = entercollect();
	if (gcmarking() || (!how.forced && !load_rlx(&gcwanted))) {
		leavecollect(before);
		return false;
	}
	if (unlikely(toomuch(&how))) {
		store_rlx(&gcwanted, false);
		pacelater();
		leavecollect(before);
		return false;
	}
	sweepall();
	mProf_Flush();
	if (gc.kernel && !how.mark && !dirtybegin())
		gc.concurrent = gc.kernel = false;
	*c = how;
	c->number = load_rlx(&gccycles.n);
	gc.pauses[c->number % NPAUSE] = 0;
	bool begun = begincycle(c);
	if (begun && c->concurrent)
		workersstart();
	else if (begun)
		after(c);
	leavecollect(before);
	return begun;
}

void gcmarkdone(void)
{
	bool before = entercollect();
	if (gcmarking() && endcycle(&gc.cycle))
		after(&gc.cycle);
	leavecollect(before);
}

void gcswept(void)
{
	if (load_rlx(&gcpace.limit) == INT64_MAX)
		return;
	bool before = entercollect();
	if (!gcmarking())
		paceswept(gc.concurrent);
	leavecollect(before);
}

/* A goroutine that holds a lock of its thread's could go on on another thread after a wait. */
bool gcpoll(void)
{
	const struct gcold *c = gcold(getm()->curg);
	if (c->locks || c->collecting)
		return false;
	if (gcmarking() && limitreached())
		store_rlx(&gcwanted, false);
	else if (gcmarking())
		gchold();
	else
		collect((struct cycle){.forced = false});
	if (unlikely(debug.escapecheck) && !gcmarking())
		escapecheck();
	return true;
}

void gcinit(void)
{
	gc.start = gccycles.accounted = nanotime();
	registersinit();
	gcstoplook(); /* with more threads the kernel takes 8 ms to make room for the descriptor */
	pendingoffset = (intptr_t)&gort_pending - (intptr_t)__builtin_thread_pointer();
	wbenable(false);
	bool kernel = options.gcmode == GCMODE_KERNEL;
	gc.concurrent = gcconcurrent() && canpeek();
	gc.kernel = kernel && gc.concurrent && dirtyinit();
	gc.concurrent &= gc.kernel == kernel;
	paceinit(gc.concurrent);
}

bool gckernel(void)
{
	return gc.kernel;
}

static void waitcommit(void *arg)
{
	(void)arg;
	unlock(&gc.lock);
}

/* Until n cycles have ended. */
static void awaitcycle(uint32_t n)
{
	while ((int32_t)(load_acq(&gccycles.n) - n) < 0) {
		struct g *gp = getm()->curg;
		lock(&gc.lock);
		if (!gcmarking()) {
			unlock(&gc.lock);
			return;
		}
		LIST_PUSH_BACK(&gc.waiting, gp, schedlink);
		gopark(waitcommit, NULL, waitReasonWaitForGCCycle);
	}
}

bool gccollectby(void (*mark)(uintptr_t sp, void *arg), void *arg)
{
	struct cycle how = {.forced = true, .mark = mark, .arg = arg};
	while (!collect(how)) {
		if (!gcmarking())
			return false;
		awaitcycle(load_acq(&gccycles.n) + 1);
	}
	return true;
}

/* ---- for the program ---- */

void gort_gc(void)
{
	getgchecked("gort_gc");
	uint32_t n = load_acq(&gccycles.n);
	if (gcmarking())
		awaitcycle(++n); /* it may have seen what has died since */
	collect((struct cycle){.forced = true});
	awaitcycle(n + 1);
	sweepall();
	mProf_PostSweep();
	if (unlikely(debug.escapecheck))
		escapecheck();
}

int gort_set_gc_percent(int percent)
{
	getgchecked("gort_set_gc_percent");
	bool before = entercollect();
	int old = pacesetpercent(percent, gc.concurrent);
	leavecollect(before);
	return old;
}

int64_t gort_set_memory_limit(int64_t bytes)
{
	getgchecked("gort_set_memory_limit");
	if (bytes < 0)
		return load_rlx(&gcpace.limit);
	bool before = entercollect();
	int64_t old = pacesetlimit(bytes, gc.concurrent);
	leavecollect(before);
	return old;
}

static void countlarge(const struct mcache *c, struct gort_memstats *m)
{
	m->mallocs += c->nlarge + c->tinyallocs;
	m->frees += c->tinyallocs; /* as in Go: they count, but nobody sees one die */
	m->total_alloc += c->largebytes;
}

static void countclass(unsigned spanclass, struct gort_memstats *m)
{
	uint64_t mallocs = 0, frees = load_rlx(&mheap.central[spanclass].nfreed);
	unsigned sizeclass = spanclass % NSIZECLASS;
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		mallocs += allp[i]->mcache.nsmall[spanclass];
	mallocs += nopcache()->nsmall[spanclass];
	m->mallocs += mallocs;
	m->frees += frees;
	m->total_alloc += mallocs * sizeclasses.size[sizeclass];
	m->heap_alloc += (mallocs - frees) * sizeclasses.size[sizeclass];
}

static void countcycles(struct gort_memstats *m)
{
	uint32_t n = load_rlx(&gccycles.n);
	m->num_forced_gc = gccycles.forced;
	m->last_gc = n ? gc.pauseends[(n - 1) % NPAUSE] : 0;
	m->gc_cpu_fraction = cpufraction(nanotime());
	memcpy(m->pause_ns, gc.pauses, sizeof(m->pause_ns));
	memcpy(m->pause_end, gc.pauseends, sizeof(m->pause_end));
}

/* Spans that an mcache has count as they were when it got them: the stop gives them back. */
static void countall(struct gort_memstats *m)
{
	flushcaches();
	for (unsigned i = 0; i < NSPANCLASS; i++)
		if (i % NSIZECLASS)
			countclass(i, m);
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		countlarge(&allp[i]->mcache, m);
	countlarge(nopcache(), m);
	m->heap_alloc += mheap.largebytes;
	m->frees += mheap.nlargefreed;
	m->heap_sys = mheap.pagesmapped << PAGESHIFT;
	m->heap_inuse = mheap.pagesused << PAGESHIFT;
	m->heap_idle = m->heap_sys - m->heap_inuse;
	m->heap_released = mheap.pagesclean << PAGESHIFT;
	m->heap_objects = m->mallocs - m->frees;
	m->next_gc = gcpace.goal;
	m->num_gc = load_rlx(&gccycles.n);
	m->pause_total_ns = (uint64_t)gccycles.paused;
	m->pause_last_ns = (uint64_t)gc.lastpause;
	countcycles(m);
	m->stack_inuse = rootsstackmemory();
	m->sys = m->heap_sys + runtimememory() + mheap.pagesmapped * PAGEOVERHEAD;
}

void gort_read_memstats(struct gort_memstats *m)
{
	getgchecked("gort_read_memstats");
	*m = (struct gort_memstats){0};
	int64_t begin;
	bool before = entercollect();
	if (gcstop(&begin)) {
		timehistrecord(&sched.stwStoppingTimeOther, nanotime() - begin);
		countall(m);
		timehistrecord(&sched.stwTotalTimeOther, nanotime() - begin);
		gcrestart();
	}
	leavecollect(before);
}
