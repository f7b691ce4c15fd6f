/* SPDX-License-Identifier: BSD-2-Clause */
/* cells.c - cell grids, their difference as terminal sequences, and the width of characters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cells.h"

bool cells_resize(struct cells *c, int cols, int rows)
{
	free(c->at);
	c->at = calloc((size_t)cols * rows + 1, sizeof *c->at);
	c->cols = c->at ? cols : 0;
	c->rows = c->at ? rows : 0;
	cells_clear(c);
	return c->at != NULL;
}

void cells_free(struct cells *c)
{
	free(c->at);
	*c = (struct cells){0};
}

void cells_clear(struct cells *c)
{
	for (int i = 0; i < c->cols * c->rows; i++)
		c->at[i] = (struct cell){" ", CELL_PLAIN};
}

uint32_t utf8_decode(const char *p, size_t left, size_t *len)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char b = (unsigned char)*p;
	size_t n = b < 0x80 ? 1 : b >= 0xf0 ? 4 : b >= 0xe0 ? 3 : b >= 0xc2 ? 2 : 0;
	*len = 1;
	if (n == 1)
		return b;
	if (n == 0 || n > left || b > 0xf4)
		return 0xfffd;
	uint32_t c = b & (0x7f >> n);
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)p[i] & 0xc0) != 0x80)
			return 0xfffd;
		c = c << 6 | ((unsigned char)p[i] & 0x3f);
	}
	if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 0xfffd;
	*len = n;
	return c;
}

/* Blocks of combining and wide characters; Unicode changes them at the edges only. */
static const struct {
	uint32_t lo, hi;
	int width;
} widths[] = {{0x300, 0x36f, 0}, {0x483, 0x489, 0}, {0x591, 0x5bd, 0}, {0x610, 0x61a, 0},
	{0x64b, 0x65f, 0}, {0x900, 0x902, 0}, {0x1100, 0x115f, 2}, {0x1ab0, 0x1aff, 0},
	{0x1dc0, 0x1dff, 0}, {0x200b, 0x200f, 0}, {0x202a, 0x202e, 0}, {0x2060, 0x2064, 0},
	{0x20d0, 0x20ff, 0}, {0x2e80, 0x303e, 2}, {0x3041, 0x33ff, 2}, {0x3400, 0x4dbf, 2},
	{0x4e00, 0x9fff, 2}, {0xa000, 0xa4cf, 2}, {0xa960, 0xa97f, 2}, {0xac00, 0xd7a3, 2},
	{0xf900, 0xfaff, 2}, {0xfe00, 0xfe0f, 0}, {0xfe20, 0xfe2f, 0}, {0xfe30, 0xfe6f, 2},
	{0xfeff, 0xfeff, 0}, {0xff00, 0xff60, 2}, {0xffe0, 0xffe6, 2}, {0x1f300, 0x1f64f, 2},
	{0x1f680, 0x1f6ff, 2}, {0x1f900, 0x1f9ff, 2}, {0x20000, 0x3fffd, 2}, {0xe0000, 0xe01ef, 0}};

int char_width(uint32_t c)
{
	if (c < 0x20 || (c >= 0x7f && c < 0xa0))
		return -1;
	if (c < 0x300)
		return 1;
	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++)
		if (c >= widths[i].lo && c <= widths[i].hi)
			return widths[i].width;
	return 1;
}

int text_width(const char *text)
{
	int width = 0;
	size_t left = strlen(text), len;
	for (; left > 0; text += len, left -= len) {
		int w = char_width(utf8_decode(text, left, &len));
		width += w > 0 ? w : 0;
	}
	return width;
}

int cells_put(struct cells *c, int row, int col, enum cell_style style, const char *text)
{
	size_t left = strlen(text), len;
	if (row < 0 || row >= c->rows || col < 0)
		return col;
	for (; left > 0; text += len, left -= len) {
		uint32_t ch = utf8_decode(text, left, &len);
		int w = ch == '\t' ? 1 : char_width(ch);
		if (w <= 0)
			continue;
		if (col + w > c->cols)
			break;
		struct cell *at = &c->at[row * c->cols + col];
		*at = (struct cell){.style = style};
		if (ch == '\t' || ch == 0xfffd)
			at->ch[0] = ch == '\t' ? ' ' : '?';
		else
			memcpy(at->ch, text, len);
		if (w == 2)
			at[1] = (struct cell){.style = style};
		col += w;
	}
	return col;
}

void cells_fill(struct cells *c, int row, int col, enum cell_style style)
{
	for (; row >= 0 && row < c->rows && col < c->cols; col++)
		c->at[row * c->cols + col] = (struct cell){" ", style};
}

static void append(struct cell_bytes *b, const char *text, size_t len)
{
	if (b->len + len > b->cap) {
		size_t cap = (b->cap ? b->cap * 2 : 4096) + len;
		char *bigger = realloc(b->data, cap);
		if (!bigger) {
			b->oom = true;
			return;
		}
		b->data = bigger;
		b->cap = cap;
	}
	memcpy(b->data + b->len, text, len);
	b->len += len;
}

static void append_style(struct cell_bytes *b, uint8_t style, bool color)
{
	static const char *const colors[NCELL_STYLES] = {
		"\033[0m", "\033[0;36m", "\033[0;31m", "\033[0;2m", "\033[0;7m"};
	static const char *const plain[NCELL_STYLES] = {
		"\033[0m", "\033[0;1m", "\033[0;1m", "\033[0m", "\033[0;7m"};
	const char *code = (color ? colors : plain)[style];
	append(b, code, strlen(code));
}

static bool same_cell(const struct cell *a, const struct cell *b)
{
	return a->style == b->style && !strcmp(a->ch, b->ch);
}

void cells_diff(
	const struct cells *from, const struct cells *to, bool color, struct cell_bytes *out)
{
	bool all = !from || from->cols != to->cols || from->rows != to->rows;
	int style = -1, at = -1; /* what the terminal has now; -1: unknown */
	if (all)
		append(out, "\033[0m\033[2J", 8);
	for (int i = 0; i < to->cols * to->rows; i++) {
		const struct cell *c = &to->at[i];
		if (!all && same_cell(&from->at[i], c))
			continue;
		if (!c->ch[0]) { /* drawn with its left half */
			at = at == i ? i + 1 : at;
			continue;
		}
		if (at != i || i % to->cols == 0) {
			char move[32];
			int n = snprintf(move, sizeof move, "\033[%d;%dH", i / to->cols + 1,
				i % to->cols + 1);
			append(out, move, (size_t)n);
		}
		if (style != c->style)
			append_style(out, c->style, color);
		style = c->style;
		append(out, c->ch, strlen(c->ch));
		at = i + 1;
	}
	if (style > CELL_PLAIN)
		append_style(out, CELL_PLAIN, color);
}
