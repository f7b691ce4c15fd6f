/* SPDX-License-Identifier: BSD-2-Clause */
/* snapshot.h - the parts of a snapshot that profiles need too. */
#ifndef GORT_DEBUG_SNAPSHOT_H
#define GORT_DEBUG_SNAPSHOT_H

#include "gort/snap.h"
#include "symbolize.h"

/* Index of the location of pc, symbolized when new; GSNAP_NONE when out of memory. */
uint32_t snap_location(struct gsnap *s, uintptr_t pc, bool callsite);
/* Adds the executable mappings, the main binary first, and sets s->exe. */
void snap_modules(struct gsnap *s);

#endif
