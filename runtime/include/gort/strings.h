/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strings.h - text: Go's string type, its packages strings and unicode/utf8, and strings.Builder.
 * For C and C++; go.h has the short words str_..., utf8_... and builder_...
 *
 * A string is a pointer and a length; {0} is "". Its bytes never change and need be no valid UTF-8.
 * A part of a string shares its bytes. What a function returns is either such a part or new in the
 * collected heap. Strings that differ in length or bytes are different; gort_str_equal compares.
 * Runes are int32_t; where bytes are no UTF-8, a rune is U+FFFD of one byte.
 *
 * Nothing here blocks, and any thread may call it. Names and results are those of Go 1.26.
 */
#ifndef GORT_STRINGS_H
#define GORT_STRINGS_H

#include <string.h>

#include "gort/gort.h"
#include "gort/slice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GORT_RUNE_ERROR 0xfffd /* U+FFFD */
#define GORT_RUNE_MAX   0x10ffff

/* ---- conversions: runtime/lang/string.c ---- */

/* The text at s as a string without a copy: it must not change as long as the string is used. */
static inline gort_string gort_str_unsafe(const void *s, gort_isize n)
{
	gort_string x = {(const char *)s, n};
	return x;
}

/* The same of a C string. */
static inline gort_string gort_str_view(const char *s)
{
	gort_string x = {s, (gort_isize)strlen(s)};
	return x;
}

/* A copy of n bytes. Go's string(bytes). */
GORT_API gort_string gort_str_make(const void *p, gort_isize n);
/* A copy of a C string, and one that ends in NUL; text behind a NUL in s is lost to C then. */
GORT_API gort_string gort_str_from(const char *s);
GORT_API char *gort_str_cstr(gort_string s);
/* Go's []byte(s), and string(b); both copy. */
GORT_API gort_bytes gort_str_bytes(gort_string s);
GORT_API gort_string gort_bytes_str(gort_bytes b);
/* Go's []rune(s), string(runes) and string(rune). */
GORT_API gort_runes gort_str_runes(gort_string s);
GORT_API gort_string gort_runes_str(gort_runes r);
GORT_API gort_string gort_rune_str(int32_t r);
/* The n strings one after the other. Go's a + b + c. */
GORT_API gort_string gort_str_concat(const gort_string *s, gort_isize n);

/* s[i], a byte; panics when there is none. */
static inline uint8_t gort_str_at(gort_string s, gort_isize i)
{
	if (__builtin_expect((size_t)i >= (size_t)s.len, 0))
		gort_panicindex(i, s.len);
	return (uint8_t)s.ptr[i];
}

/* s[i:j]; an empty part does not point behind s. */
static inline gort_string gort_str_sub(gort_string s, gort_isize i, gort_isize j)
{
	if (__builtin_expect(!gort_inslice(i, j, s.len), 0))
		gort_panicstring(i, j, s.len);
	return gort_str_unsafe(i < j ? s.ptr + i : s.ptr, j - i);
}

static inline bool gort_str_equal(gort_string a, gort_string b)
{
	return a.len == b.len &&
	       (a.len == 0 || a.ptr == b.ptr || memcmp(a.ptr, b.ptr, (size_t)a.len) == 0);
}

/* Less than 0, 0 or more, as a < b, a == b or a > b. Go's strings.Compare. */
GORT_API int gort_str_compare(gort_string a, gort_string b);

/* ---- unicode/utf8: runtime/lib/utf8.c ---- */

/* The first rune of n > 0 bytes, and its length in *size, 1 to 4. */
GORT_API int32_t gort_utf8_decodelong(const char *p, gort_isize n, gort_isize *size);

static inline int32_t gort_utf8_decodeat(const char *p, gort_isize n, gort_isize *size)
{
	if (__builtin_expect((uint8_t)*p < 0x80, 1)) {
		*size = 1;
		return (uint8_t)*p;
	}
	return gort_utf8_decodelong(p, n, size);
}

