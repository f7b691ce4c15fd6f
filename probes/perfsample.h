/* SPDX-License-Identifier: BSD-2-Clause */
/* perfsample.h - what the threads of a process execute, sampled by the kernel. */
#ifndef GORT_PROBES_PERFSAMPLE_H
#define GORT_PROBES_PERFSAMPLE_H

#include "target.h"

struct perfsample;

/* One sample. */
struct perfsample_at {
	const uint64_t *regs; /* those asked for, by ascending number */
	const uint8_t *stack; /* what was at the stack pointer */
	size_t len;
	/* When asked for: ip, then what the kernel found along frame pointers, leaf first. */
	const uint64_t *chain;
	size_t nchain;
};

/* What it counts as. */
struct perfsample_found {
	uint32_t stack; /* in *samples; GSNAP_NONE drops it */
	uint32_t set;   /* number of its set of labels, 0: it has none */
	const char *labels;
	uint32_t nlabels;
};

struct perfsample_how {
	unsigned hz;           /* samples a second of each thread's CPU time */
	uint64_t regs;         /* bit i: register i of asm/perf_regs.h */
	uint32_t stack;        /* bytes from the stack pointer on that a sample carries */
	bool chain;            /* and the return addresses along frame pointers */
	struct gsnap *samples; /* where they are counted; of no one else until the stop */
	/* In a thread of its own, soon after the sample. */
	struct perfsample_found (*look)(void *ctx, const struct perfsample_at *at);
	void *ctx;
};

/*
 * Starts sampling all threads of t, those that begin later included. 0 or a negative errno: -EPERM
 * when the kernel does not allow it.
 */
int perfsample_start(
	const struct target *t, const struct perfsample_how *how, struct perfsample **out);
/* Ends it and frees c. Returns how many samples were lost. */
uint64_t perfsample_stop(struct perfsample *c);

#endif
