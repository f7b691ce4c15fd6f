/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * labeltext.c - traceback.go's goroutineheader and print.go's printquoted. Go 1.26 prints
 * `labels:{"k": "v"}` inside of the brackets; later versions `{k: v}` behind them, with quotes only
 * where they are needed.
 */
#include <ctype.h>
#include <stdio.h>
#include "json.h"
#include "labeltext.h"

#define RUNE_ERROR 0xfffdu

/* One code point of UTF-8, *len its bytes; RUNE_ERROR and 1 for what is none, as Go decodes it. */
static uint32_t rune_at(const unsigned char *p, size_t *len)
{
	size_t n = utf8_len(p);
	uint32_t r = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	*len = n ? n : 1;
	for (size_t i = 1; i < n; i++)
		r = r << 6 | (p[i] & 0x3f);
	return n ? r : RUNE_ERROR;
}

static void print_rune(struct out *out, uint32_t r)
{
	static const char plain[] = "\n\r\t\\\"", letters[] = "nrt\\\"";
	const char *escaped = r && r < 0x80 ? strchr(plain, (int)r) : NULL;
	if (escaped)
		out_printf(out, "\\%c", letters[escaped - plain]);
	else if (r >= ' ' && r <= '~')
		out_printf(out, "%c", (int)r);
	else
		out_printf(out, r < 127 ? "\\x%02x" : r < 0x10000 ? "\\u%04x" : "\\U%08x", r);
}

static void print_quoted(struct out *out, const char *text, bool raw_errors)
{
	size_t len;
	out_text(out, "\"");
	for (const unsigned char *p = (const unsigned char *)text; *p; p += len) {
		uint32_t r = rune_at(p, &len);
		if (r == RUNE_ERROR && len == 1 && raw_errors)
			out_printf(out, "\\x%02x", *p);
		else
			print_rune(out, r);
	}
	out_text(out, "\"");
}

static bool needs_quotes(const char *text)
{
	for (; *text; text++)
		if (!isalnum((unsigned char)*text) && !strchr("./_", *text))
			return true;
	return false;
}

static void print_part(struct out *out, const char *text, bool old)
{
	if (old || needs_quotes(text))
		print_quoted(out, text, !old);
	else
		out_text(out, text);
}

static void print_labels(struct out *out, const struct gsnap_g *gp, bool old)
{
	const char *p = gp->labels;
	out_text(out, old ? " labels:{" : " {");
	for (uint32_t i = 0; i < gp->nlabels; i++) {
		out_text(out, i ? ", " : "");
		print_part(out, p, old);
		out_text(out, ": ");
		p += strlen(p) + 1;
		print_part(out, p, old);
		p += strlen(p) + 1;
	}
	out_text(out, "}");
}

void print_header_end(struct out *out, const struct gsnap *s, const struct gsnap_g *gp)
{
	int minor = 0;
	bool old = sscanf(s->version, "go1.%d", &minor) == 1 && minor <= 26;
	bool labels = s->kind == GSNAP_GO && s->tells_labels && gp->nlabels;
	if (labels && old)
		print_labels(out, gp, true);
	out_text(out, "]");
	if (labels && !old)
		print_labels(out, gp, false);
}
