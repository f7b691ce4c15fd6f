/* SPDX-License-Identifier: BSD-2-Clause */
/* context_test.c - contexts behave as Go's package context, and give their memory back. */
#include "child.h"

#include <stdatomic.h>

#include "sync/context.h"
#include "suite.h"

#define FAR (3600 * sec)

static bool closed(chan(char) c)
{
	select
	{
		case_recv(c)
		{
			return true;
		}
		case_default
		{
			return false;
		}
	}
	return false;
}

static bool is(error err, const char *text)
{
	return strcmp(error_text(err), text) == 0;
}

static void require_live(context ctx)
{
	REQUIRE(!closed(ctx_done(ctx)) && !ctx_err(ctx) && !ctx_cause(ctx));
}

static void require_dead(context ctx, error err, error cause)
{
	REQUIRE(ctx_err(ctx) == err && ctx_cause(ctx) == cause && closed(ctx_done(ctx)));
}

/* What is left of contexts while their last goroutines end. */
static int all_freed(void)
{
	for (gort_time end = time_now() + 20 * sec; ctxlive() && time_now() < end;)
		gort_sleep(100 * us);
	REQUIRE(ctxlive() == 0);
	return 0;
}

static unsigned nextrandom(unsigned *seed)
{
	*seed = *seed * 1664525 + 1013904223;
	return *seed >> 8;
}

/* ---- basics ---- */

static int roots_never_end(int argc, char **argv)
{
	(void)argc, (void)argv;
	context roots[] = {ctx_background(), ctx_todo()};
	for (int i = 0; i < 2; i++) {
		gort_time d;
		REQUIRE(roots[i] && !ctx_done(roots[i]) && !ctx_err(roots[i]));
		REQUIRE(!ctx_cause(roots[i]) && !ctx_deadline(roots[i], &d));
		REQUIRE(!ctx_value(roots[i], &d) && ctx_retain(roots[i]) == roots[i]);
		ctx_release(roots[i]);
	}
	REQUIRE(roots[0] != roots[1]);
	REQUIRE(is(nil, "<nil>") && is(ctx_canceled, "context canceled"));
	REQUIRE(is(ctx_deadline_exceeded, "context deadline exceeded"));
	error a = error_new("same"), b = error_new("same");
	REQUIRE(a != b && is(a, "same") && is(b, "same"));
	return 0;
}

static void await_done(context ctx, waitgroup *wg)
{
	(void)chan_recv(ctx_done(ctx));
	REQUIRE(ctx_err(ctx) == ctx_canceled);
	ctx_release(ctx);
	wg_done(wg);
}

static int cancel_closes_done(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_cancel *cancel;
	context ctx = ctx_with_cancel(ctx_background(), &cancel);
	waitgroup wg = {0};
	REQUIRE(ctx_done(ctx) == ctx_done(ctx));
	require_live(ctx);
	wg_add(&wg, 10);
	for (int i = 0; i < 10; i++)
		go(await_done, ctx_retain(ctx), &wg);
	cancel_now(cancel);
	require_dead(ctx, ctx_canceled, ctx_canceled);
	cancel_now(cancel);
	cancel_cause(cancel, error_new("too late"));
	require_dead(ctx, ctx_canceled, ctx_canceled);
	wg_wait(&wg);
	ctx_release(ctx);
	cancel_now(nil);
	return all_freed();
}

static const char key1, key2, key3;

static int values_are_found_innermost_first(int argc, char **argv)
{
	(void)argc, (void)argv;
	int a, b, c;
	struct gort_cancel *cancel;
	context c1 = ctx_with_value(ctx_background(), &key1, &a);
	context c2 = ctx_with_cancel(c1, &cancel);
	context c3 = ctx_with_value(c2, &key2, &b);
	context c4 = ctx_with_value(c3, &key1, &c);
	context c5 = ctx_with_value(c4, &key2, nil);
	context c6 = ctx_without_cancel(c5);
	REQUIRE(ctx_value(c1, &key1) == &a && !ctx_value(c1, &key2));
	REQUIRE(ctx_value(c3, &key1) == &a && ctx_value(c3, &key2) == &b);
	REQUIRE(ctx_value(c4, &key1) == &c && ctx_value(c4, &key2) == &b);
	REQUIRE(ctx_value(c6, &key1) == &c && !ctx_value(c6, &key2) && !ctx_value(c6, &key3));
	REQUIRE(ctx_done(c5) == ctx_done(c2) && ctx_done(c6) == nil);
	cancel_now(cancel);
	require_dead(c5, ctx_canceled, ctx_canceled);
	REQUIRE(!ctx_err(c6) && !ctx_cause(c6));
	context all[] = {c1, c2, c3, c4, c5, c6};
	for (int i = 0; i < 6; i++)
		ctx_release(all[i]);
	return all_freed();
}

