/* SPDX-License-Identifier: BSD-2-Clause */
/* racereport.h - turns the finding records of the race detector into reports. */
#ifndef GORT_CLI_RACEREPORT_H
#define GORT_CLI_RACEREPORT_H

#include <sys/types.h>
#include "gort/abi.h"
#include "json.h"
#include "out.h"
#include "report.h"

struct race_report {
	struct out *out;
	int format; /* enum out_format */
	struct json json;
	uint64_t *pairs; /* hashes of the pairs reported so far */
	uint32_t npairs, cap;
	bool count_only;         /* somebody else prints them */
	uint32_t repeats;        /* records of a pair that was reported already */
	uint32_t told;           /* findings that are new */
	struct report *findings; /* all of them, judged; NULL: each is new */
};

/* command is the program's name, for the JSON document. */
void race_report_begin(struct race_report *r, struct out *out, int format, const char *command);
/*
 * Reports one record while its process waits, unless its pair was reported before. The record is
 * foreign: one that is malformed is refused with -EINVAL. 1 when a suppression or the baseline
 * hides it.
 */
int race_report_add(struct race_report *r, struct gort_finding *f, size_t len);
/*
 * Answers a well-formed question of the detector: where its pcs are. Returns the length of the
 * text, at least 1 and at most size.
 */
size_t race_report_places(const struct gort_question *q, char *text, size_t size);
/* Closes the report. Returns how many new findings there were. */
uint32_t race_report_end(struct race_report *r);

#endif
