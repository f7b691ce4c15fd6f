/* SPDX-License-Identifier: BSD-2-Clause */
/* goview.h - a snapshot of a Go process that is kept up to date by reading what changed. */
#ifndef GORT_PROBES_GOVIEW_H
#define GORT_PROBES_GOVIEW_H

#include "gotarget.h"

struct goview;

/*
 * Of an initialised snapshot; NULL when out of memory. Stacks that no goroutine has any more are
 * dropped when there are more than `stacks` different ones.
 */
#define GOVIEW_STACKS 65536
struct goview *goview_open(struct gotarget *g, struct gsnap *s, uint32_t stacks);
void goview_close(struct goview *v);

/* Brings the snapshot up to s->when and says in `out` what changed. 0 or an errno. */
int goview_refresh(struct goview *v, struct probe_view *out);

#endif
