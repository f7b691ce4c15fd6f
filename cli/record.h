/* SPDX-License-Identifier: BSD-2-Clause */
/* record.h - writes profiles to files, for those who show goroutines in other ways as well. */
#ifndef GORT_CLI_RECORD_H
#define GORT_CLI_RECORD_H

#include "profile.h"

/* Whether a file of that name is to be a profile: FILE.pb.gz. NULL: none. */
bool record_names_profile(const char *path);
/* Writes the profile of that kind that a snapshot is to -o, and says so; the exit code. */
int record_write(const struct opts *o, const struct gsnap *s, const struct profile_kind *k);
/* The goroutine profile of a target, to path. 0, or -errno with err filled. */
int record_save(struct target *t, const char *path, struct gsnap_err *err);
/* A CPU profile of ns nanoseconds, as probe_cpu_stop gave it, to path. As record_save. */
int record_save_cpu(const struct gsnap *s, int64_t ns, const char *path, struct gsnap_err *err);

#endif
