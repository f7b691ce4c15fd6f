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
	bool timed, showallocs, failed;
	int64_t start, took, bytes;
	uint64_t objects0, size0; /* allocated before */
	uint64_t objects, size;   /* while timed */
	const struct gort_test *entry;
	struct gort_b *b;
	struct gort_chan *done;
};

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
	r->entry->bench(r->b);
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

static void measure(struct run *r)
{
	once_with(r, 1);
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
static void pretty(struct buf *b, double x, const char *unit)
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
	buf_printf(b, "\t%*.*f %s", forms[i].width, forms[i].digits, x, unit);
}

static void result(struct buf *b, const struct run *r)
{
	double n = (double)r->b->n;
	buf_printf(b, "%8ld", r->b->n);
	pretty(b, (double)r->took / n, "ns/op");
	if (r->bytes && r->took > 0)
		buf_printf(b, "\t%7.2f MB/s", (double)r->bytes * n / 1e6 / ((double)r->took / 1e9));
	if (flags.benchmem || r->showallocs)
		buf_printf(b, "\t%8llu B/op\t%8llu allocs/op",
			(unsigned long long)((double)r->size / n),
			(unsigned long long)((double)r->objects / n));
	buf_add(b, "\n", 1);
}

/* "BenchmarkParse-2": with the number of Ps, unless that is 1. */
static char *full_name(const struct gort_test *e)
{
	struct buf b = {0};
	int procs = gort_gomaxprocs(0);
	buf_printf(&b, "%s", test_name(e));
	if (procs > 1)
		buf_printf(&b, "-%d", procs);
	buf_add(&b, "", 1);
	return b.p;
}

static void bench_one(const struct gort_test *e, int width)
{
	struct gort_b b;
	struct run r = {.entry = e, .b = &b, .done = gort_chan_make(1, 1)};
	struct buf line = {0};
	outf("%-*s\t", width, full_name(e));
	measure(&r);
	result(&line, &r);
	out(line.p, line.n);
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
	int width = 0, count = 0;
	for (int i = 0; i < n; i++) {
		int len = selected(entries[i]) ? (int)strlen(full_name(entries[i])) : 0;
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
				bench_one(entries[i], width);
	return true;
}
