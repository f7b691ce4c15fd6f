/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lend.c - the CPU of who stops the world, lent to those that he waits for.
 *
 * A thread that the kernel has preempted for another program's sake must run for some microseconds
 * before the world stands. On a loaded machine its turn comes tens of milliseconds later, while the
 * thread that waits for it has a CPU and time left on it. So it is moved there, by its affinity,
 * which is put back when all stand.
 *
 * Nobody may see that affinity, nor a thread or process inherit it. So only a thread is moved for
 * which the signal is on its way: before it executes anything it is in the handler, and there it
 * stands, or gives the CPU back itself. What is left: an affinity that somebody else gives to it
 * meanwhile is lost, and one that the kernel has preempted inside clone, between its look for
 * signals and the copy of the affinity, passes it on.
 *
 * Memory order: the stopper stores lending.state, then loads m.signalpending; the handler stores
 * that, then loads the state. One sees the other.
 */
#include "sched/lend.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/noptr.h"

#define NLENT    16 /* threads; there is no more than one CPU to lend */
#define WORDBITS (8 * sizeof(unsigned long))

/* Of who holds worldsema. */
static struct {
	struct m *m[NLENT];
	unsigned n;
	uint32_t stops;
} lent NOPTRBSS;

enum { NONE, MOVING, MOVED }; /* lending.state */

/* Only where it may run, and not where it must. */
static bool here(const unsigned long *may, unsigned long *only)
{
	unsigned cpu = UINT_MAX;
	rawsyscall(SYS_getcpu, (long)&cpu, 0, 0, 0);
	if (cpu >= LENDWORDS * WORDBITS)
		return false;
	only[cpu / WORDBITS] = 1ul << cpu % WORDBITS;
	return (may[cpu / WORDBITS] & only[cpu / WORDBITS]) &&
	       memcmp(may, only, LENDWORDS * sizeof(*may)) != 0;
}

static long setaffinity(const struct m *mp, const unsigned long *cpus)
{
	return rawsyscall(SYS_sched_setaffinity, mp->procid, (long)mp->lending.size, (long)cpus, 0);
}

static void move(struct m *mp)
{
	struct lending *l = &mp->lending;
	unsigned long only[LENDWORDS] = {0};
	memset(l->before, 0, sizeof(l->before));
	long size = rawsyscall(
		SYS_sched_getaffinity, mp->procid, sizeof(l->before), (long)l->before, 0);
	if (size <= 0 || !here(l->before, only))
		return;
	l->size = (uint64_t)size;
	store_sc(&l->state, MOVING);
	bool moved = load_sc(&mp->signalpending) && setaffinity(mp, only) == 0;
	store_rel(&l->state, moved ? MOVED : NONE);
	if (moved)
		lent.m[lent.n++] = mp;
}

void lendcpu(struct m *mp)
{
	struct lending *l = &mp->lending;
	int64_t ran = threadcpu(mp->procid);
	bool waits = l->stop == lent.stops && l->ran == ran;
	l->stop = lent.stops;
	l->ran = ran;
	if (waits && load_rlx(&l->state) == NONE && lent.n < NLENT)
		move(mp);
}

static void putback(struct m *mp)
{
	uint32_t moved = MOVED;
	if (cas_acqrel(&mp->lending.state, &moved, NONE))
		setaffinity(mp, mp->lending.before);
}

void lendback(void)
{
	while (lent.n > 0)
		putback(lent.m[--lent.n]);
	lent.stops++;
}

void lendrefuse(struct m *mp)
{
	while (load_acq(&mp->lending.state) == MOVING)
		rawsyscall(SYS_sched_yield, 0, 0, 0, 0);
	putback(mp);
}
