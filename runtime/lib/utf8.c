/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * utf8.c - Go's unicode/utf8. What is no UTF-8 (continuation bytes alone, overlong forms,
 * surrogates, above U+10FFFF, cut off) is U+FFFD of one byte each.
 */
#include "lang/string.h"

static inline bool continues(char c)
{
	return ((uint8_t)c & 0xc0) == 0x80;
}

/* The rune of size bytes, which all continue; whether it may be written so. */
static bool wellformed(int32_t r, gort_isize size)
{
	static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	return r >= least[size] && gort_utf8_valid_rune(r);
}

int32_t gort_utf8_decodelong(const char *p, gort_isize n, gort_isize *size)
{
	uint8_t first = (uint8_t)*p;
	gort_isize want = first >= 0xf8 ? 0 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	*size = 1;
	if (first < 0x80)
		return first;
	if (first < 0xc0 || want == 0 || n < want)
		return GORT_RUNE_ERROR;
	int32_t r = first & (0x7f >> want);
	for (gort_isize i = 1; i < want; i++) {
		if (!continues(p[i]))
			return GORT_RUNE_ERROR;
		r = r << 6 | ((uint8_t)p[i] & 0x3f);
	}
	if (!wellformed(r, want))
		return GORT_RUNE_ERROR;
	*size = want;
	return r;
}

int32_t gort_utf8_decode(gort_string s, gort_isize *size)
{
	*size = 0;
	return s.len ? gort_utf8_decodeat(s.ptr, s.len, size) : GORT_RUNE_ERROR;
}

/* The longest rune that ends at the end. */
int32_t gort_utf8_decode_last(gort_string s, gort_isize *size)
{
	*size = s.len > 0;
	if (s.len == 0)
		return GORT_RUNE_ERROR;
	for (gort_isize n = 1; n <= 4 && n <= s.len; n++) {
		gort_isize got;
		const char *p = s.ptr + s.len - n;
		if (continues(*p))
			continue;
		int32_t r = gort_utf8_decodeat(p, n, &got);
		if (got != n)
			break;
		*size = n;
		return r;
	}
	return GORT_RUNE_ERROR;
}

bool gort_utf8_valid_rune(int32_t r)
{
	return r >= 0 && r <= GORT_RUNE_MAX && (r < 0xd800 || r > 0xdfff);
}

gort_isize gort_utf8_runelen(int32_t r)
{
	if (!gort_utf8_valid_rune(r))
		return -1;
	return r < 0x80 ? 1 : r < 0x800 ? 2 : r < 0x10000 ? 3 : 4;
}

gort_isize gort_utf8_encode(char *p, int32_t r)
{
	gort_isize n = gort_utf8_runelen(r);
	if (n < 0) {
		r = GORT_RUNE_ERROR;
		n = 3;
	}
	if (n == 1) {
		*p = (char)r;
		return 1;
	}
	for (gort_isize i = n - 1; i > 0; i--, r >>= 6)
		p[i] = (char)(0x80 | (r & 0x3f));
	p[0] = (char)((0xf00 >> n & 0xff) | r);
	return n;
}

gort_isize gort_utf8_count(gort_string s)
{
	gort_isize n = 0;
	for (gort_isize i = 0, size; i < s.len; i += size, n++)
		gort_utf8_decodeat(s.ptr + i, s.len - i, &size);
	return n;
}

bool gort_utf8_valid(gort_string s)
{
	for (gort_isize i = 0, size; i < s.len; i += size) {
		int32_t r = gort_utf8_decodeat(s.ptr + i, s.len - i, &size);
		if (r == GORT_RUNE_ERROR && size == 1)
			return false;
	}
	return true;
}
