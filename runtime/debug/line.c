/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * line.c - runs the line number programs of .debug_line (DWARF 5 section 6.2; 2 to 4 as well).
 *
 * Pure functions over foreign bytes, usable in a signal handler: no allocation, and every loop eats
 * at least one byte a round. Without .debug_info the unit of an address is not known, so
 * line_index() runs every program once and the caller keeps the sequences; a lookup then runs one
 * program.
 *
 * Rejected: libdw and libbacktrace (libgort uses libc only, and both allocate).
 */
#include <errno.h>
#include "line.h"

struct unit {
	const struct line_tables *t;
	uint16_t version;
	bool dwarf64;
	uint8_t min_inst, line_range, opcode_base, address_size;
	int8_t line_base;
	const uint8_t *lengths; /* of the standard opcodes' operands */
	struct reader names;    /* directory table onwards */
	struct reader program;
};

/* One row of the line table, and what the caller wants of the rows. */
struct machine {
	uint64_t addr, file, line;
	uint64_t prev_addr, prev_file, prev_line;
	bool in_seq;
	uint64_t low;

	bool (*seq_end)(struct machine *m); /* a sequence [low, addr) ended; false stops */
	uint64_t want;                      /* address looked for */
	bool looking, found;
	struct line_seq *out;
	size_t n, max;
	uint64_t unit;
};

static uint64_t read_offset(struct reader *r, bool dwarf64)
{
	return dwarf64 ? read_u64(r) : read_u32(r);
}

/* Reads the header at r, which then stands behind the unit; false at the end or on nonsense. */
static bool read_unit(const struct line_tables *t, struct reader *r, struct unit *u)
{
	*u = (struct unit){.t = t, .address_size = 8};
	uint64_t length = read_u32(r);
	u->dwarf64 = length == 0xffffffffu;
	if (u->dwarf64)
		length = read_u64(r);
	if (r->bad || length > reader_left(r))
		return false;
	struct reader h = {r->at, r->at + length, false};
	r->at += length;
	u->version = read_u16(&h);
	if (u->version >= 5) {
		u->address_size = read_u8(&h);
		(void)read_u8(&h);
	}
	uint64_t header_length = read_offset(&h, u->dwarf64);
	u->program = h;
	reader_skip(&u->program, header_length);
	u->min_inst = read_u8(&h);
	if (u->version >= 4)
		(void)read_u8(&h);
	(void)read_u8(&h);
	u->line_base = (int8_t)read_u8(&h);
	u->line_range = read_u8(&h);
	u->opcode_base = read_u8(&h);
	u->lengths = h.at;
	reader_skip(&h, u->opcode_base ? u->opcode_base - 1u : 0);
	u->names = h;
	u->names.end = u->program.at;
	if (h.bad || u->program.bad || u->program.at < h.at || u->version < 2 || u->version > 5 ||
		!u->line_range || !u->opcode_base)
		u->version = 0;
	return true;
}

/* A row is complete: the previous row holds for [prev_addr, addr). */
static void emit_row(struct machine *m)
{
	if (m->in_seq && m->looking && m->want >= m->prev_addr && m->want < m->addr)
		m->found = true;
	if (m->found)
		return;
	if (!m->in_seq)
		m->low = m->addr;
	m->in_seq = true;
	m->prev_addr = m->addr;
	/* Line 0 is code that no source line caused: the line before it reads better. */
	if (m->line || !m->prev_line) {
		m->prev_file = m->file;
		m->prev_line = m->line;
	}
}

static bool end_sequence(struct machine *m)
{
	emit_row(m);
	bool more = m->found ? false : m->seq_end(m);
	m->in_seq = false;
	m->prev_line = 0;
	m->addr = 0;
	m->file = m->line = 1;
	return more;
}

static void advance(const struct unit *u, struct machine *m, uint64_t by)
{
	m->addr += by * u->min_inst;
}

