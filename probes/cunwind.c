/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cunwind.c - CFI unwinder over copied stacks.
 *
 * libdw reads .eh_frame (or .debug_frame) and gives the rules of one pc; they are compiled once
 * into a row of "CFA = register + offset, return address and callee-saved registers at CFA +
 * offset", so that ten thousand goroutines parked at fifty places cost fifty CFI programs. The few
 * rules that do not fit (a realigned stack, the PLT, a signal frame) keep their DWARF expression
 * and are evaluated.
 *
 * Invariants:
 *  1. Each step raises the stack pointer and stays within the stack, so a walk over memory that
 *     changes under us ends.
 *  2. Where there is no CFI the frame pointer is followed if it lies in the stack; else we stop.
 *
 * libunwind-ptrace was rejected: its accessors want a traced, stopped thread, and a parked
 * goroutine is not a thread.
 */
#include <stdlib.h>
#include <string.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include "cunwind.h"
#include "pcmap.h"

enum how { SAME, UNDEFINED, AT_CFA, EXPRESSION };

struct rule {
	enum how how;
	int64_t offset;      /* AT_CFA: saved at CFA + offset */
	const Dwarf_Op *ops; /* EXPRESSION */
	size_t nops;
};

enum row_kind { ROW_CFI, ROW_NONE };

/* The registers that a row has rules for. */
static const uint8_t tracked[] = {
	CREG_RA, CREG_RBP, CREG_RBX, CREG_R12, CREG_R12 + 1, CREG_R12 + 2, CREG_R12 + 3};
#define NTRACKED (sizeof tracked / sizeof *tracked)

struct row {
	enum row_kind kind;
	bool signal;        /* of a signal trampoline: its caller was interrupted, not calling */
	unsigned cfa_reg;   /* when cfa_ops is NULL */
	int64_t cfa_offset; /* likewise */
	const Dwarf_Op *cfa_ops;
	size_t cfa_nops;
	struct rule rules[NTRACKED];
	Dwarf_Frame *frame; /* keeps the expressions alive */
};

#define WINDOW 4096

struct cunwind {
	struct modules *ms;
	struct pcmap rows; /* of struct row */
	uint64_t window_base, window_len;
	bool window_valid;
	uint8_t window[WINDOW];
};

struct cunwind *cunwind_new(struct modules *ms)
{
	struct cunwind *u = calloc(1, sizeof *u);
	if (u)
		u->ms = ms;
	return u;
}

void cunwind_free(struct cunwind *u)
{
	if (!u)
		return;
	for (size_t i = 0; u->rows.slots && i <= u->rows.mask; i++)
		if (u->rows.slots[i].value)
			free(((struct row *)u->rows.slots[i].value)->frame);
	pcmap_free(&u->rows);
	free(u);
}

/*
 * dwarf_frame_register's encodings, see its documentation in elfutils/libdw.h. What cannot be used
 * becomes an empty expression, which fails when it is evaluated.
 */
static struct rule compile_rule(Dwarf_Frame *frame, int reg)
{
	Dwarf_Op mem[3], *ops;
	size_t n;
	struct rule rule = {.how = EXPRESSION};
	if (dwarf_frame_register(frame, reg, mem, &ops, &n))
		return rule;
	if (n == 0) {
		rule.how = ops ? UNDEFINED : SAME;
	} else if (ops != mem) {
		rule.ops = ops;
		rule.nops = n;
	} else if (mem[0].atom == DW_OP_call_frame_cfa &&
		   (n == 1 || (n == 2 && mem[1].atom == DW_OP_plus_uconst))) {
		rule.how = AT_CFA;
		rule.offset = n == 2 ? (int64_t)mem[1].number : 0;
	}
	return rule;
}

static bool compile_cfa(struct row *row, Dwarf_Frame *frame)
{
	Dwarf_Op *ops;
	size_t n;
	if (dwarf_frame_cfa(frame, &ops, &n) || n == 0)
		return false;
	if (n == 1 && ops[0].atom == DW_OP_bregx && ops[0].number < CREG_COUNT) {
		row->cfa_reg = (unsigned)ops[0].number;
		row->cfa_offset = (int64_t)ops[0].number2;
		return true;
	}
	row->cfa_ops = ops;
	row->cfa_nops = n;
	return true;
}

static void compile(struct row *row, Dwarf_Frame *frame)
{
	if (!compile_cfa(row, frame))
		return;
	for (size_t i = 0; i < NTRACKED; i++)
		row->rules[i] = compile_rule(frame, tracked[i]);
	dwarf_frame_info(frame, NULL, NULL, &row->signal);
	row->kind = ROW_CFI;
}

static Dwarf_Frame *find_frame(struct module *m, uint64_t pc)
{
	Dwarf_Frame *frame;
	Dwarf_Addr bias;
	Dwarf_CFI *cfi = dwfl_module_eh_cfi(m->dw, &bias);
	if (cfi && dwarf_cfi_addrframe(cfi, pc - bias, &frame) == 0)
		return frame;
	cfi = dwfl_module_dwarf_cfi(m->dw, &bias);
	return cfi && dwarf_cfi_addrframe(cfi, pc - bias, &frame) == 0 ? frame : NULL;
}

