/* SPDX-License-Identifier: BSD-2-Clause */
/* err.h - the four-part error message: what, why, what to try, where to read more. */
#ifndef GORT_CLI_ERR_H
#define GORT_CLI_ERR_H

#include "cli.h"

/* Start a message with its exit code; the others add a part. All truncate silently. */
void err_what(struct gsnap_err *e, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void err_why(struct gsnap_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_try(struct gsnap_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_see(struct gsnap_err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Formats e as printed on stderr, as snprintf does. */
size_t err_format(const struct gsnap_err *e, char *buf, size_t size);
/* Prints e on stderr in one write; returns its exit code (1 when it carries none). */
int err_print(const struct gsnap_err *e);

/* A remark on stderr ("gort: ..."), unless -q. */
void note(const struct opts *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Makes foreign text safe for a terminal in place: control characters other than tab and newline,
 * C1 ones in UTF-8 included, become '?'.
 */
void text_clean(char *text, size_t len);

#endif