START_TEST(test_basics)
{
	expect_code(roots_never_end, 0);
	expect_code(cancel_closes_done, 0);
	expect_code(values_are_found_innermost_first, 0);
}
END_TEST

/* ---- the tree ---- */

static int cancel_reaches_children_but_not_parents(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_cancel *cancel[4];
	context root = ctx_with_cancel(ctx_background(), &cancel[0]);
	context left = ctx_with_cancel(root, &cancel[1]);
	context value = ctx_with_value(left, &key1, nil);
	context leaf = ctx_with_timeout(value, FAR, &cancel[2]);
	context right = ctx_with_cancel(root, &cancel[3]);
	cancel_now(cancel[1]);
	require_dead(left, ctx_canceled, ctx_canceled);
	require_dead(value, ctx_canceled, ctx_canceled);
	require_dead(leaf, ctx_canceled, ctx_canceled);
	require_live(root);
	require_live(right);
	context late = ctx_with_timeout(leaf, FAR, nil);
	require_dead(late, ctx_canceled, ctx_canceled);
	error why = error_new("because");
	cancel_cause(cancel[0], why);
	require_dead(root, ctx_canceled, why);
	require_dead(right, ctx_canceled, why);
	require_dead(leaf, ctx_canceled, ctx_canceled);
	context all[] = {root, left, value, leaf, right, late};
	for (int i = 0; i < 6; i++)
		ctx_release(all[i]);
	return all_freed();
}

/* Children may outlive what their parents' owners have; they are still cancelled with them. */
static int children_keep_their_parents(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_cancel *cancel;
	context root = ctx_with_cancel(ctx_background(), &cancel), c = ctx_retain(root);
	for (int i = 0; i < 1000; i++) {
		context child = i % 3 == 0   ? ctx_with_value(c, &key1, &root)
				: i % 3 == 1 ? ctx_with_cancel(c, nil)
					     : ctx_with_timeout(c, FAR, nil);
		ctx_release(c);
		c = child;
	}
	require_live(c);
	REQUIRE(ctx_value(c, &key1) == &root);
	cancel_now(cancel);
	ctx_release(root);
	require_dead(c, ctx_canceled, ctx_canceled);
	REQUIRE(ctx_value(c, &key1) == &root);
	ctx_release(c);
	return all_freed();
}

/* Chains and trees of 100,000 contexts need no stack. */
static int deep_and_wide_trees(int argc, char **argv)
{
	(void)argc, (void)argv;
	enum { N = 100000 };
	struct gort_cancel *cancel;
	context *all = gort_new_array(context, N + 1);
	for (int wide = 0; wide < 2; wide++) {
		all[0] = ctx_with_cancel(ctx_background(), &cancel);
		for (int i = 1; i <= N; i++)
			all[i] = ctx_with_cancel(all[wide ? i / 10 : i - 1], nil);
		cancel_now(cancel);
		for (int i = 0; i <= N; i += 997)
			require_dead(all[i], ctx_canceled, ctx_canceled);
		for (int i = 0; i <= N; i++)
			ctx_release(all[wide ? N - i : i]);
		REQUIRE(ctxlive() == 0);
	}
	return 0;
}

/* Released without being cancelled: the tie to the parent is cut, the timer stopped. */
static int released_contexts_leave_their_parent(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_cancel *cancel;
	context root = ctx_with_cancel(ctx_background(), &cancel);
	for (int i = 0; i < 10000; i++) {
		ctx_release(ctx_with_cancel(root, nil));
		ctx_release(ctx_with_timeout(root, FAR, nil));
	}
	REQUIRE(ctxlive() == 1);
	cancel_now(cancel);
	ctx_release(root);
	return all_freed();
}

START_TEST(test_tree)
{
	expect_code(cancel_reaches_children_but_not_parents, 0);
	expect_code(children_keep_their_parents, 0);
	expect_code(deep_and_wide_trees, 0);
	expect_code(released_contexts_leave_their_parent, 0);
}
END_TEST

/* ---- deadlines ---- */

