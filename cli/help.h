/* SPDX-License-Identifier: BSD-2-Clause */
/* help.h - what --help prints. */
#ifndef GORT_CLI_HELP_H
#define GORT_CLI_HELP_H

#include "out.h"

struct topic {
	const char *name, *summary, *text;
};

/* Topic number i, NULL beyond the last. */
const struct topic *topic_at(size_t i);
void print_help(struct out *out);
void print_command_help(struct out *out, const struct command *c);

#endif
