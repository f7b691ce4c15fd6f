/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * once.c - an action that is performed exactly once (Go's sync/once.go).
 *
 * done is set only after the action has ended, so whoever returns finds it completed: the acquire
 * load pairs with the release in finish. A compare-and-swap instead of the mutex would let the
 * loser return while the winner still works. An action that ends by gort_goexit counts as done.
 */
#include <stdatomic.h>

#include "base/throw.h"
#include "gort/sync.h"
#include "lang/defer.h"
#include "sched/proc.h"
#include "sched/race.h"

struct onceimpl {
	_Atomic uint32_t done;
	gort_mutex m;
};

_Static_assert(sizeof(struct onceimpl) == sizeof(gort_once), "gort_once has another size");

static void finish(struct onceimpl *o)
{
	racerelease(o);
	store_rel(&o->done, 1);
	gort_mutex_unlock(&o->m);
}

static __attribute__((noinline)) void doslow(struct onceimpl *o, void (*fn)(void *), void *arg)
{
	gort_mutex_lock(&o->m);
	if (load_rlx(&o->done)) {
		gort_mutex_unlock(&o->m);
		return;
	}
	struct gort_defer end = {
		.call = {.fn = (void (*)(void))finish, .n = 1, .w = {(uintptr_t)o}},
	};
	gort_defer_push(&end);
	fn(arg);
	gort_defer_pop(&end);
}

void gort_once_do(gort_once *once, void (*fn)(void *arg), void *arg)
{
	struct onceimpl *o = (struct onceimpl *)once;
	if (unlikely(!load_acq(&o->done)))
		doslow(o, fn, arg);
	raceacquire(o);
}

/* ---- results that are computed once (Go's sync/oncefunc.go) ---- */

static void callfunc(void *arg)
{
	gort_oncefunc *o = arg;
	o->fn(o->arg);
	o->ended = true;
}

static void callvalue(void *arg)
{
	gort_oncevalue *o = arg;
	o->value = o->fn(o->arg);
	o->ended = true;
}

static void callvalues(void *arg)
{
	gort_oncevalues *o = arg;
	o->fn(o->arg, &o->a, &o->b);
	o->ended = true;
}

/* ended is written before done, which the caller has seen. */
static void checkended(bool ended)
{
	if (unlikely(!ended))
		gopanic_text("sync: a once function has ended by gort_goexit, without a result");
}

void gort_oncefunc_call(gort_oncefunc *o)
{
	gort_once_do(&o->once, callfunc, o);
	checkended(o->ended);
}

void *gort_oncevalue_get(gort_oncevalue *o)
{
	gort_once_do(&o->once, callvalue, o);
	checkended(o->ended);
	return o->value;
}

void gort_oncevalues_get(gort_oncevalues *o, void **a, void **b)
{
	gort_once_do(&o->once, callvalues, o);
	checkended(o->ended);
	if (a)
		gort_store(a, o->a);
	if (b)
		gort_store(b, o->b);
}
