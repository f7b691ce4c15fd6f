/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakcheck.c - goleak's rule over a snapshot: a goroutine that no filter names should not be
 * there.
 *
 * Follows go.uber.org/goleak v1.3.0 in its filters and its retry schedule. goleak reads the text of
 * runtime.Stack, a snapshot has every frame: see stack.h for what "on top" means, and "a stack of
 * nothing but runtime.goexit" is here "no frame is shown".
 */
#include "leakcheck.h"

#include <stdio.h>
#include "stack.h"

enum { RETRIES = 20, SLEEP_MAX_US = 100000 };

/* runtime.Stack lists neither the dead nor the runtime's own goroutines. */
static bool listed(const struct gsnap_g *gp)
{
	return !(gp->flags & GSNAP_G_SYSTEM) && gp->status != GSTATUS_IDLE &&
	       gp->status != GSTATUS_DEAD && gp->status != GSTATUS_DEADEXTRA;
}

/* Nothing keeps it from going on, and perhaps to its end. */
static bool goes_on(const struct gsnap_g *gp)
{
	return gp->status == GSTATUS_RUNNABLE || gp->status == GSTATUS_RUNNING ||
	       gp->status == GSTATUS_COPYSTACK || gp->status == GSTATUS_PREEMPTED;
}

static bool any_func(const struct gsnap *s, const struct gsnap_g *gp, const char *const *list)
{
	struct calls c = calls_of(s, gp);
	for (const struct gsnap_frame *f; (f = calls_next(&c));)
		if (in_list(list, f->func))
			return true;
	return false;
}

static bool created_by(const struct gsnap *s, const struct gsnap_g *gp, const char *const *list)
{
	const struct gsnap_loc *loc = leak_creator(s, gp);
	for (uint32_t i = 0; loc && i < loc->nframes; i++)
		if (in_list(list, s->frames[loc->frame + i].func))
			return true;
	return false;
}

/* Goroutines of package testing that wait for the tests they started. */
static bool of_testing(const struct gsnap_g *gp, const char *top)
{
	static const char *const tops[] = {"testing.RunTests", "testing.(*T).Run",
		"testing.(*T).Parallel", "testing.runFuzzing", "testing.runFuzzTests", NULL};
	return has_prefix(gsnap_state(gp), "chan receive") && in_list(tops, top);
}

/* cgo leaves a goroutine in a system call with only the runtime under it (golang issue 16714). */
static bool of_cgo(const struct gsnap *s, const struct gsnap_g *gp)
{
	return gp->status == GSTATUS_SYSCALL && gp->stack < s->nstacks && !leak_top(s, gp);
}

/* Importing os/signal or using signal.Notify starts goroutines, and so does the tracer. */
static bool of_stdlib(const struct gsnap *s, const struct gsnap_g *gp, const char *top)
{
	static const char *const tops[] = {"os/signal.signal_recv", "os/signal.loop", NULL};
	static const char *const any[] = {
		"runtime.ensureSigM", "runtime.ensureSigM.func1", "runtime.ReadTrace", NULL};
	return in_list(tops, top) || any_func(s, gp, any);
}

/* NULL when it has none of that key. */
static const char *label_of(const struct gsnap_g *gp, const char *key)
{
	const char *at = gp->labels;
	for (uint32_t i = 0; i < gp->nlabels; i++) {
		const char *value = at + strlen(at) + 1;
		if (!strcmp(at, key))
			return value;
		at = value + strlen(value) + 1;
	}
	return NULL;
}

/* Subtests belong to a test. */
static bool of_another_test(const struct leak_filter *f, const struct gsnap_g *gp)
{
	const char *test = f->test ? label_of(gp, LEAK_TEST) : NULL;
	if (!test)
		return f->test && f->among_others;
	return !has_prefix(test, f->test) || !strchr("/", test[strlen(f->test)]);
}

static bool was_there(const struct leak_filter *f, uint64_t id)
{
	size_t lo = 0, hi = f->ncurrent;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (f->current[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->ncurrent && f->current[lo] == id;
}

static bool ignored(const struct gsnap *s, const struct leak_filter *f, const struct gsnap_g *gp)
{
	const char *top = leak_top(s, gp);
	if (f->only_look && goes_on(gp))
		return true;
	if ((f->self && gp->id == f->self) || was_there(f, gp->id) || of_another_test(f, gp))
		return true;
	if (top && in_list(f->ignore_top, top))
		return true;
	if (any_func(s, gp, f->ignore_any) || created_by(s, gp, f->ignore_creator))
		return true;
	if (s->kind != GSNAP_GO)
		return false;
	return of_cgo(s, gp) || (top && of_testing(gp, top)) || of_stdlib(s, gp, top ? top : "");
}

size_t leakcheck_find(const struct gsnap *s, const struct leak_filter *f, uint32_t *out)
{
	size_t n = 0;
	for (uint32_t i = 0; i < s->ngs; i++)
		if (listed(&s->gs[i]) && !ignored(s, f, &s->gs[i]))
			out[n++] = i;
	return n;
}

/* ---- whose test ---- */

/* A test function has this name and is in a file whose name ends so: the rules of cmd/go. */
static bool in_test_file(const struct gsnap_frame *f)
{
	static const char end[] = "_test.go";
	size_t len = f->file ? strlen(f->file) : 0;
	return !len || (len >= strlen(end) && !strcmp(f->file + len - strlen(end), end));
}

static bool names_test(const char *word)
{
	static const char *const kinds[] = {"Test", "Benchmark", "Fuzz", "Example"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char next = has_prefix(word, kinds[i]) ? word[strlen(kinds[i])] : 'a';
		if (next < 'a' || next > 'z')
			return true;
	}
	return false;
}

/* "TestMode" of "example.com/shop.TestMode.func1"; NULL when there is none, else *len. */
static const char *test_in(const struct gsnap_frame *f, size_t *len)
{
	const char *slash = strrchr(f->func, '/'), *dot = slash ? slash : f->func;
	while (in_test_file(f) && (dot = strchr(dot, '.')) != NULL)
		if (names_test(++dot)) {
			*len = strcspn(dot, ".");
			return dot;
		}
	return NULL;
}

static const char *test_of_stack(const struct gsnap *s, const struct gsnap_g *gp, size_t *len)
{
	const struct gsnap_loc *loc = leak_creator(s, gp);
	const char *test = NULL;
	for (uint32_t i = 0; loc && i < loc->nframes && !test; i++)
		test = test_in(&s->frames[loc->frame + i], len);
	struct calls c = calls_of(s, gp);
	for (const struct gsnap_frame *f; !test && (f = calls_next(&c));)
		test = test_in(f, len);
	return test;
}

size_t leakcheck_test(const struct gsnap *s, const struct gsnap_g *gp, char *buf, size_t size)
{
	const char *test = s->kind == GSNAP_GORT ? label_of(gp, LEAK_TEST) : NULL;
	size_t len = test ? strlen(test) : 0;
	if (s->kind == GSNAP_GO)
		test = test_of_stack(s, gp, &len);
	return test ? (size_t)snprintf(buf, size, "%.*s", (int)len, test) : 0;
}

int64_t leakcheck_backoff_us(int attempt)
{
	if (attempt < 0 || attempt >= RETRIES)
		return -1;
	int64_t us = INT64_C(1) << attempt;
	return us < SLEEP_MAX_US ? us : SLEEP_MAX_US;
}
