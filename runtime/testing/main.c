/* SPDX-License-Identifier: BSD-2-Clause */
/* main.c - what a test program does: its flags, its tests, its benchmarks (Go's testing.M). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "base/clock.h"
#include "debug/options.h"
#include "gort/debug.h"
#include "mem/malloc.h"
#include "testing/internal.h"

static struct gort_test *registered;
static struct gort_fuzzseed *seeds;

void gort_test_add(struct gort_test *e)
{
	e->next = registered;
	registered = e;
}

/* Constructors of one file run in its order, those of the targets among them. */
void gort_test_seed(struct gort_fuzzseed *seed)
{
	seed->next = seeds;
	seeds = seed;
}

/* As they stand in the files: compilers and linkers have their own order of constructors. */
static int by_place(const void *a, const void *b)
{
	const struct gort_test *x = *(struct gort_test *const *)a,
			       *y = *(struct gort_test *const *)b;
	int order = strcmp(x->file, y->file);
	return order ? order : x->line - y->line;
}

/* Moves e's seeds to it, in their order: the last one first. */
static void give_seeds(struct gort_test *e)
{
	struct gort_fuzzseed **from = &seeds, **to = &e->seeds;
	while (*from) {
		struct gort_fuzzseed *seed = *from;
		if (e->fuzz && strcmp(seed->name, e->name) == 0) {
			*from = seed->next;
			*to = seed;
			to = &seed->next;
		} else {
			from = &seed->next;
		}
	}
	*to = NULL;
}

static struct gort_test **sorted(int *n)
{
	*n = 0;
	for (struct gort_test *e = registered; e; e = e->next)
		++*n;
	struct gort_test **all = mallocgc(((size_t)*n + 1) * sizeof(*all)), **at = all;
	for (struct gort_test *e = registered; e; e = e->next) {
		give_seeds(e);
		*at++ = e;
	}
	qsort(all, (size_t)*n, sizeof(*all), by_place);
	return all;
}

static void shuffle(struct gort_test **all, int n, uint64_t seed)
{
	outf("-test.shuffle %lld\n", (long long)flags.seed);
	for (int i = n - 1; i > 0; i--) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		int k = (int)((seed >> 33) % (uint64_t)(i + 1));
		struct gort_test *e = all[i];
		all[i] = all[k];
		all[k] = e;
	}
}

static void list(struct gort_test *const *all, int n)
{
	for (int i = 0; i < n; i++) {
		char *name = test_name(all[i]);
		if (pattern_match(&flags.list_, name, false))
			outf("%s\n", name);
	}
}

/* Go's message; all goroutines follow. */
static void timed_out(void)
{
	builder b = {0};
	builder_printf(&b, "test timed out after %gs\nrunning tests:", (double)flags.timeout / 1e9);
	tests_running(&b);
	options.traceback = TRACE_ALL;
	gort_panictext(ended(&b));
}

static bool run_all(struct gort_test **all, int n, bool *none)
{
	bool passed = true, ran = false;
	struct gort_call call = {(void (*)(void))timed_out, 0, {0}};
	gort_timer *limit = flags.timeout > 0 ? gort_after_func(flags.timeout, &call) : NULL;
	for (long i = 0; i < flags.count && (passed || !flags.failfast); i++)
		passed = tests_run(all, n, &ran) && passed;
	*none = !ran && !flags.bench;
	if (*none && flags.v)
		outf("testing: warning: no tests to run\n");
	if (passed && flags.bench)
		passed = benches_run(all, n);
	gort_timer_free(limit);
	return passed;
}

/* As go test prints it of a package: PASS only where more than the verdict is wanted. */
static void verdict(bool passed, bool none, double took)
{
	const char *mark = flags.marked ? "\x16" : "", *name = program_invocation_short_name;
	if (!passed)
		outf("%sFAIL\n%sFAIL\t%s\t%.3fs\n%s", mark, mark, name, took,
			flags.marked ? "" : "FAIL\n");
	else
		outf("%s%s%sok  \t%s\t%.3fs%s\n", flags.v || flags.bench ? mark : "",
			flags.v || flags.bench ? "PASS\n" : "", mark, name, took,
			none ? " [no tests to run]" : "");
}

/* The target that -fuzz names; NULL: there is none, or more than one, which *several tells. */
static const struct gort_test *wanted(struct gort_test *const *all, int n, bool *several)
{
	const struct gort_test *e = NULL;
	builder names = {0};
	for (int i = 0; i < n; i++) {
		if (!all[i]->fuzz || !pattern_match(&flags.fuzz_, test_name(all[i]), false))
			continue;
		builder_printf(&names, " %s", test_name(all[i]));
		*several |= e != NULL;
		e = all[i];
	}
	if (*several)
		fprintf(stderr,
			"testing: will not fuzz, -fuzz matches more than one fuzz test: [%s]\n",
			ended(&names) + 1);
	return *several ? NULL : e;
}

/* As in Go all tests run before, the target over its corpus among them. */
static int search(struct gort_test **all, int n)
{
	int64_t start = nanotime();
	bool none, several = false;
	if (!run_all(all, n, &none)) {
		verdict(false, none, (double)(nanotime() - start) / 1e9);
		return 1;
	}
	const struct gort_test *e = wanted(all, n, &several);
	if (e)
		return fuzz_search(e);
	if (!several)
		outf("testing: warning: no fuzz tests to fuzz\n");
	return several;
}

static bool profiled(const char *file, int err)
{
	if (err)
		fprintf(stderr, "testing: can't write %s: %s\n", file, strerror(-err));
	return !err;
}

/* Of memory after a collection, which completes the figures of what is in use. */
static bool write_profiles(void)
{
	bool written = !flags.cpuprofile || profiled(flags.cpuprofile, gort_cpuprofile_stop());
	if (flags.blockprofile)
		written &= profiled(flags.blockprofile, gort_block_profile(flags.blockprofile));
	if (flags.mutexprofile)
		written &= profiled(flags.mutexprofile, gort_mutex_profile(flags.mutexprofile));
	if (!flags.memprofile)
		return written;
	gort_gc();
	return profiled(flags.memprofile, gort_allocs_profile(flags.memprofile)) && written;
}

static int run(struct gort_test **all, int n)
{
	int64_t start = nanotime();
	int bad = flags.cpuprofile ? gort_cpuprofile_start(flags.cpuprofile) : 0;
	if (bad) {
		fprintf(stderr, "testing: can't start cpu profile: %s\n", strerror(-bad));
		return 2;
	}
	if (flags.memprofilerate >= 0)
		gort_memprofile_rate(flags.memprofilerate);
	if (flags.blockprofile)
		gort_blockprofile_rate(flags.blockprofilerate);
	if (flags.mutexprofile)
		gort_mutexprofile_fraction(flags.mutexprofilefraction);
	bool none, passed = run_all(all, n, &none);
	bool written = write_profiles();
	verdict(passed, none, (double)(nanotime() - start) / 1e9);
	return !written ? 2 : passed ? 0 : 1;
}

int gort_test_main(int argc, char **argv)
{
	int n;
	if (!flags_parse(argc, argv))
		return 2;
	if (flags.json)
		return json_run(argc, argv);
	struct gort_test **all = sorted(&n);
	if (flags.list) {
		list(all, n);
		return 0;
	}
	if (flags.fuzz)
		return search(all, n);
	if (flags.shuffle)
		shuffle(all, n, (uint64_t)flags.seed);
	return run(all, n);
}
