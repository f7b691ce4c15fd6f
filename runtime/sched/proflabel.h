/* SPDX-License-Identifier: BSD-2-Clause */
/* proflabel.h - a set of labels, as g.labels points to it. */
#ifndef GORT_SCHED_PROFLABEL_H
#define GORT_SCHED_PROFLABEL_H

#include <stdint.h>

/* Immutable. text: key, NUL, value, NUL, and so on, by ascending keys. */
struct labels {
	uint32_t n;    /* pairs */
	uint32_t size; /* bytes of text */
	char text[];
};

#endif
