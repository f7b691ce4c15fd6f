/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bubble.c - goroutines with a time of their own (Go's synctest.go).
 *
 * A bubble has a clock, which is a goroutine outside, and timers, which are those of a P that runs
 * nothing: so timer.c need not know whose timers it handles but for what time it is. A goroutine is
 * in its parent's bubble, a channel in that of the goroutine that makes it. When all goroutines of
 * a bubble wait for what only they can bring about, or for its time, its clock calls the timers
 * that are due, or makes it the time of the next one.
 *
 * What counts as such a wait is what Go calls durably blocked: sleep, channels of the bubble, nil
 * channels, conditions, wait groups. A lock may be held by somebody outside. Go leaves tests that
 * wait for a lock to wait; here it counts when nobody outside could let it go, because nobody there
 * runs, sleeps or waits for the kernel.
 *
 * Timers of a P may be called by an M whose last goroutine is in a bubble, and those of a bubble by
 * its clock: while timers' functions run, m.timersof tells the bubble, not the goroutine.
 */
#include "sched/bubble.h"

#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/proc.h"
#include "sched/stw.h"
#include "sched/timer.h"
#include "sync/chan.h"

struct bubble bubbles[NBUBBLE];
_Atomic uint32_t bubblesopen;
static struct mutex bubbleslock = {.rank = lockRankLeaf};

/* ---- whose ---- */

uint8_t bubbleid(void)
{
	const struct m *mp = getm();
	if (!mp)
		return 0;
	if (mp->timersof)
		return (uint8_t)mp->timersof->bubble;
	return mp->curg ? mp->curg->bubble : 0;
}

struct bubble *bubbleself(void)
{
	uint8_t id = bubblenow();
	return id ? &bubbles[id] : NULL;
}

int64_t bubbletime(int64_t now)
{
	uint8_t id = bubbleid();
	return id ? load_acq(&bubbles[id].now) : now;
}

struct p *bubbletimers(struct p *pp)
{
	uint8_t id = bubbleid();
	return id ? bubbles[id].p : pp;
}

void bubbleenter(struct bubble *b)
{
	getg()->bubble = (b ? b->id : 0) & (NBUBBLE - 1);
}

/* ---- begin and end ---- */

static struct bubble *unused(void)
{
	struct bubble *found = NULL;
	lock(&bubbleslock);
	for (unsigned i = 1; i < NBUBBLE && !found; i++)
		found = bubbles[i].used ? NULL : &bubbles[i];
	if (found) {
		found->used = true;
		found->id = (uint8_t)(found - bubbles);
	}
	unlock(&bubbleslock);
	return found;
}

struct bubble *bubblebegin(void *owner)
{
	struct bubble *b = unused();
	if (!b)
		return NULL;
	if (!b->p) {
		struct p *pp = persistentalloc(sizeof(*pp));
		timersinit(pp);
		pp->timers.bubble = b->id;
		__atomic_store_n(&b->p, pp, __ATOMIC_RELEASE); /* pairs with rootstimers */
	}
	b->owner = owner;
	store_rel(&b->now, nanotime());
	xadd_acqrel(&bubblesopen, 1);
	return b;
}

void bubbleend(struct bubble *b, bool left)
{
	timersdrop(b->p);
	if (left)
		return;
	xadd_acqrel(&bubblesopen, (uint32_t)-1);
	lock(&bubbleslock);
	b->used = false;
	unlock(&bubbleslock);
}

/* ---- the clock ---- */

bool bubbleskip(struct bubble *b, bool later)
{
	int64_t now = load_rlx(&b->now), when = timersleast(b->p);
	if (when == INT64_MAX || (when > now && !later))
		return false;
	if (when > now)
		store_rel(&b->now, when);
	timersrunlocked(b->p, when);
	return true;
}

/* Until somebody lets it go, or for ever: not for the kernel or the runtime. */
static bool waits(const struct g *gp)
{
	return load_acq(&gp->atomicstatus) == _Gwaiting &&
	       gp->waitreason >= waitReasonFinalizerWait && gp->waitreason != waitReasonPreempted &&
	       gp->waitreason != waitReasonWaitForGCCycle;
}

static bool ownselect(const struct g *gp)
{
	const struct gcold *cold = gcold((struct g *)(uintptr_t)gp);
	for (uint32_t i = 0; i < cold->ncases; i++) {
		const struct gort_case *cas = &cold->cases[i];
		const struct hchan *c = (const struct hchan *)cas->c;
		if (cas->kind != GORT_CASE_AFTER && c && c->bubble != gp->bubble)
			return false;
	}
	return true;
}

/* gp waits for what only its bubble can bring about. */
static bool durably(const struct g *gp)
{
	if (load_acq(&gp->atomicstatus) != _Gwaiting)
		return false;
	switch (gp->waitreason) {
	case waitReasonSleep:
	case waitReasonChanReceiveNilChan:
	case waitReasonChanSendNilChan:
	case waitReasonSelectNoCases:
	case waitReasonSyncCondWait:
	case waitReasonSyncWaitGroupWait:
		return true;
	case waitReasonChanReceive:
	case waitReasonChanSend:
		return gp->sudog.c->bubble == gp->bubble;
	case waitReasonSelect:
		return ownselect(gp);
	}
	return false;
}

static bool exists(const struct g *gp)
{
	uint32_t status = load_acq(&gp->atomicstatus);
	return status != _Gidle && status != _Gdead && !gp->system;
}

/* Of one goroutine; *locked: one of the bubble waits for a lock, *others: somebody may hold it. */
static void lookat(
	struct bubblelook *look, uint8_t bubble, const struct g *gp, bool *locked, bool *others)
{
	if (gp->bubble != bubble) {
		*others |= !waits(gp) || gp->waitreason == waitReasonSleep;
		return;
	}
	look->n++;
	if (durably(gp))
		return;
	*locked = true;
	look->quiet &= waits(gp);
}

struct bubblelook bubblelook(const struct bubble *b)
{
	struct bubblelook look = {.quiet = true};
	bool locked = false, others = false;
	const struct g *self = getg();
	stopTheWorld();
	struct g **gs = load_acq(&allgptr);
	for (uint64_t i = 0, n = load_acq(&allglen); i < n; i++)
		if (gs[i] != self && exists(gs[i]))
			lookat(&look, b->id, gs[i], &locked, &others);
	startTheWorld(gomaxprocs);
	look.quiet &= !(locked && others);
	return look;
}