static int deadlines_pass(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_cancel *cancel;
	gort_time before = time_now(), d = 0;
	context ctx = ctx_with_timeout(ctx_background(), 5 * ms, &cancel);
	context value = ctx_with_value(ctx, &key1, nil);
	context later = ctx_with_timeout(value, FAR, nil);
	REQUIRE(ctx_deadline(later, &d) && d >= before + 5 * ms && d <= time_now() + 5 * ms);
	(void)chan_recv(ctx_done(later));
	REQUIRE(time_now() >= d);
	require_dead(ctx, ctx_deadline_exceeded, ctx_deadline_exceeded);
	require_dead(later, ctx_deadline_exceeded, ctx_deadline_exceeded);
	cancel_now(cancel);
	require_dead(ctx, ctx_deadline_exceeded, ctx_deadline_exceeded);
	context past = ctx_with_deadline(ctx_background(), time_now() - 1, &cancel);
	require_dead(past, ctx_deadline_exceeded, ctx_deadline_exceeded);
	context never = ctx_with_timeout(ctx_background(), INT64_MAX, &cancel);
	context sooner = ctx_with_timeout(never, 1 * ms, nil);
	require_live(never);
	(void)chan_recv(ctx_done(sooner));
	cancel_now(cancel);
	require_dead(never, ctx_canceled, ctx_canceled);
	context all[] = {ctx, value, later, past, never, sooner};
	for (int i = 0; i < 6; i++)
		ctx_release(all[i]);
	return all_freed();
}

static int cancel_before_the_deadline(int argc, char **argv)
{
	(void)argc, (void)argv;
	struct gort_cancel *cancel;
	context ctx = ctx_with_timeout(ctx_background(), FAR, &cancel);
	context free_of_it = ctx_without_cancel(ctx);
	gort_time d;
	REQUIRE(ctx_deadline(ctx, &d) && !ctx_deadline(free_of_it, &d));
	cancel_now(cancel);
	require_dead(ctx, ctx_canceled, ctx_canceled);
	REQUIRE(!ctx_err(free_of_it));
	ctx_release(free_of_it);
	ctx_release(ctx);
	return all_freed();
}

START_TEST(test_deadline)
{
	expect_code(deadlines_pass, 0);
	expect_code(cancel_before_the_deadline, 0);
}
END_TEST

/* ---- causes ---- */

/* The first cancellation gives the cause, of the context itself or of one above it. */
static int first_cancellation_gives_the_cause(int argc, char **argv)
{
	(void)argc, (void)argv;
	error above = error_new("parent"), own = error_new("child"), late = error_new("late");
	for (int first = 0; first < 2; first++) {
		struct gort_cancel *pc, *cc;
		context parent = ctx_with_cancel(ctx_background(), &pc);
		context child = ctx_with_cancel(parent, &cc);
		cancel_cause(first ? pc : cc, first ? above : own);
		cancel_cause(first ? cc : pc, first ? own : above);
		require_dead(parent, ctx_canceled, above);
		require_dead(child, ctx_canceled, first ? above : own);
		ctx_release(parent);
		ctx_release(child);
	}
	struct gort_cancel *cancel;
	context t = ctx_with_timeout_cause(ctx_background(), 1, late, &cancel);
	context under = ctx_with_cancel(t, nil);
	(void)chan_recv(ctx_done(under));
	require_dead(t, ctx_deadline_exceeded, late);
	require_dead(under, ctx_deadline_exceeded, late);
	cancel_cause(cancel, own);
	require_dead(t, ctx_deadline_exceeded, late);
	context d = ctx_with_deadline_cause(ctx_background(), time_now() + FAR, late, &cancel);
	cancel_now(cancel);
	require_dead(d, ctx_canceled, ctx_canceled);
	context n = ctx_with_cancel(ctx_background(), &cancel);
	cancel_cause(cancel, nil);
	require_dead(n, ctx_canceled, ctx_canceled);
	context w = ctx_without_cancel(n);
	REQUIRE(!ctx_cause(w));
	context all[] = {t, under, d, n, w};
	for (int i = 0; i < 5; i++)
		ctx_release(all[i]);
	return all_freed();
}

START_TEST(test_cause)
{
	expect_code(first_cancellation_gives_the_cause, 0);
}
END_TEST

/* ---- after ---- */

static void note(atomic_int *n)
{
	atomic_fetch_add(n, 1);
}

static void await(atomic_int *n, int want)
{
	while (atomic_load(n) < want)
		gort_sleep(20 * us);
}

