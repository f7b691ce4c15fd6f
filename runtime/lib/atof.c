/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atof.c - text to floating point numbers (Go's strconv/atof.go). The syntax is checked here, which
 * differs from C's; glibc's strtod, in the locale C, rounds correctly.
 */
#include <math.h>
#include <stdlib.h>

#include "lang/string.h"
#include "lib/strconv.h"

locale_t clocale;

__attribute__((constructor)) static void atofinit(void)
{
	clocale = newlocale(LC_ALL_MASK, "C", NULL);
}

/* inf, infinity or nan, of any case; a sign is allowed before inf only. */
static bool parsespecial(gort_string s, double *v)
{
	bool sign = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-'), negative = sign && *s.ptr == '-';
	gort_string word = sign ? strfrom(s, 1) : s;
	if (samelower(word, "inf") || samelower(word, "infinity"))
		*v = negative ? -(double)INFINITY : (double)INFINITY;
	else if (!sign && samelower(word, "nan"))
		*v = (double)NAN;
	else
		return false;
	return true;
}

/* Skips digits and underscores of s from *i on; whether there was a digit. */
static bool skipdigits(gort_string s, gort_isize *i, bool hex)
{
	int base = hex ? 16 : 10;
	bool any = false;
	for (; *i < s.len && (digitof(s.ptr[*i]) < base || s.ptr[*i] == '_'); ++*i)
		any |= s.ptr[*i] != '_';
	return any;
}

/* Whether s is a number: [sign] digits [. digits] [e [sign] digits], or in hex, which needs a p. */
static bool isnumber(gort_string s, bool *hex)
{
	gort_isize i = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-');
	*hex = s.len - i > 2 && s.ptr[i] == '0' && (s.ptr[i + 1] | 0x20) == 'x';
	if (*hex)
		i += 2;
	bool digits = skipdigits(s, &i, *hex);
	if (i < s.len && s.ptr[i] == '.') {
		i++;
		digits |= skipdigits(s, &i, *hex);
	}
	if (!digits)
		return false;
	if (i < s.len && (s.ptr[i] | 0x20) == (*hex ? 'p' : 'e')) {
		i++;
		if (i < s.len && (s.ptr[i] == '+' || s.ptr[i] == '-'))
			i++;
		return i < s.len && s.ptr[i] != '_' && skipdigits(s, &i, false) && i == s.len;
	}
	return i == s.len && !*hex;
}

static char *withoutunderscores(gort_string s)
{
	char *text = newtext(s.len + 1), *p = text;
	for (gort_isize i = 0; i < s.len; i++) {
		if (s.ptr[i] != '_')
			*p++ = s.ptr[i];
	}
	*p = '\0';
	return text;
}

gort_error gort_parse_float(gort_string s, int bits, double *v)
{
	bool hex;
	*v = 0;
	if (parsespecial(s, v))
		return NULL;
	if (!isnumber(s, &hex) || (gort_str_index_byte(s, '_') >= 0 && !underscoresfit(s)))
		return numerror("ParseFloat", s, gort_err_syntax);
	char *text = withoutunderscores(s);
	*v = bits == 32 ? (double)strtof_l(text, NULL, clocale) : strtod_l(text, NULL, clocale);
	return isinf(*v) ? numerror("ParseFloat", s, gort_err_range) : NULL;
}
