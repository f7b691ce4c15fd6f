/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strings.c - Go's package strings but for what depends on case (strings_case.c). Searches are
 * glibc's memchr and memmem, which are linear for any text.
 */
#include "lang/string.h"
#include "lib/unicode.h"

/* ---- searching ---- */

gort_isize gort_str_index(gort_string s, gort_string sub)
{
	if (sub.len == 0)
		return 0;
	if (sub.len > s.len)
		return -1;
	const char *p = memmem(s.ptr, (size_t)s.len, sub.ptr, (size_t)sub.len);
	return p ? p - s.ptr : -1;
}

gort_isize gort_str_last_index(gort_string s, gort_string sub)
{
	for (gort_isize i = s.len - sub.len; i >= 0; i--) {
		if (sub.len == 0 || memcmp(s.ptr + i, sub.ptr, (size_t)sub.len) == 0)
			return i;
	}
	return -1;
}

gort_isize gort_str_index_byte(gort_string s, uint8_t c)
{
	const char *p = s.len ? memchr(s.ptr, c, (size_t)s.len) : NULL;
	return p ? p - s.ptr : -1;
}

gort_isize gort_str_last_index_byte(gort_string s, uint8_t c)
{
	const char *p = s.len ? memrchr(s.ptr, c, (size_t)s.len) : NULL;
	return p ? p - s.ptr : -1;
}

/* Where the first rune is whose being in chars is `in`; chars NULL: being a space. */
static gort_isize scan(gort_string s, const gort_string *chars, bool in)
{
	for (gort_isize i = 0, size; i < s.len; i += size) {
		int32_t r = gort_utf8_decodeat(s.ptr + i, s.len - i, &size);
		if ((chars ? gort_str_contains_rune(*chars, r) : isspacerune(r)) == in)
			return i;
	}
	return -1;
}

/* U+FFFD is also where bytes are no UTF-8. */
gort_isize gort_str_index_rune(gort_string s, int32_t r)
{
	char text[4];
	if (r >= 0 && r < 0x80)
		return gort_str_index_byte(s, (uint8_t)r);
	if (r != GORT_RUNE_ERROR) {
		if (!gort_utf8_valid_rune(r))
			return -1;
		return gort_str_index(s, gort_str_unsafe(text, gort_utf8_encode(text, r)));
	}
	for (gort_isize i = 0, size; i < s.len; i += size) {
		if (gort_utf8_decodeat(s.ptr + i, s.len - i, &size) == r)
			return i;
	}
	return -1;
}

gort_isize gort_str_index_any(gort_string s, gort_string chars)
{
	return scan(s, &chars, true);
}

bool gort_str_contains(gort_string s, gort_string sub)
{
	return gort_str_index(s, sub) >= 0;
}

bool gort_str_contains_rune(gort_string s, int32_t r)
{
	return gort_str_index_rune(s, r) >= 0;
}

bool gort_str_contains_any(gort_string s, gort_string chars)
{
	return gort_str_index_any(s, chars) >= 0;
}

bool gort_str_has_prefix(gort_string s, gort_string prefix)
{
	return s.len >= prefix.len && gort_str_equal(gort_str_sub(s, 0, prefix.len), prefix);
}

bool gort_str_has_suffix(gort_string s, gort_string suffix)
{
	return s.len >= suffix.len && gort_str_equal(strfrom(s, s.len - suffix.len), suffix);
}

gort_isize gort_str_count(gort_string s, gort_string sub)
{
	gort_isize n = 0;
	if (sub.len == 0)
		return gort_utf8_count(s) + 1;
	for (gort_isize i; (i = gort_str_index(s, sub)) >= 0; n++)
		s = strfrom(s, i + sub.len);
	return n;
}

/* ---- splitting and joining ---- */

static gort_strings newstrings(gort_isize n)
{
	gort_strings list = {gort_makeslice(sizeof(gort_string), n, n, GORT_POINTERS), 0, n};
	return list;
}

static void add(gort_strings *list, gort_string s)
{
	list->ptr[list->len++] = s; /* over zeros */
}

/* At most n runes, the last one with all that follows. */
static gort_strings explode(gort_string s, gort_isize n)
{
	gort_isize runes = gort_utf8_count(s), size;
	if (n < 0 || n > runes)
		n = runes;
	gort_strings list = newstrings(n);
	while (list.len < n - 1) {
		gort_utf8_decode(s, &size);
		add(&list, gort_str_sub(s, 0, size));
		s = strfrom(s, size);
	}
	if (n > 0)
		add(&list, s);
	return list;
}

/* Each part with keep bytes of its sep. */
static gort_strings gensplit(gort_string s, gort_string sep, gort_isize keep, gort_isize n)
{
	if (n == 0)
		return (gort_strings){NULL, 0, 0};
	if (sep.len == 0)
		return explode(s, n);
	if (n < 0)
		n = gort_str_count(s, sep) + 1;
	if (n > s.len + 1)
		n = s.len + 1;
	gort_strings list = newstrings(n);
	for (gort_isize i; list.len < n - 1 && (i = gort_str_index(s, sep)) >= 0;) {
		add(&list, gort_str_sub(s, 0, i + keep));
		s = strfrom(s, i + sep.len);
	}
	add(&list, s);
	return list;
}

