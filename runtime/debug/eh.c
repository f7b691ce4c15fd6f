/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eh.c - reads .eh_frame: from a pc to the row of register rules that holds there.
 *
 * Used in signal handlers, so: no allocation, no libc beyond mem*, bounded work. The tables are
 * trusted for nothing: they are foreign bytes (a module may be hand-made, or half unmapped behind
 * our copy), every read goes through struct reader.
 *
 * Path: .eh_frame_hdr's sorted table (binary search; without one: all records) -> FDE -> its CIE ->
 * run the CIE's program, then the FDE's until its location passes pc. DWARF 4 section 6.4; the GNU
 * parts (augmentation "zRS", args_size, pointer encodings) follow the Linux Standard Base, core
 * part, "Exception Frames".
 */
#include <errno.h>
#include "eh.h"

#define REMEMBER_DEPTH 8

struct cie {
	uint64_t code_align;
	int64_t data_align;
	uint8_t encoding; /* of the addresses in its FDEs */
	uint8_t ra;
	bool has_augmentation, signal;
	struct reader program;
};

struct program {
	const struct eh_image *im;
	const struct cie *cie;
	struct eh_row *row;
	const struct eh_row *initial; /* NULL while the CIE's own program runs */
	struct eh_row saved[REMEMBER_DEPTH];
	unsigned depth;
	uint64_t loc;
};

enum {
	ENC_ABSPTR = 0x00,
	ENC_ULEB = 0x01,
	ENC_UDATA2 = 0x02,
	ENC_UDATA4 = 0x03,
	ENC_UDATA8 = 0x04,
	ENC_SLEB = 0x09,
	ENC_SDATA2 = 0x0a,
	ENC_SDATA4 = 0x0b,
	ENC_SDATA8 = 0x0c,
	ENC_PCREL = 0x10,
	ENC_DATAREL_SDATA4 = 0x3b,
	ENC_OMIT = 0xff
};

static uint64_t read_format(struct reader *r, uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case ENC_ULEB:
		return read_uleb(r);
	case ENC_UDATA2:
		return read_u16(r);
	case ENC_UDATA4:
		return read_u32(r);
	case ENC_SLEB:
		return (uint64_t)read_sleb(r);
	case ENC_SDATA2:
		return (uint64_t)(int16_t)read_u16(r);
	case ENC_SDATA4:
		return (uint64_t)(int32_t)read_u32(r);
	case ENC_ABSPTR:
	case ENC_UDATA8:
	case ENC_SDATA8:
		return read_u64(r);
	}
	r->bad = true;
	return 0;
}

static uint64_t frame_addr_of(const struct eh_image *im, const struct reader *r)
{
	return im->frame_addr + (uint64_t)(r->at - im->frame.data);
}

static uint64_t read_pointer(const struct eh_image *im, struct reader *r, uint8_t encoding)
{
	uint64_t here = frame_addr_of(im, r);
	uint64_t value = read_format(r, encoding);
	if (encoding == ENC_OMIT || (encoding & 0x70) > ENC_PCREL)
		r->bad = true;
	return (encoding & 0x70) == ENC_PCREL ? value + here : value;
}

/* Enters the record (CIE or FDE) at r: leaves r spanning its body. */
static bool enter_record(struct reader *r)
{
	uint64_t length = read_u32(r);
	if (length == 0xffffffffu)
		length = read_u64(r);
	if (r->bad || !length || length > reader_left(r))
		return false;
	r->end = r->at + length;
	return true;
}

static void read_augmentation(
	const struct eh_image *im, struct reader *r, const char *letters, struct cie *cie)
{
	uint64_t size = read_uleb(r);
	struct reader data = *r;
	reader_skip(r, size);
	data.end = r->at;
	for (; *letters && !data.bad; letters++) {
		if (*letters == 'R')
			cie->encoding = read_u8(&data);
		else if (*letters == 'L')
			(void)read_u8(&data);
		else if (*letters == 'P')
			(void)read_pointer(im, &data, read_u8(&data) & 0x1f);
		else if (*letters == 'S')
			cie->signal = true;
		else if (*letters != 'B')
			return;
	}
}

static bool read_cie(const struct eh_image *im, uint64_t offset, struct cie *cie)
{
	struct reader r = reader_at(im->frame, offset);
	if (!enter_record(&r) || read_u32(&r) != 0)
		return false;
	uint8_t version = read_u8(&r);
	const char *letters = read_cstr(&r);
	if (version != 1 && version != 3)
		return false;
	*cie = (struct cie){.code_align = read_uleb(&r), .data_align = read_sleb(&r)};
	uint64_t ra = version == 1 ? read_u8(&r) : read_uleb(&r);
	cie->ra = (uint8_t)ra;
	cie->has_augmentation = *letters == 'z';
	if (cie->has_augmentation)
		read_augmentation(im, &r, letters + 1, cie);
	cie->program = r;
	return !r.bad && ra < NREGS && (cie->has_augmentation || !*letters);
}

