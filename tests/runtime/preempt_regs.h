/* SPDX-License-Identifier: BSD-2-Clause */
/* preempt_regs.h - what preempt_regs_amd64.S loads and stores. */
#ifndef GORT_TESTS_RUNTIME_PREEMPT_REGS_H
#define GORT_TESTS_RUNTIME_PREEMPT_REGS_H

#define HELD_VEC   0
#define HELD_K     2048
#define HELD_X87   2112
#define HELD_MXCSR 2176
#define HELD_FPUCW 2180
#define HELD_OUT   2184
#define HELD_LEVEL 4368
#define HELD_TURNS 200

#ifndef __ASSEMBLER__
#include <stdint.h>

struct state {
	uint8_t vec[32][64];
	uint64_t k[8];
	double x87[8];
	uint32_t mxcsr;
	uint16_t fpucw, unused;
};

struct held {
	struct state in, out;
	uint32_t level; /* of vector registers: 0 xmm, 1 ymm, 2 zmm and k */
};

void regs_hold_a(struct held *h);
void regs_hold_b(struct held *h);
#endif

#endif
