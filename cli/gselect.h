/* SPDX-License-Identifier: BSD-2-Clause */
/* gselect.h - which goroutines of a snapshot a command shows, by its options. */
#ifndef GORT_CLI_GSELECT_H
#define GORT_CLI_GSELECT_H

#include "out.h"

/* Why a goroutine is not shown: the first of these that it does not pass. */
enum gfilter {
	GFILTER_ID,
	GFILTER_STATE,
	GFILTER_FUNC,
	GFILTER_CREATED,
	GFILTER_LABEL,
	GFILTER_WAIT,
	GFILTER_SYSTEM, /* the runtime's own, without --all */
	GFILTERS
};

struct gselection {
	uint32_t *g; /* indexes into gsnap.gs */
	uint32_t n;
	uint32_t removed[GFILTERS]; /* how many each took away */
};

/* 0 or -ENOMEM; free with gselect_free. */
int gselect(const struct opts *o, const struct gsnap *s, struct gselection *sel);
void gselect_free(struct gselection *sel);

/* "; 13 hidden by --min-wait" for each filter that took some away. */
void gselect_print_hidden(struct out *out, const struct gselection *sel);

/* Says which filters left nothing of the snapshot; the exit code. */
int gselect_nothing(const struct opts *o, const struct gsnap *s, const struct gselection *sel);

#endif
