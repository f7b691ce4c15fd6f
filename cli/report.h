/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - findings of `gort leaks`, `gort-leak` and `gort-race`: which are new, which a baseline
 * knows, which a suppression hides; and the files that CI systems read.
 *
 * A finding is a place in a program, not each time that something happened there.
 *
 *	report_open(&r, o, "gort leaks", &err)
 *	f = report_add(&r, "leak-chan-send", "3 goroutines ...");
 *	report_stack(&r, REPORT_AT, "blocked at");
 *	report_frame(&r, func, file, line);                 innermost first
 *	report_judge(&r)                                    f->status is known now
 *	report_write(&r, o)
 *	report_failed(&r)                                   new findings that count
 *	report_close(&r)
 */
#ifndef GORT_CLI_REPORT_H
#define GORT_CLI_REPORT_H

#include "cli.h"

enum finding_status { FINDING_NEW, FINDING_KNOWN, FINDING_SUPPRESSED };

enum report_role {
	REPORT_AT, /* where it is: what `top:` matches the first call of, and the fingerprint */
	REPORT_CREATED, /* who started the goroutine or thread: what `created:` matches */
	REPORT_MORE,    /* worth knowing */
};

struct report_frame {
	const char *func, *file; /* "" when unknown */
	uint32_t line;
};

struct report_stack {
	enum report_role role;
	const char *title;
	uint32_t first, n; /* of report.frames */
};

struct finding {
	const char *rule; /* "leak-chan-send", "race-data": the kind before the first '-' counts */
	const char *message; /* one line without a place */
	const char *state;   /* what `reason:` matches, "" when there is none */
	uint64_t count;      /* of it at once: goroutines; 1 when it makes no sense to count */
	bool fails;          /* a new one of this class fails the run */
	enum finding_status status;
	const struct suppression *by; /* FINDING_SUPPRESSED */
	uint64_t key;                 /* fingerprint, the same when lines move */
	uint32_t first, n;            /* of report.stacks */
};

enum suppression_kind { SUPPRESS_ANY, SUPPRESS_TOP, SUPPRESS_CREATED, SUPPRESS_REASON };

struct suppression {
	enum suppression_kind kind;
	const char *only;           /* findings whose rule begins so alone; NULL for all */
	const char *pattern, *text; /* text as it was written */
	const char *why;            /* NULL for one of the command line */
	uint64_t findings, count;   /* what it hid */
};

struct report {
	const char *tool;
	struct finding *v;
	uint32_t n, judged;
	struct report_stack *stacks;
	uint32_t nstacks;
	struct report_frame *frames;
	uint32_t nframes;
	struct suppression *suppressions;
	uint32_t nsuppressions;
	struct report_known *base; /* the baseline, by key */
	uint32_t nbase;
	uint32_t cap, cap_stacks, cap_frames, cap_suppressions, cap_base;
	struct gsnap strings; /* owns all text */
	bool oom;
	bool bare; /* suppressions without a reason are taken: other tools' files have none */
};

/* What a baseline says of one place. */
struct report_known {
	uint64_t key, count;
	const char *rule, *at;
};

/* The options that all of them take (opt.c, TAKES_REPORT), read; 0, or -errno with err filled. */
int report_open(struct report *r, const struct opts *o, const char *tool, struct gsnap_err *err);
void report_close(struct report *r);

/* Text is copied. After the last report_add they belong to the newest finding. */
struct finding *report_add(struct report *r, const char *rule, const char *message);
void report_stack(struct report *r, enum report_role role, const char *title);
void report_frame(struct report *r, const char *func, const char *file, uint32_t line);

/* Gives each finding that was added since the last call its fingerprint and its status. */
void report_judge(struct report *r);
bool report_failed(const struct report *r);

/*
 * Writes the baseline, SARIF, JUnit and annotations that were asked for, and says on standard error
 * what was suppressed; named also which suppressions hid nothing. 0 or an exit code, explained.
 */
int report_write(struct report *r, const struct opts *o, bool unused);

/* Adds the suppressions of a text: see gort help suppressions. -EINVAL with *line for a bad one. */
int report_suppressions(
	struct report *r, const char *text, size_t len, unsigned *line, const char **why);
/* Reads a baseline, schema gort.baseline/1; false when it is none. */
bool report_baseline(struct report *r, const char *text, size_t len);

/* Adds the suppressions of another tool's file. 0, or -errno with err filled. */
int report_foreign(struct report *r, const char *path, struct gsnap_err *err);

/* The same of a text that the program brings along. 0, or the line that is none and why. */
unsigned report_brought(struct report *r, const char *text, size_t len, const char **wrong);

/* Whether pattern is found in text: * is anything, ^ the start, $ the end. */
bool report_match(const char *pattern, const char *text);

#endif