/* The first and the last rune; U+FFFD of 0 bytes when s is empty. Go's DecodeRuneInString. */
GORT_API int32_t gort_utf8_decode(gort_string s, gort_isize *size);
GORT_API int32_t gort_utf8_decode_last(gort_string s, gort_isize *size);
/* Writes r, U+FFFD when it is none, to at most 4 bytes at p and returns how many. */
GORT_API gort_isize gort_utf8_encode(char *p, int32_t r);
/* How many bytes r takes; -1 when it is no rune. Go's RuneLen. */
GORT_API gort_isize gort_utf8_runelen(int32_t r);
GORT_API gort_isize gort_utf8_count(gort_string s); /* Go's RuneCountInString */
GORT_API bool gort_utf8_valid(gort_string s);
GORT_API bool gort_utf8_valid_rune(int32_t r);

/* ---- package strings: runtime/lib/strings.c, strings_case.c ---- */

/* The index of the first, or last, place of what is sought; -1 when there is none. */
GORT_API gort_isize gort_str_index(gort_string s, gort_string sub);
GORT_API gort_isize gort_str_last_index(gort_string s, gort_string sub);
GORT_API gort_isize gort_str_index_byte(gort_string s, uint8_t c);
GORT_API gort_isize gort_str_last_index_byte(gort_string s, uint8_t c);
GORT_API gort_isize gort_str_index_rune(gort_string s, int32_t r);
/* Of any rune of chars. */
GORT_API gort_isize gort_str_index_any(gort_string s, gort_string chars);

/* Whether it occurs; "" does everywhere, any of no chars nowhere. Go's Contains and the like. */
GORT_API bool gort_str_contains(gort_string s, gort_string sub);
GORT_API bool gort_str_contains_rune(gort_string s, int32_t r);
GORT_API bool gort_str_contains_any(gort_string s, gort_string chars);
GORT_API bool gort_str_has_prefix(gort_string s, gort_string prefix);
GORT_API bool gort_str_has_suffix(gort_string s, gort_string suffix);
/* How often sub occurs without overlap; of "": one more than the runes. */
GORT_API gort_isize gort_str_count(gort_string s, gort_string sub);

/* The parts between the seps; sep "": the runes. n: at most so many parts, < 0: all. */
GORT_API gort_strings gort_str_split(gort_string s, gort_string sep);
GORT_API gort_strings gort_str_splitn(gort_string s, gort_string sep, gort_isize n);
GORT_API gort_strings gort_str_split_after(gort_string s, gort_string sep); /* each with its sep */
GORT_API gort_strings gort_str_fields(gort_string s);                       /* between spaces */
GORT_API gort_string gort_str_join(gort_strings parts, gort_string sep);
/* Before and behind the first sep, and whether there is one; without one: s and "". */
GORT_API bool gort_str_cut(gort_string s, gort_string sep, gort_string *before, gort_string *after);

/* Panics when count is negative. */
GORT_API gort_string gort_str_repeat(gort_string s, gort_isize count);
/* The first n places of old, all when n < 0; old "" is before each rune and at the end. */
GORT_API gort_string gort_str_replace(
	gort_string s, gort_string old, gort_string with, gort_isize n);
GORT_API gort_string gort_str_replace_all(gort_string s, gort_string old, gort_string with);

/* Without the runes of cutset at both ends, or at one; without spaces; without one prefix. */
GORT_API gort_string gort_str_trim(gort_string s, gort_string cutset);
GORT_API gort_string gort_str_trim_left(gort_string s, gort_string cutset);
GORT_API gort_string gort_str_trim_right(gort_string s, gort_string cutset);
GORT_API gort_string gort_str_trim_space(gort_string s);
GORT_API gort_string gort_str_trim_prefix(gort_string s, gort_string prefix);
GORT_API gort_string gort_str_trim_suffix(gort_string s, gort_string suffix);

