/* SPDX-License-Identifier: BSD-2-Clause */
/* 08_slices.c - views, append, aliasing, three indexes; go/08_slices in C. */
#include <gort/go.h>

typedef slice(int) ints;

static void show(string name, ints s)
{
	print(name, " [");
	for
		range(i, v, s) print(i ? " " : "", v);
	println("] ", s.len, " ", s.cap);
}

static void views(void)
{
	ints a = slice_of(ints, 1, 2, 3, 4, 5), b = sub(a, 1, 4);
	at(b, 0) = 99;
	show(S("a"), a); /* shared */
	append(&b, 10);  /* in place: b has room, and it is a's */
	show(S("a"), a);
	show(S("b"), b);
}

static void aliasing(void)
{
	ints a = make_slice(ints, 4, 4), b = sub(a, 0, 2), c = b;
	append(&c, 99); /* overwrites a[2] */
	show(S("a"), a);
	show(S("c"), c);
	ints d = c;
	append(&d, 1, 2, 3); /* moves: d and a are disjoint */
	at(d, 0) = 7;
	show(S("a"), a);
	show(S("d"), d);
	ints copied = {0};
	append_slice(&copied, a); /* the explicit copy */
	at(copied, 0) = 5;
	show(S("a"), a);
}

/* Handed out with a capacity of its own, the rest is safe. */
static void three_indexes(void)
{
	ints a = slice_of(ints, 1, 2, 3, 4), part = sub3(a, 0, 2, 2);
	append(&part, 50);
	show(S("a"), a);
	show(S("part"), part);
}

/* Each new capacity, over 100,000 appends. */
#define GROWTH(S, ...)                             \
	do {                                       \
		S s = {0};                         \
		print(#S);                         \
		for (int i = 0; i < 100000; i++) { \
			isize before = s.cap;      \
			append(&s, __VA_ARGS__);   \
			if (s.cap != before)       \
				print(" ", s.cap); \
		}                                  \
		println();                         \
	} while (0)

typedef slice(long) longs;
typedef slice(string) texts;
typedef slice(uint8_t) octets;
struct triple {
	long a, b, c;
};
typedef slice(struct triple) triples;

static void capacities(void)
{
	GROWTH(longs, 1);
	GROWTH(octets, 1);
	GROWTH(texts, S("x"));
	GROWTH(triples, {1, 2, 3});
}

static void out_of_range(ints *s, long i)
{
	at(*s, i) = 1;
}

int gort_main(int argc, char **argv)
{
	(void)argc, (void)argv;
	views();
	aliasing();
	three_indexes();
	capacities();
	ints few = make_slice(ints, 1);
	println(protect(out_of_range, &few, 5L));
	return 0;
}
