/* SPDX-License-Identifier: BSD-2-Clause */
/* json.c - streaming JSON (RFC 8259): commas and escapes, no tree. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include "json.h"

static void put(struct json *j, const char *text)
{
	out_write(j->out, text, strlen(text));
}

size_t utf8_len(const unsigned char *p)
{
	if (p[0] < 0x80)
		return 1;
	size_t n = p[0] >= 0xf0 && p[0] <= 0xf4 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
	if (p[0] > 0xf4)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
	bool beyond = p[0] == 0xf4 && p[1] >= 0x90;
	return overlong || surrogate || beyond ? 0 : n;
}

static void escape(struct json *j, unsigned char c)
{
	char text[8];
	if (c == '"' || c == '\\')
		snprintf(text, sizeof text, "\\%c", c);
	else
		snprintf(text, sizeof text, "\\u%04x", c);
	put(j, text);
}

static void quoted(struct json *j, const char *s)
{
	put(j, "\"");
	for (const unsigned char *p = (const unsigned char *)s; *p;) {
		size_t n = utf8_len(p);
		if (n == 0)
			put(j, "\xef\xbf\xbd");
		else if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f)
			escape(j, *p);
		else
			out_write(j->out, p, n);
		p += n ? n : 1;
	}
	put(j, "\"");
}

/* What comes before a value: comma, line break, key. */
static void lead(struct json *j, const char *key)
{
	uint32_t bit = UINT32_C(1) << j->depth;
	if (j->filled & bit)
		put(j, ",");
	if (j->lines & bit)
		put(j, "\n");
	j->filled |= bit;
	if (key) {
		quoted(j, key);
		put(j, ":");
	}
}

static void open_level(struct json *j, const char *bracket, bool lines)
{
	put(j, bracket);
	j->depth++;
	assert(j->depth < 32);
	uint32_t bit = UINT32_C(1) << j->depth;
	j->filled &= ~bit;
	j->lines = lines ? j->lines | bit : j->lines & ~bit;
}

static void close_level(struct json *j, const char *bracket)
{
	uint32_t bit = UINT32_C(1) << j->depth;
	if (j->lines & j->filled & bit)
		put(j, "\n");
	j->depth--;
	put(j, bracket);
}

void jw_begin(struct json *j, struct out *out, const char *schema)
{
	*j = (struct json){.out = out};
	open_level(j, "{", false);
	if (schema)
		jw_str(j, "schema", schema);
}

void jw_end(struct json *j)
{
	close_level(j, "}");
	put(j, "\n");
	assert(j->depth == 0);
}

void jw_object(struct json *j, const char *key)
{
	lead(j, key);
	open_level(j, "{", false);
}

void jw_array(struct json *j, const char *key)
{
	lead(j, key);
	open_level(j, "[", false);
}

void jw_lines(struct json *j, const char *key)
{
	lead(j, key);
	open_level(j, "[", true);
}

void jw_close_object(struct json *j)
{
	close_level(j, "}");
}

void jw_close_array(struct json *j)
{
	close_level(j, "]");
}

void jw_str(struct json *j, const char *key, const char *value)
{
	lead(j, key);
	if (value)
		quoted(j, value);
	else
		put(j, "null");
}

void jw_int(struct json *j, const char *key, int64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRId64, value);
	lead(j, key);
	put(j, value == GSNAP_UNKNOWN ? "null" : text);
}

void jw_uint(struct json *j, const char *key, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "%" PRIu64, value);
	lead(j, key);
	put(j, text);
}

void jw_hex(struct json *j, const char *key, uint64_t value)
{
	char text[24];
	snprintf(text, sizeof text, "\"0x%" PRIx64 "\"", value);
	lead(j, key);
	put(j, text);
}

void jw_num(struct json *j, const char *key, double value)
{
	char text[40];
	snprintf(text, sizeof text, "%.6g", value);
	lead(j, key);
	put(j, value - value == 0 ? text : "null");
}

void jw_bool(struct json *j, const char *key, bool value)
{
	lead(j, key);
	put(j, value ? "true" : "false");
}
