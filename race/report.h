/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - from a race to a finding: told once for each pair of places, sent to the launcher over
 * GORT_FINDING_FD, or printed here when there is none.
 */
#ifndef GORT_RACE_REPORT_H
#define GORT_RACE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "gort/abi.h"

/* Reads the options and the environment. */
void report_init(void);

/* In a child after fork(): its findings are its own. */
void report_reset(void);

/* Distinct races reported so far. */
uint32_t report_count(void);
uint32_t report_exit_code(void);

/* Says how many were reported, once, where reports are printed here. */
void report_end(void);

/* print.c: the finding as text in TSan's words, to fd. Takes no lock of libc or the loader. */
void print_finding(int fd, const struct gort_finding *f);

/* strcmp() without this library's own interceptor of it. */
bool same_text(const char *a, const char *b);

#endif