static int after_func_runs_when_cancelled(int argc, char **argv)
{
	(void)argc, (void)argv;
	atomic_int ran = 0;
	struct gort_cancel *cancel;
	struct gort_stop *stop[3];
	context ctx = ctx_with_cancel(ctx_background(), &cancel);
	context child = ctx_with_value(ctx, &key1, nil);
	ctx_after_func(ctx, &stop[0], note, &ran);
	ctx_after_func(child, &stop[1], note, &ran);
	ctx_after_func(ctx, nil, note, &ran);
	ctx_after_func(child, nil, note, &ran);
	REQUIRE(stop_now(stop[0]) && !stop_now(stop[0]) && ran == 0);
	stop_free(stop[0]);
	cancel_now(cancel);
	await(&ran, 3);
	REQUIRE(!stop_now(stop[1]));
	ctx_after_func(child, &stop[2], note, &ran); /* cancelled already: at once */
	await(&ran, 4);
	REQUIRE(!stop_now(stop[2]));
	stop_free(stop[1]);
	stop_free(stop[2]);
	stop_free(nil);
	ctx_release(child);
	ctx_release(ctx);
	ctx = ctx_with_timeout(ctx_background(), 1 * ms, nil);
	ctx_after_func(ctx, nil, note, &ran);
	ctx_release(ctx); /* the arrangement keeps it */
	await(&ran, 5);
	gort_sleep(1 * ms);
	REQUIRE(ran == 5);
	return all_freed();
}

/* Of a context that is never cancelled, and of one that only its parent can still cancel. */
static int after_func_of_others(int argc, char **argv)
{
	(void)argc, (void)argv;
	atomic_int ran = 0;
	struct gort_stop *stop;
	struct gort_cancel *cancel;
	ctx_after_func(ctx_background(), nil, note, &ran);
	ctx_after_func(ctx_background(), &stop, note, &ran);
	REQUIRE(stop_now(stop) && !stop_now(stop));
	stop_free(stop);
	context root = ctx_with_cancel(ctx_background(), &cancel);
	context child = ctx_with_cancel(root, nil);
	ctx_after_func(child, nil, note, &ran);
	ctx_release(child);
	cancel_now(cancel);
	await(&ran, 1);
	ctx_release(root);
	return all_freed();
}

START_TEST(test_after)
{
	expect_code(after_func_runs_when_cancelled, 0);
	expect_code(after_func_of_others, 0);
}
END_TEST

/* ---- at once ---- */

struct layers {
	context ctx[40];
	struct gort_cancel *cancel[40];
	int n;
	waitgroup wg;
};

static void canceller(struct layers *l, unsigned seed)
{
	for (int i = 0; i < 10; i++)
		cancel_now(l->cancel[nextrandom(&seed) % (unsigned)l->n]);
	cancel_now(l->cancel[0]);
	for (int i = 0; i < l->n; i++) /* whoever cancelled the root: all is done */
		REQUIRE(ctx_err(l->ctx[i]));
	wg_done(&l->wg);
}

static void waiter(struct layers *l, int i)
{
	(void)chan_recv(ctx_done(l->ctx[i]));
	REQUIRE(ctx_err(l->ctx[i]) && ctx_cause(l->ctx[i]));
	wg_done(&l->wg);
}

/* ctx_err that is set and a channel that is not closed would be seen here. */
static void poller(struct layers *l, int i)
{
	while (!ctx_err(l->ctx[i]))
		gort_gosched();
	REQUIRE(closed(ctx_done(l->ctx[i])));
	wg_done(&l->wg);
}

/* Random trees that several goroutines cancel, derive from and release at the same time. */
static void simultaneous_round(unsigned *seed)
{
	struct layers l = {.n = 40};
	for (int i = 0; i < l.n; i++) {
		context parent = i ? l.ctx[nextrandom(seed) % (unsigned)i] : ctx_background();
		if (nextrandom(seed) % 3)
			l.ctx[i] = ctx_with_cancel(parent, &l.cancel[i]);
		else
			l.ctx[i] =
				ctx_with_timeout(parent, nextrandom(seed) % 300 * us, &l.cancel[i]);
	}
	wg_add(&l.wg, 14);
	for (int i = 0; i < 5; i++) {
		go(waiter, &l, (int)(nextrandom(seed) % 40));
		go(poller, &l, (int)(nextrandom(seed) % 40));
	}
	for (int i = 0; i < 4; i++)
		go(canceller, &l, nextrandom(seed));
	wg_wait(&l.wg);
	for (int i = 0; i < l.n; i++)
		ctx_release(l.ctx[(i * 7) % 40]);
}

static int simultaneous_cancels(int argc, char **argv)
{
	(void)argc, (void)argv;
	unsigned seed = 17;
	for (int round = 0; round < 200; round++)
		simultaneous_round(&seed);
	return all_freed();
}

