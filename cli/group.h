/* SPDX-License-Identifier: BSD-2-Clause */
/* group.h - goroutines that are in the same state at the same place, together. */
#ifndef GORT_CLI_GROUP_H
#define GORT_CLI_GROUP_H

#include "cli.h"

struct group {
	uint32_t first; /* of n entries of groups.order */
	uint32_t n;
	int64_t median, oldest; /* wait in ns, GSNAP_UNKNOWN when no member's is known */
};

struct groups {
	uint32_t *order;     /* indexes into gsnap.gs, by group, then by id */
	struct group *group; /* largest first */
	uint32_t n;
};

/* Groups the nsel goroutines listed in sel. 0 or -ENOMEM; free with groups_free. */
int groups_build(const struct gsnap *s, const uint32_t *sel, uint32_t nsel, enum group_by by,
	struct groups *out);
void groups_free(struct groups *g);

/* How long it has waited when the snapshot was taken, or GSNAP_UNKNOWN. */
int64_t g_wait(const struct gsnap *s, const struct gsnap_g *gp);

#endif
