/* SPDX-License-Identifier: BSD-2-Clause */
/* string.c - making strings of bytes and runes, and back (Go's runtime/string.go). */
#include "lang/string.h"

char *newtext(gort_isize n)
{
	return n ? gort_malloc_array((size_t)n, 1, &gort_noscan) : NULL;
}

gort_string gort_str_make(const void *p, gort_isize n)
{
	char *text = newtext(n);
	if (n)
		memcpy(text, p, (size_t)n);
	return (gort_string){text, n};
}

gort_string gort_str_from(const char *s)
{
	return gort_str_make(s, (gort_isize)strlen(s));
}

char *gort_str_cstr(gort_string s)
{
	char *text = newtext(s.len + 1);
	if (s.len)
		memcpy(text, s.ptr, (size_t)s.len);
	text[s.len] = '\0';
	return text;
}

/* Capacities as of an append to nothing, which is what Go's rawbyteslice rounds to. */
gort_bytes gort_str_bytes(gort_string s)
{
	gort_bytes b = {gort_makeslice(1, 0, 0, GORT_NOPOINTERS), s.len, 0};
	if (s.len) {
		struct gort_array a = gort_growslice(NULL, 0, 0, s.len, 1, GORT_NOPOINTERS);
		b.ptr = memcpy(a.ptr, s.ptr, (size_t)s.len);
		b.cap = a.cap;
	}
	return b;
}

gort_string gort_bytes_str(gort_bytes b)
{
	return gort_str_make(b.ptr, b.len);
}

gort_runes gort_str_runes(gort_string s)
{
	gort_isize n = gort_utf8_count(s), size, at = 0;
	gort_runes r = {gort_makeslice(4, 0, 0, GORT_NOPOINTERS), n, 0};
	if (n) {
		struct gort_array a = gort_growslice(NULL, 0, 0, n, 4, GORT_NOPOINTERS);
		r.ptr = a.ptr;
		r.cap = a.cap;
	}
	for (gort_isize i = 0; i < n; i++, at += size)
		r.ptr[i] = gort_utf8_decodeat(s.ptr + at, s.len - at, &size);
	return r;
}

static gort_isize encodedlen(int32_t r)
{
	gort_isize n = gort_utf8_runelen(r);
	return n < 0 ? 3 : n; /* as U+FFFD */
}

gort_string gort_runes_str(gort_runes r)
{
	gort_isize n = 0, at = 0;
	for (gort_isize i = 0; i < r.len; i++)
		n += encodedlen(r.ptr[i]);
	char *text = newtext(n), last[4];
	for (gort_isize i = 0; i < r.len; i++) {
		gort_isize size = gort_utf8_encode(last, r.ptr[i]);
		memcpy(text + at, last, (size_t)size);
		at += size;
	}
	return (gort_string){text, n};
}

gort_string gort_rune_str(int32_t r)
{
	char text[4];
	return gort_str_make(text, gort_utf8_encode(text, r));
}

gort_string gort_str_concat(const gort_string *s, gort_isize n)
{
	gort_isize len = 0, at = 0, parts = 0, last = 0;
	for (gort_isize i = 0; i < n; i++) {
		if (__builtin_add_overflow(len, s[i].len, &len))
			throw("string concatenation too long");
		if (s[i].len) {
			parts++;
			last = i;
		}
	}
	if (parts <= 1) /* no copy, as in Go */
		return parts ? s[last] : (gort_string){NULL, 0};
	char *text = newtext(len);
	for (gort_isize i = 0; i < n; i++) {
		if (s[i].len)
			memcpy(text + at, s[i].ptr, (size_t)s[i].len);
		at += s[i].len;
	}
	return (gort_string){text, len};
}

int gort_str_compare(gort_string a, gort_string b)
{
	gort_isize n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, (size_t)n) : 0;
	return c ? (c > 0) - (c < 0) : (a.len > b.len) - (a.len < b.len);
}
