/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_cells.c - the width of text, and that what cells_diff writes turns one screen into
 * another: a terminal of a few lines reads it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "add_case.h"
#include "cli/cells.h"

Suite *test_suite(void);

/* Puts what cells_diff wrote on a screen, cell by cell. */
static void emulate(struct cells *c, const char *p, size_t len)
{
	const char *end = p + len;
	int at = 0, style = CELL_PLAIN;
	while (p < end) {
		int row, col, used = 0;
		if (!strncmp(p, "\033[2J", 4)) {
			cells_clear(c);
			p += 4;
		} else if (sscanf(p, "\033[%d;%dH%n", &row, &col, &used) == 2 && used) {
			at = (row - 1) * c->cols + col - 1;
			p += used;
		} else if (*p == '\033') {
			static const char *const codes[] = {
				"\033[0m", "\033[0;36m", "\033[0;31m", "\033[0;2m", "\033[0;7m"};
			for (style = NCELL_STYLES - 1; style > 0; style--)
				if (!strncmp(p, codes[style], strlen(codes[style])))
					break;
			p += strlen(codes[style]);
		} else {
			size_t n;
			int w = char_width(utf8_decode(p, (size_t)(end - p), &n));
			ck_assert_int_lt(at, c->cols * c->rows);
			c->at[at] = (struct cell){.style = (uint8_t)style};
			memcpy(c->at[at].ch, p, n);
			if (w == 2)
				c->at[at + 1] = (struct cell){.style = (uint8_t)style};
			at += w;
			p += n;
		}
	}
}

static void scribble(struct cells *c, unsigned *seed)
{
	static const char *const words[] = {"gort", "▁▂▃█", "日本", "é", "a b", "x\ty", "\xff\xfe"};
	for (int i = 0; i < 6; i++)
		cells_put(c, rand_r(seed) % c->rows, rand_r(seed) % c->cols,
			rand_r(seed) % NCELL_STYLES, words[rand_r(seed) % 7]);
}

/* A wide character of which half was overwritten has no defined look: blank both. */
static void mend(struct cells *c)
{
	for (int i = 0; i < c->cols * c->rows; i++) {
		size_t n;
		bool last = i % c->cols == c->cols - 1;
		bool wide = c->at[i].ch[0] && char_width(utf8_decode(c->at[i].ch, 4, &n)) == 2;
		bool orphan = !c->at[i].ch[0] &&
			      (i % c->cols == 0 || !c->at[i - 1].ch[0] ||
				      char_width(utf8_decode(c->at[i - 1].ch, 4, &n)) != 2);
		if (orphan || (wide && (last || c->at[i + 1].ch[0])))
			c->at[i] = (struct cell){" ", CELL_PLAIN};
	}
}

START_TEST(test_diff)
{
	struct cells a = {0}, b = {0}, shown = {0};
	struct cell_bytes bytes = {0};
	unsigned seed = 1;
	ck_assert(
		cells_resize(&a, 20, 5) && cells_resize(&b, 20, 5) && cells_resize(&shown, 20, 5));
	cells_diff(NULL, &a, true, &bytes);
	emulate(&shown, bytes.data, bytes.len);
	for (int i = 0; i < 2000; i++) {
		scribble(&b, &seed);
		mend(&b);
		bytes.len = 0;
		cells_diff(&a, &b, true, &bytes);
		emulate(&shown, bytes.data, bytes.len);
		for (int k = 0; k < 100; k++) {
			ck_assert_str_eq(shown.at[k].ch, b.at[k].ch);
			ck_assert_int_eq(shown.at[k].style, b.at[k].style);
		}
		memcpy(a.at, b.at, 100 * sizeof *a.at);
		if (i % 100 == 99)
			cells_clear(&b);
	}
	bytes.len = 0;
	cells_diff(&a, &a, true, &bytes);
	ck_assert_uint_eq(bytes.len, 0);
	free(bytes.data);
	cells_free(&a);
	cells_free(&b);
	cells_free(&shown);
}
END_TEST

START_TEST(test_put)
{
	struct cells c = {0};
	ck_assert(cells_resize(&c, 5, 2));
	ck_assert_int_eq(cells_put(&c, 0, 3, CELL_ACCENT, "abc"), 5);
	ck_assert_str_eq(c.at[4].ch, "b");
	ck_assert_int_eq(cells_put(&c, 1, 4, CELL_PLAIN, "日"), 4); /* does not fit by half */
	ck_assert_int_eq(cells_put(&c, 1, 0, CELL_PLAIN, "a\033[31mb"), 5);
	ck_assert_str_eq(c.at[6].ch, "["); /* the escape is gone, the rest is text */
	ck_assert_int_eq(cells_put(&c, 2, 0, CELL_PLAIN, "x"), 0);
	ck_assert_int_eq(cells_put(&c, -1, 0, CELL_PLAIN, "x"), 0);
	cells_free(&c);
}
END_TEST

START_TEST(test_width)
{
	size_t n;
	ck_assert_int_eq(text_width("gort"), 4);
	ck_assert_int_eq(text_width("▁▂▃"), 3);
	ck_assert_int_eq(text_width("日本"), 4);
	ck_assert_int_eq(text_width("e\u0301"), 1);
	ck_assert_int_eq(char_width('\033'), -1);
	ck_assert_int_eq(char_width(0x85), -1);
	ck_assert_uint_eq(utf8_decode("\xc0\x80", 2, &n), 0xfffd); /* overlong */
	ck_assert_uint_eq(utf8_decode("\xed\xa0\x80", 3, &n), 0xfffd);
	ck_assert_uint_eq(utf8_decode("\xe6\x97", 2, &n), 0xfffd);
	ck_assert_uint_eq(n, 1);
	ck_assert_uint_eq(utf8_decode("\xe6\x97\xa5", 3, &n), 0x65e5);
	ck_assert_uint_eq(n, 3);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("cells");
	add_case(s, "diff", test_diff);
	add_case(s, "put", test_put);
	add_case(s, "width", test_width);
	return s;
}

#include "check_main.h"
