/* SPDX-License-Identifier: BSD-2-Clause */
/* x86.h - the parts of an x86-64 instruction: where it ends, and which memory it touches. */
#ifndef GORT_RACE_X86_H
#define GORT_RACE_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum insn_map { MAP_ONE, MAP_0F, MAP_0F38, MAP_0F3A };

struct insn {
	uint8_t length;
	uint8_t map; /* enum insn_map; of VEX and EVEX too */
	uint8_t opcode;
	uint8_t rex; /* WRXB; of VEX and EVEX as well */
	uint8_t modrm, sib;
	uint8_t segment; /* 0x64 fs, 0x65 gs, or 0 */
	uint8_t simd;    /* 0x66, 0xf2, 0xf3 or 0: what selects among vector instructions */
	bool has_modrm, vector, operand16, address32, lock;
	int32_t disp; /* of the memory operand; EVEX: not scaled */
};

/* Takes the instruction at code apart; false when it is unknown or longer than n bytes. */
bool insn_decode(struct insn *in, const unsigned char *code, size_t n);

#endif