/* By Unicode 15, rune by rune. */
GORT_API gort_string gort_str_to_upper(gort_string s);
GORT_API gort_string gort_str_to_lower(gort_string s);
/* Whether they are equal but for their case, by simple folding. */
GORT_API bool gort_str_equal_fold(gort_string a, gort_string b);
/* Each rune r becomes fn(r), or nothing when that is negative. */
GORT_API gort_string gort_str_map(int32_t (*fn)(int32_t r), gort_string s);

/* ---- strings.Builder: runtime/lib/builder.c ---- */

/*
 * Text that grows; zeroed it is empty. It must not be copied once something is in it. The string
 * shares its bytes, which are not written again.
 */
typedef struct gort_builder {
	gort_bytes buf;
} gort_builder;

/* Room for n more bytes at least. Panics when n is negative. */
GORT_API void gort_builder_grow(gort_builder *b, gort_isize n);

static inline void gort_builder_write(gort_builder *b, const void *p, gort_isize n)
{
	if (__builtin_expect(b->buf.cap - b->buf.len < n, 0)) {
		struct gort_array a =
			gort_growslice(b->buf.ptr, b->buf.len, b->buf.cap, n, 1, GORT_NOPOINTERS);
		b->buf.ptr = (uint8_t *)a.ptr;
		b->buf.cap = a.cap;
	}
	if (n > 0)
		memcpy(b->buf.ptr + b->buf.len, p, (size_t)n);
	b->buf.len += n;
}

static inline void gort_builder_string(gort_builder *b, gort_string s)
{
	gort_builder_write(b, s.ptr, s.len);
}

static inline void gort_builder_byte(gort_builder *b, uint8_t c)
{
	gort_builder_write(b, &c, 1);
}

/* Its UTF-8; U+FFFD's where r is no rune. Go's WriteRune. */
GORT_API void gort_builder_rune(gort_builder *b, int32_t r);

/* What was written up to now. Go's String. */
static inline gort_string gort_builder_result(const gort_builder *b)
{
	return gort_str_unsafe(b->buf.ptr, b->buf.len);
}

static inline void gort_builder_reset(gort_builder *b)
{
	gort_bytes none = {NULL, 0, 0};
	b->buf = none;
}

#ifdef __cplusplus
}
#else

/*
 * str_range (i, r, s) statement: for i, r := range s. i is the index of the byte where the rune r
 * begins; both are new in each turn.
 */
#define str_range(i, r, s) GORT_STRRANGE(__COUNTER__, i, r, s)
/* n is where the next rune begins, negative while the body runs: a break leaves it so. */
/* clang-format off */
#define GORT_STRRANGE(k, i, r, s)                                                             \
	for (gort_string GORT_CAT(s_, k) = (s), *GORT_CAT(o_, k) = &GORT_CAT(s_, k);          \
		GORT_CAT(o_, k); GORT_CAT(o_, k) = NULL)                                      \
	for (gort_isize GORT_CAT(n_, k) = 0, GORT_CAT(w_, k) = 0;                             \
		GORT_CAT(n_, k) >= 0 && GORT_CAT(n_, k) < GORT_CAT(s_, k).len;)               \
	for (gort_isize i GORT_UNUSED = GORT_CAT(n_, k), GORT_CAT(t_, k) = 1;                 \
		GORT_CAT(t_, k); GORT_CAT(t_, k) = 0)                                         \
	for (int32_t r GORT_UNUSED = gort_utf8_decodeat(GORT_CAT(s_, k).ptr + GORT_CAT(n_, k), \
			GORT_CAT(s_, k).len - GORT_CAT(n_, k), &GORT_CAT(w_, k)),             \
			GORT_CAT(u_, k) = (GORT_CAT(n_, k) = -1 - GORT_CAT(n_, k), 1);        \
		GORT_CAT(u_, k);                                                              \
		GORT_CAT(u_, k) = 0,                                                          \
			GORT_CAT(n_, k) = -1 - GORT_CAT(n_, k) + GORT_CAT(w_, k))
/* clang-format on */

#endif
#endif
