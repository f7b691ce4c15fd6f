/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * context.c - GoKer's bugs of channels and contexts. No context is released: it is garbage when its
 * goroutines have ended.
 */
#include "leakcheck/goker/goker.h"

static context cancelled(void)
{
	struct gort_cancel *cancel;
	context ctx = ctx_with_cancel(ctx_background(), &cancel);
	cancel_now(cancel);
	return ctx;
}

/* cockroach10790: commands that are cancelled leave somebody behind for each channel they await. */
struct replica {
	chan(int) commands[2];
	context ctx;
};

static void drain(struct replica *r)
{
	look_here();
	for (int i = 0; i < 2; i++)
		select
		{
			case_recv(r->commands[i])
			{
			}
			if (mended)
				case_done(ctx_done(r->ctx))
				{
				}
		}
}

static void cockroach10790(void)
{
	struct replica *r = gort_new(struct replica);
	r->ctx = cancelled();
	for (int i = 0; i < 2; i++)
		r->commands[i] = make_chan(int, 0);
	for (int i = 0; i < 2; i++)
		select
		{
			case_recv(r->commands[i])
			{
			}
			case_done(ctx_done(r->ctx))
			{
				go(drain, r);
			}
		}
}

/* cockroach13197, cockroach13755: nobody ends the transaction, or closes the rows, of a query. */
static void await_done(context ctx)
{
	(void)chan_recv(ctx_done(ctx));
}

static void cockroach13197(void)
{
	struct gort_cancel *rollback;
	go(await_done, ctx_with_cancel(ctx_background(), &rollback));
	look_here();
	if (mended)
		cancel_now(rollback);
}

struct rows {
	context ctx;
	struct gort_cancel *close;
};

static void await_rows(struct rows *rs)
{
	(void)chan_recv(ctx_done(rs->ctx));
	cancel_now(rs->close);
}

static void cockroach13755(void)
{
	struct rows *rs = gort_new(struct rows);
	rs->ctx = ctx_with_cancel(ctx_background(), &rs->close);
	go(await_rows, rs);
	look_here();
	if (mended)
		cancel_now(rs->close);
}

/* grpc862: dialling is cancelled before the connection is known, so nobody closes it. */
struct client {
	context ctx;
	struct gort_cancel *close;
	waitgroup connected;
};

static void reset_address(struct client *c)
{
	struct gort_cancel *cancel;
	context ctx = ctx_with_cancel(c->ctx, &cancel);
	wg_done(&c->connected);
	(void)chan_recv(ctx_done(ctx));
}

static void grpc862(void)
{
	struct client *c = gort_new(struct client);
	context dialling = cancelled();
	c->ctx = ctx_with_cancel(ctx_background(), &c->close);
	wg_add(&c->connected, 1);
	go(reset_address, c);
	wg_wait(&c->connected);
	look_here();
	if (ctx_err(dialling) && mended)
		cancel_now(c->close);
}

/* istio18454: the strategy's loop has been stopped, and the processor still resets its timer. */
static void process(chan(int) resets, context strategy)
{
	for (int i = 0; i < 2; i++) {
		look_here();
		select
		{
			case_send(resets, i)
			{
			}
			if (mended)
				case_done(ctx_done(strategy))
				{
				}
		}
	}
}

static void istio18454(void)
{
	go(process, make_chan(int, 1), cancelled());
}

/* kubernetes25331: an error ends a watch, whose result nobody reads any more. */
struct watch {
	context ctx;
	struct gort_cancel *cancel;
	chan(int) result, failure;
};

static void run_watch(struct watch *w)
{
	int failure = chan_recv(w->failure);
	cancel_now(w->cancel);
	look_here();
	select
	{
		case_send(w->result, failure)
		{
		}
		if (mended)
			case_done(ctx_done(w->ctx))
			{
			}
	}
}

static void kubernetes25331(void)
{
	struct watch *w = gort_new(struct watch);
	w->ctx = ctx_with_cancel(ctx_background(), &w->cancel);
	w->result = make_chan(int, 0);
	w->failure = make_chan(int, 0);
	go(run_watch, w);
	chan_send(w->failure, 1);
}

/* moby33781: the monitor is stopped while a probe runs, whose result it would have read. */
static void run_probe(chan(int) results)
{
	look_here();
	chan_send(results, 1);
	chan_close(results);
}

static void stop_monitor(chan(int) stop)
{
	chan_send(stop, 1);
}

static void moby33781(void)
{
	chan(int) stop = make_chan(int, 0), results = make_chan(int, mended);
	go(stop_monitor, stop);
	(void)chan_recv(stop);
	go(run_probe, results);
}

const struct pattern context_patterns[] = {
	{"cockroach10790", cockroach10790, 2},
	{"cockroach13197", cockroach13197, 1},
	{"cockroach13755", cockroach13755, 1},
	{"grpc862", grpc862, 1},
	{"istio18454", istio18454, 1},
	{"kubernetes25331", kubernetes25331, 1},
	{"moby33781", moby33781, 1},
	{NULL, NULL, 0},
};
