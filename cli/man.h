/* SPDX-License-Identifier: BSD-2-Clause */
/* man.h - manual pages, from the same tables as --help. */
#ifndef GORT_CLI_MAN_H
#define GORT_CLI_MAN_H

#include "out.h"

/*
 * Prints the page "gort", of a command (section 1) or of a topic (section 7) as roff. False when
 * there is none of that name.
 */
bool print_man(struct out *out, const char *name);

#endif
