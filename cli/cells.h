/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cells.h - a screen as a grid of cells, and the bytes that turn one screen into another.
 *
 * Pure: it owns no terminal. Only sequences that every terminal since the VT100 knows are used,
 * so no terminfo is needed.
 */
#ifndef GORT_CLI_CELLS_H
#define GORT_CLI_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cell_style { CELL_PLAIN, CELL_ACCENT, CELL_TROUBLE, CELL_DIM, CELL_SELECTED, NCELL_STYLES };

struct cell {
	char ch[5]; /* UTF-8 of one character; "" in the right half of a wide one */
	uint8_t style;
};

struct cells {
	int cols, rows;
	struct cell *at; /* rows times cols */
};

/* Blank; false when out of memory. Frees what was there before. */
bool cells_resize(struct cells *c, int cols, int rows);
void cells_free(struct cells *c);
void cells_clear(struct cells *c);
/*
 * Writes text from column col on and returns the column after it. Text beyond the right edge is
 * cut; control and combining characters are left out, bad UTF-8 becomes '?'.
 */
int cells_put(struct cells *c, int row, int col, enum cell_style style, const char *text);
/* Gives the rest of a row a style, as a bar that reaches the edge. */
void cells_fill(struct cells *c, int row, int col, enum cell_style style);

/* Bytes for the terminal; grows as needed. */
struct cell_bytes {
	char *data;
	size_t len, cap;
	bool oom;
};
/*
 * Appends what turns the screen `from` into `to`; from == NULL or of another size: all of it.
 * color: styles may use colours, else only brightness and reverse video.
 */
void cells_diff(
	const struct cells *from, const struct cells *to, bool color, struct cell_bytes *out);

/* Columns a character takes: 0, 1 or 2; -1 for control characters. */
int char_width(uint32_t c);
/* Decodes one character of at most `left` bytes; *len is at least 1. 0xfffd for bad UTF-8. */
uint32_t utf8_decode(const char *p, size_t left, size_t *len);
/* Columns of a text. */
int text_width(const char *text);

#endif
