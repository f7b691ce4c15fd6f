/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test.c - tests and their subtests (Go's testing.go).
 *
 * Each test is a goroutine. Its end is a row of deferred calls, so that it happens after a return,
 * a t_fatal (gort_goexit) and a panic: look for a panic; let the parallel subtests run, and wait;
 * the cleanups; the report. A test that waits as parallel has told its parent so by the same
 * channel that tells the end.
 *
 * A report goes to the parent's output, which prints after the parent's own line; with -v what
 * tests log goes out at once. t.mu guards out, failed and skipped; subs and cleanups are the test
 * goroutine's own, and closed by whoever ends it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/bubble.h"
#include "testing/internal.h"

struct cleanup {
	struct cleanup *next;
	struct gort_call call;
};

struct gort_t {
	struct gort_t *parent; /* NULL: the root */
	char *name;
	void (*fn)(struct gort_t *t, void *arg);
	void *arg;

	gort_mutex mu;
	builder out;
	bool failed, skipped, over;

	bool finished; /* it returned, or said how it ends */
	bool panicked, isparallel, iscase;
	int64_t start, took;
	struct gort_chan *signal;  /* it has ended, or waits as parallel */
	struct gort_chan *barrier; /* closed: its parallel subtests may run */
	struct gort_t *subs;       /* of those, the last; linked by next */
	struct gort_t *next;
	struct cleanup *cleanups;
	struct gort_t *open; /* of t_case */
	builder seen;        /* names of its subtests, each with a NUL */

	struct gort_t *nextrunning, *prevrunning;
};

#define LEAKTEXT 65536 /* bytes of a message about leaks */

static gort_semaphore slots; /* for parallel tests */

/* ---- those that run: for the message of a timeout ---- */

static gort_mutex runningmu;
static struct gort_t running = {.nextrunning = &running, .prevrunning = &running};

static void running_add(struct gort_t *t)
{
	gort_mutex_lock(&runningmu);
	t->nextrunning = &running;
	t->prevrunning = running.prevrunning;
	t->prevrunning->nextrunning = t;
	running.prevrunning = t;
	gort_mutex_unlock(&runningmu);
}

static void running_remove(struct gort_t *t)
{
	gort_mutex_lock(&runningmu);
	gort_store(&t->nextrunning->prevrunning, t->prevrunning);
	gort_store(&t->prevrunning->nextrunning, t->nextrunning);
	gort_mutex_unlock(&runningmu);
}

void tests_running(builder *b)
{
	int64_t now = nanotime();
	gort_mutex_lock(&runningmu);
	for (struct gort_t *t = running.nextrunning; t != &running; t = t->nextrunning)
		if (!t->subs && !t->iscase)
			builder_printf(
				b, "\n\t%s (%.0fs)", t->name, (double)(now - t->start) / 1e9);
	gort_mutex_unlock(&runningmu);
}

/* ---- names ---- */

void write_name(builder *b, const char *name)
{
	for (; *name; name++) {
		unsigned char c = (unsigned char)*name;
		if (c == ' ' || (c >= '\t' && c <= '\r'))
			builder_write(b, "_", 1);
		else if (c < ' ' || c == 0x7f)
			builder_printf(b, "\\x%02x", c);
		else
			builder_write(b, name, 1);
	}
}

static int times_seen(const builder *seen, const char *name)
{
	int times = 0;
	const char *at = (const char *)seen->buf.ptr, *end = at + seen->buf.len;
	for (; at < end; at += strlen(at) + 1)
		times += strcmp(at, name) == 0;
	return times;
}

/* The element of a subtest's name: name, or the next name#01 when it was there before. */
static char *unique(struct gort_t *parent, const char *name)
{
	builder plain = {0}, b = {0};
	write_name(&plain, name);
	const char *text = ended(&plain);
	int times = times_seen(&parent->seen, text);
	builder_write(&parent->seen, text, plain.buf.len);
	builder_printf(&b, "%s", text);
	if (times || !*text)
		builder_printf(&b, "#%02d", times);
	return ended(&b);
}

static bool selected(const char *name)
{
	if (!pattern_match(&flags.run_, name, false))
		return false;
	return !flags.skip || !pattern_match(&flags.skip_, name, true);
}

/* NULL when -run or -skip leave it out. */
static struct gort_t *newtest(struct gort_t *parent, const char *element)
{
	builder name = {0};
	if (parent->parent)
		builder_printf(&name, "%s/", parent->name);
	builder_printf(&name, "%s", element);
	if (!selected(ended(&name)))
		return NULL;
	struct gort_t *t = mallocgc(sizeof(*t));
	t->parent = parent;
	t->name = (char *)name.buf.ptr;
	t->signal = gort_chan_make(1, 1);
	t->barrier = gort_chan_make(1, 0);
	return t;
}

/* ---- what a test says of itself ---- */

/* Where a call for t counts: in the subtest that t_case has begun. */
static struct gort_t *current(struct gort_t *t)
{
	return t->open ? t->open : t;
}

static void fail(struct gort_t *t)
{
	for (; t; t = t->parent) {
		gort_mutex_lock(&t->mu);
		t->failed = true;
		gort_mutex_unlock(&t->mu);
	}
}

void gort_t_fail(struct gort_t *t)
{
	fail(current(t));
}

bool gort_t_failed(struct gort_t *t)
{
	t = current(t);
	gort_mutex_lock(&t->mu);
	bool failed = t->failed;
	gort_mutex_unlock(&t->mu);
	return failed;
}

const char *gort_t_name(struct gort_t *t)
{
	return current(t)->name;
}

bool gort_t_short(void)
{
	return flags.shorter;
}

bool gort_t_verbose(void)
{
	return flags.v;
}

static const char *basename_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* A line of t, with its place; further lines are indented more. */
static void say(struct gort_t *t, const char *file, int line, gort_string text)
{
	builder b = {0};
	builder_printf(&b, "    %s:%d: ", basename_of(file), line);
	for
		range(i, c, text)
		{
			builder_byte(&b, (uint8_t)c);
			if (c == '\n' && i + 1 < text.len)
				builder_write(&b, "        ", 8);
		}
	if (!text.len || text.ptr[text.len - 1] != '\n')
		builder_byte(&b, '\n');
	gort_mutex_lock(&t->mu);
	bool over = t->over;
	if (!over && !flags.v)
		builder_string(&t->out, builder_result(&b));
	gort_mutex_unlock(&t->mu);
	if (over)
		gort_panicf("Log in goroutine after %s has completed: %.*s", t->name, (int)text.len,
			text.len ? text.ptr : "");
	if (flags.v)
		chatter(t->name, builder_result(&b));
}

void leave_test(struct gort_t *t)
{
	t->finished = true;
	gort_goexit();
}

static void how_it_goes_on(struct gort_t *t, enum gort_t_how how)
{
	struct gort_t *c = current(t);
	if (how == GORT_T_ERROR || how == GORT_T_FATAL)
		fail(c);
	if (how == GORT_T_SKIP)
		c->skipped = true;
	if (how == GORT_T_FATAL || how == GORT_T_SKIP)
		leave_test(t);
}

void gort_t_logf(
	struct gort_t *t, enum gort_t_how how, const char *file, int line, const char *fmt, ...)
{
	char text[2048];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n = n < (int)sizeof(text) ? n : (int)sizeof(text) - 1;
	say(current(t), file, line, (gort_string){text, n > 0 ? n : 0});
	how_it_goes_on(t, how);
}

void gort_t_noleaks(struct gort_t *t, const char *file, int line)
{
	char *text = malloc(LEAKTEXT);
	int found = text ? gcleaktest(t->name, t->isparallel, text, LEAKTEXT) : 0;
	if (found > 0)
		say(current(t), file, line, str_view(text));
	free(text);
	if (found)
		fail(current(t));
}

/* ---- t_eq ---- */

static void show(builder *b, const struct gort_arg *a)
{
	bool text = a->kind == GORT_ARG_STRING || (a->kind == GORT_ARG_CSTRING && a->v.p);
	gort_string s = gort_sprint(a, 1);
	builder_printf(b, text ? "\"%.*s\"" : "%.*s", (int)s.len, s.ptr);
}

static size_t textlen(const struct gort_arg *a)
{
	return a->kind == GORT_ARG_STRING ? (size_t)a->len : a->v.p ? strlen(a->v.p) : 0;
}

static bool istext(const struct gort_arg *a)
{
	return a->kind == GORT_ARG_STRING || a->kind == GORT_ARG_CSTRING;
}

static bool isreal(const struct gort_arg *a)
{
	return a->kind == GORT_ARG_DOUBLE || a->kind == GORT_ARG_FLOAT;
}

static gort_any anyof(const struct gort_arg *a)
{
	return (gort_any){(const struct gort_itype *)a->len, (void *)(uintptr_t)a->v.p};
}

/* Slices are equal when they print the same. */
static bool sametext(const struct gort_arg *a, const struct gort_arg *b)
{
	gort_string s = gort_sprint(a, 1), t = gort_sprint(b, 1);
	return s.len == t.len && (!s.len || memcmp(s.ptr, t.ptr, (size_t)s.len) == 0);
}

static bool same(const struct gort_arg *a, const struct gort_arg *b)
{
	if (istext(a) && istext(b))
		return textlen(a) == textlen(b) &&
		       (!textlen(a) || memcmp(a->v.p, b->v.p, textlen(a)) == 0);
	if (isreal(a) || isreal(b))
		return (isreal(a) ? a->v.d : (double)a->v.i) ==
		       (isreal(b) ? b->v.d : (double)b->v.i);
	if (a->kind == GORT_ARG_ANY && b->kind == GORT_ARG_ANY)
		return gort_any_equal(anyof(a), anyof(b));
	if (a->kind > GORT_ARG_ANY)
		return a->kind == b->kind && sametext(a, b);
	bool differ = (a->kind == GORT_ARG_UINT) != (b->kind == GORT_ARG_UINT);
	return a->v.u == b->v.u && !(differ && a->v.i < 0);
}

void gort_t_eq(struct gort_t *t, const char *file, int line, struct gort_arg got,
	struct gort_arg want, const char *text)
{
	builder b = {0};
	if (same(&got, &want))
		return;
	builder_printf(&b, "%s = ", text);
	show(&b, &got);
	builder_printf(&b, ", want ");
	show(&b, &want);
	say(current(t), file, line, builder_result(&b));
	fail(current(t));
}

/* ---- the end of a test ---- */

static void report(struct gort_t *t)
{
	char time[32];
	builder line = {0};
	struct gort_t *p = t->parent;
	gort_mutex_lock(&t->mu);
	t->over = true;
	if (t->failed || flags.v) {
		builder_printf(&line, "%s--- %s: %s %s\n", flags.marked ? "\x16" : "",
			t->failed    ? "FAIL"
			: t->skipped ? "SKIP"
				     : "PASS",
			t->name, seconds(t->took, time, sizeof(time)));
		builder_string(&line, builder_result(&t->out));
	}
	gort_mutex_unlock(&t->mu);
	if (flags.marked || !p->parent) { /* marked: as Go does for test2json, at once */
		outline(t->name, builder_result(&line));
		return;
	}
	gort_mutex_lock(&p->mu);
	write_indented(&p->out, builder_result(&line));
	gort_mutex_unlock(&p->mu);
}

static void close_case(struct gort_t *t)
{
	struct gort_t *c = t->open;
	gort_store(&t->open, NULL);
	if (!c)
		return;
	c->took = nanotime() - c->start;
	report(c);
}

/* The reports of t and those around it, which a panic is about to end. */
static void end_by_panic(struct gort_t *t)
{
	close_case(t);
	for (; t->parent; t = t->parent) {
		t->took += nanotime() - t->start;
		report(t);
	}
}

static void look_for_panic(struct gort_t *t)
{
	error value = gort_recover();
	if (!value && !t->finished)
		value = error_new("test executed panic(nil) or runtime.Goexit");
	if (!value)
		return;
	t->panicked = true;
	fail(current(t));
	end_by_panic(t);
	gort_panic(value);
}

static void wait_for_subtests(struct gort_t *t)
{
	if (t->panicked || !t->subs)
		return;
	if (t->isparallel)
		gort_semaphore_release(&slots, 1);
	gort_chan_close(t->barrier);
	for (struct gort_t *s = t->subs; s; s = s->next)
		(void)gort_chan_recv(s->signal, NULL);
	if (t->isparallel)
		gort_semaphore_acquire(&slots, 1);
}

/* Each defers the next: one that ends the goroutine does not keep the others from running. */
static void run_cleanups(struct gort_t *t)
{
	struct cleanup *c = t->cleanups;
	if (!c || t->panicked)
		return;
	gort_store(&t->cleanups, c->next);
	defer(run_cleanups, t);
	gort_call6(&c->call);
}

static void end(struct gort_t *t)
{
	if (t->panicked)
		return;
	close_case(t);
	t->took += nanotime() - t->start;
	running_remove(t);
	report(t);
	if (t->isparallel)
		gort_semaphore_release(&slots, 1);
	gort_chan_send(t->signal, "");
}

static void runner(struct gort_t *t)
{
	t->start = nanotime();
	gcleakowner(t->name);
	running_add(t);
	defer(end, t);
	defer(run_cleanups, t);
	defer(wait_for_subtests, t);
	defer(look_for_panic, t);
	t->fn(t, t->arg);
	t->finished = true;
}

/* ---- subtests ---- */

__attribute__((noinline)) bool subtest(
	struct gort_t *parent, const char *name, void (*fn)(struct gort_t *, void *), void *arg)
{
	struct gort_t *t = newtest(parent, name);
	if (!t || (flags.failfast && parent->failed))
		return true;
	t->fn = fn;
	t->arg = arg;
	frame("RUN", t->name);
	go(runner, t);
	(void)gort_chan_recv(t->signal, NULL);
	return !gort_t_failed(t);
}

bool gort_t_run(
	struct gort_t *t, const char *name, void (*fn)(struct gort_t *t, void *arg), void *arg)
{
	if (bubbleself())
		gort_panictext("testing: t.Run called inside synctest bubble");
	close_case(t);
	return subtest(t, unique(t, name), fn, arg);
}

bool gort_t_case(struct gort_t *t, const char *name)
{
	close_case(t);
	struct gort_t *c = newtest(t, unique(t, name));
	if (!c)
		return false;
	c->iscase = true;
	c->start = nanotime();
	frame("RUN", c->name);
	gort_store(&t->open, c);
	return true;
}

void gort_t_cleanup(struct gort_t *t, const struct gort_call *call)
{
	struct cleanup *c = mallocgc(sizeof(*c));
	*c = (struct cleanup){t->cleanups, *call};
	gort_store(&t->cleanups, c);
}

void gort_t_parallel(struct gort_t *t)
{
	if (bubbleself())
		gort_panictext("testing: t.Parallel called inside synctest bubble");
	if (t->isparallel)
		gort_panictext("testing: t.Parallel called multiple times");
	t->isparallel = true;
	t->took += nanotime() - t->start;
	t->next = t->parent->subs;
	gort_store(&t->parent->subs, t);
	running_remove(t);
	frame("PAUSE", t->name);
	gort_chan_send(t->signal, "");
	(void)gort_chan_recv(t->parent->barrier, NULL);
	gort_semaphore_acquire(&slots, 1);
	frame("CONT", t->name);
	t->start = nanotime();
	running_add(t);
}

/* ---- all of them ---- */

char *test_name(const struct gort_test *e)
{
	static const char *const kinds[][2] = {
		{"Test", "test_"}, {"Benchmark", "bench_"}, {"Fuzz", "fuzz_"}};
	const char *const *kind = kinds[e->test ? 0 : e->bench ? 1 : 2], *at = e->name;
	builder b = {0};
	bool upper = true;
	if (strncmp(at, kind[0], strlen(kind[0])) == 0)
		return (char *)(uintptr_t)at;
	at += strncmp(at, kind[1], strlen(kind[1])) == 0 ? strlen(kind[1]) : 0;
	builder_printf(&b, "%s", kind[0]);
	for (; *at; at++) {
		char c = upper && *at >= 'a' && *at <= 'z' ? (char)(*at - 'a' + 'A') : *at;
		upper = *at == '_';
		if (!upper)
			builder_write(&b, &c, 1);
	}
	return ended(&b);
}

static void run_entry(struct gort_t *t, void *arg)
{
	const struct gort_test *e = arg;
	if (e->fuzz)
		fuzz_replay(t, e);
	else
		e->test(t);
}

/* ---- one input of a fuzz target ---- */

struct input {
	const struct gort_test *entry;
	const union gort_fuzzvalue *args;
};

static void call_target(struct gort_t *t)
{
	const struct input *in = t->arg;
	in->entry->fuzz(t, in->args);
}

static void input_over(struct gort_t *t)
{
	gort_chan_send(t->signal, "");
}

static void run_input(struct gort_t *t)
{
	defer(input_over, t);
	error value = protect(call_target, t);
	if (value) {
		builder_printf(&t->out, "    panic: %s\n", error_text(value));
		fail(t);
	}
}

bool test_input(const struct gort_test *e, const union gort_fuzzvalue *args, builder *said)
{
	static struct gort_t t, root;
	static struct gort_chan *signal;
	struct input in = {e, args};
	if (!signal)
		signal = gort_chan_make(1, 1);
	t = (struct gort_t){.parent = &root, .name = test_name(e), .arg = &in, .signal = signal};
	go(run_input, &t);
	(void)gort_chan_recv(signal, NULL);
	*said = t.out;
	return !t.failed;
}

/* ---- all tests ---- */

bool tests_run(struct gort_test *const *entries, int n, bool *ran)
{
	struct gort_t root = {.barrier = gort_chan_make(1, 0)};
	slots = (gort_semaphore){.free = flags.parallel};
	for (int i = 0; i < n; i++) {
		if (entries[i]->bench)
			continue;
		char *name = test_name(entries[i]);
		*ran = *ran || selected(name);
		subtest(&root, name, run_entry, entries[i]);
	}
	wait_for_subtests(&root);
	return !root.failed;
}
