/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_strconv.c - numbers and literals: what is parsed and written again is the same, the number
 * agrees with libc's where both take the text, and quoting is undone by unquoting. Comparison with
 * Go itself: tests/lang.
 */
#include <gort/go.h>
#include <gort/strconv.h>

#include "fuzz_heap.h"

static void integers(string s)
{
	int64_t v, again;
	uint64_t u, same;
	for (int base = 0; base <= 36; base += base ? 13 : 10) {
		if (!parse_int(s, base, 64, &v) &&
			(parse_int(format_int(v, base ? base : 10), base ? base : 10, 64, &again) ||
				again != v))
			abort();
		if (!parse_uint(s, base, 64, &u) &&
			(parse_uint(format_uint(u, 16), 16, 64, &same) || same != u))
			abort();
	}
	if (!parse_int(s, 10, 64, &v) && v != strtoll(str_cstr(s), nil, 10))
		abort();
}

/* The shortest text that is the number; libc rounds to the nearest, too. */
static void reals(string s)
{
	double d, again;
	if (parse_float(s, 64, &d) || d != d)
		return;
	const char *formats = "eg";
	for (; *formats; formats++)
		if (parse_float(format_float(d, *formats, -1, 64), 64, &again) || again != d)
			abort();
	if (str_index_byte(s, '_') < 0 && strtod(str_cstr(s), nil) != d)
		abort();
}

static void literals(string s)
{
	string text;
	if (unquote(quote(s), &text) || !str_equal(text, s))
		abort();
	if (unquote(quote_ascii(s), &text) || !str_equal(text, s))
		abort();
	if (!unquote(s, &text) && text.len > 3 * s.len) /* a bad byte is U+FFFD */
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	string s = str_unsafe(data, (isize)size);
	integers(s);
	reals(s);
	literals(s);
	fuzz_heap_reset();
	return 0;
}
