/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * racesample.h - races of a program that nothing was compiled into: now and then one of its threads
 * is held for a moment right before an access, while the others are watched for an access of the
 * same memory. What gort-race --sample does, and nothing else in gort.
 */
#ifndef GORT_PROBES_RACESAMPLE_H
#define GORT_PROBES_RACESAMPLE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define RACE_SAMPLE_PCS 64

struct race_access {
	pid_t tid;
	char name[32]; /* of the thread */
	uint64_t addr;
	uint32_t size;
	bool write;
	uint32_t npcs;
	uint64_t pcs[RACE_SAMPLE_PCS]; /* leaf first; all but the leaf are return addresses */
};

struct race_sampler;

/* 0, or a negative errno: this machine has no watchpoints, or they are not allowed. */
int race_sampler_possible(void);

/* 0 or a negative errno. */
int race_sampler_open(struct race_sampler **out, pid_t pid);

/*
 * Tries one address, for two milliseconds at most. True when two threads were met at it: held is
 * the one that was about to access it, other the one that did.
 */
bool race_sampler_try(struct race_sampler *s, struct race_access *held, struct race_access *other);

/* How many addresses were tried so far. */
uint64_t race_sampler_addresses(const struct race_sampler *s);

void race_sampler_close(struct race_sampler *s);

#endif
