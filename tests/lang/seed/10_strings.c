/* SPDX-License-Identifier: BSD-2-Clause */
/* 10_strings.c - bytes and runes, conversions, Builder; go/10_strings in C. */
#include <gort/go.h>

static string joined(gort_strings parts)
{
	builder b = {0};
	for
		range(i, p, parts) builder_string(&b, p);
	return builder_result(&b);
}

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	string s = S("h\u00e9llo");
	println(s.len, " ", str_at(s, 0), " ", str_at(s, 1), " ", utf8_count(s));
	str_range(i, r, s) print(i, ":", r, " ");
	println();
	str_range(i, r, S("a\xff\u4e16")) print(i, ":", r, " ");
	println();

	gort_bytes b = str_bytes(s); /* a copy */
	at(b, 0) = 'j';
	println(s, " ", bytes_str(b), " ", b);
	println(joined(slice_of(gort_strings, S("Go"), S(" "), S("in"), S(" "), S("C"))));
	println(str_concat(S("a"), S("b"), S("c")), " ", str_to_upper(s), " ", quote(s));
	println(str_fields(S("  split  by spaces ")), " ", str_split(S("a,b,c"), S(",")));
	int64_t n;
	error err = parse_int(S("12x"), 10, 64, &n);
	println(err, " ", n, " ", itoa(-7));
	return 0;
}
