/* SPDX-License-Identifier: BSD-2-Clause */
/* ftoa.c - floating point numbers to text (Go's strconv/ftoa.go). */
#include <math.h>

#include "lang/string.h"
#include "lib/strconv.h"

/* n characters of the digits from i on, zeros behind the last. */
static void appenddigits(gort_builder *b, const struct decimal *d, int i, int n)
{
	for (; n > 0; n--, i++)
		gort_builder_byte(b, (uint8_t)(i >= 0 && i < d->ndigits ? d->digits[i] : '0'));
}

/* d.dddde±dd */
static void appende(gort_builder *b, const struct decimal *d, int prec, char fmt)
{
	int exp = d->ndigits ? d->exp - 1 : 0;
	appenddigits(b, d, 0, 1);
	if (prec > 0) {
		gort_builder_byte(b, '.');
		appenddigits(b, d, 1, prec);
	}
	gort_builder_byte(b, (uint8_t)fmt);
	gort_builder_byte(b, exp < 0 ? '-' : '+');
	exp = exp < 0 ? -exp : exp;
	if (exp >= 100)
		gort_builder_byte(b, (uint8_t)('0' + exp / 100));
	gort_builder_byte(b, (uint8_t)('0' + exp / 10 % 10));
	gort_builder_byte(b, (uint8_t)('0' + exp % 10));
}

/* dddd.dddd */
static void appendf(gort_builder *b, const struct decimal *d, int prec)
{
	if (d->exp > 0)
		appenddigits(b, d, 0, d->exp);
	else
		gort_builder_byte(b, '0');
	if (prec > 0) {
		gort_builder_byte(b, '.');
		appenddigits(b, d, d->exp, prec);
	}
}

/* %e for exponents below -4, or from the precision on; the shortest counts as one of 6. */
static void appendg(gort_builder *b, const struct decimal *d, int prec, bool shortest, char fmt)
{
	int limit = prec > d->ndigits && d->ndigits >= d->exp ? d->ndigits : prec;
	int exp = d->exp - 1;
	if (shortest)
		limit = 6;
	if (exp < -4 || exp >= limit)
		appende(b, d, (prec > d->ndigits ? d->ndigits : prec) - 1, (char)(fmt + 'e' - 'g'));
	else
		appendf(b, d, d->ndigits > d->exp ? d->ndigits - d->exp : 0);
}

static bool appendspecial(gort_builder *b, double v)
{
	if (isfinite(v))
		return false;
	gort_builder_string(b, gort_str_view(isnan(v) ? "NaN" : v < 0 ? "-Inf" : "+Inf"));
	return true;
}

void appendfloat(gort_builder *b, double v, char fmt, int prec, int bits)
{
	struct decimal d;
	bool shortest = prec < 0, g = fmt == 'g' || fmt == 'G', f = fmt == 'f';
	if (bits == 32)
		v = (double)(float)v;
	if (appendspecial(b, v))
		return;
	if (!f && !g && fmt != 'e' && fmt != 'E') {
		gort_builder_byte(b, '%');
		gort_builder_byte(b, (uint8_t)fmt);
		return;
	}
	if (shortest)
		decimalshortest(&d, v, bits);
	else
		decimalexact(&d, v);
	if (g && prec == 0)
		prec = 1;
	if (shortest)
		prec = g   ? d.ndigits
		       : f ? (d.ndigits > d.exp ? d.ndigits - d.exp : 0)
			   : d.ndigits - 1;
	else
		decimalround(&d, g ? prec : f ? d.exp + prec : prec + 1);
	if (d.negative)
		gort_builder_byte(b, '-');
	if (g)
		appendg(b, &d, prec, shortest, fmt);
	else if (f)
		appendf(b, &d, prec);
	else
		appende(b, &d, prec, fmt);
}

gort_string gort_format_float(double v, char fmt, int prec, int bits)
{
	gort_builder b = {0};
	appendfloat(&b, v, fmt, prec, bits);
	return gort_builder_result(&b);
}
