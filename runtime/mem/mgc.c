/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgc.c - the collection cycle and its pace (Go's mgc.go, mgcpacer.go).
 *
 * Mode stw: everybody is stopped, what is reachable is marked, everybody goes on, and what was not
 * marked is freed span by span as memory is wanted (mgcsweep.c). Conservative: a word anywhere in
 * the roots (mgcroot.c) or in an object without a layout keeps what it points into. Nothing moves.
 *
 * A collection begins when what has been allocated since the last one reaches the goal. Allocating
 * never switches, so whoever finds that only closes its gate, and the next entry of the goroutine
 * into libgort, at the latest its next allocation, collects (getgslow).
 *
 * The goal is Go's: what was marked, and GOGC percent of that, of the stacks and of the globals.
 */
#include "mem/mgc.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/throw.h"
#include "debug/options.h"
#include "mem/malloc.h"
#include "mem/mheap.h"
#include "mem/mprof.h"
#include "sched/preempt.h"
#include "sched/proc.h"
#include "sync/pool.h"

#define HEAPMINIMUM ((uint64_t)4 << 20) /* the least goal with GOGC=100, as in Go */

/* What gctrace tells about a cycle: nanoseconds and bytes. */
struct cycle {
	int64_t begin, stopped, marked, end;
	uint64_t before, after, goal;
	bool forced;
	void (*mark)(uintptr_t sp, void *arg);
	void *arg;
};

struct gcpace gcpace = {.percent = 100, .trigger = HEAPMINIMUM, .goal = HEAPMINIMUM};
struct gccycles gccycles;

static struct {
	int64_t start, lastpause;
} gc;

_Atomic bool gcwanted;
static gort_mutex gcsema; /* who collects */

/* ---- the pace ---- */

static uint64_t share(uint64_t bytes)
{
	return (uint64_t)((double)bytes * gcpace.percent / 100);
}

/* live bytes are reachable: when is the next cycle due? */
static void setgoal(uint64_t live)
{
	uint64_t goal = live + share(live + rootsstacks() + rootsglobals());
	uint64_t least = share(HEAPMINIMUM);
	gcpace.goal = gcpace.percent < 0 ? UINT64_MAX : goal > least ? goal : least;
	store_rlx(&gcpace.trigger, gcpace.goal);
}

/* A goroutine that calls libgort again collects. */
static __attribute__((noinline)) void wantgc(void)
{
	struct m *mp = getm();
	store_rlx(&gcwanted, true);
	if (mp && mp->curg && mp->p)
		closegate(mp);
}

void gcaccount(size_t size)
{
	if (unlikely(xadd_rlx(&gcpace.live, size) + size >= load_rlx(&gcpace.trigger)))
		wantgc();
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

static void markreachable(uintptr_t sp, void *arg)
{
	(void)arg;
	rootsmark(sp, NULL);
	markdrain();
}

/* In a stop; sp: of a frame that holds what the caller had in its registers. */
static void markall(const struct cycle *c, uintptr_t sp)
{
	flushcaches();
	sweepall();
	poolCleanup();
	if (unlikely(debug.gccheckmark))
		checknomarks();
	markbegin();
	c->mark(sp, c->arg);
	if (unlikely(debug.gccheckmark)) {
		checkmarks(true);
		rootsmark(sp, NULL);
		checkmarks(false);
		checkcaches();
	}
}

static void finish(struct cycle *c)
{
	c->after = gcpace.marked = markedbytes();
	store_rlx(&gcwanted, false);
	store_rlx(&gcpace.live, c->after);
	setgoal(c->after);
	sweepbegin(gcpace.goal - c->after);
	mProf_NextCycle();
	gccycles.n++;
	gccycles.forced += c->forced;
}

/* Stops everybody, with the list of modules as it is then. */
static bool stopall(void)
{
	for (int tries = 0; tries < 3; tries++) {
		getm()->noretake++; /* it waits for files and the loader's lock */
		rootsgather();
		getm()->noretake--;
		if (!gcstop())
			return false;
		if (rootscurrent())
			return true;
		gcrestart();
	}
	return false;
}

/* Saves the registers that its caller's caller may rely on in its frame. */
static __attribute__((noinline)) bool stopandmark(struct cycle *c)
{
	__builtin_unwind_init();
	if (!stopall()) {
		store_rlx(&gcwanted, false);
		store_rlx(&gcpace.trigger, load_rlx(&gcpace.live) + HEAPMINIMUM);
		return false;
	}
	c->stopped = nanotime();
	c->before = load_rlx(&gcpace.live);
	c->goal = gcpace.goal;
	uintptr_t sp;
	__asm__ volatile("movq %%rsp, %0" : "=r"(sp));
	markall(c, sp);
	c->marked = nanotime();
	finish(c);
	gcrestart();
	c->end = nanotime();
	return true;
}

static double milliseconds(int64_t ns)
{
	return (double)ns / 1e6;
}

static void trace(const struct cycle *c)
{
	getm()->noretake++;
	double stop = milliseconds(c->stopped - c->begin), mark = milliseconds(c->end - c->stopped);
	dprintf(2,
		"gc %u @%.3fs %d%%: %.3g+0+%.3g ms clock, %.3g+0/0/0+%.3g ms cpu, "
		"%lu->%lu->%lu MB, %lu MB goal, %lu MB stacks, %lu MB globals, %d P%s\n",
		gccycles.n, (double)(c->begin - gc.start) / 1e9,
		(int)(100 * gccycles.paused / (c->end - gc.start + 1)), stop, mark, stop, mark,
		(unsigned long)(c->before >> 20), (unsigned long)(c->before >> 20),
		(unsigned long)(c->after >> 20), (unsigned long)(c->goal >> 20),
		(unsigned long)(rootsstacks() >> 20), (unsigned long)(rootsglobals() >> 20),
		gomaxprocs, c->forced ? " (forced)" : "");
	getm()->noretake--;
}

/* Only one collects at a time. The calls of mutexes would let it begin anew, hence the mark. */
static void begincollect(void)
{
	gcold(getm()->curg)->collecting = true;
	gort_mutex_lock(&gcsema);
}

static void endcollect(void)
{
	gort_mutex_unlock(&gcsema);
	gcold(getm()->curg)->collecting = false;
}

static bool collect(struct cycle c)
{
	begincollect();
	if (!c.forced && !load_rlx(&gcwanted)) {
		endcollect(); /* somebody else did */
		return false;
	}
	sweepall();
	mProf_Flush();
	c.begin = nanotime();
	bool done = stopandmark(&c);
	if (done) {
		gc.lastpause = c.end - c.begin;
		gccycles.last = c.end;
		gccycles.paused += gc.lastpause;
		if (unlikely(debug.gctrace))
			trace(&c);
	}
	endcollect();
	if (done && pooldead())
		newproc(&(struct gort_call){.fn = poolDrop}, (uintptr_t)collect)->system = true;
	return done;
}

bool gccollectby(void (*mark)(uintptr_t sp, void *arg), void *arg)
{
	return collect((struct cycle){.forced = true, .mark = mark, .arg = arg});
}

/* A goroutine that holds a lock of its thread's could go on on another thread after a wait. */
void gcpoll(void)
{
	const struct gcold *c = gcold(getm()->curg);
	if (!c->locks && !c->collecting)
		collect((struct cycle){.mark = markreachable});
}

void gcinit(void)
{
	gc.start = nanotime();
	gcpace.percent = options.gogc;
	setgoal(0);
}

/* ---- for the program ---- */

void gort_gc(void)
{
	getgchecked("gort_gc");
	gccollectby(markreachable, NULL);
	sweepall();
	mProf_PostSweep();
}

int gort_set_gc_percent(int percent)
{
	getgchecked("gort_set_gc_percent");
	begincollect();
	int old = gcpace.percent;
	gcpace.percent = percent < 0 ? -1 : percent;
	setgoal(gccycles.n ? markedbytes() : 0);
	endcollect();
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
	m->num_gc = gccycles.n;
	m->pause_total_ns = (uint64_t)gccycles.paused;
	m->pause_last_ns = (uint64_t)gc.lastpause;
}

void gort_read_memstats(struct gort_memstats *m)
{
	getgchecked("gort_read_memstats");
	*m = (struct gort_memstats){0};
	begincollect();
	if (gcstop()) {
		countall(m);
		gcrestart();
	}
	endcollect();
}
