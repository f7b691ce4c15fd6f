/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * context.c - contexts (Go's context/context.go).
 *
 * Each context knows its canceller: the innermost context at or above it that can be cancelled,
 * NULL when there is none. Those form a tree of their own, linked by up and children; the parents'
 * chain is for values and memory.
 *
 * Cancelling walks the subtree in depth, with the mutexes of all contexts on the path to the
 * current one held, so that a second caller waits until all is cancelled. The way back is up, not
 * the stack: goroutines have little of it, and chains of contexts can be long.
 *
 * Invariants:
 *  1. Mutexes are taken from the root down. err and cause are written once, under mu, cause first.
 *  2. The list of children and their linked are guarded by the mu of the parent, their up. A child
 *     is in the list of its up, which is kept alive by the chain of parents.
 *  3. Who frees a context has held the mu of its up after the last reference was gone: whoever
 *     found it in the list is through with it.
 *  4. done is closed before err is reported, and err is set before done is closed.
 *
 * Memory: refs counts whoever may use the context: its owners, its children, the arrangements of
 * gort_ctx_after_func. The goroutine of an expired timer is none of them; it and the owners
 * each have one of holds, and who gives back the last one frees the memory.
 *
 * Lock order: mu of a parent, mu of a child, then the runtime's own locks.
 *
 * Rejected: the done channel made at the first call of Done, as in Go. It lies in the context, so
 * it needs no allocation and goes with it.
 */
#include "gort/context.h"

#include <string.h>

#include "base/clock.h"
#include "base/throw.h"
#include "lang/error.h"
#include "mem/malloc.h"
#include "mem/mbarrier.h"
#include "sched/proc.h"
#include "sched/bubble.h"
#include "sync/chan.h"
#include "sync/context.h"

enum ctxkind { CTX_ROOT, CTX_VALUE, CTX_WITHOUT, CTX_CANCEL, CTX_AFTER };

struct gort_contextobj {
	_Atomic uint32_t refs; /* of a root unused */
	uint8_t kind;
	struct gort_contextobj *parent; /* one reference; also the link of a free one */
	struct gort_contextobj *canceller;
	gort_time deadline; /* INT64_MAX: none */

	union {
		struct { /* CTX_VALUE */
			const void *key;
			void *value;
		};
		struct {                                     /* CTX_CANCEL and CTX_AFTER */
			struct gort_contextobj *up;          /* the parent's canceller */
			struct gort_contextobj *next, *prev; /* siblings */
			bool linked;
			union {
				struct { /* CTX_CANCEL */
					gort_mutex mu;
					_Atomic(gort_error) err;
					gort_error cause;
					gort_error timeoutcause;
					struct gort_contextobj *children;
					gort_timer *timer; /* NULL: none, or stopped, or fired */
					_Atomic uint32_t holds;
					struct hchan done;
				};
				struct { /* CTX_AFTER */
					_Atomic bool armed;
					struct gort_call call;
					uintptr_t gopc;
				};
			};
		};
	};
};

GORT_SENTINEL(gort_ctx_canceled, "context canceled");
GORT_SENTINEL(gort_ctx_deadline_exceeded, "context deadline exceeded");

static struct gort_contextobj background = {.kind = CTX_ROOT, .deadline = INT64_MAX};
static struct gort_contextobj todo = {.kind = CTX_ROOT, .deadline = INT64_MAX};

/* ---- memory: free ones cached by each P ---- */

enum { CTXCACHE = 128 }; /* half of them goes to central when there are so many */

static struct {
	struct mutex lock;
	struct ctxcache cache; /* its live is of threads without a P */
} central = {.lock = {.rank = lockRankLeaf}};

static inline struct gort_contextobj *popfree(struct ctxcache *cache)
{
	struct gort_contextobj *c = cache->first;
	if (c) {
		cache->first = c->parent;
		cache->n--;
	}
	return c;
}

static inline void pushfree(struct ctxcache *cache, struct gort_contextobj *c)
{
	gort_store(&c->parent, cache->first);
	cache->first = c;
	cache->n++;
}

/* Half a cache from one to the other, or what there is. */
static __attribute__((noinline)) void movefree(struct ctxcache *to, struct ctxcache *from)
{
	struct gort_contextobj *c;
	lock(&central.lock);
	for (unsigned i = 0; i < CTXCACHE / 2 && (c = popfree(from)); i++)
		pushfree(to, c);
	unlock(&central.lock);
}

static struct gort_contextobj *ctxalloc(enum ctxkind kind, gort_context parent)
{
	getgchecked("gort_ctx");
	if (unlikely(!parent))
		gopanic_text("cannot create context from nil parent");
	struct ctxcache *cache = &getm()->p->ctxcache;
	if (unlikely(!cache->first))
		movefree(cache, &central.cache);
	struct gort_contextobj *c = popfree(cache);
	if (c)
		gort_memset(c, 0, sizeof(*c));
	else
		c = mallocgc(sizeof(*c));
	cache->live++;
	store_rlx(&c->refs, 1);
	c->kind = (uint8_t)kind;
	c->parent = gort_ctx_retain(parent);
	c->canceller = parent->canceller;
	c->deadline = parent->deadline;
	return c;
}

/* By a thread without a P. */
static __attribute__((noinline)) void freeforeign(struct gort_contextobj *c)
{
	lock(&central.lock);
	pushfree(&central.cache, c);
	central.cache.live--;
	unlock(&central.lock);
}

/* Returns the parent, one of whose references is the caller's now. */
static struct gort_contextobj *ctxfree(struct gort_contextobj *c)
{
	struct gort_contextobj *parent = c->parent;
	struct m *mp = getm();
	store_rlx(&c->refs, 0);
	if (unlikely(!mp || !mp->p)) {
		freeforeign(c);
		return parent;
	}
	struct ctxcache *cache = &mp->p->ctxcache;
	pushfree(cache, c);
	cache->live--;
	if (unlikely(cache->n > CTXCACHE))
		movefree(&central.cache, cache);
	return parent;
}

void ctxroots(void (*f)(uintptr_t p))
{
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		f((uintptr_t)allp[i]->ctxcache.first);
}

int64_t ctxlive(void)
{
	int64_t n = *(volatile int64_t *)&central.cache.live;
	for (int32_t i = 0; i < load_acq(&nallp); i++)
		n += *(volatile int64_t *)&allp[i]->ctxcache.live;
	return n;
}

gort_context gort_ctx_retain(gort_context ctx)
{
	if (ctx->kind != CTX_ROOT && unlikely(xadd_rlx(&ctx->refs, 1) == 0))
		throw("context: retained after it was released");
	return ctx;
}

/* True when it was the last hold. The order makes what the others did visible to who frees. */
static inline bool drophold(struct gort_contextobj *c)
{
	return xadd_acqrel(&c->holds, -1) == 1;
}

/* ---- the tree of cancellers ---- */

static void linkchild(struct gort_contextobj *up, struct gort_contextobj *c)
{
	wblog(up->children);
	c->next = up->children;
	c->prev = NULL;
	if (c->next)
		c->next->prev = c;
	up->children = c;
	c->linked = true;
}

static void unlinkchild(struct gort_contextobj *up, struct gort_contextobj *c)
{
	if (!c->linked)
		return;
	wblog(c); /* what all of these hold */
	if (c->prev)
		c->prev->next = c->next;
	else
		up->children = c->next;
	if (c->next)
		c->next->prev = c->prev;
	c->linked = false;
}

/* Also when it is in no list any more: see invariant 3. */
static void removechild(struct gort_contextobj *c)
{
	if (!c->up)
		return;
	gort_mutex_lock(&c->up->mu);
	unlinkchild(c->up, c);
	gort_mutex_unlock(&c->up->mu);
}

/* c, a child of a context that has been cancelled or not: true when it has been linked. */
static bool propagate(struct gort_contextobj *c)
{
	c->up = c->parent->canceller;
	if (!c->up)
		return true;
	gort_mutex_lock(&c->up->mu);
	bool live = !load_rlx(&c->up->err);
	if (live)
		linkchild(c->up, c);
	gort_mutex_unlock(&c->up->mu);
	return live;
}

/* ---- cancelling ---- */

/* With mu. The timer's goroutine, if it is on its way, gives its hold back itself. */
static void stoptimer(struct gort_contextobj *c)
{
	gort_timer *t = c->timer;
	gort_store(&c->timer, NULL);
	if (t && gort_timer_stop(t) && drophold(c))
		throw("context: a timer was the last to hold a context");
	gort_timer_free(t);
}

/* True when c had not been cancelled: it is now, and its mu is held. */
static bool begincancel(struct gort_contextobj *c, gort_error err, gort_error cause)
{
	gort_mutex_lock(&c->mu);
	if (load_rlx(&c->err)) {
		gort_mutex_unlock(&c->mu);
		return false;
	}
	c->cause = cause;
	racerelease(c);
	store_rel(&c->err, err);
	gort_chan_close((struct gort_chan *)&c->done);
	stoptimer(c);
	return true;
}

static inline void runafter(const struct gort_contextobj *c)
{
	raceacquire(c);
	newproc(&c->call, c->gopc);
}

/* Cancels root and all below. Without removing root from its parent's children. */
static void canceltree(struct gort_contextobj *root, gort_error err, gort_error cause)
{
	struct gort_contextobj *c = root, *done = NULL;
	cause = cause ? cause : err;
	if (!begincancel(root, err, cause))
		return;
	for (;;) {
		struct gort_contextobj *child = c->children;
		if (!child) {
			gort_mutex_unlock(&c->mu);
			if (c == root)
				break;
			c = c->up; /* whose mu is held, so nobody has freed c */
			continue;
		}
		unlinkchild(c, child);
		if (child->kind == CTX_CANCEL) {
			if (begincancel(child, err, cause))
				c = child;
		} else if (xchg_acqrel(&child->armed, false)) {
			runafter(child);
			gort_store(&child->next, done);
			done = child;
		}
	}
	for (struct gort_contextobj *after; (after = done);) {
		done = after->next;
		gort_ctx_release(after); /* may free what the walk held */
	}
}

static void docancel(struct gort_contextobj *c, gort_error err, gort_error cause)
{
	canceltree(c, err, cause);
	removechild(c);
}

void gort_cancel_now(struct gort_cancel *cancel)
{
	gort_cancel_cause(cancel, NULL);
}

void gort_cancel_cause(struct gort_cancel *cancel, gort_error cause)
{
	getgchecked("gort_cancel");
	if (cancel)
		docancel((struct gort_contextobj *)cancel, gort_ctx_canceled, cause);
}

/* ---- releasing ---- */

/* Nobody may use c any more. Returns its parent if c has been freed. */
static struct gort_contextobj *abandon(struct gort_contextobj *c)
{
	if (c->kind == CTX_VALUE || c->kind == CTX_WITHOUT)
		return ctxfree(c);
	removechild(c);
	if (c->kind == CTX_AFTER)
		return ctxfree(c);
	gort_mutex_lock(&c->mu);
	stoptimer(c);
	gort_mutex_unlock(&c->mu);
	return drophold(c) ? ctxfree(c) : NULL;
}

/* The acquire half pairs with the release of those who gave theirs back before. */
void gort_ctx_release(gort_context ctx)
{
	while (ctx && ctx->kind != CTX_ROOT) {
		uint32_t refs = xadd_acqrel(&ctx->refs, -1);
		if (unlikely(refs == 0))
			throw("context: released too often");
		if (refs > 1)
			return;
		ctx = abandon(ctx);
	}
}

/* ---- making ---- */

gort_context gort_ctx_background(void)
{
	return &background;
}

gort_context gort_ctx_todo(void)
{
	return &todo;
}

static struct gort_contextobj *newcancel(gort_context parent, struct gort_cancel **cancel)
{
	struct gort_contextobj *c = ctxalloc(CTX_CANCEL, parent);
	chaninit(&c->done, 1, 0);
	store_rlx(&c->holds, 1);
	c->canceller = c;
	if (cancel)
		*cancel = (struct gort_cancel *)c;
	if (!propagate(c))
		canceltree(c, load_rlx(&c->up->err), c->up->cause);
	return c;
}

gort_context gort_ctx_with_cancel(gort_context parent, struct gort_cancel **cancel)
{
	return newcancel(parent, cancel);
}

/* The goroutine of a timer; it has one hold. */
static void expired(struct gort_contextobj *c)
{
	docancel(c, gort_ctx_deadline_exceeded, c->timeoutcause);
	if (drophold(c))
		gort_ctx_release(ctxfree(c));
}

static void setdeadline(struct gort_contextobj *c, gort_time d, gort_error cause)
{
	struct gort_call call = {(void (*)(void))expired, 1, {(uintptr_t)c}};
	gort_duration left = d - timenow();
	c->deadline = d;
	c->timeoutcause = cause;
	if (left <= 0) {
		docancel(c, gort_ctx_deadline_exceeded, cause);
		return;
	}
	gort_mutex_lock(&c->mu);
	if (!load_rlx(&c->err)) {
		store_rlx(&c->holds, 2);
		c->timer = gort_after_func(left, &call);
	}
	gort_mutex_unlock(&c->mu);
}

/* A parent that is cancelled earlier needs no second timer. */
gort_context gort_ctx_with_deadline(
	gort_context parent, gort_time d, gort_error cause, struct gort_cancel **cancel)
{
	struct gort_contextobj *c = newcancel(parent, cancel);
	if (c->deadline >= d)
		setdeadline(c, d, cause);
	return c;
}

gort_context gort_ctx_with_timeout(
	gort_context parent, gort_duration timeout, gort_error cause, struct gort_cancel **cancel)
{
	gort_time now = timenow();
	gort_time d = timeout < INT64_MAX - now ? now + timeout : INT64_MAX - 1;
	return gort_ctx_with_deadline(parent, d, cause, cancel);
}

gort_context gort_ctx_with_value(gort_context parent, const void *key, void *value)
{
	struct gort_contextobj *c = ctxalloc(CTX_VALUE, parent);
	if (!key)
		gopanic_text("nil key");
	c->key = key;
	c->value = value;
	return c;
}

gort_context gort_ctx_without_cancel(gort_context parent)
{
	struct gort_contextobj *c = ctxalloc(CTX_WITHOUT, parent);
	c->canceller = NULL;
	c->deadline = INT64_MAX;
	return c;
}

/* ---- after ---- */

/* References: one of the canceller's list, one of the caller's stop. */
void gort_ctx_after_func(gort_context ctx, const struct gort_call *call, struct gort_stop **stop)
{
	struct gort_contextobj *c = ctxalloc(CTX_AFTER, ctx);
	c->call = *call;
	c->gopc = (uintptr_t)__builtin_return_address(0);
	racerelease(c);
	store_rlx(&c->refs, 1 + (stop != NULL));
	store_rlx(&c->armed, true);
	if (stop)
		*stop = (struct gort_stop *)c;
	if (!propagate(c)) {
		store_rlx(&c->armed, false);
		runafter(c);
	} else if (c->up) {
		return;
	}
	gort_ctx_release(c); /* no list has it */
}

/* Whoever disarms it gives the list's reference back. */
bool gort_stop_now(struct gort_stop *stop)
{
	struct gort_contextobj *c = (struct gort_contextobj *)stop;
	getgchecked("gort_stop_now");
	if (!xchg_acqrel(&c->armed, false))
		return false;
	removechild(c);
	if (c->up)
		gort_ctx_release(c);
	return true;
}

void gort_stop_free(struct gort_stop *stop)
{
	gort_ctx_release((struct gort_contextobj *)stop);
}

/* ---- asking ---- */

struct gort_chan *gort_ctx_done(gort_context ctx)
{
	return ctx->canceller ? (struct gort_chan *)&ctx->canceller->done : NULL;
}

gort_error gort_ctx_err(gort_context ctx)
{
	struct gort_contextobj *c = ctx->canceller;
	gort_error err = c ? load_acq(&c->err) : NULL;
	if (err && unlikely(!__atomic_load_n(&c->done.closed, __ATOMIC_ACQUIRE)))
		gort_chan_recv((struct gort_chan *)&c->done, NULL); /* it is being closed */
	if (err)
		raceacquire(c);
	return err;
}

gort_error gort_ctx_cause(gort_context ctx)
{
	return gort_ctx_err(ctx) ? ctx->canceller->cause : NULL;
}

bool gort_ctx_deadline(gort_context ctx, gort_time *d)
{
	if (ctx->deadline == INT64_MAX)
		return false;
	*d = ctx->deadline;
	return true;
}

void *gort_ctx_value(gort_context ctx, const void *key)
{
	for (; ctx; ctx = ctx->parent)
		if (ctx->kind == CTX_VALUE && ctx->key == key)
			return ctx->value;
	return NULL;
}
