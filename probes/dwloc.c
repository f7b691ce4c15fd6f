/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dwloc.c - evaluates DWARF locations of a frame that waits for a call to return.
 *
 * What a call does not preserve is gone: a variable that was in such a register is said to be lost,
 * never guessed. In Go code that is every register.
 */
#include "dwloc.h"

#include <dwarf.h>
#include <string.h>

#define MAX_STACK 32

static const char lost[] = "was in a register that the call has overwritten";
static const char optimized[] = "optimized away here";
static const char unreadable[] = "its memory cannot be read";
static const char partial[] = "only where a part of it is, is told here";
static const char unknown[] = "its location is of a kind that is not understood";

/* The evaluation of one expression. */
struct eval {
	const struct tmem *mem;
	const struct dwframe *f;
	Dwarf_Die *func;
	Dwarf_Addr addr;
	uint64_t stack[MAX_STACK];
	unsigned n;
	enum { IN_MEMORY, IS_VALUE, IN_REGISTER, IMPLICIT } kind; /* of the location so far */
	Dwarf_Block implicit;
	const char *why;
};

/* The first reason is the one. */
static void fail(struct eval *e, const char *why)
{
	e->why = e->why ? e->why : why;
}

static void push(struct eval *e, uint64_t v)
{
	if (e->n < MAX_STACK)
		e->stack[e->n++] = v;
	else
		fail(e, unknown);
}

static uint64_t pop(struct eval *e)
{
	if (e->n)
		return e->stack[--e->n];
	fail(e, unknown);
	return 0;
}

static uint64_t reg(struct eval *e, uint64_t i)
{
	if (i < DWLOC_REGS && e->f->known >> i & 1)
		return e->f->regs[i];
	fail(e, lost);
	return 0;
}

static uint64_t cfa(struct eval *e)
{
	if (!e->f->cfa)
		fail(e, "where its frame is, is not known");
	return e->f->cfa;
}

/*
 * The operations of an attribute at an address: 1, 0 when there are none, -1. Go's linker writes
 * expressions as blocks, as before DWARF 4, which libdw refuses in later versions; a length below
 * 128 is written alike in both forms.
 */
static int operations(Dwarf_Attribute *at, Dwarf_Addr addr, Dwarf_Op **ops, size_t *n)
{
	Dwarf_Block block;
	if (at->form == DW_FORM_block1) {
		if (dwarf_formblock(at, &block) || block.length >= 128)
			return -1;
		at->form = DW_FORM_exprloc;
		if (block.length == 0)
			return 0;
	}
	int found = dwarf_getlocation_addr(at, addr, ops, n, 1);
	return found == 1 && *n == 0 ? 0 : found;
}

/* A frame base is a register, or an expression without another frame base. */
static uint64_t frame_base(struct eval *e)
{
	Dwarf_Attribute at;
	Dwarf_Op *op;
	size_t n;
	if (!dwarf_attr_integrate(e->func, DW_AT_frame_base, &at) ||
		operations(&at, e->addr, &op, &n) != 1 || n != 1)
		fail(e, unknown);
	else if (op->atom == DW_OP_call_frame_cfa)
		return cfa(e);
	else if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31)
		return reg(e, op->atom - DW_OP_reg0);
	else if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		return reg(e, op->atom - DW_OP_breg0) + op->number;
	else
		fail(e, unknown);
	return 0;
}

static void dereference(struct eval *e, uint64_t size)
{
	uint64_t v = 0, at = pop(e);
	if (size > sizeof v || !tmem_read(e->mem, (taddr){at}, &v, size))
		fail(e, unreadable);
	push(e, v);
}

static void arithmetic(struct eval *e, const Dwarf_Op *op)
{
	uint64_t b = pop(e), a = pop(e);
	switch (op->atom) {
	case DW_OP_plus:
		push(e, a + b);
		return;
	case DW_OP_minus:
		push(e, a - b);
		return;
	case DW_OP_mul:
		push(e, a * b);
		return;
	case DW_OP_and:
		push(e, a & b);
		return;
	case DW_OP_or:
		push(e, a | b);
		return;
	case DW_OP_shl:
		push(e, b < 64 ? a << b : 0);
		return;
	case DW_OP_shr:
		push(e, b < 64 ? a >> b : 0);
		return;
	default:
		fail(e, unknown);
	}
}

/* An address in the file: a static variable's. */
static void push_address(struct eval *e, Dwarf_Attribute *at, const Dwarf_Op *op)
{
	Dwarf_Attribute where;
	Dwarf_Addr addr = op->number;
	uint64_t bias = e->f->pc - e->f->callsite - e->addr;
	if (op->atom == DW_OP_addrx &&
		(dwarf_getlocation_attr(at, op, &where) || dwarf_formaddr(&where, &addr)))
		fail(e, unknown);
	push(e, addr + bias);
}

/* Operators that end a location. False: it is none of them. */
static bool location_op(struct eval *e, Dwarf_Attribute *at, const Dwarf_Op *op)
{
	switch (op->atom) {
	case DW_OP_stack_value:
		e->kind = IS_VALUE;
		return true;
	case DW_OP_regx:
		e->kind = IN_REGISTER;
		push(e, reg(e, op->number));
		return true;
	case DW_OP_implicit_value:
		e->kind = IMPLICIT;
		if (dwarf_getlocation_implicit_value(at, op, &e->implicit))
			fail(e, unknown);
		return true;
	case DW_OP_entry_value:
	case DW_OP_GNU_entry_value:
	case DW_OP_implicit_pointer:
	case DW_OP_GNU_implicit_pointer:
		fail(e, optimized);
		return true;
	default:
		return false;
	}
}

