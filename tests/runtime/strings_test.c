/* SPDX-License-Identifier: BSD-2-Clause */
/* strings_test.c - strings: what shares bytes, panics and prints; tests/lang compares with Go. */
#include <gort/gort.h>
#include <locale.h>

#include "child.h"

static bool same(string a, const char *b)
{
	return str_equal(a, str_view(b));
}

/* The example of the seed, section 10. */
static int sharing(int argc, char **argv)
{
	(void)argc, (void)argv;
	string s = S("h\u00e9llo"), t = str_from("a,b");
	int runes = 0;
	REQUIRE(s.len == 6 && str_at(s, 0) == 'h' && str_at(s, 1) == 0xc3 && utf8_count(s) == 5);
	str_range(i, r, s)
	{
		REQUIRE(runes != 1 || (i == 1 && r == 0xe9));
		if (++runes == 3)
			break;
	}
	REQUIRE(runes == 3);
	gort_bytes b = str_bytes(t);
	at(b, 0) = 'x';
	REQUIRE(same(t, "a,b") && same(bytes_str(b), "x,b"));
	gort_strings parts = str_split(t, S(","));
	REQUIRE(parts.len == 2 && parts.ptr[1].ptr == t.ptr + 2);
	REQUIRE(str_sub(t, 3, 3).ptr == t.ptr && str_trim_space(t).ptr == t.ptr);
	REQUIRE(strcmp(str_cstr(str_concat(t, S("-"), s)), "a,b-h\u00e9llo") == 0);
	return 0;
}

static int building(int argc, char **argv)
{
	(void)argc, (void)argv;
	builder b = {0};
	for (int i = 0; i < 1000; i++)
		builder_print(&b, i, ",");
	string first = builder_result(&b);
	builder_printf(&b, "%*d", 600, 7);
	REQUIRE(first.len == 3890 && builder_result(&b).len == 4490);
	REQUIRE(same(str_sub(first, 0, 8), "0,1,2,3,"));
	builder_reset(&b);
	REQUIRE(builder_result(&b).len == 0 && same(gort_sprintf("%d %s", 1, "a"), "1 a"));
	return 0;
}

/* Numbers are Go's whatever the locale is. */
static int printing(int argc, char **argv)
{
	(void)argc, (void)argv;
	setlocale(LC_ALL, "de_DE.UTF-8");
	gort_strings list = str_fields(S(" a b "));
	char *none = nil;
	println("x ", 1, " ", -2L, " ", 3u, " ", 1.5, " ", 0.1f, " ", (bool)true, " ", S("s"), " ",
		none);
	println(list, " ", str_bytes(S("AB")), " ", str_runes(S("\u00e9")), " ", error_new("bad"),
		" ", (void *)nil, " ", (void *)255);
	println(any_of(-1), " ", any_of(S("t")), " ", any_of(0.5), " ", (any){0});
	double d;
	REQUIRE(!parse_float(S("1.25"), 64, &d) && d == 1.25);
	return 0;
}

static int which;

static int misuse(int argc, char **argv)
{
	(void)argc, (void)argv;
	volatile isize five = 5;
	switch (which) {
	case 0:
		return str_at(S("abc"), five);
	case 1:
		return (int)str_sub(S("abc"), 0, five).len;
	case 2:
		return (int)str_sub(S("abc"), five - 2, 2).len;
	case 3:
		return (int)str_repeat(S("abc"), -five).len;
	default:
		return (int)format_int(five, 40).len;
	}
}

static int errors(int argc, char **argv)
{
	(void)argc, (void)argv;
	int64_t v;
	error err = parse_int(S("300"), 10, 8, &v);
	const struct gort_numerror *e = error_as(err, struct gort_numerror, numerror);
	REQUIRE(v == 127 && error_is(err, err_range) && !error_is(err, err_syntax));
	REQUIRE(e && same(e->num, "300") && strcmp(e->fn, "ParseInt") == 0);
	REQUIRE(error_is(parse_int(S("x"), 10, 8, &v), err_syntax));
	return strcmp(error_text(err), "strconv.ParseInt: parsing \"300\": value out of range");
}

START_TEST(values)
{
	expect_code(errors, 0);
	expect_code(sharing, 0);
	expect_code(building, 0);
}
END_TEST

START_TEST(prints)
{
	struct child *c = run_child(printing, 1);
	ck_assert_int_eq(c->code, 0);
	ck_assert_str_eq(c->text, "x 1 -2 3 1.5 0.1 true s <nil>\n"
				  "[a b] [65 66] [233] bad <nil> 0xff\n"
				  "-1 t 0.5 <nil>\n");
}
END_TEST

START_TEST(panics)
{
	static const char *const texts[] = {"runtime error: index out of range [5] with length 3",
		"runtime error: slice bounds out of range [:5] with length 3",
		"runtime error: slice bounds out of range [3:2]", "strings: negative Repeat count",
		"strconv: illegal AppendInt/FormatInt base"};
	for (which = 0; which < 5; which++) {
		char head[100];
		snprintf(head, sizeof(head), "panic: %s", texts[which]);
		expect_fatal(misuse, head);
	}
}
END_TEST

static Suite *test_suite(void)
{
	const struct {
		const char *name;
		const TTest *test;
	} cases[] = {{"values", values}, {"prints", prints}, {"panics", panics}};
	Suite *s = suite_create("strings");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		TCase *t = tcase_create(cases[i].name);
		tcase_set_timeout(t, 120);
		tcase_add_test(t, cases[i].test);
		suite_add_tcase(s, t);
	}
	return s;
}

#include "check_main.h"