/* Multiplies without signed overflow: both factors are foreign. */
static int64_t scaled(const struct program *p, int64_t n)
{
	return (int64_t)((uint64_t)n * (uint64_t)p->cie->data_align);
}

static void set_rule(struct program *p, uint64_t reg, enum eh_rule_kind kind, int64_t value)
{
	if (reg < NREGS)
		p->row->reg[reg] = (struct eh_rule){.kind = (uint8_t)kind, .value = (int32_t)value};
}

static struct eh_rule expression(struct program *p, struct reader *r, enum eh_rule_kind kind)
{
	uint64_t len = read_uleb(r);
	struct eh_rule rule = {(uint8_t)kind, (uint16_t)len, (int32_t)(r->at - p->im->frame.data)};
	if (len > UINT16_MAX || r->at - p->im->frame.data > INT32_MAX)
		r->bad = true;
	reader_skip(r, len);
	return rule;
}

static void set_expression(struct program *p, struct reader *r, enum eh_rule_kind kind)
{
	uint64_t reg = read_uleb(r);
	struct eh_rule rule = expression(p, r, kind);
	if (reg < NREGS)
		p->row->reg[reg] = rule;
}

static void restore_rule(struct program *p, uint64_t reg)
{
	if (reg < NREGS && p->initial)
		p->row->reg[reg] = p->initial->reg[reg];
}

static void def_cfa(struct program *p, struct reader *r, uint64_t reg, int64_t offset)
{
	if (reg >= NREGS)
		r->bad = true;
	else
		p->row->cfa_reg = (uint8_t)reg;
	p->row->cfa = (struct eh_rule){.kind = EH_REGISTER, .value = (int32_t)offset};
}

static void remember_row(struct program *p, struct reader *r)
{
	if (p->depth == REMEMBER_DEPTH)
		r->bad = true;
	else
		p->saved[p->depth++] = *p->row;
}

static void recall_row(struct program *p, struct reader *r)
{
	if (!p->depth)
		r->bad = true;
	else
		*p->row = p->saved[--p->depth];
}

static void run_cfa_op(struct program *p, struct reader *r, uint8_t op)
{
	uint64_t reg;
	switch (op) {
	case 0x0c: /* def_cfa */
		reg = read_uleb(r);
		return def_cfa(p, r, reg, (int64_t)read_uleb(r));
	case 0x12: /* def_cfa_sf */
		reg = read_uleb(r);
		return def_cfa(p, r, reg, scaled(p, read_sleb(r)));
	case 0x0d: /* def_cfa_register */
		return def_cfa(p, r, read_uleb(r), p->row->cfa.value);
	case 0x0e: /* def_cfa_offset */
		p->row->cfa.value = (int32_t)read_uleb(r);
		return;
	case 0x13: /* def_cfa_offset_sf */
		p->row->cfa.value = (int32_t)(scaled(p, read_sleb(r)));
		return;
	case 0x0f: /* def_cfa_expression */
		p->row->cfa = expression(p, r, EH_VAL_EXPR);
		return;
	}
	r->bad = true;
}

static void run_register_op(struct program *p, struct reader *r, uint8_t op)
{
	uint64_t reg = read_uleb(r);
	switch (op) {
	case 0x05: /* offset_extended */
		return set_rule(p, reg, EH_OFFSET, scaled(p, (int64_t)read_uleb(r)));
	case 0x11: /* offset_extended_sf */
		return set_rule(p, reg, EH_OFFSET, scaled(p, read_sleb(r)));
	case 0x2f: /* GNU_negative_offset_extended */
		return set_rule(p, reg, EH_OFFSET, scaled(p, (int64_t)(0 - read_uleb(r))));
	case 0x14: /* val_offset */
		return set_rule(p, reg, EH_VAL_OFFSET, scaled(p, (int64_t)read_uleb(r)));
	case 0x15: /* val_offset_sf */
		return set_rule(p, reg, EH_VAL_OFFSET, scaled(p, read_sleb(r)));
	case 0x06: /* restore_extended */
		return restore_rule(p, reg);
	case 0x07: /* undefined */
		return set_rule(p, reg, EH_UNDEFINED, 0);
	case 0x08: /* same_value */
		return set_rule(p, reg, EH_SAME, 0);
	case 0x09: /* register */
		return set_rule(p, reg, EH_REGISTER, (int64_t)read_uleb(r));
	}
	r->bad = true;
}

static void run_extended(struct program *p, struct reader *r, uint8_t op)
{
	switch (op) {
	case 0x00: /* nop */
		return;
	case 0x01: /* set_loc */
		p->loc = read_pointer(p->im, r, p->cie->encoding);
		return;
	case 0x02: /* advance_loc1, 2, 4 */
		p->loc += read_u8(r) * p->cie->code_align;
		return;
	case 0x03:
		p->loc += read_u16(r) * p->cie->code_align;
		return;
	case 0x04:
		p->loc += read_u32(r) * p->cie->code_align;
		return;
	case 0x0a:
		return remember_row(p, r);
	case 0x0b:
		return recall_row(p, r);
	case 0x10:
		return set_expression(p, r, EH_EXPR);
	case 0x16:
		return set_expression(p, r, EH_VAL_EXPR);
	case 0x2e: /* GNU_args_size */
		(void)read_uleb(r);
		return;
	case 0x0c ... 0x0f:
	case 0x12 ... 0x13:
		return run_cfa_op(p, r, op);
	}
	run_register_op(p, r, op);
}

