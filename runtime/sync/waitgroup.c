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
#include "gort/sync.h"
#include "lang/panic.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sync/blocked.h"

struct wgimpl {
	_Atomic uint64_t state;
	struct mutex lock;
	struct sudog *first, *last;
};

_Static_assert(sizeof(struct wgimpl) <= sizeof(gort_waitgroup), "gort_waitgroup is too small");

static __attribute__((noinline)) void wakeall(struct wgimpl *wg)
{
	plock(&wg->lock);
	struct sudog *sg = wg->first;
	wg->first = wg->last = NULL;
	store_rlx(&wg->state, 0);
	unlock(&wg->lock);
	while (sg) {
		struct sudog *next = sg->next;
		readyWithTime(sg->g);
		sg = next;
	}
}

void gort_wg_added(gort_waitgroup *g, gort_isize delta, uint64_t state)
{
	struct wgimpl *wg = (struct wgimpl *)g;
	getgchecked("gort_wg_add");
	int32_t v = (int32_t)(state >> 32);
	uint32_t w = (uint32_t)state;
	if (unlikely(v < 0))
		gopanic_text("sync: negative WaitGroup counter");
	if (unlikely(w != 0 && delta > 0 && v == (int32_t)delta))
		gopanic_text("sync: WaitGroup misuse: Add called concurrently with Wait");
	if (v == 0 && w != 0)
		wakeall(wg);
}

void(gort_wg_add)(gort_waitgroup *wg, gort_isize delta)
{
	if (delta < 0)
		racerelease(wg);
	gort_wg_add_fast(wg, delta);
}

void(gort_wg_done)(gort_waitgroup *wg)
{
	racerelease(wg);
	gort_wg_add_fast(wg, -1);
}

void(gort_wg_wait)(gort_waitgroup *wg)
{
	gort_wg_wait_fast(wg);
	raceacquire(wg);
}

void gort_wg_waitslow(gort_waitgroup *g)
{
	struct wgimpl *wg = (struct wgimpl *)g;
	struct g *gp = getgchecked("gort_wg_wait");
	plock(&wg->lock);
	uint64_t state = load_acq(&wg->state);
	do {
		if (state >> 32 == 0) {
			unlock(&wg->lock);
			return;
		}
	} while (!pcas(&wg->state, &state, state + 1));
	struct sudog *sg = &gp->sudog;
	sg->g = gp;
	sg->c = NULL;
	sg->elem = wg;
	sg->next = NULL;
	if (wg->last)
		wg->last->next = sg;
	else
		wg->first = sg;
	wg->last = sg;
	gp->waiting = sg;
	if (unlikely(blockwatched)) {
		goparkwatched(&wg->lock, waitReasonSyncWaitGroupWait);
		compiler_barrier(); /* a frame to be named in the profile */
	} else {
		goparkunlock(&wg->lock, waitReasonSyncWaitGroupWait);
	}
}

/* ---- WaitGroup.Go ---- */

/*
 * Not done after a panic that nobody has recovered and no gort_goexit has overtaken: it ends the
 * program, and who waits could do that before, without a word of it.
 */
static void wgended(gort_waitgroup *wg)
{
	const struct gcold *c = gcold(getgchecked("gort_wg_go"));
	const struct gpanic *p = c->_panic;
	if (!p || p->recovered || (c->goexitsp && c->goexitsp < (uintptr_t)p))
		(gort_wg_done)(wg);
}

/* What a goroutine of gort_wg_go runs. The defer is for calls that do not return. */
static void wgrun(
	gort_waitgroup *wg, void (*fn)(void), uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct gort_call call = {.fn = fn, .n = 4, .w = {a, b, c, d}};
	struct gort_defer done = {
		.call = {.fn = (void (*)(void))wgended, .n = 1, .w = {(uintptr_t)wg}},
	};
	gort_defer_push(&done);
	gort_call6(&call);
	gort_defer_pop(&done);
}

void gort_wg_go(gort_waitgroup *wg, const struct gort_call *c)
{
	getgchecked("gort_wg_go");
	if (c->n > 4)
		throw("gort_wg_go: %u argument words, at most 4", c->n);
	struct gort_call call = {
		.fn = (void (*)(void))wgrun, .n = 6, .w = {(uintptr_t)wg, (uintptr_t)c->fn}};
	for (unsigned i = 0; i < c->n; i++)
		call.w[2 + i] = c->w[i];
	gort_wg_add(wg, 1);
	newproc(&call, (uintptr_t)__builtin_return_address(0));
}
