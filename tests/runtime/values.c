/* SPDX-License-Identifier: BSD-2-Clause */
/* values.c - slices and maps as the manual has them; compile.sh compiles it in every way. */
#include <gort/go.h>

typedef slice(string) strings;
typedef slice(int) ints;
struct point {
	int x, y;
};
typedef struct point point;
GORT_KEY(point, x, y);

static int words(strings in)
{
	map(string, int) count = make_map(string, int);
	for
		range(i, w, in) map_at(count, w)++;
	int *n = map_get(count, S("go"));
	strings rest = sub(in, 1, in.len);
	append(&rest, S("more"), S("words"));
	return (n ? *n : 0) + (int)map_len(count) - 1;
}

int gort_main(int argc, char **argv)
{
	(void)argv;
	ints a = slice_of(ints, 1, 2, 3), b = sub(a, 1, 2), c = make_slice(ints, 0, 8);
	at(b, 0) = 99;
	append_slice(&c, sub3(a, 0, 3, 3));
	map(point, ints) m = make_map(point, ints, argc);
	append(&map_at(m, (point){1, 2}), 1, 2, 3);
	int sum = 0;
	map_range (point, k, v, m)
		for
			range(i, x, v) sum += x * k.x;
	map_delete(m, (point){2, 1});
	println(words(slice_of(strings, S("go"), S("c"))), " words, [", at(c, 0), " ", at(c, 1),
		" ", at(c, 2), "] ", c.len, " of ", c.cap, ", ", sum, ", ",
		map_value(m, (point){1, 2}).len + 4 * map_len(m));
	return 0;
}
