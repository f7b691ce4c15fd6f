/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decimal.c - the decimal digits of floating point numbers, exactly.
 *
 * A double is m * 2^e. Its digits are those of a natural number: m * 2^e itself, or, when e < 0,
 * m * 5^-e, which is m * 2^e * 10^-e. That number has at most 1074 + 53 bits times 2.33; it is kept
 * in words of nine digits. The shortest digits are found by comparing with the digits of the two
 * numbers half way to the neighbours. libc's printf would give the digits, too, but takes the
 * point from the locale.
 */
#include <math.h>

#include "lang/string.h"
#include "lib/strconv.h"

#define WORDS  90
#define RADIX  1000000000u
#define NDIGIT 9

/* A natural number, least word first. */
struct natural {
	int n;
	uint32_t w[WORDS];
};

static void multiply(struct natural *x, uint32_t by)
{
	uint64_t carry = 0;
	for (int i = 0; i < x->n; i++) {
		carry += (uint64_t)x->w[i] * by;
		x->w[i] = (uint32_t)(carry % RADIX);
		carry /= RADIX;
	}
	if (carry)
		x->w[x->n++] = (uint32_t)carry;
}

/* times base^e; step is base^steps, below RADIX, so that the carry is one word. */
static void power(struct natural *x, uint32_t base, int e, uint32_t step, int steps)
{
	for (; e >= steps; e -= steps)
		multiply(x, step);
	for (; e > 0; e--)
		multiply(x, base);
}

/* The digits of m * 2^e, m > 0, without zeros at the end. */
static void digitsof(struct decimal *d, uint64_t m, int e)
{
	struct natural x = {0};
	char text[WORDS * NDIGIT], *p = text + sizeof(text);
	for (; m; m /= RADIX)
		x.w[x.n++] = (uint32_t)(m % RADIX);
	if (e >= 0)
		power(&x, 2, e, 1u << 29, 29);
	else
		power(&x, 5, -e, 244140625u, 12);
	for (int i = 0; i < x.n; i++) {
		uint32_t w = x.w[i];
		for (int k = 0; k < NDIGIT; k++, w /= 10)
			*--p = (char)('0' + w % 10);
	}
	while (*p == '0')
		p++;
	d->ndigits = (int)(text + sizeof(text) - p);
	d->exp = d->ndigits + (e < 0 ? e : 0);
	while (p[d->ndigits - 1] == '0')
		d->ndigits--;
	memcpy(d->digits, p, (size_t)d->ndigits);
}

/* v = *m * 2^*e; the least mantissa of its exponent has a nearer neighbour below. */
static void split(double v, int bits, uint64_t *m, int *e, bool *least)
{
	int mantissa = bits == 32 ? 23 : 52, bias = bits == 32 ? 149 : 1074;
	float f = (float)v;
	uint64_t u = 0;
	uint32_t u32;
	memcpy(&u32, &f, sizeof(u32));
	memcpy(&u, &v, sizeof(u));
	if (bits == 32)
		u = u32;
	int exp = (int)(u >> mantissa & (bits == 32 ? 0xff : 0x7ff));
	*m = u & (((uint64_t)1 << mantissa) - 1);
	*least = *m == 0 && exp > 1;
	if (exp > 0)
		*m |= (uint64_t)1 << mantissa;
	*e = (exp > 0 ? exp - 1 : 0) - bias;
}

static void zero(struct decimal *d)
{
	d->ndigits = 0;
	d->exp = 0;
}

void decimalexact(struct decimal *d, double v)
{
	uint64_t m;
	int e;
	bool least;
	split(v, 64, &m, &e, &least);
	d->negative = signbit(v) != 0;
	if (m)
		digitsof(d, m, e);
	else
		zero(d);
}

void decimalround(struct decimal *d, int n)
{
	if (n >= d->ndigits)
		return;
	if (n < 0) {
		zero(d);
		return;
	}
	bool up = d->digits[n] > '5' || (d->digits[n] == '5' && n + 1 < d->ndigits);
	if (d->digits[n] == '5' && n + 1 == d->ndigits)
		up = n > 0 && (d->digits[n - 1] - '0') % 2 != 0;
	d->ndigits = n;
	if (up) {
		while (d->ndigits > 0 && d->digits[d->ndigits - 1] == '9')
			d->ndigits--;
		if (d->ndigits == 0) {
			d->digits[d->ndigits++] = '1';
			d->exp++;
			return;
		}
		d->digits[d->ndigits - 1]++;
	}
	while (d->ndigits > 0 && d->digits[d->ndigits - 1] == '0')
		d->ndigits--;
	if (d->ndigits == 0)
		d->exp = 0;
}

/* Digit i of x, counted so that i = 0 is the first one of a number of exponent exp. */
static char digitat(const struct decimal *x, int i, int exp)
{
	i -= exp - x->exp;
	return i >= 0 && i < x->ndigits ? x->digits[i] : '0';
}

/* Whether the first n digits, as they are or one more in the last, lie between lower and upper. */
static bool cutfits(const struct decimal *d, const struct decimal *lower, int n, bool inclusive)
{
	for (int i = 0; i < n; i++) {
		char c = digitat(lower, i, d->exp);
		if (c != d->digits[i])
			return c < d->digits[i];
	}
	/* Equal up to here: it is lower itself, or below it. */
	int last = lower->ndigits + d->exp - lower->exp;
	return inclusive && last <= n;
}

static bool raisefits(const struct decimal *d, const struct decimal *upper, int n, bool inclusive)
{
	struct decimal up;
	memcpy(up.digits, d->digits, (size_t)n);
	up.ndigits = n;
	up.exp = d->exp;
	up.digits[n] = '9'; /* rounds up */
	up.ndigits = n + 1;
	decimalround(&up, n);
	int exp = up.exp > upper->exp ? up.exp : upper->exp;
	int end = up.ndigits > upper->ndigits ? up.ndigits : upper->ndigits;
	for (int i = 0; i <= end + 1; i++) {
		char a = digitat(&up, i, exp), b = digitat(upper, i, exp);
		if (a != b)
			return a < b;
	}
	return inclusive;
}

void decimalshortest(struct decimal *d, double v, int bits)
{
	struct decimal lower, upper;
	uint64_t m;
	int e;
	bool least;
	split(v, bits, &m, &e, &least);
	d->negative = signbit(v) != 0;
	if (m == 0) {
		zero(d);
		return;
	}
	digitsof(d, m, e);
	digitsof(&upper, 2 * m + 1, e - 1);
	if (least)
		digitsof(&lower, 4 * m - 1, e - 2);
	else
		digitsof(&lower, 2 * m - 1, e - 1);
	for (int n = 1; n < d->ndigits; n++) {
		bool cut = cutfits(d, &lower, n, m % 2 == 0);
		bool raise = raisefits(d, &upper, n, m % 2 == 0);
		if (cut && raise) {
			/* Halves to even, but that of the float 2^-12 up, as in Go 1.26. */
			if (least && bits == 32 && n + 1 == d->ndigits && d->digits[n] == '5')
				d->digits[n] = '6';
			decimalround(d, n);
			return;
		}
		if (cut || raise) {
			if (raise)
				d->digits[n] = '9';
			else
				d->digits[n] = '0';
			d->ndigits = n + 1;
			decimalround(d, n);
			return;
		}
	}
}
