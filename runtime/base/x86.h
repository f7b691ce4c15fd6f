/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86.h - the parts of an x86-64 instruction: where it ends, and which memory it touches.
 *
 * Tables of Intel's manual, volume 2, appendix A, in one letter an opcode:
 *
 *   .  no operand bytes    m  ModRM        x  not in 64-bit mode, or none of a compiler's
 *   b  8-bit immediate     B  ModRM, then b
 *   z  32-bit immediate, 16-bit with prefix 66      Z  ModRM, then z
 *   w  16-bit immediate    e  16 and 8 bits         r  32-bit offset of a jump
 *   q  z, or 64 bits with REX.W                     o  64-bit address
 *   t  ModRM, then b when it is TEST                T  ModRM, then z when it is TEST
 */
#ifndef GORT_BASE_X86_H
#define GORT_BASE_X86_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

static const char insn_one_byte[] = "mmmmbzxxmmmmbzxx"
				    "mmmmbzxxmmmmbzxx"
				    "mmmmbzxxmmmmbzxx"
				    "mmmmbzxxmmmmbzxx"
				    "xxxxxxxxxxxxxxxx"
				    "................"
				    "xxxmxxxxzZbB...."
				    "bbbbbbbbbbbbbbbb"
				    "BZxBmmmmmmmmmmmm"
				    "..........x....."
				    "oooo....bz......"
				    "bbbbbbbbqqqqqqqq"
				    "BBw.xxBZe.w..bx."
				    "mmmmxxx.mmmmmmmm"
				    "bbbbbbbbrrxb...."
				    "x.xx..tT......mm";

static const char insn_two_byte[] = "mmmmx.....x.xm.x"
				    "mmmmmmmmmmmmmmmm"
				    "mmmmxxxxmmmmmmmm"
				    "......x.xxxxxxxx"
				    "mmmmmmmmmmmmmmmm"
				    "mmmmmmmmmmmmmmmm"
				    "mmmmmmmmmmmmmmmm"
				    "BBBBmmm.mmxxmmmm"
				    "rrrrrrrrrrrrrrrr"
				    "mmmmmmmmmmmmmmmm"
				    "...mBmxx...mBmmm"
				    "mmmmmmmmmmBmmmmm"
				    "mmBmBBBm........"
				    "mmmmmmmmmmmmmmmm"
				    "mmmmmmmmmmmmmmmm"
				    "mmmmmmmmmmmmmmmm";

/* The bytes that are left; past the end all are 0 and `out` is set. */
struct insn_bytes {
	const unsigned char *at, *end;
	bool out;
};

static inline uint8_t insn_next(struct insn_bytes *b)
{
	if (b->at == b->end) {
		b->out = true;
		return 0;
	}
	return *b->at++;
}

static inline void insn_skip(struct insn_bytes *b, size_t n)
{
	if ((size_t)(b->end - b->at) < n)
		b->out = true;
	else
		b->at += n;
}

/* Legacy prefixes and REX; returns the first byte of the opcode. */
static inline uint8_t insn_prefixes(struct insn *in, struct insn_bytes *b)
{
	for (;;) {
		uint8_t c = insn_next(b);
		switch (c) {
		case 0x66:
			in->operand16 = true;
			in->simd = in->simd ? in->simd : c;
			break;
		case 0xf2:
		case 0xf3:
			in->simd = c;
			break;
		case 0x67:
			in->address32 = true;
			break;
		case 0xf0:
			in->lock = true;
			break;
		case 0x64:
		case 0x65:
			in->segment = c;
			break;
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			break;
		default:
			if ((c & 0xf0) != 0x40)
				return c;
			in->rex = c & 15;
			return insn_next(b);
		}
	}
}

