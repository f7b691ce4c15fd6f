/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * output.c - what the test program prints. Lines of the frame begin with a control character when
 * json.c reads them (flags.marked), as those of Go do for test2json: tests print the same words.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "testing/internal.h"

static gort_mutex mu; /* guards spoke, and keeps lines whole */
static char spoke[256];

char *ended(builder *b)
{
	builder_byte(b, '\0');
	return (char *)b->buf.ptr;
}

void write_indented(builder *b, gort_string text)
{
	while (text.len > 0) {
		const char *end = memchr(text.ptr, '\n', (size_t)text.len);
		isize k = end ? end - text.ptr + 1 : text.len;
		builder_string(b, S("    "));
		builder_write(b, text.ptr, k);
		text.ptr += k;
		text.len -= k;
	}
}

void out(gort_string text)
{
	if (text.len)
		fwrite(text.ptr, 1, (size_t)text.len, stdout);
	fflush(stdout);
}

void outf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	fflush(stdout);
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

void chatter(const char *name, gort_string text)
{
	gort_mutex_lock(&mu);
	if (strncmp(spoke, name, sizeof(spoke) - 1))
		outf("%s=== NAME  %s\n", flags.marked ? "\x16" : "", name);
	remember(name);
	out(text);
	gort_mutex_unlock(&mu);
}

void outline(const char *name, gort_string text)
{
	gort_mutex_lock(&mu);
	remember(name);
	out(text);
	gort_mutex_unlock(&mu);
}

const char *seconds(int64_t ns, char *text, size_t size)
{
	snprintf(text, size, "(%.2fs)", (double)ns / 1e9);
	return text;
}
