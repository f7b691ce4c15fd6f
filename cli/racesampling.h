/* SPDX-License-Identifier: BSD-2-Clause */
/* racesampling.h - gort-race --sample: what probes/racesample.h finds, as finding records. */
#ifndef GORT_CLI_RACESAMPLING_H
#define GORT_CLI_RACESAMPLING_H

#include <sys/types.h>
#include "gort/abi.h"

struct race_sampling {
	struct race_sampler *sampler; /* NULL until the first try */
	int error;                    /* why there is none */
	uint64_t addresses;
};

/* Once in so long: a try holds one thread for two milliseconds at most. */
#define RACE_SAMPLING_MS 40

/* 0, or a negative errno: there are no watchpoints, or not for us. */
int race_sampling_possible(void);

/* One try. The size of the record in *f, 0 when nothing was found. */
size_t race_sampling_try(struct race_sampling *s, pid_t pid, struct gort_finding *f);
void race_sampling_end(struct race_sampling *s);

#endif
