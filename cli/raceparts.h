/* SPDX-License-Identifier: BSD-2-Clause */
/* raceparts.h - which parts of an instrumented program are not. */
#ifndef GORT_CLI_RACEPARTS_H
#define GORT_CLI_RACEPARTS_H

#include "cli.h"

/*
 * A line on standard error for each shared library that the program at path needs, is not the
 * system's, and has nothing compiled into it: what it reads and writes is unseen. Call it before
 * LD_PRELOAD is set.
 */
void race_parts_tell(const struct opts *o, const char *path);

#endif
