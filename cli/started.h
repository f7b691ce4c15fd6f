/* SPDX-License-Identifier: BSD-2-Clause */
/* started.h - a command whose target gort starts itself. */
#ifndef GORT_CLI_STARTED_H
#define GORT_CLI_STARTED_H

#include "cli.h"

/*
 * Starts o->args, runs c on that process and waits for its end. c's exit code if it is not 0, else
 * the process's own, 128+N after a signal.
 */
int started_run(const struct command *c, struct opts *o);

#endif
