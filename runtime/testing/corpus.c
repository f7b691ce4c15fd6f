/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * corpus.c - files of a fuzz corpus in Go's format (Go's internal/fuzz/encoding.go):
 *
 *	go test fuzz v1
 *	[]byte("text \x00 with Go's escapes")          or string("..."), or a raw `string`
 *
 * Such files come from anybody: nothing is read beyond len, and what is written is shorter.
 */
#include "testing/corpus.h"

#include <stdbool.h>
#include <string.h>

#include "mem/malloc.h"

/* What is left to read. */
struct in {
	const char *p, *end;
};

static bool skip(struct in *in, const char *text)
{
	size_t n = strlen(text);
	if ((size_t)(in->end - in->p) < n || memcmp(in->p, text, n))
		return false;
	in->p += n;
	return true;
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

/* n digits; -1 when they are not there. */
static int64_t digits(struct in *in, int n, int base)
{
	int64_t v = 0;
	for (; n > 0; n--, in->p++) {
		if (in->p == in->end || digit(*in->p) >= base)
			return -1;
		v = v * base + digit(*in->p);
	}
	return v;
}

/* At most four bytes; 0 when v is no code point. */
static size_t encode(uint8_t *to, int64_t v)
{
	if (v < 0 || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
		return 0;
	if (v < 0x80)
		return to[0] = (uint8_t)v, 1;
	size_t n = v < 0x800 ? 2 : v < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; v >>= 6)
		to[i] = (uint8_t)(0x80 | (v & 0x3f));
	to[0] = (uint8_t)(v | (n == 2 ? 0xc0 : n == 3 ? 0xe0 : 0xf0));
	return n;
}

static size_t byte(uint8_t *to, int64_t v)
{
	*to = (uint8_t)v;
	return v >= 0 && v < 256;
}

/* After a backslash: how many bytes it stands for, 0 for a mistake. */
static size_t escape(struct in *in, uint8_t *to)
{
	static const char names[] = "abfnrtv\\\"'", values[] = "\a\b\f\n\r\t\v\\\"'";
	if (in->p == in->end)
		return 0;
	char c = *in->p++;
	const char *name = c ? strchr(names, c) : NULL;
	if (name)
		return byte(to, values[name - names]);
	if (c == 'x')
		return byte(to, digits(in, 2, 16));
	if (c == 'u' || c == 'U')
		return encode(to, digits(in, c == 'u' ? 4 : 8, 16));
	in->p--;
	return byte(to, digits(in, 3, 8));
}

/* Up to the closing quote; false when there is none, or a mistake before. */
static bool interpreted(struct in *in, uint8_t *to, size_t *size)
{
	while (in->p < in->end && *in->p != '"') {
		size_t n = 1;
		if (*in->p == '\\') {
			in->p++;
			n = escape(in, to + *size);
		} else if (*in->p != '\n') {
			to[*size] = (uint8_t)*in->p++;
		} else {
			return false;
		}
		if (n == 0)
			return false;
		*size += n;
	}
	return skip(in, "\"");
}

static bool raw(struct in *in, uint8_t *to, size_t *size)
{
	for (; in->p < in->end && *in->p != '`'; in->p++)
		if (*in->p != '\r')
			to[(*size)++] = (uint8_t)*in->p;
	return skip(in, "`");
}

uint8_t *corpus_decode(const char *text, size_t len, size_t *size, const char **why)
{
	struct in in = {text, text + len};
	uint8_t *to = mallocgc_noscan(len + 8);
	*size = 0;
	*why = "not a value of type []byte or string in Go's syntax";
	if (!skip(&in, "go test fuzz v1\n")) {
		*why = "must include version and at least one value";
		return NULL;
	}
	if (!skip(&in, "[]byte(") && !skip(&in, "string("))
		return NULL;
	bool good =
		skip(&in, "`") ? raw(&in, to, size) : skip(&in, "\"") && interpreted(&in, to, size);
	if (!good || !skip(&in, ")"))
		return NULL;
	while (in.p < in.end && *in.p == '\n')
		in.p++;
	if (in.p == in.end)
		return to;
	*why = "wrong number of values in corpus entry: want 1";
	return NULL;
}
