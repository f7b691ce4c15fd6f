/* SPDX-License-Identifier: BSD-2-Clause */
/* jsonread.c - a pull parser for JSON (RFC 8259); the text is a file's and may be anything. */
#include <stdlib.h>
#include <string.h>
#include "jsonread.h"

#define MAX_DEPTH 64

void jr_init(struct jr *j, const char *text, size_t len)
{
	*j = (struct jr){.p = text, .end = text + len};
}

static void blanks(struct jr *j)
{
	while (j->p < j->end && memchr(" \t\r\n", *j->p, 4))
		j->p++;
}

static bool wrong(struct jr *j)
{
	j->bad = true;
	j->p = j->end;
	return false;
}

/* The next character that is no blank, 0 at the end. */
static char peek(struct jr *j)
{
	blanks(j);
	return j->p < j->end ? *j->p : '\0';
}

static bool take(struct jr *j, char c)
{
	if (peek(j) != c)
		return false;
	j->p++;
	return true;
}

bool jr_open(struct jr *j, char bracket)
{
	if (peek(j) != bracket) {
		jr_skip(j);
		return false;
	}
	j->p++;
	j->first = true;
	return true;
}

/* Before a member or element: the comma, or the end. */
static bool another(struct jr *j, char close)
{
	if (j->bad)
		return false;
	if (take(j, close)) {
		j->first = false;
		return false;
	}
	if (!j->first && !take(j, ','))
		return wrong(j);
	j->first = false;
	return peek(j) ? true : wrong(j);
}

bool jr_key(struct jr *j, char *key, size_t size)
{
	if (!another(j, '}'))
		return false;
	if (peek(j) != '"')
		return wrong(j);
	jr_str(j, key, size);
	return take(j, ':') ? true : wrong(j);
}

bool jr_element(struct jr *j)
{
	return another(j, ']');
}

static int hex4(const struct jr *j)
{
	int v = 0;
	if (j->end - j->p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = j->p[i];
		int d = c >= '0' && c <= '9'   ? c - '0'
			: c >= 'a' && c <= 'f' ? c - 'a' + 10
			: c >= 'A' && c <= 'F' ? c - 'A' + 10
					       : -1;
		if (d < 0)
			return -1;
		v = v * 16 + d;
	}
	return v;
}

/* A character's UTF-8; returns its length. */
static size_t encode(uint32_t c, char *out)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n - 1; i > 0; i--, c >>= 6)
		out[i] = (char)(0x80 | (c & 0x3f));
	out[0] = (char)((0xf00 >> n) | c);
	return n;
}

/* What follows a backslash. */
static size_t escaped(struct jr *j, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char c = j->p < j->end ? *j->p++ : '\0';
	const char *at = c ? strchr(from, c) : NULL;
	if (at) {
		out[0] = to[at - from];
		return 1;
	}
	int v = c == 'u' ? hex4(j) : -1;
	if (v < 0) {
		wrong(j);
		return 0;
	}
	j->p += 4;
	uint32_t ch = (uint32_t)v;
	if (ch >= 0xd800 && ch < 0xdc00 && j->end - j->p >= 6 && !memcmp(j->p, "\\u", 2)) {
		j->p += 2;
		int low = hex4(j);
		if (low >= 0xdc00 && low < 0xe000) {
			ch = 0x10000 + ((ch - 0xd800) << 10) + ((uint32_t)low - 0xdc00);
			j->p += 4;
		} else {
			j->p -= 2;
		}
	}
	if (ch >= 0xd800 && ch < 0xe000)
		ch = 0xfffd; /* half of a pair */
	return encode(ch, out);
}

void jr_str(struct jr *j, char *buf, size_t size)
{
	size_t at = 0;
	bool full = size == 0;
	if (size)
		buf[0] = '\0';
	if (peek(j) != '"') {
		jr_skip(j);
		return;
	}
	j->p++;
	while (j->p < j->end && *j->p != '"') {
		char ch[4];
		size_t n = 1;
		if ((unsigned char)*j->p < 0x20) {
			wrong(j);
			return;
		}
		if (*j->p == '\\') {
			j->p++;
			n = escaped(j, ch);
		} else {
			ch[0] = *j->p++;
		}
		full |= at + n >= size;
		if (full)
			continue;
		memcpy(buf + at, ch, n);
		at += n;
		buf[at] = '\0';
	}
	if (j->p < j->end)
		j->p++;
	else
		wrong(j);
}

int64_t jr_int(struct jr *j, int64_t fallback)
{
	char text[32] = "";
	char c = peek(j);
	if (c != '-' && (c < '0' || c > '9')) {
		jr_skip(j);
		return fallback;
	}
	for (size_t i = 0; i < sizeof text - 1 && j->p + i < j->end; i++) {
		if (!memchr("-0123456789", j->p[i], 11))
			break;
		text[i] = j->p[i];
	}
	jr_skip(j);
	return strtoll(text, NULL, 10);
}

/* A number, true, false or null: what no bracket, comma or blank ends. */
static void skip_word(struct jr *j)
{
	static const char *const words[] = {"true", "false", "null"};
	const char *start = j->p;
	while (j->p < j->end && !memchr(",:]}[{\" \t\r\n", *j->p, 11))
		j->p++;
	size_t n = (size_t)(j->p - start);
	for (size_t i = 0; i < 3; i++)
		if (n == strlen(words[i]) && !memcmp(start, words[i], n))
			return;
	for (size_t i = 0; i < n; i++)
		if (!memchr("+-.eE0123456789", start[i], 15)) {
			wrong(j);
			return;
		}
	if (!n)
		wrong(j);
}

static void skip_at(struct jr *j, int depth)
{
	char none[1];
	char c = peek(j);
	if (depth == MAX_DEPTH) {
		wrong(j);
	} else if (c == '"') {
		jr_str(j, NULL, 0);
	} else if (c == '{') {
		jr_open(j, '{');
		while (jr_key(j, none, sizeof none))
			skip_at(j, depth + 1);
	} else if (c == '[') {
		jr_open(j, '[');
		while (jr_element(j))
			skip_at(j, depth + 1);
	} else {
		skip_word(j);
	}
}

void jr_skip(struct jr *j)
{
	if (!j->bad)
		skip_at(j, 0);
}

bool jr_end(struct jr *j)
{
	return !peek(j) && j->p == j->end && !j->bad;
}