static void special_opcode(const struct unit *u, struct machine *m, uint8_t op)
{
	uint8_t adjusted = op - u->opcode_base;
	advance(u, m, adjusted / u->line_range);
	m->line += (uint64_t)(int64_t)(u->line_base + adjusted % u->line_range);
	emit_row(m);
}

static void standard_opcode(const struct unit *u, struct machine *m, struct reader *r, uint8_t op)
{
	switch (op) {
	case 1: /* copy */
		return emit_row(m);
	case 2: /* advance_pc */
		return advance(u, m, read_uleb(r));
	case 3: /* advance_line */
		m->line += (uint64_t)read_sleb(r);
		return;
	case 4: /* set_file */
		m->file = read_uleb(r);
		return;
	case 8: /* const_add_pc */
		return advance(u, m, (255 - u->opcode_base) / u->line_range);
	case 9: /* fixed_advance_pc */
		m->addr += read_u16(r);
		return;
	}
	for (uint8_t n = u->lengths[op - 1]; n--;)
		(void)read_uleb(r);
}

/* False when the sequence ended and the caller has seen enough. */
static bool extended_opcode(struct machine *m, struct reader *r)
{
	uint64_t len = read_uleb(r);
	struct reader body = *r;
	reader_skip(r, len);
	body.end = r->at;
	switch (len ? read_u8(&body) : 0) {
	case 1: /* end_sequence */
		return end_sequence(m);
	case 2: /* set_address */
		m->addr = len == 9 ? read_u64(&body) : read_u32(&body);
		break;
	}
	return true;
}

static void run_unit(const struct unit *u, struct machine *m)
{
	struct reader r = u->program;
	m->addr = 0;
	m->file = m->line = 1;
	m->in_seq = false;
	m->prev_line = 0;
	while (reader_left(&r) && !r.bad && !m->found) {
		uint8_t op = read_u8(&r);
		if (op >= u->opcode_base)
			special_opcode(u, m, op);
		else if (op)
			standard_opcode(u, m, &r, op);
		else if (!extended_opcode(m, &r))
			return;
	}
}

static bool keep_sequence(struct machine *m)
{
	/* Sections that the linker dropped keep their sequence at address 0. */
	if (!m->low || m->addr <= m->low)
		return true;
	if (m->n < m->max)
		m->out[m->n] = (struct line_seq){m->low, m->addr, m->unit};
	m->n++;
	return true;
}

size_t line_index(const struct line_tables *t, struct line_seq *out, size_t max)
{
	struct machine m = {.seq_end = keep_sequence, .out = out, .max = max};
	struct reader r = reader_at(t->line, 0);
	struct unit u;
	while (reader_left(&r)) {
		m.unit = (uint64_t)(r.at - t->line.data);
		if (!read_unit(t, &r, &u))
			break;
		if (u.version)
			run_unit(&u, &m);
	}
	return m.n;
}

static bool next_sequence(struct machine *m)
{
	(void)m;
	return true;
}

/* One field of a DWARF 5 name table: a text or a number, by its form. */
static bool read_form(
	const struct unit *u, struct reader *r, uint64_t form, const char **text, uint64_t *number)
{
	struct reader s;
	switch (form) {
	case 0x08: /* string */
		*text = read_cstr(r);
		return true;
	case 0x0e: /* strp */
	case 0x1f: /* line_strp */
		s = reader_at(
			form == 0x0e ? u->t->str : u->t->line_str, read_offset(r, u->dwarf64));
		*text = read_cstr(&s);
		return true;
	case 0x0f: /* udata */
		*number = read_uleb(r);
		return true;
	case 0x0b:
		*number = read_u8(r);
		return true;
	case 0x05:
		*number = read_u16(r);
		return true;
	case 0x06:
		*number = read_u32(r);
		return true;
	case 0x07:
		*number = read_u64(r);
		return true;
	case 0x1e: /* data16 */
		reader_skip(r, 16);
		return true;
	case 0x09: /* block */
		reader_skip(r, read_uleb(r));
		return true;
	}
	r->bad = true;
	return false;
}