static struct row *new_row(struct cunwind *u, uint64_t pc)
{
	struct row *row = calloc(1, sizeof *row);
	if (!row)
		return NULL;
	row->kind = ROW_NONE;
	struct module *m = modules_at(u->ms, pc);
	Dwarf_Frame *frame = m && module_elf(m) ? find_frame(m, pc) : NULL;
	if (frame)
		compile(row, frame);
	row->frame = frame;
	return row;
}

static const struct row *row_of(struct cunwind *u, uint64_t pc)
{
	struct row *row = pcmap_get(&u->rows, pc);
	if (row)
		return row;
	row = new_row(u, pc);
	if (row && pcmap_add(&u->rows, pc, row))
		return row;
	if (row)
		free(row->frame);
	free(row);
	return NULL;
}

static bool within(const struct cstack *s, uint64_t addr)
{
	return addr >= s->lo && addr < s->hi && s->hi - addr >= sizeof(uint64_t);
}

/* Beyond the copy: a window of the stack, which the next frames are likely to lie in too. */
static bool load_window(struct cunwind *u, const struct cstack *s, uint64_t addr, uint64_t *value)
{
	if (!u->window_valid || addr < u->window_base ||
		addr - u->window_base > u->window_len - sizeof *value) {
		u->window_base = addr;
		u->window_len = s->hi - addr < WINDOW ? s->hi - addr : WINDOW;
		u->window_valid = s->read && s->read(s->ctx, addr, u->window, u->window_len);
		if (!u->window_valid) { /* memory may end before the window does */
			u->window_len = sizeof *value;
			u->window_valid =
				s->read && s->read(s->ctx, addr, u->window, sizeof *value);
		}
		if (!u->window_valid)
			return false;
	}
	memcpy(value, u->window + (addr - u->window_base), sizeof *value);
	return true;
}

static bool load(struct cunwind *u, const struct cstack *s, uint64_t addr, uint64_t *value)
{
	if (!within(s, addr))
		return false;
	if (addr >= s->base && s->len >= sizeof *value &&
		addr - s->base <= s->len - sizeof *value) {
		memcpy(value, s->copy + (addr - s->base), sizeof *value);
		return true;
	}
	return load_window(u, s, addr, value);
}

#define EVAL_DEPTH 16

/* The stack of an expression; bad is sticky, so that operators need no checks of their own. */
struct eval {
	uint64_t stack[EVAL_DEPTH];
	unsigned n;
	bool bad, is_value;
};

static void push(struct eval *e, uint64_t v)
{
	if (e->n == EVAL_DEPTH)
		e->bad = true;
	else
		e->stack[e->n++] = v;
}

static uint64_t pop(struct eval *e)
{
	if (e->n == 0) {
		e->bad = true;
		return 0;
	}
	return e->stack[--e->n];
}

static void binary(struct eval *e, unsigned atom)
{
	uint64_t b = pop(e), a = pop(e);
	switch (atom) {
	case DW_OP_plus:
		push(e, a + b);
		break;
	case DW_OP_minus:
		push(e, a - b);
		break;
	case DW_OP_and:
		push(e, a & b);
		break;
	case DW_OP_shl:
		push(e, b < 64 ? a << b : 0);
		break;
	case DW_OP_ge:
		push(e, (int64_t)a >= (int64_t)b);
		break;
	default:
		e->bad = true;
	}
}

/* What stands for a value by itself. */
static bool operand(struct eval *e, const Dwarf_Op *op, const struct cregs *regs, uint64_t cfa)
{
	unsigned atom = op->atom;
	if (atom >= DW_OP_lit0 && atom <= DW_OP_lit31)
		push(e, atom - DW_OP_lit0);
	else if (atom >= DW_OP_breg0 && atom < DW_OP_breg0 + CREG_COUNT)
		push(e, regs->r[atom - DW_OP_breg0] + op->number);
	else if (atom == DW_OP_bregx && op->number < CREG_COUNT)
		push(e, regs->r[op->number] + op->number2);
	else if (atom >= DW_OP_const1u && atom <= DW_OP_consts)
		push(e, op->number);
	else if (atom == DW_OP_call_frame_cfa)
		push(e, cfa);
	else
		return false;
	return true;
}

static bool evaluate(struct cunwind *u, const struct cstack *s, const struct cregs *regs,
	uint64_t cfa, const Dwarf_Op *ops, size_t nops, struct eval *e)
{
	e->n = 0;
	e->bad = e->is_value = false;
	for (size_t i = 0; i < nops && !e->bad; i++) {
		uint64_t v = 0;
		if (operand(e, &ops[i], regs, cfa))
			continue;
		switch (ops[i].atom) {
		case DW_OP_plus_uconst:
			push(e, pop(e) + ops[i].number);
			break;
		case DW_OP_deref:
			e->bad |= !load(u, s, pop(e), &v);
			push(e, v);
			break;
		case DW_OP_stack_value:
			e->is_value = true;
			break;
		default:
			binary(e, ops[i].atom);
		}
	}
	return !e->bad && e->n > 0;
}

