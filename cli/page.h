/* SPDX-License-Identifier: BSD-2-Clause */
/* page.h - a list of styled lines: what a screen shows and what --once prints. */
#ifndef GORT_CLI_PAGE_H
#define GORT_CLI_PAGE_H

#include "cells.h"
#include "out.h"

struct page_row {
	enum cell_style style;
	char text[512]; /* UTF-8; longer text is cut */
};

struct page {
	struct page_row *rows;
	int n, cap;
	int width; /* columns that there are, 0: any number */
};

void page_reset(struct page *p, int width);
void page_free(struct page *p);
/* Adds a line. */
void page_line(struct page *p, enum cell_style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Appends to the last line if all of it fits; says whether. */
bool page_more(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* The same at the right edge, or after two blanks where there is no edge. */
void page_right(struct page *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Appends the last values of a history as a sparkline of at most `cols` columns. */
void page_spark(struct page *p, const double *history, int n, int cols);
/* Adds the lines of a text. */
void page_text(struct page *p, const char *text, size_t len);
void page_print(const struct page *p, struct out *out);

#endif
