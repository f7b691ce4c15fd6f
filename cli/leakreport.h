/* SPDX-License-Identifier: BSD-2-Clause */
/* leakreport.h - the report of leaked goroutines, shared by `gort leaks` and `gort-leak`. */
#ifndef GORT_CLI_LEAKREPORT_H
#define GORT_CLI_LEAKREPORT_H

#include "cli.h"
#include "group.h"
#include "leakheld.h"
#include "leakwatch.h"
#include "probes/probes.h"
#include "report.h"

/* Classes: those of probes.h, and two that are no proof. */
enum {
	LEAK_GROWING = PROBE_LEAK_FOREVER + 1, /* more and more at one place (leakwatch.h) */
	LEAK_EXTRA,                            /* there at the end of a program: goleak's rule */
	LEAK_CLASSES,
};

/* The verdict beside the snapshot that gives it stacks. */
struct leakreport {
	struct probe_leaks leaks;
	struct gsnap s;
	struct groups sites[LEAK_CLASSES];
	struct report report;         /* a finding for each site, class by class */
	uint32_t first[LEAK_CLASSES]; /* finding of the first site of a class */
	unsigned fail_on;             /* bits */
	struct leakwatch watch;       /* when it was watched for some time */
	bool want_held;
	struct leakheld held; /* when wanted */
};

/* Reads the options; 0, or -errno with err filled. Freed with leakreport_close. */
int leakreport_open(
	struct leakreport *v, const struct opts *o, const char *tool, struct gsnap_err *err);
void leakreport_close(struct leakreport *v);

/* Finds and judges the sites once leaks and s are there. */
int leakreport_fill(struct leakreport *v, struct gsnap_err *err);
/* Whether there is anything that is neither known nor suppressed. */
bool leakreport_any(const struct leakreport *v);
/* Prints to -o or to fd; an exit code. */
int leakreport_print(const struct opts *o, int fd, const struct leakreport *v, int64_t looks);
/* What probe_snapshot is to read for a report. */
unsigned leakreport_needs(const struct opts *o);
/* Writes the other files that were asked for, as report_write; also --pprof. */
int leakreport_write(struct leakreport *v, const struct opts *o, bool unused);

#endif
