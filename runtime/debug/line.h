/* SPDX-License-Identifier: BSD-2-Clause */
/* line.h - from an address to file and line, by .debug_line of DWARF 2 to 5. */
#ifndef GORT_DEBUG_LINE_H
#define GORT_DEBUG_LINE_H

#include "bytes.h"

struct line_tables {
	struct bytes line, line_str, str;
};

/* A run of ascending addresses, and the unit of .debug_line that describes it. */
struct line_seq {
	uint64_t low, high; /* [low, high) */
	uint64_t unit;
};

/* Pointers into the tables; comp_dir and dir may be "". */
struct line_pos {
	const char *comp_dir, *dir, *file;
	uint32_t line;
};

/* Writes the sequences of all units (at most max) in file order; returns how many there are. */
size_t line_index(const struct line_tables *t, struct line_seq *out, size_t max);
/* Position of addr, which the sequence contains: 0, -ENOENT, or -EINVAL for senseless bytes. */
int line_find(const struct line_tables *t, const struct line_seq *seq, uint64_t addr,
	struct line_pos *out);
/* Joins the parts of a position into buf, cut to fit; returns the length written. */
size_t line_path(const struct line_pos *pos, char *buf, size_t size);

#endif
