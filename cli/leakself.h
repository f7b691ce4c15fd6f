/* SPDX-License-Identifier: BSD-2-Clause */
/* leakself.h - `gort-leak selftest`: a gate that finds nothing must be known to be able to. */
#ifndef GORT_CLI_LEAKSELF_H
#define GORT_CLI_LEAKSELF_H

#include "cli.h"

/*
 * Builds a Go program with one leaked goroutine, and the same with the mistake mended, and runs
 * `judge` on each. An exit code, explained.
 */
int leakself_run(const struct opts *o,
	int (*judge)(const struct opts *o, const char *path, struct gsnap_err *err));

#endif
