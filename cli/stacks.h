/* SPDX-License-Identifier: BSD-2-Clause */
/* stacks.h - what other commands take from `gort stacks`. */
#ifndef GORT_CLI_STACKS_H
#define GORT_CLI_STACKS_H

#include "out.h"

/* Writes the document of `gort stacks --json` to a file. 0, or -errno with err filled. */
int stacks_save(const struct gsnap *s, const char *path, struct gsnap_err *err);

#endif
