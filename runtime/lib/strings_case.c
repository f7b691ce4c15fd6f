/* SPDX-License-Identifier: BSD-2-Clause */
/* strings_case.c - the functions of Go's package strings that change or compare runes. */
#include "lang/string.h"
#include "lib/unicode.h"

/* What is no UTF-8 becomes U+FFFD once something changes, as in Go; unchanged, s is returned. */
gort_string gort_str_map(int32_t (*fn)(int32_t r), gort_string s)
{
	gort_builder b = {0};
	gort_isize i = 0, size;
	int32_t r, to = 0;
	for (; i < s.len; i += size) {
		r = gort_utf8_decodeat(s.ptr + i, s.len - i, &size);
		to = fn(r);
		if (to != r || (r == GORT_RUNE_ERROR && size == 1))
			break;
	}
	if (i == s.len)
		return s;
	gort_builder_grow(&b, s.len + 4);
	gort_builder_string(&b, gort_str_sub(s, 0, i));
	if (to >= 0)
		gort_builder_rune(&b, to);
	for (i += size; i < s.len; i += size) {
		to = fn(gort_utf8_decodeat(s.ptr + i, s.len - i, &size));
		if (to >= 0)
			gort_builder_rune(&b, to);
	}
	return gort_builder_result(&b);
}

static bool onlyascii(gort_string s)
{
	for (gort_isize i = 0; i < s.len; i++) {
		if ((uint8_t)s.ptr[i] >= 0x80)
			return false;
	}
	return true;
}

/* Go leaves text of one byte runes that has no UTF-8 as it is only when it is ASCII. */
static gort_string mapcase(int32_t (*fn)(int32_t r), gort_string s)
{
	if (!onlyascii(s))
		return gort_str_map(fn, s);
	gort_isize i = 0;
	while (i < s.len && fn(s.ptr[i]) == s.ptr[i])
		i++;
	if (i == s.len)
		return s;
	char *text = newtext(s.len);
	for (i = 0; i < s.len; i++)
		text[i] = (char)fn(s.ptr[i]);
	return (gort_string){text, s.len};
}

gort_string gort_str_to_upper(gort_string s)
{
	return mapcase(toupperrune, s);
}

gort_string gort_str_to_lower(gort_string s)
{
	return mapcase(tolowerrune, s);
}

/* Whether b is in the circle of a. */
static bool samefold(int32_t a, int32_t b)
{
	if (a == b)
		return true;
	if (a < 0x80 && b < 0x80)
		return tolowerrune(a) == tolowerrune(b);
	for (int32_t r = simplefold(a); r != a; r = simplefold(r)) {
		if (r == b)
			return true;
	}
	return false;
}

bool gort_str_equal_fold(gort_string a, gort_string b)
{
	gort_isize i = 0, j = 0, sizea, sizeb;
	for (; i < a.len && j < b.len; i += sizea, j += sizeb) {
		int32_t r = gort_utf8_decodeat(a.ptr + i, a.len - i, &sizea);
		if (!samefold(r, gort_utf8_decodeat(b.ptr + j, b.len - j, &sizeb)))
			return false;
	}
	return i == a.len && j == b.len;
}