static void number_op(struct eval *e, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31)
		push(e, op->atom - DW_OP_lit0);
	else if (op->atom >= DW_OP_breg0 && op->atom <= DW_OP_breg31)
		push(e, reg(e, op->atom - DW_OP_breg0) + op->number);
	else if (op->atom == DW_OP_bregx)
		push(e, reg(e, op->number) + op->number2);
	else if (op->atom == DW_OP_fbreg)
		push(e, frame_base(e) + op->number);
	else if (op->atom == DW_OP_call_frame_cfa)
		push(e, cfa(e));
	else if (op->atom == DW_OP_plus_uconst)
		push(e, pop(e) + op->number);
	else if (op->atom >= DW_OP_const1u && op->atom <= DW_OP_consts)
		push(e, op->number);
	else if (op->atom == DW_OP_deref)
		dereference(e, 8);
	else if (op->atom == DW_OP_deref_size)
		dereference(e, op->number);
	else if (op->atom != DW_OP_nop)
		arithmetic(e, op);
}

static void step(struct eval *e, Dwarf_Attribute *at, const Dwarf_Op *op)
{
	if (op->atom >= DW_OP_reg0 && op->atom <= DW_OP_reg31) {
		e->kind = IN_REGISTER;
		push(e, reg(e, op->atom - DW_OP_reg0));
	} else if (op->atom == DW_OP_addr || op->atom == DW_OP_addrx) {
		push_address(e, at, op);
	} else if (!location_op(e, at, op)) {
		number_op(e, op);
	}
}

/* Appends what the location that was evaluated holds: n bytes. */
static void take(struct eval *e, size_t n, struct dwvalue *out)
{
	uint8_t *to = out->bytes + out->n;
	n = n < sizeof out->bytes - out->n ? n : sizeof out->bytes - out->n;
	uint64_t v = e->kind == IMPLICIT ? 0 : pop(e);
	if (e->why)
		out->why = e->why;
	else if (e->kind == IN_MEMORY && !tmem_read(e->mem, (taddr){v}, to, n))
		out->why = unreadable;
	else if (e->kind == IMPLICIT && e->implicit.length < n)
		out->why = unknown;
	else if (e->kind == IMPLICIT)
		memcpy(to, e->implicit.data, n);
	else if (e->kind != IN_MEMORY && n > sizeof v)
		out->why = unknown;
	else if (e->kind != IN_MEMORY)
		memcpy(to, &v, n);
	out->n += n;
}

static void restart(struct eval *e)
{
	e->n = 0;
	e->kind = IN_MEMORY;
	e->why = NULL;
}

static void evaluate(struct eval *e, Dwarf_Attribute *at, const Dwarf_Op *ops, size_t n,
	size_t size, struct dwvalue *out)
{
	for (size_t i = 0; i < n && !out->why; i++) {
		if (ops[i].atom != DW_OP_piece) {
			step(e, at, &ops[i]);
			continue;
		}
		if (i == 0 || ops[i - 1].atom == DW_OP_piece)
			fail(e, partial);
		take(e, ops[i].number, out);
		restart(e);
	}
	if (!out->why && ops[n - 1].atom != DW_OP_piece)
		take(e, size, out);
	else if (!out->why && out->n < size)
		out->why = partial;
}

/*
 * Go's compiler gives a variable of several words of which only one is no constant the place of
 * that word for its own: then it is a register somewhere, without a piece.
 */
static bool one_word(Dwarf_Attribute *at)
{
	Dwarf_Addr base, start, end;
	Dwarf_Op *ops;
	size_t n;
	ptrdiff_t i = 0;
	while ((i = dwarf_getlocations(at, i, &base, &start, &end, &ops, &n)) > 0)
		if (n == 1 && ops->atom >= DW_OP_reg0 && ops->atom <= DW_OP_reg31)
			return true;
	return false;
}

/* A constant: a number, or a block of bytes. */
static bool constant(Dwarf_Die *var, size_t size, struct dwvalue *out)
{
	Dwarf_Attribute at;
	Dwarf_Block block;
	Dwarf_Sword v;
	if (!dwarf_attr_integrate(var, DW_AT_const_value, &at))
		return false;
	if (size <= sizeof v && !dwarf_formsdata(&at, &v)) {
		memcpy(out->bytes, &v, size);
	} else if (!dwarf_formblock(&at, &block) && block.length >= size) {
		memcpy(out->bytes, block.data, size);
	} else {
		out->why = unknown;
		return true;
	}
	out->n = size;
	return true;
}

void dwloc_fetch(const struct tmem *mem, Dwarf_Die *var, Dwarf_Die *func, Dwarf_Addr addr,
	const struct dwframe *f, size_t size, struct dwvalue *out)
{
	Dwarf_Attribute at;
	Dwarf_Op *ops;
	size_t n;
	out->n = 0;
	out->why = NULL;
	size = size < sizeof out->bytes ? size : sizeof out->bytes;
	if (!dwarf_attr(var, DW_AT_location, &at)) {
		if (!constant(var, size, out))
			out->why = optimized;
		return;
	}
	int found = operations(&at, addr, &ops, &n);
	struct eval e = {.mem = mem, .f = f, .func = func, .addr = addr};
	if (found < 1)
		out->why = found < 0 ? unknown : optimized;
	else if (size > 8 && ops[n - 1].atom != DW_OP_piece && one_word(&at))
		out->why = partial;
	else
		evaluate(&e, &at, ops, n, size, out);
}
