/* SPDX-License-Identifier: BSD-2-Clause */
/* preemptfp.h - how asyncPreempt saves floating-point and vector registers; C and assembly. */
#ifndef GORT_SCHED_PREEMPTFP_H
#define GORT_SCHED_PREEMPTFP_H

#define PREEMPTFP_SIZE 0
#define PREEMPTFP_MASK 8
#define PREEMPTFP_KIND 16

#define PREEMPTFP_FXSAVE 0
#define PREEMPTFP_XSAVE  1
#define PREEMPTFP_XSAVEC 2

#ifndef __ASSEMBLER__
#include <stdint.h>

/* By the processor and the kernel; preemptinit fills it in. */
struct preemptfp {
	uint64_t size; /* of the save area, a multiple of 64 */
	uint64_t mask; /* of the components that are saved: all that the kernel enables */
	uint32_t kind; /* PREEMPTFP_... */
};

extern struct preemptfp preemptfp;

/* The best way to save that the processor has, up to this PREEMPTFP_... one, and its size. */
void preemptfpchoose(uint32_t best);
#endif

#endif
