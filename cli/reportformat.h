/* SPDX-License-Identifier: BSD-2-Clause */
/* reportformat.h - the files that report_write writes; private to report.c and reportformat.c. */
#ifndef GORT_CLI_REPORTFORMAT_H
#define GORT_CLI_REPORTFORMAT_H

#include "report.h"

/* The first call that is not the library's that the program waits in; never NULL. */
const struct report_frame *report_place(const struct report *r, const struct finding *f);

/* Each 0, or -errno with err filled. In a path %p stands for the pid of gort, one of each run. */
int report_write_sarif(const struct report *r, const char *path, struct gsnap_err *err);
int report_write_junit(const struct report *r, const char *path, struct gsnap_err *err);
int report_write_baseline(const struct report *r, const char *path, struct gsnap_err *err);
/* Annotations on standard error, and a table in the file that GITHUB_STEP_SUMMARY names. */
int report_write_github(const struct report *r, struct gsnap_err *err);

#endif