/* The prefix that stands for opcode maps, REX and the choice among vector instructions. */
static inline bool insn_vector_prefix(struct insn *in, struct insn_bytes *b, uint8_t first)
{
	static const uint8_t simd[] = {0, 0x66, 0xf3, 0xf2};
	uint8_t p0 = insn_next(b), p1 = first == 0xc5 ? p0 : insn_next(b);
	in->vector = true;
	in->rex = (uint8_t)(~p0 >> 5 & 7);
	if (first == 0xc5) {
		in->rex &= 4;
		in->map = MAP_0F;
	} else {
		in->map = p0 & (first == 0x62 ? 7 : 31);
		in->rex |= p1 >> 4 & 8;
	}
	in->simd = simd[p1 & 3];
	if (first == 0x62)
		insn_next(b);
	return in->map >= MAP_0F && in->map <= MAP_0F3A;
}

static inline bool insn_opcode(struct insn *in, struct insn_bytes *b)
{
	uint8_t c = insn_prefixes(in, b);
	if (c == 0xc4 || c == 0xc5 || c == 0x62) {
		if (!insn_vector_prefix(in, b, c))
			return false;
		c = insn_next(b);
	} else if (c == 0x0f) {
		in->map = MAP_0F;
		c = insn_next(b);
		if (c == 0x38 || c == 0x3a) {
			in->map = c == 0x38 ? MAP_0F38 : MAP_0F3A;
			c = insn_next(b);
		}
	}
	in->opcode = c;
	return true;
}

static inline char insn_form_of(const struct insn *in)
{
	switch (in->map) {
	case MAP_ONE:
		return insn_one_byte[in->opcode];
	case MAP_0F38:
		return 'm';
	case MAP_0F3A:
		return 'B';
	default:
		return insn_two_byte[in->opcode];
	}
}

static inline int32_t insn_displacement(struct insn_bytes *b, unsigned size)
{
	int32_t d = 0;
	const unsigned char *at = b->at;
	insn_skip(b, size);
	if (!b->out)
		memcpy(&d, at, size);
	return size == 1 ? (int8_t)d : d;
}

static inline void insn_modrm(struct insn *in, struct insn_bytes *b)
{
	in->has_modrm = true;
	in->modrm = insn_next(b);
	unsigned mod = in->modrm >> 6, rm = in->modrm & 7;
	if (mod == 3)
		return;
	if (rm == 4)
		in->sib = insn_next(b);
	if (mod == 1)
		in->disp = insn_displacement(b, 1);
	else if (mod == 2 || rm == 5 || (rm == 4 && (in->sib & 7) == 5))
		in->disp = insn_displacement(b, 4);
}

static inline size_t insn_immediate(const struct insn *in, char form)
{
	size_t z = in->operand16 && !(in->rex & 8) ? 2 : 4;
	bool test = (in->modrm & 0x30) == 0;
	switch (form) {
	case 'b':
	case 'B':
		return 1;
	case 'w':
		return 2;
	case 'e':
		return 3;
	case 'r':
		return 4;
	case 'o':
		return in->address32 ? 4 : 8;
	case 'z':
	case 'Z':
		return z;
	case 'q':
		return in->rex & 8 ? 8 : z;
	case 't':
		return test;
	case 'T':
		return test ? z : 0;
	default:
		return 0;
	}
}

#define INSN_LONGEST 15

/* Takes the instruction at code apart; false when it is unknown or longer than n bytes. */
static inline bool insn_decode(struct insn *in, const unsigned char *code, size_t n)
{
	struct insn_bytes b = {code, code + (n < INSN_LONGEST ? n : INSN_LONGEST), false};
	*in = (struct insn){0};
	if (!insn_opcode(in, &b))
		return false;
	char form = insn_form_of(in);
	if (form == 'x' || (form == 'r' && in->operand16 && !(in->rex & 8)))
		return false;
	if (form == 'm' || form == 'B' || form == 'Z' || form == 't' || form == 'T')
		insn_modrm(in, &b);
	insn_skip(&b, insn_immediate(in, form));
	in->length = (uint8_t)(b.at - code);
	return !b.out;
}

#endif
