/* SPDX-License-Identifier: BSD-2-Clause */
/* help.h - what --help prints. */
#ifndef GORT_CLI_HELP_H
#define GORT_CLI_HELP_H

#include "out.h"

void print_help(struct out *out);
void print_command_help(struct out *out, const struct command *c);

#endif
