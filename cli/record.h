/* SPDX-License-Identifier: BSD-2-Clause */
/* record.h - what other commands take from `gort record`. */
#ifndef GORT_CLI_RECORD_H
#define GORT_CLI_RECORD_H

#include "target.h"

/* Writes a goroutine profile of the target to a file. 0, or -errno with err filled. */
int record_save(struct target *t, const char *path, struct gsnap_err *err);

#endif