static bool find_cfa(struct cunwind *u, const struct cstack *s, const struct row *row,
	const struct cregs *regs, uint64_t *cfa)
{
	if (!row->cfa_ops) {
		*cfa = regs->r[row->cfa_reg] + (uint64_t)row->cfa_offset;
		return true;
	}
	struct eval e;
	if (!evaluate(u, s, regs, 0, row->cfa_ops, row->cfa_nops, &e))
		return false;
	*cfa = pop(&e);
	return true;
}

static bool apply_expression(struct cunwind *u, const struct cstack *s, const struct rule *rule,
	const struct cregs *regs, uint64_t cfa, uint64_t *value)
{
	struct eval e;
	if (!evaluate(u, s, regs, cfa, rule->ops, rule->nops, &e))
		return false;
	*value = pop(&e);
	return e.is_value || load(u, s, *value, value);
}

static bool apply(struct cunwind *u, const struct cstack *s, const struct rule *rule,
	const struct cregs *regs, uint64_t cfa, uint64_t *value)
{
	if (rule->how == AT_CFA)
		return load(u, s, cfa + (uint64_t)rule->offset, value);
	return rule->how != EXPRESSION || apply_expression(u, s, rule, regs, cfa, value);
}

enum step { STEP_OK, STEP_OUTERMOST, STEP_LOST };

static enum step step_cfi(
	struct cunwind *u, const struct cstack *s, const struct row *row, struct cregs *regs)
{
	struct cregs caller = *regs;
	uint64_t cfa;
	if (row->rules[0].how == UNDEFINED)
		return STEP_OUTERMOST;
	if (!find_cfa(u, s, row, regs, &cfa))
		return STEP_LOST;
	caller.r[CREG_RSP] = cfa;
	for (size_t i = 0; i < NTRACKED; i++) {
		uint32_t bit = 1u << tracked[i];
		if (!apply(u, s, &row->rules[i], regs, cfa, &caller.r[tracked[i]]))
			return STEP_LOST;
		if (row->rules[i].how == UNDEFINED)
			caller.known &= ~bit;
		else if (row->rules[i].how != SAME)
			caller.known |= bit;
	}
	*regs = caller;
	return STEP_OK;
}

static enum step step_frame_pointer(struct cunwind *u, const struct cstack *s, struct cregs *regs)
{
	uint64_t fp = regs->r[CREG_RBP], saved, ra;
	if (fp % 8 || fp < regs->r[CREG_RSP])
		return STEP_LOST;
	if (!load(u, s, fp, &saved) || !load(u, s, fp + 8, &ra))
		return STEP_LOST;
	regs->r[CREG_RBP] = saved;
	regs->r[CREG_RSP] = fp + 16;
	regs->r[CREG_RA] = ra;
	regs->known = 1u << CREG_RBP | 1u << CREG_RSP | 1u << CREG_RA;
	return STEP_OK;
}

static enum step step(struct cunwind *u, const struct cstack *s, struct cregs *regs, bool *callsite)
{
	uint64_t sp = regs->r[CREG_RSP];
	const struct row *row = row_of(u, regs->r[CREG_RA] - *callsite);
	if (!row)
		return STEP_LOST;
	enum step r =
		row->kind == ROW_CFI ? step_cfi(u, s, row, regs) : step_frame_pointer(u, s, regs);
	if (r != STEP_OK)
		return r;
	*callsite = !row->signal;
	if (regs->r[CREG_RA] == 0)
		return STEP_OUTERMOST;
	uint64_t now = regs->r[CREG_RSP];
	bool onward = now > sp || row->signal; /* a handler may have a stack of its own */
	return onward && now >= s->lo && now <= s->hi ? STEP_OK : STEP_LOST;
}

enum cunwind_end cunwind_stack(struct cunwind *u, struct cregs *regs, bool callsite,
	const struct cstack *stack, struct cframe *out, size_t max, size_t *n)
{
	u->window_valid = false;
	for (*n = 0; *n < max;) {
		struct cregs here = *regs;
		bool at_call = callsite;
		out[(*n)++] = (struct cframe){regs->r[CREG_RA], callsite};
		switch (step(u, stack, regs, &callsite)) {
		case STEP_OK:
			if (stack->frame)
				stack->frame(stack->frame_ctx, &here, at_call, regs->r[CREG_RSP]);
			break;
		case STEP_OUTERMOST:
			return CUNWIND_OUTERMOST;
		case STEP_LOST:
			return CUNWIND_LOST;
		}
	}
	return CUNWIND_FULL;
}
