/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86.c - see x86.h. Tables of Intel's manual, volume 2, appendix A, in one letter an opcode:
 *
 *   .  no operand bytes    m  ModRM        x  not in 64-bit mode, or none of a compiler's
 *   b  8-bit immediate     B  ModRM, then b
 *   z  32-bit immediate, 16-bit with prefix 66      Z  ModRM, then z
 *   w  16-bit immediate    e  16 and 8 bits         r  32-bit offset of a jump
 *   q  z, or 64 bits with REX.W                     o  64-bit address
 *   t  ModRM, then b when it is TEST                T  ModRM, then z when it is TEST
 */
#include "builtins.h"

#include "x86.h"

#include "mem.h"

static const char one_byte[] = "mmmmbzxxmmmmbzxx"
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

static const char two_byte[] = "mmmmx.....x.xm.x"
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
struct bytes {
	const unsigned char *at, *end;
	bool out;
};

static uint8_t next(struct bytes *b)
{
	if (b->at == b->end) {
		b->out = true;
		return 0;
	}
	return *b->at++;
}

static void skip(struct bytes *b, size_t n)
{
	if ((size_t)(b->end - b->at) < n)
		b->out = true;
	else
		b->at += n;
}

/* Legacy prefixes and REX; returns the first byte of the opcode. */
static uint8_t prefixes(struct insn *in, struct bytes *b)
{
	for (;;) {
		uint8_t c = next(b);
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
			return next(b);
		}
	}
}

/* The prefix that stands for opcode maps, REX and the choice among vector instructions. */
static bool vector_prefix(struct insn *in, struct bytes *b, uint8_t first)
{
	static const uint8_t simd[] = {0, 0x66, 0xf3, 0xf2};
	uint8_t p0 = next(b), p1 = first == 0xc5 ? p0 : next(b);
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
		next(b);
	return in->map >= MAP_0F && in->map <= MAP_0F3A;
}

static bool opcode(struct insn *in, struct bytes *b)
{
	uint8_t c = prefixes(in, b);
	if (c == 0xc4 || c == 0xc5 || c == 0x62) {
		if (!vector_prefix(in, b, c))
			return false;
		c = next(b);
	} else if (c == 0x0f) {
		in->map = MAP_0F;
		c = next(b);
		if (c == 0x38 || c == 0x3a) {
			in->map = c == 0x38 ? MAP_0F38 : MAP_0F3A;
			c = next(b);
		}
	}
	in->opcode = c;
	return true;
}

static char form_of(const struct insn *in)
{
	switch (in->map) {
	case MAP_ONE:
		return one_byte[in->opcode];
	case MAP_0F38:
		return 'm';
	case MAP_0F3A:
		return 'B';
	default:
		return two_byte[in->opcode];
	}
}

static int32_t displacement(struct bytes *b, unsigned size)
{
	int32_t d = 0;
	const unsigned char *at = b->at;
	skip(b, size);
	if (!b->out)
		race_memcpy(&d, at, size);
	return size == 1 ? (int8_t)d : d;
}

static void modrm(struct insn *in, struct bytes *b)
{
	in->has_modrm = true;
	in->modrm = next(b);
	unsigned mod = in->modrm >> 6, rm = in->modrm & 7;
	if (mod == 3)
		return;
	if (rm == 4)
		in->sib = next(b);
	if (mod == 1)
		in->disp = displacement(b, 1);
	else if (mod == 2 || rm == 5 || (rm == 4 && (in->sib & 7) == 5))
		in->disp = displacement(b, 4);
}

static size_t immediate(const struct insn *in, char form)
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

#define LONGEST 15

bool insn_decode(struct insn *in, const unsigned char *code, size_t n)
{
	struct bytes b = {code, code + (n < LONGEST ? n : LONGEST), false};
	*in = (struct insn){0};
	if (!opcode(in, &b))
		return false;
	char form = form_of(in);
	if (form == 'x' || (form == 'r' && in->operand16 && !(in->rex & 8)))
		return false;
	if (form == 'm' || form == 'B' || form == 'Z' || form == 't' || form == 'T')
		modrm(in, &b);
	skip(&b, immediate(in, form));
	in->length = (uint8_t)(b.at - code);
	return !b.out;
}
