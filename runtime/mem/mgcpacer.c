/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcpacer.c - when to collect, and how much those who allocate must help (Go's mgcpacer.go).
 *
 *	goal    = marked + GOGC percent of (marked + stacks + globals), at least 4 MiB * GOGC/100
 *	trigger = goal - what is likely to be allocated while a quarter of the CPUs marks
 *	debt    = bytes allocated * what is left to mark / what is left to allocate until the goal
 *
 * What is likely to be allocated follows from cons/mark, bytes allocated for each byte that was
 * looked at if both have the same CPU time, the largest of the last cycles. The trigger lies in the
 * last third of the way to the goal. In mode stw it is the goal.
 *
 * What is left to mark is what the last cycle has looked at, less what this one has. When it turns
 * out to be more, it is all that there was at the beginning, and the goal is a tenth further away.
 */
#include "debug/options.h"
#include "mem/mgc.h"
#include "mem/mgcwork.h"

#define HEAPMINIMUM ((uint64_t)4 << 20) /* the least goal with GOGC=100, as in Go */
#define TRIGGERMIN  0.7                 /* of the way from what is marked to the goal */
#define TRIGGERMAX  0.95
#define OVERSHOOT   1.1
#define NHISTORY    4

struct gcpace gcpace = {.percent = 100, .trigger = HEAPMINIMUM, .goal = HEAPMINIMUM};

static struct {
	uint64_t begin;    /* gcpace.live, when the cycle under way began */
	uint64_t scanned0; /* gcscanned then */
	uint64_t expected; /* to be looked at in a cycle: what the last one has */
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
	double at = concurrent ? way - runway() : way;
	if (concurrent && at < TRIGGERMIN * way)
		at = TRIGGERMIN * way;
	if (concurrent && at > TRIGGERMAX * way)
		at = TRIGGERMAX * way;
	bool off = gcpace.goal == UINT64_MAX;
	store_rlx(&gcpace.trigger, off ? UINT64_MAX : gcpace.marked + (uint64_t)at);
}

static void setgoal(bool concurrent)
{
	uint64_t live = gcpace.marked, least = share(HEAPMINIMUM);
	uint64_t goal = live + share(live + rootsstacks() + rootsglobals());
	gcpace.goal = gcpace.percent < 0 ? UINT64_MAX : goal > least ? goal : least;
	settrigger(concurrent);
}

void paceinit(bool concurrent)
{
	gcpace.percent = options.gogc;
	setgoal(concurrent);
}

int32_t pacesetpercent(int32_t percent, bool concurrent)
{
	int32_t old = gcpace.percent;
	gcpace.percent = percent < 0 ? -1 : percent;
	setgoal(concurrent);
	if (gcmarking())
		store_rlx(&gcpace.trigger, UINT64_MAX);
	return old;
}

void pacebegin(void)
{
	pace.begin = load_rlx(&gcpace.live);
	pace.scanned0 = gcscanned();
	store_rlx(&gcpace.trigger, UINT64_MAX); /* until the end of the cycle */
}

/* busy: of all Ps' time in the cycle, the part that was spent marking. */
void paceend(uint64_t marked, double busy, bool concurrent)
{
	double allocated = (double)(load_rlx(&gcpace.live) - pace.begin);
	pace.expected = gcscanned() - pace.scanned0;
	if (concurrent && busy < 1 && pace.expected > 0)
		pace.consmark[pace.n++ % NHISTORY] =
			allocated * busy / ((double)pace.expected * (1 - busy));
	gcpace.marked = marked;
	store_rlx(&gcpace.live, marked);
	setgoal(concurrent);
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
	if (likely(!gcmarking()) || !mp || !mp->p || !mp->curg)
		return;
	gcassist(debt(size, live));
	if ((double)live > (double)gcpace.goal * OVERSHOOT)
		gcwant();
}
