/* SPDX-License-Identifier: BSD-2-Clause */
/* perfsample.h - what the threads of a process execute, sampled by the kernel. */
#ifndef GORT_PROBES_PERFSAMPLE_H
#define GORT_PROBES_PERFSAMPLE_H

#include "target.h"

struct perfsample;

struct perfsample_how {
	unsigned hz;           /* samples a second of each thread's CPU time */
	uint64_t regs;         /* bit i: register i of asm/perf_regs.h */
	uint32_t stack;        /* bytes from the stack pointer on that a sample carries */
	struct gsnap *samples; /* where they are counted; of no one else until the stop */
	/*
	 * In a thread of its own: the stack in *samples of one sample, GSNAP_NONE to drop it. regs
	 * are those asked for, by ascending number; stack is what was at the stack pointer.
	 */
	uint32_t (*stack_of)(void *ctx, const uint64_t *regs, const uint8_t *stack, size_t len);
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
