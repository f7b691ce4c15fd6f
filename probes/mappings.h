/* SPDX-License-Identifier: BSD-2-Clause */
/* mappings.h - a process's executable mappings and build ids, for profiles. */
#ifndef GORT_PROBES_MAPPINGS_H
#define GORT_PROBES_MAPPINGS_H

#include "gort/snap.h"
#include "modules.h"

/* Appends them to the snapshot, the main binary first, as profile.proto wants it. */
void mappings_add(struct modules *ms, struct gsnap *out);

#endif
