/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * strconv.h - numbers as text and back, and quoting. Go's package strconv, for C and C++; go.h has
 * the short words itoa, parse_..., format_... and quote; not atoi, which is libc's.
 *
 * Results and errors are those of Go 1.26: an error says `strconv.ParseInt: parsing "x": invalid
 * syntax`, and is gort_err_syntax or gort_err_range by gort_error_is. Parsing stores a value also
 * with an error: the nearest one when it is out of range, else 0. Nothing here blocks; any thread.
 */
#ifndef GORT_STRCONV_H
#define GORT_STRCONV_H

#include "gort/error.h"
#include "gort/strings.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Go's strconv.ErrSyntax and ErrRange. */
extern GORT_API const gort_error gort_err_syntax, gort_err_range;

/*
 * What parse_... return: error_as(err, struct gort_numerror, numerror) finds it. Go's
 * strconv.NumError.
 */
struct gort_numerror {
	struct gort_errorobj base;
	const char *fn;  /* "ParseInt" */
	gort_string num; /* a copy of what was parsed */
	gort_error err;  /* why; gort_err_syntax or gort_err_range most of the time */
	const char *text;
};
extern GORT_API const struct gort_errortype gort_errortype_numerror;

/* ---- integers: runtime/lib/atoi.c, itoa.c ---- */

/*
 * base 2 to 36, or 0: by a prefix 0x, 0o, 0b or 0, where _ may stand between digits. bits 0 to 64:
 * the size of the number, 0 is 64. Go's ParseInt and ParseUint.
 */
GORT_API gort_error gort_parse_int(gort_string s, int base, int bits, int64_t *v);
GORT_API gort_error gort_parse_uint(gort_string s, int base, int bits, uint64_t *v);
GORT_API gort_error gort_atoi(gort_string s, gort_isize *v);

/* base 2 to 36, panics otherwise. Go's FormatInt and FormatUint. */
GORT_API gort_string gort_format_int(int64_t v, int base);
GORT_API gort_string gort_format_uint(uint64_t v, int base);
GORT_API gort_string gort_itoa(gort_isize v);

/* "1", "t", "T", "TRUE", "true", "True" and the like. Go's ParseBool. */
GORT_API gort_error gort_parse_bool(gort_string s, bool *v);

/* ---- floating point: runtime/lib/atof.c, ftoa.c ---- */

/* bits 32 or 64: rounded to the nearest of these. Go's ParseFloat. */
GORT_API gort_error gort_parse_float(gort_string s, int bits, double *v);
/*
 * fmt 'e', 'E', 'f', 'g' or 'G'; prec digits behind the point (all digits with g), -1: as few as
 * give the number back when parsed. Go's FormatFloat without the formats b and x.
 */
GORT_API gort_string gort_format_float(double v, char fmt, int prec, int bits);

/* ---- quoting: runtime/lib/quote.c ---- */

/* A Go literal of s: escapes for what is not printable. Go's Quote and QuoteToASCII. */
GORT_API gort_string gort_quote(gort_string s);
GORT_API gort_string gort_quote_ascii(gort_string s);
GORT_API gort_string gort_quote_rune(int32_t r);
/* The text of a literal in "", `` or ''. Go's Unquote. */
GORT_API gort_error gort_unquote(gort_string s, gort_string *v);

#ifdef __cplusplus
}
#endif

#endif
