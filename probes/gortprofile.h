/* SPDX-License-Identifier: BSD-2-Clause */
/* gortprofile.h - the profiles that a program on libgort takes of itself. */
#ifndef GORT_PROBES_GORTPROFILE_H
#define GORT_PROBES_GORTPROFILE_H

#include "gortread.h"

/*
 * Adds the samples and their stacks. 0; -ENOTSUP: its libgort does not publish this profile;
 * -EFAULT; -EPROTO: what was read makes no sense; -ENOMEM.
 */
int gortprofile_read(struct gortread *r, enum probe_profile_kind kind, struct gsnap *out);

#endif
