/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * race.c - which goroutine runs, for a race detector. race.h says when each is called.
 *
 * Each goroutine is a thread to the detector, and so is each M's own stack, g0, which stands for
 * nobody: what timers and the poller do there makes no edges. A stack that has been used is mapped
 * anew before the next goroutine gets it, so that the detector forgets who wrote there. An edge
 * from the one to the other would do too, but then no race between two goroutines of the same
 * stack, one after the other, was ever found.
 */
#include "sched/race.h"

#include "sched/asm.h"
#include "sched/stack.h"

bool raceenabled;
void (*raceforget)(void *p, size_t n);
const char raceio;

void raceinit(void)
{
	raceenabled = gort_race.go_start || tsaninit();
}

void raceminit(struct m *mp)
{
	mp->racectx = mp->racecur = gort_race.thread();
	or_acqrel(&mp->events, EVENT_RACE);
}

static void *context(void)
{
	struct m *mp = getm();
	return mp ? mp->racecur : gort_race.thread();
}

void racereleasekey(const void *key)
{
	gort_race.release_merge(context(), key);
}

void raceacquirekey(const void *key)
{
	gort_race.acquire(context(), key);
}

void raceswitch(struct m *mp, struct g *gp)
{
	void *ctx = gp ? gcold(gp)->racectx : mp->racectx;
	if (mp->racecur == ctx)
		return;
	mp->racecur = ctx;
	gort_race.go_switch(ctx);
}

void racenewg(struct m *mp, struct g *gp)
{
	gp->racestart = gort_race.go_start(mp->racecur, gp->gopc);
	gp->raceafter = mp->raceafter;
	mp->raceafter = NULL;
	if (gp->stackclass == 0)
		gp->stackclass = 1; /* a detector's reports need more */
}

void racename(struct g *gp, const char *name)
{
	char text[32] = "goroutine ", digits[20];
	size_t n = sizeof("goroutine ") - 1, k = 0;
	for (uint64_t v = gp->goid; v > 0; v /= 10)
		digits[k++] = (char)('0' + v % 10);
	while (k > 0)
		text[n++] = digits[--k];
	if (gort_race.go_name)
		gort_race.go_name(gcold(gp)->racectx, name && *name ? name : text);
}

/* Its first run: it gets its stack here, where the context is kept from now on. */
static void first(struct m *mp, struct g *gp)
{
	stackalloc(mp->p, gp);
	stackrenew(gp);
	gofresh(&gp->sched, gp->stack.hi);
	gcold(gp)->racectx = gp->racestart;
	racename(gp, NULL);
	raceswitch(mp, gp); /* from here on no call of libc: it would be the goroutine's, on g0 */
	if (gp->raceafter)
		raceacquirekey(gp->raceafter);
}

void racerun(struct m *mp, struct g *gp)
{
	if (gp->stack.hi == 0)
		first(mp, gp);
	else
		raceswitch(mp, gp);
}

void racegoend(struct g *gp)
{
	gort_race.go_end(gcold(gp)->racectx);
}
