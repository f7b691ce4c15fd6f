/* SPDX-License-Identifier: BSD-2-Clause */
/* snapshot.h - the parts of a snapshot that profiles need too. */
#ifndef GORT_DEBUG_SNAPSHOT_H
#define GORT_DEBUG_SNAPSHOT_H

#include "gort/snap.h"
#include "symbolize.h"
#include "unwind.h"

/* self: of a frame of the calling goroutine, at which its stack starts. */
int snap_take(struct gsnap *out, const struct regs *self);
/*
 * gort_snapshot_leaks for a public function: self is of its own frame, by regs_saved. What is below
 * belongs to libgort, and is not taken for the program's.
 */
int snap_leaks(struct gsnap *out, const struct regs *self);

/* Index of the location of pc, symbolized when new; GSNAP_NONE when out of memory. */
uint32_t snap_location(struct gsnap *s, uintptr_t pc, bool callsite);
/* Adds the executable mappings, the main binary first, and sets s->exe. */
void snap_modules(struct gsnap *s);

#endif
