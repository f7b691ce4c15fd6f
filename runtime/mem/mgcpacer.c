/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcpacer.c - when to collect, and how much those who allocate must help (Go's mgcpacer.go).
 *
 *	goal    = marked + GOGC percent of (marked + stacks + globals), at least 4 MiB * GOGC/100
 *	        or, if that is less: memory limit - memory that objects cannot have - 3 percent
 *	trigger = goal - what is likely to be allocated while a quarter of the CPUs marks
 *	debt    = bytes allocated * what is left to mark / what is left to allocate until the goal
 *
 * What is likely to be allocated follows from cons/mark, bytes allocated for each byte that was
 * looked at if both have the same CPU time, the largest of the last cycles. The trigger lies in the
 * last third of the way to the goal. In mode stw it is the goal.
 *
 * Memory that objects cannot have: stacks, what describes the heap, and what is left at the end of
 * spans. Free slots and free pages are none of it, since objects will have them; Go counts the
 * slots, which lowers the goal more and more. What the limit is exceeded by when all has been swept
 * and free pages have been given back counts as well, as in Go: more frequent cycles may free whole
 * spans.
 *
 * What is left to mark is what the last cycle has looked at, less what this one has. When it turns
 * out to be more, it is all that there was at the beginning, and the goal is a tenth further away.
 */
#include "debug/options.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mgcwork.h"

#define HEAPMINIMUM ((uint64_t)4 << 20) /* the least goal with GOGC=100, as in Go */
#define TRIGGERMIN  0.7                 /* of the way from what is marked to the goal */
#define TRIGGERMAX  0.95
#define OVERSHOOT   1.1
#define NHISTORY    4
#define HEADROOM    3 /* percent of what a memory limit allows */
#define MINHEADROOM ((uint64_t)1 << 20)

struct gcpace gcpace = {.percent = 100,
	.trigger = HEAPMINIMUM,
	.goal = HEAPMINIMUM,
	.limit = INT64_MAX,
	.limitgoal = UINT64_MAX};

static struct {
	uint64_t begin;    /* gcpace.live, when the cycle under way began */
	uint64_t scanned0; /* gcscanned then */
	uint64_t expected; /* to be looked at in a cycle: what the last one has */
	uint64_t overage;  /* by what the memory limit was exceeded at the last look */
	double consmark[NHISTORY];
	unsigned n;
} pace;

static uint64_t share(uint64_t bytes)
{
	return (uint64_t)((double)bytes * gcpace.percent / 100);
}

static double consmark(void)
{
	double most = 0;
	for (unsigned i = 0; i < NHISTORY; i++)
		most = pace.consmark[i] > most ? pace.consmark[i] : most;
	return most;
}

/* Bytes that are allocated while a cycle marks with its share alone. */
static double runway(void)
{
	return consmark() * (1 - GCSHARE) / GCSHARE * (double)pace.expected;
}

static void settrigger(bool concurrent)
{
	double way = (double)(gcpace.goal - gcpace.marked);
	double least = TRIGGERMIN * way, most = TRIGGERMAX * way;
	double at = concurrent ? way - runway() : way;
	if (gcpace.goal > HEAPMINIMUM && way - HEAPMINIMUM > most)
		most = way - HEAPMINIMUM;
	if (concurrent && at < least)
		at = least;
	if (concurrent && at > most)
		at = most;
	bool off = gcpace.goal == UINT64_MAX;
	store_rlx(&gcpace.trigger, off ? UINT64_MAX : gcpace.marked + (uint64_t)at);
}

static uint64_t percentgoal(void)
{
	if (gcpace.percent < 0)
		return UINT64_MAX;
	uint64_t live = gcpace.marked, least = share(HEAPMINIMUM);
	uint64_t goal = live + share(live + rootsstacks() + rootsglobals());
	return goal > least ? goal : least;
}

static uint64_t heapmemory(void)
{
	return (mheap.pagesmapped - mheap.pagesclean) << PAGESHIFT;
}

/* All but the heap's pages. */
static uint64_t othermemory(void)
{
	return rootsstackmemory() + runtimememory() + heapmemory() / PAGESIZE * PAGEOVERHEAD;
}

uint64_t memoryready(void)
{
	return heapmemory() + othermemory();
}

static uint64_t limitgoal(uint64_t limit)
{
	uint64_t lost = othermemory() + mheap.tailbytes + pace.overage;
	if (limit == INT64_MAX)
		return UINT64_MAX;
	if (lost >= limit)
		return gcpace.marked; /* nothing helps but collecting always */
	uint64_t goal = limit - lost, room = goal / 100 * HEADROOM;
	if (room < MINHEADROOM)
		room = MINHEADROOM;
	goal = goal > 2 * room ? goal - room : room;
	return goal > gcpace.marked ? goal : gcpace.marked;
}

bool pacelimited(void)
{
	return load_rlx(&gcpace.live) < percentgoal();
}

static void setgoal(bool concurrent)
{
	uint64_t goal = percentgoal();
	gcpace.limitgoal = limitgoal((uint64_t)load_rlx(&gcpace.limit));
	gcpace.goal = goal < gcpace.limitgoal ? goal : gcpace.limitgoal;
	settrigger(concurrent);
}

void paceinit(bool concurrent)
{
	gcpace.percent = options.gogc;
	store_rlx(&gcpace.limit, options.memlimit);
	setgoal(concurrent);
}

static void resetgoal(bool concurrent)
{
	setgoal(concurrent);
	if (gcmarking())
		store_rlx(&gcpace.trigger, UINT64_MAX);
}

int32_t pacesetpercent(int32_t percent, bool concurrent)
{
	int32_t old = gcpace.percent;
	gcpace.percent = percent < 0 ? -1 : percent;
	resetgoal(concurrent);
	return old;
}

int64_t pacesetlimit(int64_t limit, bool concurrent)
{
	int64_t old = load_rlx(&gcpace.limit);
	store_rlx(&gcpace.limit, limit);
	resetgoal(concurrent);
	return old;
}

void pacebegin(void)
{
	pace.begin = load_rlx(&gcpace.live);
	pace.scanned0 = gcscanned();
	store_rlx(&gcpace.trigger, UINT64_MAX); /* until the end of the cycle */
}

/*
 * As in Go, time of idle Ps counts as the markers', and yet as if the program could have had it;
 * and workers as if they had had their share.
 */
void paceend(uint64_t marked, double assisted, double idle, bool concurrent)
{
	double allocated = (double)(load_rlx(&gcpace.live) - pace.begin);
	double busy = GCSHARE + assisted;
	pace.expected = gcscanned() - pace.scanned0;
	if (concurrent && busy < 1 && pace.expected > 0)
		pace.consmark[pace.n++ % NHISTORY] =
			allocated * (busy + idle) / ((double)pace.expected * (1 - busy));
	pace.overage = 0;
	gcpace.marked = marked;
	store_rlx(&gcpace.live, marked);
	setgoal(concurrent);
}

void paceswept(bool concurrent)
{
	uint64_t limit = (uint64_t)load_rlx(&gcpace.limit), ready = memoryready();
	pace.overage = ready > limit ? ready - limit : 0;
	resetgoal(concurrent);
}

void pacelater(void)
{
	store_rlx(&gcpace.trigger, load_rlx(&gcpace.live) + HEAPMINIMUM);
}

/* What size bytes that were allocated in the cycle under way must be paid with. */
static uint64_t debt(uint64_t size, uint64_t live)
{
	double done = (double)(gcscanned() - pace.scanned0), all = (double)pace.expected;
	double goal = (double)gcpace.goal;
	if (done >= all || (double)live >= goal) {
		all = (double)pace.begin > done ? (double)pace.begin : done;
		goal *= OVERSHOOT;
	}
	double left = all - done, room = goal - (double)live;
	if (room < PAGESIZE)
		room = PAGESIZE;
	return left > 0 ? (uint64_t)((double)size * left / room) : 0;
}

void gcaccount(size_t size)
{
	uint64_t live = xadd_rlx(&gcpace.live, size) + size;
	struct m *mp = getm();
	if (unlikely(live >= load_rlx(&gcpace.trigger)))
		gcwant();
	if (likely(!gcmarking()) || !mp || !mp->p || !mp->curg || limitreached())
		return;
	gcassist(debt(size, live));
	if (live > gcpace.goal)
		gcwant();
}