gort_strings gort_str_split(gort_string s, gort_string sep)
{
	return gensplit(s, sep, 0, -1);
}

gort_strings gort_str_splitn(gort_string s, gort_string sep, gort_isize n)
{
	return gensplit(s, sep, 0, n);
}

gort_strings gort_str_split_after(gort_string s, gort_string sep)
{
	return gensplit(s, sep, sep.len, -1);
}

gort_strings gort_str_fields(gort_string s)
{
	gort_isize n = 0, i;
	for (gort_string rest = s; (i = scan(rest, NULL, false)) >= 0; n++) {
		rest = strfrom(rest, i);
		i = scan(rest, NULL, true);
		rest = strfrom(rest, i < 0 ? rest.len : i);
	}
	gort_strings list = newstrings(n);
	while ((i = scan(s, NULL, false)) >= 0) {
		s = strfrom(s, i);
		i = scan(s, NULL, true);
		i = i < 0 ? s.len : i;
		add(&list, gort_str_sub(s, 0, i));
		s = strfrom(s, i);
	}
	return list;
}

gort_string gort_str_join(gort_strings parts, gort_string sep)
{
	gort_builder b = {0};
	gort_isize n = 0;
	if (parts.len <= 1)
		return parts.len ? parts.ptr[0] : (gort_string){NULL, 0};
	for (gort_isize i = 0; i < parts.len; i++)
		n += parts.ptr[i].len + (i ? sep.len : 0);
	gort_builder_grow(&b, n);
	for (gort_isize i = 0; i < parts.len; i++) {
		if (i)
			gort_builder_string(&b, sep);
		gort_builder_string(&b, parts.ptr[i]);
	}
	return gort_builder_result(&b);
}

bool gort_str_cut(gort_string s, gort_string sep, gort_string *before, gort_string *after)
{
	gort_isize i = gort_str_index(s, sep);
	*before = i < 0 ? s : gort_str_sub(s, 0, i);
	*after = i < 0 ? (gort_string){NULL, 0} : strfrom(s, i + sep.len);
	return i >= 0;
}

/* ---- replacing ---- */

gort_string gort_str_repeat(gort_string s, gort_isize count)
{
	gort_isize n;
	if (count < 0)
		gopanic_text("strings: negative Repeat count");
	if (__builtin_mul_overflow(s.len, count, &n))
		gopanic_text("strings: Repeat output length overflow");
	char *text = newtext(n);
	for (gort_isize at = 0; at < n; at += s.len)
		memcpy(text + at, s.ptr, (size_t)s.len);
	return (gort_string){text, n};
}

gort_string gort_str_replace(gort_string s, gort_string old, gort_string with, gort_isize n)
{
	gort_builder b = {0};
	gort_isize places = gort_str_equal(old, with) ? 0 : gort_str_count(s, old), size;
	if (n < 0 || n > places)
		n = places;
	if (n == 0)
		return s;
	gort_builder_grow(&b, s.len + n * (with.len - old.len));
	for (gort_isize i = 0; i < n; i++) {
		gort_isize at = gort_str_index(s, old);
		if (old.len == 0 && i > 0) { /* behind the next rune */
			gort_utf8_decode(s, &size);
			at = size;
		}
		gort_builder_string(&b, gort_str_sub(s, 0, at));
		gort_builder_string(&b, with);
		s = strfrom(s, at + old.len);
	}
	gort_builder_string(&b, s);
	return gort_builder_result(&b);
}

gort_string gort_str_replace_all(gort_string s, gort_string old, gort_string with)
{
	return gort_str_replace(s, old, with, -1);
}

/* ---- trimming ---- */

static gort_string trimleft(gort_string s, const gort_string *cutset)
{
	gort_isize i = scan(s, cutset, false);
	return i < 0 ? (gort_string){NULL, 0} : strfrom(s, i);
}

static gort_string trimright(gort_string s, const gort_string *cutset)
{
	while (s.len > 0) {
		gort_isize size;
		int32_t r = gort_utf8_decode_last(s, &size);
		if (!(cutset ? gort_str_contains_rune(*cutset, r) : isspacerune(r)))
			break;
		s.len -= size;
	}
	return s;
}

gort_string gort_str_trim(gort_string s, gort_string cutset)
{
	return trimright(trimleft(s, &cutset), &cutset);
}

gort_string gort_str_trim_left(gort_string s, gort_string cutset)
{
	return trimleft(s, &cutset);
}

gort_string gort_str_trim_right(gort_string s, gort_string cutset)
{
	return trimright(s, &cutset);
}

gort_string gort_str_trim_space(gort_string s)
{
	return trimright(trimleft(s, NULL), NULL);
}

gort_string gort_str_trim_prefix(gort_string s, gort_string prefix)
{
	return gort_str_has_prefix(s, prefix) ? strfrom(s, prefix.len) : s;
}

gort_string gort_str_trim_suffix(gort_string s, gort_string suffix)
{
	return gort_str_has_suffix(s, suffix) ? gort_str_sub(s, 0, s.len - suffix.len) : s;
}
