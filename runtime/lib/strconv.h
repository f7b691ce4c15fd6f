/* SPDX-License-Identifier: BSD-2-Clause */
/* strconv.h - what the files of strconv share. */
#ifndef GORT_LIB_STRCONV_H
#define GORT_LIB_STRCONV_H

#include <locale.h>

#include "gort/strconv.h"

#define MAXNUMBER 65 /* characters of an integer in base 2 with its sign */

extern locale_t clocale; /* the locale C, whatever the program's is; atof.c */

/* Writes the digits of v so that they end before end, and returns where they begin. */
char *formatdigits(char *end, uint64_t v, unsigned base);

/* The value of a digit in any base, of either case; 36 for what is none. */
int digitof(char c);

/* The error of Go's strconv.fn for the text s. */
gort_error numerror(const char *fn, gort_string s, gort_error why);
gort_error numerrorf(const char *fn, gort_string s, const char *why, int value);

/* Whether each _ in a number stands between digits, or behind the prefix of a base. */
bool underscoresfit(gort_string s);
/* a and b, which is lower case, are equal but for the case of ASCII letters. */
bool samelower(gort_string a, const char *b);

/* A number without its sign: digits, the first of them behind the point, times 10^exp. */
struct decimal {
	int ndigits, exp;
	bool negative;
	char digits[800];
};

/* All digits of v, or the fewest that give v back; v is finite. */
void decimalexact(struct decimal *d, double v);
void decimalshortest(struct decimal *d, double v, int bits);
/* Rounds to n digits, halves to even. */
void decimalround(struct decimal *d, int n);

/* Appends as gort_format_float. */
void appendfloat(gort_builder *b, double v, char fmt, int prec, int bits);

/* Writes s quoted with q around it. */
void appendquoted(gort_builder *b, gort_string s, char q, bool ascii);

#endif
