/* SPDX-License-Identifier: BSD-2-Clause */
/* leakself.h - `gort-leak selftest`: a gate that finds nothing must be known to be able to. */
#ifndef GORT_CLI_LEAKSELF_H
#define GORT_CLI_LEAKSELF_H

#include "cli.h"

typedef int leakself_judge(const struct opts *o, const char *path, struct gsnap_err *err);

/*
 * Builds a program with one leaked goroutine, and runs the judge of its kind on it and on the same
 * with the mistake mended. what: "go", "libgort", NULL: each that can be built here, at least one.
 * An exit code, explained.
 */
int leakself_run(
	const struct opts *o, const char *what, leakself_judge *go, leakself_judge *libgort);

#endif
