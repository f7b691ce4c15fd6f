/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ehstep.c - applies a row of register rules: from the registers of a frame to its caller's.
 *
 * Expressions are evaluated in full (they occur in PLT stubs, in glibc's signal trampoline and in
 * functions that realign their stack), on a fixed stack and with a bounded number of operations:
 * DW_OP_bra and DW_OP_skip are refused, so an expression ends with its bytes.
 */
#include <errno.h>
#include "eh.h"

#define EXPR_DEPTH 16

struct expr {
	uint64_t stack[EXPR_DEPTH];
	unsigned n;
	bool bad;
};

static void push(struct expr *e, uint64_t value)
{
	if (e->n == EXPR_DEPTH)
		e->bad = true;
	else
		e->stack[e->n++] = value;
}

static uint64_t pop(struct expr *e)
{
	if (e->n)
		return e->stack[--e->n];
	e->bad = true;
	return 0;
}

static uint64_t constant(struct reader *r, uint8_t op)
{
	switch (op) {
	case 0x08:
		return read_u8(r);
	case 0x09:
		return (uint64_t)(int8_t)read_u8(r);
	case 0x0a:
		return read_u16(r);
	case 0x0b:
		return (uint64_t)(int16_t)read_u16(r);
	case 0x0c:
		return read_u32(r);
	case 0x0d:
		return (uint64_t)(int32_t)read_u32(r);
	case 0x10:
		return read_uleb(r);
	case 0x11:
		return (uint64_t)read_sleb(r);
	}
	return read_u64(r);
}

static uint64_t shifted(uint64_t value, uint64_t by, bool left)
{
	if (by > 63)
		return 0;
	return left ? value << by : value >> by;
}

static void binary(struct expr *e, uint8_t op)
{
	uint64_t b = pop(e), a = pop(e);
	int64_t sa = (int64_t)a, sb = (int64_t)b;
	switch (op) {
	case 0x1a:
		return push(e, a & b);
	case 0x1c:
		return push(e, a - b);
	case 0x1e:
		return push(e, a * b);
	case 0x21:
		return push(e, a | b);
	case 0x22:
		return push(e, a + b);
	case 0x24:
		return push(e, shifted(a, b, true));
	case 0x25:
		return push(e, shifted(a, b, false));
	case 0x27:
		return push(e, a ^ b);
	case 0x29:
		return push(e, sa == sb);
	case 0x2a:
		return push(e, sa >= sb);
	case 0x2b:
		return push(e, sa > sb);
	case 0x2c:
		return push(e, sa <= sb);
	case 0x2d:
		return push(e, sa < sb);
	case 0x2e:
		return push(e, sa != sb);
	}
	e->bad = true;
}

static void stack_op(struct expr *e, const struct eh_mem *mem, uint8_t op)
{
	uint64_t top = pop(e), word;
	switch (op) {
	case 0x06: /* deref */
		if (!mem->read(mem, top, &word))
			e->bad = true;
		else
			push(e, word);
		return;
	case 0x12: /* dup */
		push(e, top);
		return push(e, top);
	case 0x13: /* drop */
		return;
	case 0x1f:
		return push(e, 0 - top);
	case 0x20:
		return push(e, ~top);
	}
	e->bad = true;
}

static void run_op(struct expr *e, struct reader *r, const struct eh_mem *mem,
	const struct regs *regs, uint8_t op)
{
	if (op >= 0x30 && op <= 0x4f) /* lit */
		push(e, op - 0x30u);
	else if (op >= 0x70 && op < 0x70 + NREGS) /* breg */
		push(e, regs->r[op - 0x70] + (uint64_t)read_sleb(r));
	else if (op >= 0x08 && op <= 0x11)
		push(e, constant(r, op));
	else if (op == 0x23) /* plus_uconst */
		push(e, pop(e) + read_uleb(r));
	else if (op == 0x06 || op == 0x12 || op == 0x13 || op == 0x1f || op == 0x20)
		stack_op(e, mem, op);
	else if (op != 0x96) /* nop */
		binary(e, op);
}

/* Evaluates with `initial` on the stack (the CFA for register rules); false when it cannot. */
static bool evaluate(const struct eh_image *im, const struct eh_rule *rule,
	const struct eh_mem *mem, const struct regs *regs, const uint64_t *initial, uint64_t *out)
{
	struct reader r = reader_at(im->frame, (uint64_t)rule->value);
	struct expr e = {.n = 0};
	if (r.bad || reader_left(&r) < rule->len)
		return false;
	r.end = r.at + rule->len;
	if (initial)
		push(&e, *initial);
	while (reader_left(&r) && !r.bad && !e.bad)
		run_op(&e, &r, mem, regs, read_u8(&r));
	*out = pop(&e);
	return !e.bad && !r.bad;
}

static bool apply(const struct eh_image *im, const struct eh_rule *rule, const struct eh_mem *mem,
	const struct regs *old, uint64_t cfa, uint64_t *out)
{
	uint64_t at = cfa + (uint64_t)(int64_t)rule->value;
	switch (rule->kind) {
	case EH_OFFSET:
		return mem->read(mem, at, out);
	case EH_VAL_OFFSET:
		*out = at;
		return true;
	case EH_REGISTER:
		if (rule->value < 0 || rule->value >= NREGS)
			return false;
		*out = old->r[rule->value];
		return true;
	case EH_EXPR:
		return evaluate(im, rule, mem, old, &cfa, &at) && mem->read(mem, at, out);
	case EH_VAL_EXPR:
		return evaluate(im, rule, mem, old, &cfa, out);
	}
	return true;
}

int eh_step(const struct eh_image *im, const struct eh_row *row, const struct eh_mem *mem,
	struct regs *regs)
{
	struct regs old = *regs;
	uint64_t cfa = old.r[row->cfa_reg] + (uint64_t)(int64_t)row->cfa.value;
	if (row->reg[row->ra].kind == EH_UNDEFINED)
		return -ENODATA;
	if (row->cfa.kind == EH_VAL_EXPR && !evaluate(im, &row->cfa, mem, &old, NULL, &cfa))
		return -EINVAL;
	regs->r[DW_RSP] = cfa;
	for (int i = 0; i < NREGS; i++)
		if (!apply(im, &row->reg[i], mem, &old, cfa, &regs->r[i]))
			return -EFAULT;
	regs->r[DW_RIP] = regs->r[row->ra];
	return regs->r[DW_RIP] ? 0 : -ENODATA;
}
