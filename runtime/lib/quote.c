/* SPDX-License-Identifier: BSD-2-Clause */
/* quote.c - Go literals of text, and back (Go's strconv/quote.go). */
#include "lang/string.h"
#include "lib/strconv.h"
#include "lib/unicode.h"

/* What a letter behind a backslash stands for. */
static const char letters[] = "abtnvfr", chars[] = "\a\b\t\n\v\f\r";

static void appendhex(gort_builder *b, uint32_t v, int digits)
{
	while (digits-- > 0)
		gort_builder_byte(b, (uint8_t) "0123456789abcdef"[v >> 4 * digits & 15]);
}

static bool appendnamed(gort_builder *b, int32_t r)
{
	const char *p = r > 0 && r < 0x80 ? strchr(chars, r) : NULL;
	if (!p)
		return false;
	gort_builder_byte(b, '\\');
	gort_builder_byte(b, (uint8_t)letters[p - chars]);
	return true;
}

static void appendescaped(gort_builder *b, int32_t r, char q, bool ascii)
{
	if (r == q || r == '\\') {
		gort_builder_byte(b, '\\');
		gort_builder_byte(b, (uint8_t)r);
	} else if (isprintrune(r) && (r < 0x80 || !ascii)) {
		gort_builder_rune(b, r);
	} else if (!appendnamed(b, r)) {
		if (!gort_utf8_valid_rune(r))
			r = GORT_RUNE_ERROR;
		int digits = r < ' ' || r == 0x7f ? 2 : r < 0x10000 ? 4 : 8;
		gort_builder_byte(b, '\\');
		gort_builder_byte(b, digits == 2 ? 'x' : digits == 4 ? 'u' : 'U');
		appendhex(b, (uint32_t)r, digits);
	}
}

void appendquoted(gort_builder *b, gort_string s, char q, bool ascii)
{
	gort_builder_byte(b, (uint8_t)q);
	for (gort_isize i = 0, size; i < s.len; i += size) {
		int32_t r = gort_utf8_decodeat(s.ptr + i, s.len - i, &size);
		if (r == GORT_RUNE_ERROR && size == 1) {
			gort_builder_write(b, "\\x", 2);
			appendhex(b, (uint8_t)s.ptr[i], 2);
		} else {
			appendescaped(b, r, q, ascii);
		}
	}
	gort_builder_byte(b, (uint8_t)q);
}

gort_string gort_quote(gort_string s)
{
	gort_builder b = {0};
	appendquoted(&b, s, '"', false);
	return gort_builder_result(&b);
}

gort_string gort_quote_ascii(gort_string s)
{
	gort_builder b = {0};
	appendquoted(&b, s, '"', true);
	return gort_builder_result(&b);
}

gort_string gort_quote_rune(int32_t r)
{
	gort_builder b = {0};
	gort_builder_byte(&b, '\'');
	appendescaped(&b, gort_utf8_valid_rune(r) ? r : GORT_RUNE_ERROR, '\'', false);
	gort_builder_byte(&b, '\'');
	return gort_builder_result(&b);
}

/* ---- back ---- */

/* The number of n digits of base 8 or 16 that *s begins with; -1 when it does not. */
static int64_t takedigits(gort_string *s, int n, int base)
{
	int64_t v = 0;
	if (s->len < n)
		return -1;
	for (int i = 0; i < n; i++) {
		int d = digitof(s->ptr[i]);
		if (d >= base)
			return -1;
		v = v * base + d;
	}
	*s = strfrom(*s, n);
	return v;
}

/* What follows a backslash. */
static bool unescape(gort_builder *b, gort_string *s, char q)
{
	if (s->len == 0)
		return false;
	char c = s->ptr[0];
	const char *named = c ? strchr(letters, c) : NULL;
	if (c < '0' || c > '7')
		*s = strfrom(*s, 1);
	if (named || c == '\\' || c == q) {
		gort_builder_byte(b, (uint8_t)(named ? chars[named - letters] : c));
		return true;
	}
	bool octal = c >= '0' && c <= '7';
	int n = octal ? 3 : c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
	int64_t v = n ? takedigits(s, n, octal ? 8 : 16) : -1;
	if (v < 0 || (octal && v > 255) || (n >= 4 && !gort_utf8_valid_rune((int32_t)v)) ||
		v > GORT_RUNE_MAX)
		return false;
	if (n >= 4)
		gort_builder_rune(b, (int32_t)v);
	else
		gort_builder_byte(b, (uint8_t)v);
	return true;
}

static bool unquoteraw(gort_string s, gort_string *v)
{
	if (gort_str_index_byte(s, '`') >= 0)
		return false;
	*v = gort_str_replace_all(s, gort_str_view("\r"), (gort_string){NULL, 0});
	return true;
}

/* The text between quotes q. */
static bool unquotetext(gort_string s, char q, gort_string *v)
{
	gort_builder b = {0};
	gort_isize runes = 0, size;
	for (; s.len; runes++) {
		char c = s.ptr[0];
		if (c == q || c == '\n')
			return false;
		if (c == '\\') {
			s = strfrom(s, 1);
			if (!unescape(&b, &s, q))
				return false;
			continue;
		}
		gort_builder_rune(&b, gort_utf8_decode(s, &size));
		s = strfrom(s, size);
	}
	*v = gort_builder_result(&b);
	return q == '"' || runes <= 1; /* Go takes '' for an empty text */
}

gort_error gort_unquote(gort_string s, gort_string *v)
{
	*v = (gort_string){NULL, 0};
	if (s.len < 2 || s.ptr[0] != s.ptr[s.len - 1])
		return gort_err_syntax;
	char q = s.ptr[0];
	gort_string text = gort_str_sub(s, 1, s.len - 1);
	bool ok =
		q == '`' ? unquoteraw(text, v) : (q == '"' || q == '\'') && unquotetext(text, q, v);
	if (ok)
		return NULL;
	*v = (gort_string){NULL, 0};
	return gort_err_syntax;
}
