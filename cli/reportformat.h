/* SPDX-License-Identifier: BSD-2-Clause */
/* reportformat.h - the files that report_write writes; private to report.c, reportformat.c
 * and leakreport.c. */
#ifndef GORT_CLI_REPORTFORMAT_H
#define GORT_CLI_REPORTFORMAT_H

#include "out.h"
#include "report.h"

/* The first call that is not the library's, where it waits or else was created; never NULL. */
const struct report_frame *report_place(const struct report *r, const struct finding *f);

/*
 * The path of a file of findings: %p in it stands for the pid of gort, so that each of several runs
 * with the same options has one of its own. buf holds it, or it is path itself.
 */
const char *report_file_name(const char *path, char *buf, size_t size);
/* Opens it. 0, or -errno with err filled. */
int report_open_file(struct out *out, const char *path, struct gsnap_err *err);

/* Each 0, or -errno with err filled. */
int report_write_sarif(const struct report *r, const char *path, struct gsnap_err *err);
int report_write_junit(const struct report *r, const char *path, struct gsnap_err *err);
int report_write_baseline(const struct report *r, const char *path, struct gsnap_err *err);
/* Annotations on standard error, and a table in the file that GITHUB_STEP_SUMMARY names. */
int report_write_github(const struct report *r, struct gsnap_err *err);

#endif
