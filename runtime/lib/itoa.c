/* SPDX-License-Identifier: BSD-2-Clause */
/* itoa.c - integers to text (Go's strconv/itoa.go). */
#include "base/throw.h"
#include "lang/string.h"
#include "lib/strconv.h"

char *formatdigits(char *end, uint64_t v, unsigned base)
{
	do {
		*--end = "0123456789abcdefghijklmnopqrstuvwxyz"[v % base];
		v /= base;
	} while (v);
	return end;
}

static gort_string format(uint64_t v, bool negative, int base)
{
	char text[MAXNUMBER];
	if (base < 2 || base > 36)
		gopanic_text("strconv: illegal AppendInt/FormatInt base");
	char *p = formatdigits(text + sizeof(text), v, (unsigned)base);
	if (negative)
		*--p = '-';
	return gort_str_make(p, text + sizeof(text) - p);
}

gort_string gort_format_int(int64_t v, int base)
{
	return format(v < 0 ? 0 - (uint64_t)v : (uint64_t)v, v < 0, base);
}

gort_string gort_format_uint(uint64_t v, int base)
{
	return format(v, false, base);
}

gort_string gort_itoa(gort_isize v)
{
	return gort_format_int(v, 10);
}
