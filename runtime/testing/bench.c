/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.c - benchmarks (Go's benchmark.go): how often to run one so that it takes long enough, and
 * the line that benchstat reads.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "mem/malloc.h"
#include "testing/internal.h"

#define MOST 1000000000 /* iterations */

/* What a gort_b has besides. */
struct run {
	bool timed, showallocs, hassubs;
	int64_t start, took, bytes;
	uint64_t objects0, size0; /* allocated before */
	uint64_t objects, size;   /* while timed */
	const char *name;         /* without the number of Ps */
	void (*fn)(struct gort_b *b, void *arg);
	void *arg;
	struct gort_b *b;
	struct gort_chan *done;
};

/* Names have so many columns: as in Go, the longest that was seen, and some more. */
static int width;

static struct run *runof(struct gort_b *b)
{
	return b->opaque;
}

void gort_b_start(struct gort_b *b)
{
	struct run *r = runof(b);
	if (r->timed)
		return;
	r->timed = true;
	memcounts(&r->objects0, &r->size0);
	r->start = nanotime();
}

void gort_b_stop(struct gort_b *b)
{
	struct run *r = runof(b);
	uint64_t objects, size;
	if (!r->timed)
		return;
	r->took += nanotime() - r->start;
	memcounts(&objects, &size);
	r->objects += objects - r->objects0;
	r->size += size - r->size0;
	r->timed = false;
}

void gort_b_reset(struct gort_b *b)
{
	struct run *r = runof(b);
	bool timed = r->timed;
	gort_b_stop(b);
	r->took = 0;
	r->objects = r->size = 0;
	if (timed)
		gort_b_start(b);
}

void gort_b_allocs(struct gort_b *b)
{
	runof(b)->showallocs = true;
}

void gort_b_bytes(struct gort_b *b, int64_t n)
{
	runof(b)->bytes = n;
}

/* Go's predictN: n for goal, a fifth more, growing at most a hundredfold. */
static long predict(int64_t goal, long before, int64_t took)
{
	double n = (double)goal * (double)before / (double)(took > 0 ? took : 1);
	n *= 1.2;
	if (n > 100.0 * (double)before)
		n = 100.0 * (double)before;
	if (n < (double)before + 1)
		n = (double)before + 1;
	return n < MOST ? (long)n : MOST;
}

/* Out of iterations: begins, or goes on if that did not take long enough. */
bool gort_b_loop(struct gort_b *b)
{
	struct run *r = runof(b);
	if (!b->looped) {
		b->looped = true;
		b->limit = flags.benchn ? flags.benchn : 1;
		b->i = 1;
		gort_b_reset(b);
		gort_b_start(b);
		return true;
	}
	int64_t took = r->took + (r->timed ? nanotime() - r->start : 0);
	if (!flags.benchn && took < flags.benchtime && b->limit < MOST) {
		b->limit = predict(flags.benchtime, b->limit, took);
		return true;
	}
	b->n = b->limit;
	gort_b_stop(b);
	return false;
}

static void finished(struct run *r)
{
	gort_b_stop(r->b);
	gort_chan_send(r->done, "");
}

static void measured(struct run *r)
{
	defer(finished, r);
	gort_b_start(r->b);
	r->fn(r->b, r->arg);
}

static void once_with(struct run *r, long n)
{
	*r->b = (struct gort_b){.n = n, .opaque = r};
	r->took = 0;
	r->objects = r->size = 0;
	r->timed = false;
	go(measured, r);
	(void)gort_chan_recv(r->done, NULL);
}

/* All but the first run, which may have been all: that of b_loop. */
static void measure(struct run *r)
{
	if (r->b->looped)
		return;
	if (flags.benchn) {
		once_with(r, flags.benchn);
		return;
	}
	while (r->took < flags.benchtime && r->b->n < MOST)
		once_with(r, predict(flags.benchtime, r->b->n, r->took));
}

/* ---- the result ---- */

/* Go's prettyPrint: ten places before the point, and small numbers with four digits. */
static void pretty(builder *b, double x, const char *unit)
{
	static const struct {
		double least;
		int width, digits;
	} forms[] = {{999.95, 10, 0}, {99.995, 12, 1}, {9.9995, 13, 2}, {0.99995, 14, 3},
		{0.099995, 15, 4}, {0.0099995, 16, 5}, {0.00099995, 17, 6}, {0, 18, 7}};
	int i = 0;
	while (x < forms[i].least)
		i++;
	i = x == 0 ? 0 : i;
	builder_printf(b, "\t%*.*f %s", forms[i].width, forms[i].digits, x, unit);
}

static void result(builder *b, const struct run *r)
{
	double n = (double)r->b->n;
	builder_printf(b, "%8ld", r->b->n);
	pretty(b, (double)r->took / n, "ns/op");
	if (r->bytes && r->took > 0)
		builder_printf(
			b, "\t%7.2f MB/s", (double)r->bytes * n / 1e6 / ((double)r->took / 1e9));
	if (flags.benchmem || r->showallocs)
		builder_printf(b, "\t%8llu B/op\t%8llu allocs/op",
			(unsigned long long)((double)r->size / n),
			(unsigned long long)((double)r->objects / n));
	builder_write(b, "\n", 1);
}

static int suffix_len(void)
{
	int procs = gort_gomaxprocs(0);
	return procs > 1 ? snprintf(NULL, 0, "-%d", procs) : 0;
}

/* "BenchmarkParse-2": with the number of Ps, unless that is 1. */
static char *full_name(const char *name)
{
	builder b = {0};
	int procs = gort_gomaxprocs(0);
	builder_printf(&b, "%s", name);
	if (procs > 1)
		builder_printf(&b, "-%d", procs);
	return ended(&b);
}

/* One whose first run has measured others below it is no more than their parent. */
static void bench_one(const char *name, void (*fn)(struct gort_b *, void *), void *arg)
{
	struct gort_b b;
	struct run r = {.name = name, .fn = fn, .arg = arg, .b = &b, .done = gort_chan_make(1, 1)};
	builder line = {0};
	int len = (int)strlen(name) + suffix_len() + 1;
	if (len > width)
		width = len + 8;
	once_with(&r, 1);
	if (r.hassubs)
		return;
	outf("%-*s\t", width, full_name(name));
	measure(&r);
	result(&line, &r);
	out(builder_result(&line));
}

void gort_b_run(
	struct gort_b *b, const char *name, void (*fn)(struct gort_b *b, void *arg), void *arg)
{
	builder whole = {0};
	runof(b)->hassubs = true;
	builder_printf(&whole, "%s/", runof(b)->name);
	write_name(&whole, name);
	if (pattern_match(&flags.bench_, ended(&whole), false))
		bench_one((const char *)whole.buf.ptr, fn, arg);
}

static void run_entry(struct gort_b *b, void *arg)
{
	const struct gort_test *e = arg;
	e->bench(b);
}

static bool selected(const struct gort_test *e)
{
	return e->bench && pattern_match(&flags.bench_, test_name(e), false);
}

static void print_cpu(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256], *colon;
	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, "model name", 10) == 0 && (colon = strstr(line, ": "))) {
			outf("cpu: %s", colon + 2);
			break;
		}
	if (f)
		fclose(f);
}

bool benches_run(struct gort_test *const *entries, int n)
{
	int count = 0;
	for (int i = 0; i < n; i++) {
		bool is = selected(entries[i]);
		int len = is ? (int)strlen(test_name(entries[i])) + 2 * suffix_len() + 1 : 0;
		count += len > 0;
		width = len > width ? len : width;
	}
	if (count) {
		outf("goos: linux\ngoarch: amd64\npkg: %s\n", program_invocation_short_name);
		print_cpu();
	}
	for (long k = 0; k < flags.count; k++)
		for (int i = 0; i < n; i++)
			if (selected(entries[i]))
				bench_one(test_name(entries[i]), run_entry, entries[i]);
	return true;
}
