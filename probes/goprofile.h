/* SPDX-License-Identifier: BSD-2-Clause */
/* goprofile.h - the profiles that a Go program takes of itself: probe_profile for Go programs. */
#ifndef GORT_PROBES_GOPROFILE_H
#define GORT_PROBES_GOPROFILE_H

#include "gotarget.h"

/* Adds the samples and their stacks; 0, a negative errno, -EPROTO: they make no sense. */
int goprofile_read(
	const struct gotarget *g, enum probe_profile_kind kind, bool symbols, struct gsnap *out);

/* The same, of a list whose first bucket is known; 0: it is empty. */
int goprofile_from(const struct gotarget *g, enum probe_profile_kind kind, uint64_t head,
	bool symbols, struct gsnap *out);

#endif