static void churn(context root, int rounds, waitgroup *wg)
{
	unsigned seed = (unsigned)gort_goid();
	for (int i = 0; i < rounds; i++) {
		struct gort_cancel *cancel;
		struct gort_stop *stop;
		atomic_int *ran = calloc(1, sizeof(*ran));
		context a = ctx_with_timeout(root, nextrandom(&seed) % 100 * us, &cancel);
		context b = ctx_with_cancel(a, nil);
		ctx_after_func(b, &stop, note, ran);
		if (nextrandom(&seed) % 2)
			gort_sleep(nextrandom(&seed) % 100 * us);
		if (nextrandom(&seed) % 2)
			cancel_now(cancel);
		ctx_release(a);
		if (!stop_now(stop))
			await(ran, 1);
		ctx_release(b);
		stop_free(stop);
		REQUIRE(*ran <= 1);
		free(ran);
	}
	ctx_release(root);
	wg_done(wg);
}

/* Expiry, cancel from above and below, stop and release race for the same contexts. */
static int everything_races(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 10; round++) {
		struct gort_cancel *cancel;
		waitgroup wg = {0};
		context root = ctx_with_cancel(ctx_background(), &cancel);
		wg_add(&wg, 10);
		for (int i = 0; i < 10; i++)
			go(churn, ctx_retain(root), 50, &wg);
		gort_sleep(round * ms / 2);
		cancel_now(cancel);
		ctx_release(root);
		wg_wait(&wg);
	}
	return all_freed();
}

/* Whoever sees an error finds Done closed, however little has passed. */
static void poll_err(context ctx, waitgroup *wg)
{
	for (error err; !(err = ctx_err(ctx)); gort_gosched())
		;
	require_dead(ctx, ctx_canceled, ctx_canceled);
	ctx_release(ctx);
	wg_done(wg);
}

static int an_error_means_done(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 300; round++) {
		struct gort_cancel *cancel;
		waitgroup wg = {0};
		context ctx = ctx_with_cancel(ctx_background(), &cancel);
		context child = ctx_with_cancel(ctx, nil);
		wg_add(&wg, 2);
		go(poll_err, ctx_retain(ctx), &wg);
		go(poll_err, child, &wg);
		gort_gosched();
		cancel_now(cancel);
		wg_wait(&wg);
		ctx_release(ctx);
	}
	return all_freed();
}

static void cancel_other(context parent, struct gort_cancel *other, waitgroup *wg)
{
	(void)chan_recv(ctx_done(parent));
	cancel_now(other);
	ctx_release(parent);
	wg_done(wg);
}

/* The end of the parent makes another goroutine cancel the child that it is just cancelling. */
static int interlocked_cancels(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (int round = 0; round < 300; round++) {
		struct gort_cancel *cancel, *cancelchild;
		waitgroup wg = {0};
		context parent = ctx_with_cancel(ctx_background(), &cancel);
		context child = ctx_with_cancel(parent, &cancelchild);
		wg_add(&wg, 1);
		go(cancel_other, ctx_retain(parent), cancelchild, &wg);
		cancel_now(cancel);
		(void)chan_recv(ctx_done(child));
		wg_wait(&wg);
		require_dead(child, ctx_canceled, ctx_canceled);
		ctx_release(child);
		ctx_release(parent);
	}
	return all_freed();
}

START_TEST(test_race)
{
	expect_code(an_error_means_done, 0);
	expect_code(interlocked_cancels, 0);
	expect_code(simultaneous_cancels, 0);
	expect_code(everything_races, 0);
}
END_TEST

/* ---- misuse ---- */

static int nil_parent(int argc, char **argv)
{
	(void)argc, (void)argv;
	ctx_with_cancel(nil, nil);
	return 0;
}

static int nil_key(int argc, char **argv)
{
	(void)argc, (void)argv;
	ctx_with_value(ctx_background(), nil, nil);
	return 0;
}

static int released_twice(int argc, char **argv)
{
	(void)argc, (void)argv;
	context ctx = ctx_with_cancel(ctx_background(), nil);
	ctx_release(ctx);
	ctx_release(ctx);
	return 0;
}

START_TEST(test_misuse)
{
	expect_fatal(nil_parent, "panic: cannot create context from nil parent");
	expect_fatal(nil_key, "panic: nil key");
	expect_fatal(released_twice, "fatal error: context: released too often");
}
END_TEST

static Suite *test_suite(void)
{
	return suite_of(&(struct units){"context", .seconds = 100,
		.units = {
			{"basics", test_basics},
			{"tree", test_tree},
			{"deadline", test_deadline},
			{"cause", test_cause},
			{"after", test_after},
			{"race", test_race},
			{"misuse", test_misuse},
		}});
}

#include "check_main.h"