struct name {
	const char *text;
	uint64_t dir;
};

/* Walks one DWARF 5 table and keeps entry number `want`; r then stands behind the table. */
static bool table_entry(const struct unit *u, struct reader *r, uint64_t want, struct name *out)
{
	uint8_t nformats = read_u8(r);
	struct reader formats = *r;
	for (unsigned i = 0; i < nformats * 2u; i++)
		(void)read_uleb(r);
	uint64_t count = read_uleb(r);
	bool found = false;
	for (uint64_t k = 0; nformats && k < count && !r->bad; k++) {
		struct reader f = formats;
		struct name name = {"", 0};
		for (unsigned i = 0; i < nformats && !r->bad; i++) {
			uint64_t content = read_uleb(&f), unused = 0;
			const char *text = "";
			read_form(u, r, read_uleb(&f), content == 1 ? &name.text : &text,
				content == 2 ? &name.dir : &unused);
		}
		if (k == want && !r->bad) {
			*out = name;
			found = true;
		}
	}
	return found;
}

static int name_file5(const struct unit *u, uint64_t file, struct line_pos *out)
{
	struct name dir0 = {"", 0}, dir = {"", 0}, name;
	struct reader r = u->names;
	table_entry(u, &r, 0, &dir0);
	if (r.bad || !table_entry(u, &r, file, &name))
		return -EINVAL;
	r = u->names;
	table_entry(u, &r, name.dir, &dir);
	out->comp_dir = dir0.text;
	out->dir = name.dir ? dir.text : "";
	out->file = name.text;
	return 0;
}

/* DWARF 2 to 4: lists that end with an empty text, both counted from 1. */
static int name_file4(const struct unit *u, uint64_t file, struct line_pos *out)
{
	struct reader r = u->names;
	struct reader dirs = r;
	while (*read_cstr(&r))
		continue;
	uint64_t dir = 0;
	for (uint64_t k = 1; !r.bad; k++) {
		out->file = read_cstr(&r);
		dir = read_uleb(&r);
		(void)read_uleb(&r);
		(void)read_uleb(&r);
		if (!*out->file)
			return -EINVAL;
		if (k == file)
			break;
	}
	for (uint64_t k = 0; k < dir && !dirs.bad; k++)
		out->dir = read_cstr(&dirs);
	return r.bad || dirs.bad ? -EINVAL : 0;
}

int line_find(const struct line_tables *t, const struct line_seq *seq, uint64_t addr,
	struct line_pos *out)
{
	struct reader r = reader_at(t->line, seq->unit);
	struct unit u;
	struct machine m = {.seq_end = next_sequence, .looking = true, .want = addr};
	if (r.bad || !read_unit(t, &r, &u) || !u.version)
		return -EINVAL;
	run_unit(&u, &m);
	if (!m.found || m.prev_line > UINT32_MAX)
		return -ENOENT;
	*out = (struct line_pos){"", "", "", (uint32_t)m.prev_line};
	return u.version >= 5 ? name_file5(&u, m.prev_file, out) : name_file4(&u, m.prev_file, out);
}

static size_t append(char *buf, size_t size, size_t at, const char *text)
{
	while (*text && at + 1 < size)
		buf[at++] = *text++;
	return at;
}

size_t line_path(const struct line_pos *pos, char *buf, size_t size)
{
	size_t at = 0;
	if (!size)
		return 0;
	if (pos->file[0] != '/') {
		if (pos->dir[0] != '/' && *pos->comp_dir) {
			at = append(buf, size, at, pos->comp_dir);
			at = append(buf, size, at, "/");
		}
		if (*pos->dir) {
			at = append(buf, size, at, pos->dir);
			at = append(buf, size, at, "/");
		}
	}
	at = append(buf, size, at, pos->file);
	buf[at] = '\0';
	return at;
}
