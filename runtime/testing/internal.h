/* SPDX-License-Identifier: BSD-2-Clause */
/* internal.h - what the files of testing/ share. They use libgort as programs do. */
#ifndef GORT_TESTING_INTERNAL_H
#define GORT_TESTING_INTERNAL_H

#include <regex.h>
#include <stdarg.h>

#define GORT_TESTING_NOMAIN
#define GORT_NO_UNITS
#include "gort/testing.h"

/* ---- flags.c ---- */

#define MAXLEVEL       16
#define MAXALTERNATIVE 16

/* A regular expression for each level of subtests. */
struct elements {
	int n;
	regex_t re[MAXLEVEL];
};

/* One of them is to match; n 0: anything does. */
struct pattern {
	int n;
	struct elements alternative[MAXALTERNATIVE];
};

struct flags {
	bool v, marked, shorter, benchmem, failfast, json, shuffle;
	bool bench, list, skip, fuzz; /* given */
	struct pattern run_, skip_, bench_, list_, fuzz_;
	long count, parallel, benchn; /* benchn 0: benchtime */
	int64_t benchtime, timeout, fuzztime, seed;
	const char *cpuprofile, *memprofile, *blockprofile, *mutexprofile;
	long memprofilerate; /* bytes; negative: as it is */
	long blockprofilerate, mutexprofilefraction;
};

extern struct flags flags;

/* False, with a message on stderr, when they make no sense. */
bool flags_parse(int argc, char **argv);
/* Whether name does, or with whole not set may with what follows below it. */
bool pattern_match(const struct pattern *p, const char *name, bool whole);

/* ---- output.c ---- */

/* The text of b, ended by a NUL. */
char *ended(builder *b);
/* Each line with four spaces before it. */
void write_indented(builder *b, gort_string text);
/* To stdout, at once. */
void out(gort_string text);
void outf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* With -v: a line of the frame, such as "=== RUN   TestA". */
void frame(const char *what, const char *name);
/* With -v: what the test of that name says, after "=== NAME" unless it spoke last. */
void chatter(const char *name, gort_string text);
/* A report of the test of that name, which has spoken with it. */
void outline(const char *name, gort_string text);
/* A number of seconds as Go's reports have it: "(0.00s)". */
const char *seconds(int64_t ns, char *text, size_t size);

/* ---- test.c ---- */

/* Runs entries[0..n), tests and fuzz targets; whether all passed. *ran: whether there was one. */
bool tests_run(struct gort_test *const *entries, int n, bool *ran);
/* As Go spells the name of e: "TestParse". In the heap. */
char *test_name(const struct gort_test *e);
/* Appends the name of a subtest as Go rewrites it: no spaces, nothing that does not print. */
void write_name(builder *b, const char *name);
/* Ends t's goroutine, which is the caller's, as t_fatal does. */
_Noreturn void leave_test(struct gort_t *t);
/* What runs now, for the message of a timeout. */
void tests_running(builder *b);
/* Runs a fuzz target on one input; whether it passed, else with what it said. One at a time. */
bool test_input(const struct gort_test *e, const union gort_fuzzvalue *args, builder *said);
/* As gort_t_run, for names that are whole. */
bool subtest(
	struct gort_t *parent, const char *name, void (*fn)(struct gort_t *, void *), void *arg);

/* ---- bench.c, fuzz.c, json.c ---- */

bool benches_run(struct gort_test *const *entries, int n);
/* A fuzz target over its corpus, as a test. */
void fuzz_replay(struct gort_t *t, const struct gort_test *e);
/* -fuzz: looks for new inputs; the exit code. */
int fuzz_search(const struct gort_test *e);
/* Runs this program again and prints what it does as test2json would; the exit code. */
int json_run(int argc, char **argv);

#endif
