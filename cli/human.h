/* SPDX-License-Identifier: BSD-2-Clause */
/* human.h - numbers as people read them; GSNAP_UNKNOWN is "-" in all of them. */
#ifndef GORT_CLI_HUMAN_H
#define GORT_CLI_HUMAN_H

#include <stdint.h>
#include "gort/snap.h"

/* By value, so that several fit into one printf: printf("%s", human_count(n).s). */
struct human {
	char s[32];
};

struct human human_count(int64_t n);     /* 12,481 */
struct human human_bytes(int64_t bytes); /* 412M, 2.0G; powers of 1024 */
struct human human_time(int64_t ns);     /* 850ns 11us 1.9ms 250ms 3.2s 12m44s 3h02m 3d04h */
/* A rate from a difference over a time: "412/s"; "-" when either is unknown or no time passed. */
struct human human_rate(int64_t delta, int64_t ns);
struct human human_byte_rate(int64_t delta, int64_t ns);
struct human human_time_rate(int64_t delta_ns, int64_t ns); /* "412ms/s" */
struct human human_id(int64_t id);                          /* 4711; "-" for 0 */

/* Difference of two figures, GSNAP_UNKNOWN when either is. */
static inline int64_t figure_delta(int64_t before, int64_t after)
{
	return before == GSNAP_UNKNOWN || after == GSNAP_UNKNOWN ? GSNAP_UNKNOWN : after - before;
}

#endif