/* Runs until the location passes pc; false when the program makes no sense. */
static bool run_program(struct program *p, struct reader r, uint64_t pc)
{
	while (reader_left(&r) && !r.bad) {
		uint8_t op = read_u8(&r), low = op & 0x3f;
		struct reader before = r;
		uint64_t loc = p->loc;
		if (op >> 6 == 1)
			p->loc += low * p->cie->code_align;
		else if (op >> 6 == 2)
			set_rule(p, low, EH_OFFSET, scaled(p, (int64_t)read_uleb(&r)));
		else if (op >> 6 == 3)
			restore_rule(p, low);
		else
			run_extended(p, &r, op);
		if (p->loc != loc && p->loc > pc)
			return !r.bad && before.at <= r.end;
	}
	return !r.bad;
}

/* Offset in .eh_frame of the FDE whose start is the last one not after pc. */
static int find_fde(const struct eh_image *im, uint64_t pc, uint64_t *offset)
{
	struct reader r = reader_at(im->hdr, 0);
	uint8_t version = read_u8(&r), frame_enc = read_u8(&r), count_enc = read_u8(&r);
	uint8_t table_enc = read_u8(&r);
	(void)read_format(&r, frame_enc);
	uint64_t count = read_format(&r, count_enc);
	if (r.bad || version != 1 || table_enc != ENC_DATAREL_SDATA4)
		return -EINVAL;
	if (count > reader_left(&r) / 8)
		count = reader_left(&r) / 8;
	uint64_t lo = 0, hi = count;
	int32_t entry[2];
	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;
		memcpy(entry, r.at + mid * 8, sizeof entry);
		if (im->hdr_addr + (uint64_t)(int64_t)entry[0] <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return -ENOENT;
	memcpy(entry, r.at + (lo - 1) * 8, sizeof entry);
	*offset = im->hdr_addr + (uint64_t)(int64_t)entry[1] - im->frame_addr;
	return 0;
}

struct fde {
	uint64_t start, range;
	struct cie cie;
	struct reader program;
};

/* The FDE at offset; `*cie_at` is the offset of the CIE that fde->cie holds already. */
static bool read_fde(const struct eh_image *im, uint64_t offset, struct fde *fde, uint64_t *cie_at)
{
	struct reader r = reader_at(im->frame, offset);
	if (r.bad || !enter_record(&r))
		return false;
	uint64_t field = (uint64_t)(r.at - im->frame.data), back = read_u32(&r);
	if (!back || back > field)
		return false;
	if (field - back != *cie_at && !read_cie(im, field - back, &fde->cie)) {
		*cie_at = UINT64_MAX;
		return false;
	}
	*cie_at = field - back;
	fde->start = read_pointer(im, &r, fde->cie.encoding);
	fde->range = read_format(&r, fde->cie.encoding);
	if (fde->cie.has_augmentation)
		reader_skip(&r, read_uleb(&r));
	fde->program = r;
	return !r.bad;
}

/* Without a sorted table, as in static programs: looks at every FDE. */
static int scan_fdes(const struct eh_image *im, uint64_t pc, struct fde *fde)
{
	struct reader r = reader_at(im->frame, 0);
	uint64_t cie_at = UINT64_MAX;
	while (reader_left(&r)) {
		struct reader record = r;
		uint64_t offset = (uint64_t)(r.at - im->frame.data);
		if (!enter_record(&record))
			return -ENOENT;
		if (read_fde(im, offset, fde, &cie_at) && pc - fde->start < fde->range)
			return 0;
		r.at = record.end;
	}
	return -ENOENT;
}

static int find_in_table(const struct eh_image *im, uint64_t pc, struct fde *fde)
{
	uint64_t offset, cie_at = UINT64_MAX;
	int err = find_fde(im, pc, &offset);
	if (err)
		return err;
	if (!read_fde(im, offset, fde, &cie_at))
		return -EINVAL;
	return pc - fde->start < fde->range ? 0 : -ENOENT;
}

int eh_find_row(const struct eh_image *im, uint64_t pc, struct eh_row *row)
{
	struct fde fde;
	struct eh_row initial;
	int err = im->hdr.size ? find_in_table(im, pc, &fde) : scan_fdes(im, pc, &fde);
	if (err)
		return err;
	*row = (struct eh_row){.ra = fde.cie.ra, .signal = fde.cie.signal};
	struct program p = {.im = im, .cie = &fde.cie, .row = row, .loc = fde.start};
	if (!run_program(&p, fde.cie.program, UINT64_MAX))
		return -EINVAL;
	initial = *row;
	p.initial = &initial;
	p.loc = fde.start;
	return run_program(&p, fde.program, pc) && row->cfa.kind != EH_SAME ? 0 : -EINVAL;
}
