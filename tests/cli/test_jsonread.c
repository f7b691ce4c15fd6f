/* SPDX-License-Identifier: BSD-2-Clause */
/* test_jsonread.c - the pull parser on documents that are right, wrong, and cut anywhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "add_case.h"
#include "cli/jsonread.h"

Suite *test_suite(void);

static struct jr j;

static void open_text(const char *text)
{
	jr_init(&j, text, strlen(text));
}

START_TEST(test_values)
{
	char key[8], text[32];
	open_text(" {\"a\" : [1, -2.5e3, null,\"x\\u00e9\\n\\ud83d\\ude00\", {}, [] ] "
		  ",\"b\":true}\n");
	ck_assert(jr_open(&j, '{'));
	ck_assert(jr_key(&j, key, sizeof key));
	ck_assert_str_eq(key, "a");
	ck_assert(jr_open(&j, '['));
	ck_assert(jr_element(&j));
	ck_assert_int_eq(jr_int(&j, 7), 1);
	ck_assert(jr_element(&j));
	ck_assert_int_eq(jr_int(&j, 7), -2);
	ck_assert(jr_element(&j));
	ck_assert_int_eq(jr_int(&j, 7), 7);
	ck_assert(jr_element(&j));
	jr_str(&j, text, sizeof text);
	ck_assert_str_eq(text, "x\u00e9\n\U0001f600");
	ck_assert(jr_element(&j));
	ck_assert(!jr_open(&j, '[')); /* an object is skipped */
	ck_assert(jr_element(&j));
	ck_assert(jr_open(&j, '['));
	ck_assert(!jr_element(&j));
	ck_assert(!jr_element(&j));
	ck_assert(jr_key(&j, key, sizeof key));
	ck_assert_str_eq(key, "b");
	jr_skip(&j);
	ck_assert(!jr_key(&j, key, sizeof key));
	ck_assert(jr_end(&j));
}
END_TEST

START_TEST(test_cut)
{
	char text[4];
	open_text("[\"abcdef\",\"\\u20acx\",\"ab\\u20ac\"]");
	ck_assert(jr_open(&j, '[') && jr_element(&j));
	jr_str(&j, text, sizeof text);
	ck_assert_str_eq(text, "abc");
	ck_assert(jr_element(&j));
	jr_str(&j, text, sizeof text);
	ck_assert_str_eq(text, "\u20ac");
	ck_assert(jr_element(&j));
	jr_str(&j, text, sizeof text);
	ck_assert_str_eq(text, "ab"); /* no half of a character */
	ck_assert(!jr_element(&j) && jr_end(&j));
}
END_TEST

static bool whole(const char *text, size_t len)
{
	jr_init(&j, text, len);
	jr_skip(&j);
	return jr_end(&j);
}

START_TEST(test_wrong)
{
	static const char *const bad[] = {"", "{", "}", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":}",
		"{a:1}", "[\"\\x\"]", "[\"\\u12\"]", "[\"\n\"]", "nul", "[1]]", "{\"a\":1,}", "+x",
		"\"abc", "[,1]"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ck_assert_msg(!whole(bad[i], strlen(bad[i])), "accepted: %s", bad[i]);
	static const char good[] = "{\"a\":[1,{\"b\":\"\\\"]}\"}],\"c\":null}";
	for (size_t n = 0; n < sizeof good - 1; n++)
		ck_assert(!whole(good, n));
	ck_assert(whole(good, sizeof good - 1));
}
END_TEST

/* Nesting is bounded: the stack of this process is not the file's to use up. */
START_TEST(test_deep)
{
	char *text = malloc(200001);
	memset(text, '[', 200000);
	ck_assert(!whole(text, 200000));
	memset(text + 30, ']', 30);
	ck_assert(whole(text, 60));
	free(text);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("jsonread");
	add_case(s, "values", test_values);
	add_case(s, "cut", test_cut);
	add_case(s, "wrong", test_wrong);
	add_case(s, "deep", test_deep);
	return s;
}

#include "check_main.h"
