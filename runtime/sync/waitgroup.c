/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waitgroup.c - wait for a collection of goroutines to finish (Go's sync/waitgroup.go).
 *
 * state: bits 32..63 the counter, bits 0..31 the number of waiters. One word, so that the add
 * which brings the counter to 0 knows for certain whether somebody waits, and one that does not
 * costs a single locked instruction. The waiters' queue is guarded by lock; a waiter counts
 * itself in while it holds the lock, so whoever sees it in state finds it on the queue after
 * taking the lock.
 */
#include <stdatomic.h>

#include "base/throw.h"
#include "sched/proc.h"

struct wgimpl {
	_Atomic uint64_t state;
	struct mutex lock;
	struct sudog *first, *last;
};

_Static_assert(sizeof(struct wgimpl) <= sizeof(gort_waitgroup), "gort_waitgroup is too small");

static __attribute__((noinline)) void wakeall(struct wgimpl *wg)
{
	lock(&wg->lock);
	struct sudog *sg = wg->first;
	wg->first = wg->last = NULL;
	store_rlx(&wg->state, 0);
	unlock(&wg->lock);
	while (sg) {
		struct sudog *next = sg->next;
		goready(sg->g);
		sg = next;
	}
}

void gort_wg_add(gort_waitgroup *g, gort_isize delta)
{
	struct wgimpl *wg = (struct wgimpl *)g;
	/* acq_rel: what was done before Done is seen after Wait, through the counter's zero. */
	uint64_t state = xadd_acqrel(&wg->state, (uint64_t)delta << 32) + ((uint64_t)delta << 32);
	int32_t v = (int32_t)(state >> 32);
	uint32_t w = (uint32_t)state;
	if (unlikely(v < 0))
		gopanic_text("sync: negative WaitGroup counter");
	if (unlikely(w != 0 && delta > 0 && v == (int32_t)delta))
		gopanic_text("sync: WaitGroup misuse: Add called concurrently with Wait");
	if (v == 0 && w != 0)
		wakeall(wg);
}

void gort_wg_done(gort_waitgroup *g)
{
	gort_wg_add(g, -1);
}

void gort_wg_wait(gort_waitgroup *g)
{
	struct wgimpl *wg = (struct wgimpl *)g;
	struct g *gp = getgchecked("gort_wg_wait");
	if (load_acq(&wg->state) >> 32 == 0)
		return;
	lock(&wg->lock);
	uint64_t state = load_acq(&wg->state);
	do {
		if (state >> 32 == 0) {
			unlock(&wg->lock);
			return;
		}
	} while (!cas_acqrel(&wg->state, &state, state + 1));
	struct sudog *sg = &gp->sudog;
	sg->g = gp;
	sg->c = NULL;
	sg->next = NULL;
	if (wg->last)
		wg->last->next = sg;
	else
		wg->first = sg;
	wg->last = sg;
	gp->waiting = sg;
	goparkunlock(&wg->lock, waitReasonSyncWaitGroupWait);
}
