/* SPDX-License-Identifier: BSD-2-Clause */
/* page.c - lines that know how wide they may be. */
#include <stdarg.h>
#include <stdio.h>
#include "err.h"
#include "page.h"

void page_reset(struct page *p, int width)
{
	p->n = 0;
	p->width = width;
}

void page_free(struct page *p)
{
	free(p->rows);
	*p = (struct page){0};
}

static struct page_row *add(struct page *p, enum cell_style style)
{
	if (p->n == p->cap) {
		int cap = p->cap ? p->cap * 2 : 64;
		struct page_row *bigger = realloc(p->rows, cap * sizeof *bigger);
		if (!bigger)
			return NULL;
		p->rows = bigger;
		p->cap = cap;
	}
	struct page_row *r = &p->rows[p->n++];
	r->style = style;
	r->text[0] = '\0';
	return r;
}

void page_line(struct page *p, enum cell_style style, const char *fmt, ...)
{
	struct page_row *r = add(p, style);
	va_list ap;
	if (!r)
		return;
	va_start(ap, fmt);
	vsnprintf(r->text, sizeof r->text, fmt, ap);
	va_end(ap);
}

static bool append(struct page *p, const char *text)
{
	if (p->n == 0)
		return false;
	struct page_row *r = &p->rows[p->n - 1];
	size_t used = strlen(r->text), len = strlen(text);
	bool fits = !p->width || text_width(r->text) + text_width(text) <= p->width;
	if (!fits || used + len >= sizeof r->text)
		return false;
	memcpy(r->text + used, text, len + 1);
	return true;
}

bool page_more(struct page *p, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return append(p, text);
}

void page_right(struct page *p, const char *fmt, ...)
{
	char text[256], padded[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (p->n == 0)
		return;
	int gap = p->width - text_width(p->rows[p->n - 1].text) - text_width(text);
	snprintf(padded, sizeof padded, "%*s%s", p->width ? (gap > 2 ? gap : 2) : 2, "", text);
	append(p, padded);
}

void page_spark(struct page *p, const double *history, int n, int cols)
{
	static const char *const bars[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	char text[256] = "   ";
	double peak = 0;
	int from = n > cols ? n - cols : 0;
	for (int i = from; i < n; i++)
		peak = history[i] > peak ? history[i] : peak;
	for (int i = from; i < n && strlen(text) < sizeof text - 4; i++) {
		int level = peak > 0 ? (int)(history[i] / peak * 7 + 0.5) : 0;
		strcat(text, history[i] < 0 ? " " : bars[level]);
	}
	if (n > from)
		append(p, text);
}

void page_text(struct page *p, const char *text, size_t len)
{
	while (len > 0) {
		const char *end = memchr(text, '\n', len);
		size_t line = end ? (size_t)(end - text) : len;
		bool tab = line > 0 && text[0] == '\t';
		page_line(p, CELL_PLAIN, "%s%.*s", tab ? "    " : "", (int)line - tab, text + tab);
		line += end != NULL;
		text += line;
		len -= line;
	}
}

void page_print(const struct page *p, struct out *out)
{
	static const enum out_style styles[NCELL_STYLES] = {[CELL_ACCENT] = STYLE_ACCENT,
		[CELL_TROUBLE] = STYLE_TROUBLE,
		[CELL_DIM] = STYLE_DIM};
	for (int i = 0; i < p->n; i++) {
		enum out_style style = styles[p->rows[i].style];
		if (style != STYLE_PLAIN)
			out_style(out, style);
		out_printf(out, "%s", p->rows[i].text);
		if (style != STYLE_PLAIN)
			out_style(out, STYLE_PLAIN);
		out_printf(out, "\n");
	}
}
