/* SPDX-License-Identifier: BSD-2-Clause */
/* dwlayout.h - where a Go program's own DWARF says that the members of its runtime lie. */
#ifndef GORT_PROBES_DWLAYOUT_H
#define GORT_PROBES_DWLAYOUT_H

#include "golayout.h"
#include "modules.h"

enum dwlayout {
	DWLAYOUT_NONE,  /* there is no DWARF, or nothing of Go's runtime in it */
	DWLAYOUT_OTHER, /* a member is missing, or where gort cannot read it: *member names it */
	DWLAYOUT_READ   /* out is filled, but for its minor */
};

/*
 * Reads the executable of a process. All members of the newest version must be there: one that is
 * not has become something else, which these readers do not know.
 */
enum dwlayout dwlayout_read(struct modules *ms, struct golayout *out, const char **member);

#endif
