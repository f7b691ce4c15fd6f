/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.c - what the test program prints. Lines of the frame begin with a control character when
 * json.c reads them (flags.marked), as those of Go do for test2json: tests print the same words.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mem/malloc.h"
#include "testing/internal.h"

static gort_mutex mu; /* guards spoke, and keeps lines whole */
static char spoke[256];

void buf_add(struct buf *b, const char *text, size_t n)
{
	if (n == 0)
		return;
	if (b->n + n > b->cap) {
		size_t cap = 2 * (b->n + n);
		char *p = mallocgc_noscan(cap);
		if (b->n)
			memcpy(p, b->p, b->n);
		gort_store(&b->p, p);
		b->cap = cap;
	}
	memcpy(b->p + b->n, text, n);
	b->n += n;
}

static void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	char text[1024];
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	if (n >= (int)sizeof(text)) {
		char *all = mallocgc_noscan((size_t)n + 1);
		vsnprintf(all, (size_t)n + 1, fmt, again);
		buf_add(b, all, (size_t)n);
	} else if (n > 0) {
		buf_add(b, text, (size_t)n);
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

void buf_indent(struct buf *b, const char *text, size_t n)
{
	while (n > 0) {
		const char *end = memchr(text, '\n', n);
		size_t k = end ? (size_t)(end - text) + 1 : n;
		buf_add(b, "    ", 4);
		buf_add(b, text, k);
		text += k;
		n -= k;
	}
}

void out(const char *text, size_t n)
{
	if (n)
		fwrite(text, 1, n, stdout);
	fflush(stdout);
}

void outf(const char *fmt, ...)
{
	struct buf b = {0};
	va_list ap;
	va_start(ap, fmt);
	buf_vprintf(&b, fmt, ap);
	va_end(ap);
	out(b.p, b.n);
}

static void remember(const char *name)
{
	snprintf(spoke, sizeof(spoke), "%s", name);
}

void frame(const char *what, const char *name)
{
	if (!flags.v)
		return;
	gort_mutex_lock(&mu);
	outf("%s=== %-5s %s\n", flags.marked ? "\x16" : "", what, name);
	remember(name);
	gort_mutex_unlock(&mu);
}

void chatter(const char *name, const char *text, size_t n)
{
	gort_mutex_lock(&mu);
	if (strncmp(spoke, name, sizeof(spoke) - 1))
		outf("%s=== NAME  %s\n", flags.marked ? "\x16" : "", name);
	remember(name);
	out(text, n);
	gort_mutex_unlock(&mu);
}

void outline(const char *name, const char *text, size_t n)
{
	gort_mutex_lock(&mu);
	remember(name);
	out(text, n);
	gort_mutex_unlock(&mu);
}

const char *seconds(int64_t ns, char *text, size_t size)
{
	snprintf(text, size, "(%.2fs)", (double)ns / 1e9);
	return text;
}
