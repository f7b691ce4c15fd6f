/* SPDX-License-Identifier: BSD-2-Clause */
/* operand.c - see operand.h. The instructions that compilers make for variables are known. */
#include "operand.h"
#include "runtime/base/x86.h"

enum { READ = 1, WRITE = 2 };

struct form {
	uint32_t size; /* 0: as the operand size says */
	int how;       /* READ, WRITE, or 0: unknown */
};

static struct form group(uint8_t opcode, unsigned reg)
{
	uint32_t size = opcode & 1 ? 0 : 1;
	switch (opcode & ~1) {
	case 0xf6: /* test, test, not, neg, mul, imul, div, idiv */
		return (struct form){size, reg == 2 || reg == 3 ? READ | WRITE : READ};
	case 0xfe: /* inc, dec, call, -, jmp, -, push */
		if (reg < 2)
			return (struct form){size, READ | WRITE};
		return reg == 2 || reg == 4 || reg == 6 ? (struct form){8, READ} : (struct form){0};
	default: /* 80 to 83: all but cmp write */
		return (struct form){size, reg == 7 ? READ : READ | WRITE};
	}
}

/* add, or, adc, sbb, and, sub, xor, cmp in four directions. */
static struct form arithmetic(uint8_t opcode)
{
	bool to_memory = !(opcode & 2), compares = opcode >> 3 == 7;
	uint32_t size = opcode & 1 ? 0 : 1;
	return (struct form){size, to_memory && !compares ? READ | WRITE : READ};
}

static struct form plain(uint8_t opcode, unsigned reg)
{
	if (opcode < 0x40)
		return (opcode & 7) < 4 ? arithmetic(opcode) : (struct form){0};
	switch (opcode) {
	case 0x63:
		return (struct form){4, READ};
	case 0x69:
	case 0x6b:
	case 0x85:
	case 0x8b:
		return (struct form){0, READ};
	case 0x84:
	case 0x8a:
		return (struct form){1, READ};
	case 0x88:
	case 0xc6:
		return (struct form){1, WRITE};
	case 0x89:
	case 0xc7:
		return (struct form){0, WRITE};
	case 0xc0:
	case 0xd0:
	case 0xd2:
		return (struct form){1, READ | WRITE};
	case 0xc1:
	case 0xd1:
	case 0xd3:
		return (struct form){0, READ | WRITE};
	case 0x80:
	case 0x81:
	case 0x83:
	case 0xf6:
	case 0xf7:
	case 0xfe:
	case 0xff:
		return group(opcode, reg);
	default:
		return (struct form){0};
	}
}

/* The size of a scalar or vector in memory, by the prefix: none, 66, f3, f2. */
static uint32_t simd_size(const struct insn *in)
{
	return in->simd == 0xf3 ? 4 : in->simd == 0xf2 ? 8 : 16;
}

static struct form extended(const struct insn *in)
{
	uint8_t c = in->opcode;
	if (c >= 0x40 && c < 0x50) /* cmov */
		return (struct form){0, READ};
	if (c >= 0x51 && c < 0x60) /* arithmetic of floating point */
		return (struct form){simd_size(in), READ};
	switch (c) {
	case 0xb6:
	case 0xbe:
		return (struct form){1, READ};
	case 0xb7:
	case 0xbf:
		return (struct form){2, READ};
	case 0xaf:
	case 0x2a: /* conversions from integers */
		return (struct form){0, READ};
	case 0x10:
	case 0x28:
	case 0x2e:
	case 0x2f:
		return (struct form){simd_size(in), READ};
	case 0x11:
	case 0x29:
		return (struct form){simd_size(in), WRITE};
	case 0x6f:
		return (struct form){in->simd ? 16 : 8, READ};
	case 0x7f:
		return (struct form){in->simd ? 16 : 8, WRITE};
	case 0xd6:
		return (struct form){8, WRITE};
	case 0x7e:
		return in->simd == 0xf3 ? (struct form){8, READ} : (struct form){0, WRITE};
	case 0x6e:
		return (struct form){0, READ};
	default:
		return (struct form){0};
	}
}

static uint64_t reg_of(const struct user_regs_struct *r, unsigned number)
{
	const unsigned long long all[] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi,
		r->rdi, r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};
	return all[number & 15];
}

static uint64_t address(const struct insn *in, const struct user_regs_struct *r)
{
	unsigned mod = in->modrm >> 6, rm = in->modrm & 7, high = in->rex & 1 ? 8 : 0;
	uint64_t at = (uint64_t)(int64_t)in->disp;
	if (mod == 0 && rm == 5)
		return at + r->rip + in->length;
	if (rm != 4)
		return at + reg_of(r, rm | high);
	unsigned index = (in->sib >> 3 & 7) | (in->rex & 2 ? 8 : 0), base = in->sib & 7;
	if (index != 4)
		at += reg_of(r, index) << (in->sib >> 6);
	if (mod || base != 5)
		at += reg_of(r, base | high);
	return at;
}

#define RED_ZONE 128
#define STACK    (1ul << 20)

static bool on_stack(uint64_t addr, uint64_t sp)
{
	return addr + RED_ZONE >= sp && addr < sp + STACK;
}

static bool may_count(const struct insn *in)
{
	return in->has_modrm && in->modrm >> 6 != 3 && in->map <= MAP_0F && !in->lock &&
	       !in->segment && !in->address32 && !(in->vector && in->map != MAP_0F);
}

static struct form form_of(const struct insn *in)
{
	return in->map == MAP_0F ? extended(in) : plain(in->opcode, in->modrm >> 3 & 7);
}

bool operand_of(struct operand *op, const unsigned char *code, size_t n,
	const struct user_regs_struct *regs)
{
	struct insn in;
	if (!insn_decode(&in, code, n) || !may_count(&in))
		return false;
	struct form f = form_of(&in);
	uint32_t word = in.rex & 8 ? 8 : in.operand16 ? 2 : 4;
	*op = (struct operand){address(&in, regs), f.size ? f.size : word, (f.how & WRITE) != 0};
	return f.how && !on_stack(op->addr, regs->rsp);
}

static bool is_locked(const struct insn *in)
{
	bool exchanges = in->map == MAP_ONE && (in->opcode | 1) == 0x87;
	return in->has_modrm && in->modrm >> 6 != 3 && (in->lock || exchanges);
}

static bool is_write(const struct insn *in)
{
	return may_count(in) && (form_of(in).how & WRITE);
}

static bool any_ends_here(const unsigned char *code, size_t n, bool (*is)(const struct insn *in))
{
	struct insn in;
	for (size_t k = 2; k <= n && k <= INSN_LONGEST; k++)
		if (insn_decode(&in, code + n - k, k) && in.length == k && is(&in))
			return true;
	return false;
}

bool operand_locked(const unsigned char *code, size_t n)
{
	return any_ends_here(code, n, is_locked);
}

bool operand_writes(const unsigned char *code, size_t n)
{
	return any_ends_here(code, n, is_write);
}
