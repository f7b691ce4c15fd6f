/* SPDX-License-Identifier: BSD-2-Clause */
/* atoi.c - text to integers and bool (Go's strconv/atoi.go and atob.go). */
#include "lang/string.h"
#include "lib/strconv.h"

int digitof(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 'a' - 'A';
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 36;
}

/* The base that the prefix of *s says, which is cut off. */
static int prefixbase(gort_string *s)
{
	if (s->ptr[0] != '0')
		return 10;
	int base = 8, cut = 1;
	if (s->len >= 3) {
		char c = s->ptr[1] | ('a' - 'A');
		base = c == 'b' ? 2 : c == 'x' ? 16 : 8;
		cut = c == 'b' || c == 'x' || c == 'o' ? 2 : 1;
	}
	*s = strfrom(*s, cut);
	return base;
}

bool underscoresfit(gort_string s)
{
	char last = '^'; /* ^: the beginning; 0: a digit or prefix; _; !: anything else */
	gort_isize i = s.len && (s.ptr[0] == '-' || s.ptr[0] == '+');
	bool hex = false;
	if (s.len - i >= 2 && s.ptr[i] == '0') {
		char c = s.ptr[i + 1] | ('a' - 'A');
		if (c == 'b' || c == 'o' || c == 'x') {
			hex = c == 'x';
			last = '0';
			i += 2;
		}
	}
	for (; i < s.len; i++) {
		int d = digitof(s.ptr[i]);
		if (d < 10 || (hex && d < 16)) {
			last = '0';
		} else if (s.ptr[i] == '_') {
			if (last != '0')
				return false;
			last = '_';
		} else if (last == '_') {
			return false;
		} else {
			last = '!';
		}
	}
	return last != '_';
}

enum outcome { PARSED, SYNTAX, RANGE };

/* The value of the digits in s, at most max; with base 0 by prefix, and underscores count. */
static enum outcome parsedigits(gort_string s, int base, uint64_t max, uint64_t *v)
{
	gort_string all = s;
	bool free = base == 0, underscores = false;
	*v = 0;
	if (free)
		base = prefixbase(&s);
	for (gort_isize i = 0; i < s.len; i++) {
		if (s.ptr[i] == '_' && free) {
			underscores = true;
			continue;
		}
		int d = digitof(s.ptr[i]);
		if (d >= base) {
			*v = 0;
			return SYNTAX;
		}
		if (__builtin_mul_overflow(*v, (uint64_t)base, v) ||
			__builtin_add_overflow(*v, (uint64_t)d, v) || *v > max) {
			*v = max;
			return RANGE;
		}
	}
	if (underscores && !underscoresfit(all)) {
		*v = 0;
		return SYNTAX;
	}
	return PARSED;
}

static gort_error reason(enum outcome o)
{
	return o == SYNTAX ? gort_err_syntax : gort_err_range;
}

/* digits: s without its sign. */
static gort_error badarguments(
	const char *fn, gort_string s, gort_string digits, int base, int bits)
{
	if (digits.len == 0)
		return numerror(fn, s, gort_err_syntax);
	if (base != 0 && (base < 2 || base > 36))
		return numerrorf(fn, s, "invalid base", base);
	return bits < 0 || bits > 64 ? numerrorf(fn, s, "invalid bit size", bits) : NULL;
}

static uint64_t largest(int bits)
{
	return bits == 0 || bits == 64 ? UINT64_MAX : ((uint64_t)1 << bits) - 1;
}

gort_error gort_parse_uint(gort_string s, int base, int bits, uint64_t *v)
{
	*v = 0;
	gort_error err = badarguments("ParseUint", s, s, base, bits);
	if (err)
		return err;
	enum outcome o = parsedigits(s, base, largest(bits), v);
	return o == PARSED ? NULL : numerror("ParseUint", s, reason(o));
}

static gort_error parseint(const char *fn, gort_string s, int base, int bits, int64_t *v)
{
	*v = 0;
	bool negative = s.len && s.ptr[0] == '-', sign = negative || (s.len && s.ptr[0] == '+');
	gort_string digits = strfrom(s, sign);
	gort_error err = badarguments(fn, s, digits, base, bits);
	if (err)
		return err;
	uint64_t n, cutoff = (uint64_t)1 << ((bits ? bits : 64) - 1);
	enum outcome o = parsedigits(digits, base, largest(bits), &n);
	if (o == SYNTAX)
		return numerror(fn, s, gort_err_syntax);
	if (n >= cutoff + negative) {
		n = cutoff - !negative;
		o = RANGE;
	}
	*v = (int64_t)(negative ? 0 - n : n);
	return o == PARSED ? NULL : numerror(fn, s, gort_err_range);
}

gort_error gort_parse_int(gort_string s, int base, int bits, int64_t *v)
{
	return parseint("ParseInt", s, base, bits, v);
}

gort_error gort_atoi(gort_string s, gort_isize *v)
{
	int64_t n;
	gort_error err = parseint("Atoi", s, 10, 64, &n);
	*v = n;
	return err;
}

static bool among(gort_string s, const char *const *words)
{
	for (; *words; words++) {
		if (gort_str_equal(s, gort_str_view(*words)))
			return true;
	}
	return false;
}

gort_error gort_parse_bool(gort_string s, bool *v)
{
	static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True", NULL},
				 *const no[] = {"0", "f", "F", "false", "FALSE", "False", NULL};
	*v = among(s, yes);
	return *v || among(s, no) ? NULL : numerror("ParseBool", s, gort_err_syntax);
}
