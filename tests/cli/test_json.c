/* SPDX-License-Identifier: BSD-2-Clause */
/* test_json.c - what json.c writes is read back with jansson. */
#include <fcntl.h>
#include <jansson.h>
#include <math.h>
#include <sys/mman.h>
#include <unistd.h>
#include "add_case.h"
#include "cli/json.h"

static struct out out;
static struct json j;

static void begin(void)
{
	struct opts o = {0};
	struct gsnap_err err;
	ck_assert_int_eq(out_open(&out, &o, memfd_create("json", 0), &err), 0);
	jw_begin(&j, &out, "test/1");
}

static json_t *end(void)
{
	json_error_t error;
	jw_end(&j);
	out_flush(&out);
	ck_assert_int_eq(out.error, 0);
	lseek(out.fd, 0, SEEK_SET);
	json_t *doc = json_loadfd(out.fd, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(doc != NULL, "%s at column %d", error.text, error.column);
	ck_assert_str_eq(json_string_value(json_object_get(doc, "schema")), "test/1");
	close(out.fd);
	return doc;
}

static const char *text_of(json_t *doc, const char *key)
{
	return json_string_value(json_object_get(doc, key));
}

START_TEST(test_escapes)
{
	begin();
	jw_str(&j, "a", "quote \" slash \\ tab \t newline \n bell \a del \x7f");
	jw_str(&j, "b", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
	jw_str(&j, "c", "bad \xff\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82");
	jw_str(&j, "d", NULL);
	jw_str(&j, "key \"with\" \x01", "");
	json_t *doc = end();
	ck_assert_str_eq(text_of(doc, "a"), "quote \" slash \\ tab \t newline \n bell \a del \x7f");
	ck_assert_str_eq(text_of(doc, "b"), "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
	ck_assert_uint_eq(strlen(text_of(doc, "c")), 4 + 12 * 3);
	ck_assert(json_is_null(json_object_get(doc, "d")));
	ck_assert_str_eq(text_of(doc, "key \"with\" \x01"), "");
	json_decref(doc);
}
END_TEST

START_TEST(test_numbers)
{
	begin();
	jw_int(&j, "min", INT64_MIN + 1);
	jw_int(&j, "unknown", GSNAP_UNKNOWN);
	jw_uint(&j, "id", 12481);
	jw_hex(&j, "addr", UINT64_MAX);
	jw_num(&j, "rate", 0.125);
	jw_num(&j, "nan", NAN);
	jw_num(&j, "inf", INFINITY);
	jw_bool(&j, "yes", true);
	json_t *doc = end();
	ck_assert_int_eq(json_integer_value(json_object_get(doc, "min")), INT64_MIN + 1);
	ck_assert(json_is_null(json_object_get(doc, "unknown")));
	ck_assert_int_eq(json_integer_value(json_object_get(doc, "id")), 12481);
	ck_assert_str_eq(text_of(doc, "addr"), "0xffffffffffffffff");
	ck_assert_double_eq(json_real_value(json_object_get(doc, "rate")), 0.125);
	ck_assert(json_is_null(json_object_get(doc, "nan")));
	ck_assert(json_is_null(json_object_get(doc, "inf")));
	ck_assert(json_is_true(json_object_get(doc, "yes")));
	json_decref(doc);
}
END_TEST

START_TEST(test_nesting)
{
	begin();
	jw_array(&j, "empty");
	jw_close_array(&j);
	jw_lines(&j, "rows");
	for (int i = 0; i < 3; i++) {
		jw_object(&j, NULL);
		jw_array(&j, "inner");
		jw_int(&j, NULL, i);
		jw_int(&j, NULL, i + 1);
		jw_close_array(&j);
		jw_object(&j, "none");
		jw_close_object(&j);
		jw_close_object(&j);
	}
	jw_close_array(&j);
	jw_int(&j, "after", 1);
	json_t *doc = end(), *rows = json_object_get(doc, "rows");
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "empty")), 0);
	ck_assert_uint_eq(json_array_size(rows), 3);
	json_t *inner = json_object_get(json_array_get(rows, 2), "inner");
	ck_assert_int_eq(json_integer_value(json_array_get(inner, 1)), 3);
	ck_assert_int_eq(json_integer_value(json_object_get(doc, "after")), 1);
	json_decref(doc);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("json");
	add_case(s, "escapes", test_escapes);
	add_case(s, "numbers", test_numbers);
	add_case(s, "nesting", test_nesting);
	return s;
}

#include "check_main.h"
