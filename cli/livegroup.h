/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * livegroup.h - goroutines of a snapshot that is kept up to date, grouped, at the cost of what
 * changed.
 *
 * group.c sorts a whole snapshot once; here each goroutine carries the number of its group, and a
 * refresh moves those that changed.
 */
#ifndef GORT_CLI_LIVEGROUP_H
#define GORT_CLI_LIVEGROUP_H

#include "cli.h"
#include "probes/probes.h"

struct livegroup {
	uint64_t object;             /* waited on; only when grouped by that */
	uint32_t state, stack, site; /* GSNAP_NONE when it is not part of the key */
	uint32_t n;                  /* members; 0: left over from before */
	uint32_t sample;             /* entry of gsnap.gs of one member */
	int64_t median, oldest;      /* when they began to wait, GSNAP_UNKNOWN when no one knows */
	bool at_least;               /* the waits are at least as long */
	bool dirty;
};

struct livegroups {
	enum group_by by;
	struct livegroup *group;
	uint32_t n, cap, used; /* used: groups with members */
	uint32_t *of, nof;     /* group of each entry of gsnap.gs, GSNAP_NONE for none */
	uint32_t *index, mask;
	uint32_t *site, nsite; /* by location: the one that stands for its go statement */
	const char *states[64];
	uint32_t nstates;
	bool stale;
};

/* Starts over, grouped by something else. */
void livegroups_by(struct livegroups *lg, enum group_by by);
/* After a refresh. Goroutines of the runtime itself are left out. 0 or -ENOMEM. */
int livegroups_update(struct livegroups *lg, const struct probe_view *v);
void livegroups_free(struct livegroups *lg);
/* How long the group's median member, or its oldest, has waited at `now`. */
int64_t livegroup_wait(const struct livegroup *g, int64_t now);
int64_t livegroup_oldest(const struct livegroup *g, int64_t now);

#endif
