/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort/context.h - cancellation, deadlines and values of a request, for C and C++ (Go's package
 * context). go.h has the short words: context, ctx_with_timeout, ctx_done, cancel_now ...
 *
 *	struct gort_cancel *cancel;
 *	context ctx = ctx_with_timeout(parent, 2 * sec, &cancel);
 *	defer(ctx_release, ctx);
 *	defer(cancel_now, cancel);
 *	go(worker, ctx_retain(ctx), answers);      the worker: defer(ctx_release, ctx)
 *	select {
 *		case_recv (answers, a) { return use(a); }
 *		case_done (ctx_done(ctx)) { return ctx_err(ctx); }
 *	}
 *
 * Ownership. Who makes a context has one reference, retain makes another, release gives one back.
 * A context keeps its parent, so a child may outlive the references to its parent. A context and
 * its cancel may be used while one has a reference; a channel of gort_ctx_done likewise. Cancelling
 * ends the timer and the tie to the parent at once; the memory goes with the last reference. One
 * that is never released is collected when nothing points to it, nor do its timer and its parent.
 *
 * All functions are for goroutines only and may be called by several at once. A parent that is NULL
 * panics with "cannot create context from nil parent".
 */
#ifndef GORT_CONTEXT_H
#define GORT_CONTEXT_H

#include "gort/error.h"
#include "gort/time.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gort_contextobj *gort_context;
/* The right to cancel a context. */
struct gort_cancel;
/* The right to take back what gort_ctx_after_func arranged. */
struct gort_stop;

/* "context canceled" and "context deadline exceeded". Go's Canceled and DeadlineExceeded. */
GORT_API extern const gort_error gort_ctx_canceled;
GORT_API extern const gort_error gort_ctx_deadline_exceeded;

/*
 * Never cancelled, without deadline and values; need not be released. todo tells the reader that
 * the right one is not known yet. Go's Background. runtime/sync/context.c, as all of this header
 */
GORT_API gort_context gort_ctx_background(void);
GORT_API gort_context gort_ctx_todo(void);

/*
 * A child that is cancelled by *cancel or with its parent, whichever comes first. Go's WithCancel
 * and WithCancelCause, which differ in the call that cancels.
 */
GORT_API gort_context gort_ctx_with_cancel(gort_context parent, struct gort_cancel **cancel);

/*
 * The same, and cancelled with gort_ctx_deadline_exceeded at d or when timeout has passed; cause is
 * what gort_ctx_cause then returns, NULL for the same error. Go's WithDeadlineCause and
 * WithTimeoutCause; with a NULL cause WithDeadline and WithTimeout.
 */
GORT_API gort_context gort_ctx_with_deadline(
	gort_context parent, gort_time d, gort_error cause, struct gort_cancel **cancel);
GORT_API gort_context gort_ctx_with_timeout(
	gort_context parent, gort_duration timeout, gort_error cause, struct gort_cancel **cancel);

/* A child in which key, compared by address and not NULL, has value. Go's WithValue. */
GORT_API gort_context gort_ctx_with_value(gort_context parent, const void *key, void *value);

/* A child with the parent's values that is not cancelled with it. Go's WithoutCancel. */
GORT_API gort_context gort_ctx_without_cancel(gort_context parent);

/*
 * Cancels the context and all that derive from it: sets their errors, closes their channels, starts
 * what was arranged by gort_ctx_after_func. When it returns that is done, also when another
 * goroutine began it. Later calls do nothing. NULL does nothing. Go's CancelFunc.
 */
GORT_API void gort_cancel_now(struct gort_cancel *cancel);
/* With a cause, NULL for gort_ctx_canceled. Go's CancelCauseFunc. */
GORT_API void gort_cancel_cause(struct gort_cancel *cancel, gort_error cause);

/*
 * Starts a goroutine with the call, which is copied, when ctx is cancelled; at once if it is. With
 * *stop that can be taken back; stop may be NULL. Go's AfterFunc.
 */
GORT_API void gort_ctx_after_func(
	gort_context ctx, const struct gort_call *call, struct gort_stop **stop);
/* True when it kept the goroutine from being started; false ever after. Does not wait for it. */
GORT_API bool gort_stop_now(struct gort_stop *stop);
/* Gives the right back; the arrangement stays as it is. NULL does nothing. */
GORT_API void gort_stop_free(struct gort_stop *stop);

/*
 * A channel that is closed when ctx is cancelled, of elements of 1 byte, of which there are none;
 * NULL when it can never be cancelled. Only receive from it. Go's Done.
 */
GORT_API struct gort_chan *gort_ctx_done(gort_context ctx);
/* NULL until ctx is cancelled, then gort_ctx_canceled or gort_ctx_deadline_exceeded. Go's Err. */
GORT_API gort_error gort_ctx_err(gort_context ctx);
/* NULL until ctx is cancelled, then why: the cause of the first cancellation. Go's Cause. */
GORT_API gort_error gort_ctx_cause(gort_context ctx);
/* False when there is none, else *d is when ctx will be cancelled at the latest. Go's Deadline. */
GORT_API bool gort_ctx_deadline(gort_context ctx, gort_time *d);
/* The innermost value of key, NULL when there is none. Go's Value. */
GORT_API void *gort_ctx_value(gort_context ctx, const void *key);

/* See "Ownership". retain returns ctx. release of NULL does nothing. */
GORT_API gort_context gort_ctx_retain(gort_context ctx);
GORT_API void gort_ctx_release(gort_context ctx);

#ifdef __cplusplus
}
#endif

#endif
