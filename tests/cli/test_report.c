/* SPDX-License-Identifier: BSD-2-Clause */
/* test_report.c - findings: patterns, suppressions, baselines, and the files for CI systems. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>
#include "add_case.h"
#include "cli/reportformat.h"

static struct report r;
static char dir[32];

static struct finding *leak(const char *top, const char *file, uint32_t line, uint64_t count)
{
	report_add(&r, "leak-chan-send", "goroutines <leaked> & \"lost\"");
	report_stack(&r, REPORT_AT, "waits");
	report_frame(&r, "sync.(*Mutex).Lock", "/go/src/sync/mutex.go", 7);
	report_frame(&r, top, file, line);
	report_stack(&r, REPORT_CREATED, "created by");
	report_frame(&r, "main.main", "main.go", 3);
	report_stack(&r, REPORT_MORE, "held by");
	report_frame(&r, "other.Call", NULL, 0);
	struct finding *f = &r.v[r.n - 1];
	f->count = count;
	f->state = "chan send";
	f->fails = true;
	return f;
}

static void suppress(const char *text)
{
	unsigned line;
	const char *why;
	ck_assert_int_eq(report_suppressions(&r, text, strlen(text), &line, &why), 0);
}

static void begin(void)
{
	struct gsnap_err err;
	ck_assert_int_eq(report_open(&r, &(struct opts){0}, "gort leaks", &err), 0);
}

/* The name of a file in a new folder; gone removes both. */
static void file_in(char *path, size_t size, const char *name)
{
	strcpy(dir, "/tmp/test_report.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, size, "%s/%s", dir, name);
}

static void gone(const char *path)
{
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}

START_TEST(patterns)
{
	ck_assert(report_match("Lock", "sync.(*Mutex).Lock"));
	ck_assert(report_match("(*Mutex)", "sync.(*Mutex).Lock"));
	ck_assert(report_match("^sync.*Lock$", "sync.(*Mutex).Lock"));
	ck_assert(report_match("a*b*c", "xaybzbcw"));
	ck_assert(report_match("", "anything"));
	ck_assert(report_match("*$", ""));
	ck_assert(!report_match("^Mutex", "sync.(*Mutex).Lock"));
	ck_assert(!report_match("Mutex$", "sync.(*Mutex).Lock"));
	ck_assert(!report_match("^a*c$", "abcd"));
	ck_assert(!report_match("x", ""));
	ck_assert(report_match("a$b", "a$b")); /* an end only at the end */
}
END_TEST

/* Which kind looks where; the first that matches has the finding. */
START_TEST(kinds)
{
	static const struct {
		const char *text;
		enum finding_status status;
	} of[] = {
		{"any:main.send # why", FINDING_SUPPRESSED},
		{"any:/go/src/sync # why", FINDING_SUPPRESSED},
		{"any:main.main # its creator is no call of the place", FINDING_NEW},
		{"any:other.Call # nor is what holds it", FINDING_NEW},
		{"top:Lock # why", FINDING_SUPPRESSED},
		{"top:main.send # why", FINDING_NEW},
		{"created:^main.main$ # why", FINDING_SUPPRESSED},
		{"created:main.send # why", FINDING_NEW},
		{"reason:chan send # why", FINDING_SUPPRESSED},
		{"reason:select # why", FINDING_NEW},
		{"leak:main.send # why", FINDING_SUPPRESSED},
		{"race:main.send # why", FINDING_NEW},
	};
	for (size_t i = 0; i < sizeof of / sizeof *of; i++) {
		begin();
		suppress(of[i].text);
		leak("main.send", "main.go", 12, 1);
		report_judge(&r);
		ck_assert_msg(r.v[0].status == of[i].status, "%s", of[i].text);
		ck_assert(report_failed(&r) == (of[i].status == FINDING_NEW));
		report_close(&r);
	}
}
END_TEST

START_TEST(reasons)
{
	unsigned line;
	const char *wrong, *none = "any:a # x\n\nany:b\n", *kind = "# x\nall:a";
	begin();
	suppress("# two of them, both known\nany:a\nrace:b\n\ttop:c\t# its own \r\n");
	ck_assert_uint_eq(r.nsuppressions, 3);
	ck_assert_str_eq(r.suppressions[0].why, "two of them, both known");
	ck_assert_str_eq(r.suppressions[1].why, "two of them, both known");
	ck_assert_str_eq(r.suppressions[2].why, "its own");
	ck_assert_str_eq(r.suppressions[2].pattern, "c");
	ck_assert_int_eq(report_suppressions(&r, none, strlen(none), &line, &wrong), -EINVAL);
	ck_assert_uint_eq(line, 3);
	ck_assert_int_eq(report_suppressions(&r, kind, strlen(kind), &line, &wrong), -EINVAL);
	ck_assert_uint_eq(line, 2);
	report_close(&r);
}
END_TEST

/* Lines may move; more goroutines at a place are news. */
START_TEST(baseline)
{
	char path[64], text[512];
	struct opts o = {.baseline = path, .update_baseline = true};
	struct gsnap_err err;
	file_in(path, sizeof path, "baseline");
	ck_assert_int_eq(report_open(&r, &o, "gort leaks", &err), 0);
	leak("main.send", "main.go", 12, 3);
	report_judge(&r);
	ck_assert_int_eq(report_write(&r, &o, true), 0);
	report_close(&r);

	o.update_baseline = false;
	ck_assert_int_eq(report_open(&r, &o, "gort leaks", &err), 0);
	leak("main.send", "main.go", 99, 3);
	leak("main.send", "main.go", 12, 4);
	leak("main.other", "main.go", 12, 1);
	report_judge(&r);
	ck_assert_int_eq(r.v[0].status, FINDING_KNOWN);
	ck_assert_int_eq(r.v[1].status, FINDING_NEW);
	ck_assert_int_eq(r.v[2].status, FINDING_NEW);
	o.update_baseline = true;
	ck_assert_int_eq(report_write(&r, &o, true), 0);
	report_close(&r);

	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	size_t n = fread(text, 1, sizeof text, f);
	fclose(f);
	begin();
	ck_assert(report_baseline(&r, text, n));
	ck_assert_uint_eq(r.nbase, 2);
	ck_assert_uint_eq(r.base[0].count + r.base[1].count, 5);
	ck_assert(!report_baseline(&r, "{}", 2));
	ck_assert(!report_baseline(&r, text, n / 2));
	report_close(&r);
	gone(path);
}
END_TEST

static json_t *at(json_t *j, const char *key, size_t i)
{
	j = json_object_get(j, key);
	return json_is_array(j) ? json_array_get(j, i) : j;
}

START_TEST(sarif)
{
	char path[64];
	struct opts o = {.sarif = path, .quiet = true};
	json_error_t error;
	file_in(path, sizeof path, "sarif");
	begin();
	suppress("top:none # x\nany:main.ours # ours");
	leak("main.send", "/tmp/a main%.go", 12, 3);
	leak("main.ours", NULL, 0, 1);
	report_judge(&r);
	ck_assert_int_eq(report_write(&r, &o, false), 0);
	report_close(&r);
	json_t *doc = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(doc != NULL, "%s", error.text);
	ck_assert_str_eq(json_string_value(at(doc, "version", 0)), "2.1.0");
	json_t *run = at(doc, "runs", 0), *result = at(run, "results", 0);
	json_t *driver = at(at(run, "tool", 0), "driver", 0);
	ck_assert_str_eq(json_string_value(at(driver, "name", 0)), "gort leaks");
	ck_assert_uint_eq(json_array_size(json_object_get(driver, "rules")), 1);
	ck_assert_str_eq(json_string_value(at(result, "ruleId", 0)), "gort/leak-chan-send");
	ck_assert_str_eq(json_string_value(at(result, "level", 0)), "error");
	ck_assert_int_eq(json_integer_value(at(result, "occurrenceCount", 0)), 3);
	ck_assert_ptr_null(at(result, "suppressions", 0));
	json_t *place = at(at(result, "locations", 0), "physicalLocation", 0);
	ck_assert_str_eq(json_string_value(at(at(place, "artifactLocation", 0), "uri", 0)),
		"file:///tmp/a%20main%25.go");
	ck_assert_int_eq(json_integer_value(at(at(place, "region", 0), "startLine", 0)), 12);
	ck_assert_uint_eq(json_array_size(json_object_get(result, "stacks")), 3);
	result = at(run, "results", 1);
	ck_assert_str_eq(
		json_string_value(at(at(result, "suppressions", 0), "justification", 0)), "ours");
	json_decref(doc);
	gone(path);
}
END_TEST

START_TEST(junit)
{
	char path[64], name[96], text[4096] = "";
	struct opts o = {.junit = path};
	file_in(path, sizeof path, "%p.xml");
	snprintf(name, sizeof name, "%s/%d.xml", dir, getpid());
	begin();
	leak("main.send\xff\x01", "main.go", 12, 3);
	leak("main.calm", "main.go", 12, 1)->fails = false;
	report_judge(&r);
	ck_assert_int_eq(report_write(&r, &o, false), 0);
	report_close(&r);
	FILE *f = fopen(name, "r");
	ck_assert_msg(f, "%s", name);
	ck_assert_uint_gt(fread(text, 1, sizeof text - 1, f), 0);
	fclose(f);
	ck_assert_ptr_nonnull(
		strstr(text, "tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\""));
	ck_assert_ptr_nonnull(
		strstr(text, "message=\"goroutines &#60;leaked&#62; &#38; &#34;lost&#34;\""));
	ck_assert_ptr_nonnull(strstr(text, "name=\"main.send?? "));
	ck_assert_ptr_nonnull(strstr(text, "<system-out>waits:\nsync.(*Mutex).Lock\n"));
	ck_assert_ptr_nonnull(strstr(text, "</testsuite>\n"));
	gone(name);
}
END_TEST

/* The program's own call, where it waits or where it was started. */
START_TEST(places)
{
	begin();
	leak("main.send", "main.go", 12, 1);
	leak("sync.(*WaitGroup).Wait", "waitgroup.go", 9, 1);
	report_add(&r, "leak-chan-send", "lost");
	report_stack(&r, REPORT_AT, "waits");
	report_frame(&r, "sync.(*WaitGroup).Wait", "waitgroup.go", 9);
	report_stack(&r, REPORT_MORE, "held by");
	report_frame(&r, "other.Call", "other.go", 1);
	ck_assert_str_eq(report_place(&r, &r.v[0])->func, "main.send");
	ck_assert_str_eq(report_place(&r, &r.v[1])->func, "main.main");
	ck_assert_str_eq(report_place(&r, &r.v[2])->func, "sync.(*WaitGroup).Wait");
	report_close(&r);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("report");
	add_case(s, "patterns", patterns);
	add_case(s, "kinds", kinds);
	add_case(s, "reasons", reasons);
	add_case(s, "baseline", baseline);
	add_case(s, "places", places);
	add_case(s, "sarif", sarif);
	add_case(s, "junit", junit);
	return s;
}

#include "check_main.h"
