/* SPDX-License-Identifier: BSD-2-Clause */
/* waitfacts.h - the channels and locks that groups of goroutines wait for, for `gort stacks`. */
#ifndef GORT_CLI_WAITFACTS_H
#define GORT_CLI_WAITFACTS_H

#include "group.h"
#include "probes/probes.h"

struct waitfacts {
	const struct gsnap_obj **of; /* by goroutine of the snapshot; NULL: nothing is known */
	struct gsnap some;           /* has what was read for a few of them */
};

/* Of all: s has its waits. Those that seemed to wait for nothing get the address: a lock's. */
int waitfacts_all(struct waitfacts *f, struct gsnap *s);
/* Of the first member of each group whose members wait for one object. */
int waitfacts_groups(
	struct waitfacts *f, struct probe *p, const struct gsnap *s, const struct groups *gs);
void waitfacts_free(struct waitfacts *f);

/* What all members of a group wait for, 0 when that is not one thing. */
uint64_t common_waiton(const struct gsnap *s, const struct groups *gs, const struct group *g);

#endif
