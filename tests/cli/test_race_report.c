/* SPDX-License-Identifier: BSD-2-Clause */
/* test_race_report.c - records to reports, over the made-up symbols of fake_probes.c. */
#include <errno.h>
#include <jansson.h>
#include <sys/mman.h>
#include <unistd.h>
#include "add_case.h"
#include "cli/racereport.h"

static struct out out;
static struct race_report r;
static struct gort_finding f;
static char text[65536];

static void begin(int format)
{
	struct opts o = {.format = format};
	struct gsnap_err err;
	ck_assert_int_eq(out_open(&out, &o, memfd_create("report", 0), &err), 0);
	race_report_begin(&r, &out, format, "./race");
}

static uint32_t end(void)
{
	uint32_t n = race_report_end(&r);
	out_flush(&out);
	ssize_t len = pread(out.fd, text, sizeof text - 1, 0);
	ck_assert_int_ge(len, 0);
	text[len] = '\0';
	close(out.fd);
	return n;
}

static struct gort_finding_stack *stack(uint32_t role, uint64_t id, uint64_t pc)
{
	struct gort_finding_stack *st = &f.stacks[f.nstacks++];
	*st = (struct gort_finding_stack){.role = role, .id = id, .npcs = 2};
	st->pcs[0] = pc;
	st->pcs[1] = 0x3000;
	return st;
}

static void make(uint64_t a, uint64_t b)
{
	f = (struct gort_finding){
		.magic = GORT_FINDING_MAGIC, .kind = GORT_FINDING_RACE, .pid = 77, .seen = 1};
	struct gort_finding_stack *st = stack(GORT_STACK_ACCESS, 2, a);
	st->addr = 0x7f0000001230;
	st->size = 4;
	st->access = GORT_ACCESS_WRITE;
	strcpy(st->name, "worker");
	st = stack(GORT_STACK_PREVIOUS, 0, b);
	st->addr = 0x7f0000001230;
	st->size = 8;
	st->access = GORT_ACCESS_ATOMIC;
}

static int add(void)
{
	f.size = offsetof(struct gort_finding, stacks[f.nstacks]);
	return race_report_add(&r, &f, f.size);
}

/* The shape is ThreadSanitizer's, line by line. */
START_TEST(test_text)
{
	begin(FORMAT_TEXT);
	make(0x1000, 0x2000);
	f.seen = 3;
	struct gort_finding_stack *st = stack(GORT_STACK_CREATED, 2, 0x9000);
	st->npcs = 1;
	st->tid = 79;
	st = stack(GORT_STACK_ALLOC, 0, 0x3000);
	st->addr = 0x7f0000001200;
	st->size = 64;
	st->npcs = 0;
	ck_assert_int_eq(add(), 0);
	ck_assert_uint_eq(end(), 1);
	ck_assert_str_eq(text,
		"==================\n"
		"WARNING: ThreadSanitizer: data race (pid=77)\n"
		"  Write of size 4 at 0x7f0000001230 by thread T2 'worker':\n"
		"    #0 reader race.c:10 (race+0x1000)\n"
		"    #1 main race.c:30 (race+0x2fff)\n"
		"\n"
		"  Previous atomic read of size 8 at 0x7f0000001230 by main thread:\n"
		"    #0 store race.c:5 (race+0x2000)\n"
		"    #1 writer race.c:20 (race+0x2000)\n"
		"    #2 main race.c:30 (race+0x2fff)\n"
		"\n"
		"  Location is heap block of size 64 at 0x7f0000001200 allocated by main thread:\n"
		"    [the stack is no longer known]\n"
		"\n"
		"  Thread T2 (tid=79, running) created by main thread at:\n"
		"    #0 <null> <null> (0x9000)\n"
		"\n"
		"  Between: reader / store (seen 3 times)\n"
		"\n"
		"SUMMARY: ThreadSanitizer: data race race.c:10 in reader\n"
		"==================\n"
		"ThreadSanitizer: reported 1 warnings\n");
}
END_TEST

/* What the memory is: a variable when no stack says otherwise, by its C++ name. */
START_TEST(test_place)
{
	begin(FORMAT_TEXT);
	make(0x1000, 0x2000);
	f.stacks[0].addr = 0x5000;
	ck_assert_int_eq(add(), 0);
	make(0x2000, 0x3000);
	f.stacks[0].addr = 0x5000;
	struct gort_finding_stack *st = stack(GORT_STACK_OWNER, 3, 0);
	st->npcs = 0;
	st->flags = GORT_OWNER_TLS;
	ck_assert_int_eq(add(), 0);
	ck_assert_uint_eq(end(), 2);
	const char *global = strstr(text, "  Location is global 'counter()' of size 16 at "
					  "0x000000004ff8 (race+0xff8)\n\n");
	ck_assert_ptr_nonnull(global);
	ck_assert_ptr_null(strstr(global + 10, "Location is global"));
	ck_assert_ptr_nonnull(strstr(text, "  Location is TLS of thread T3.\n\n"));
}
END_TEST

/* Two locks in both orders: each step names the lock it takes and the one it holds. */
START_TEST(test_cycle)
{
	begin(FORMAT_TEXT);
	f = (struct gort_finding){
		.magic = GORT_FINDING_MAGIC, .kind = GORT_FINDING_LOCK_ORDER, .pid = 77, .seen = 1};
	stack(GORT_STACK_LOCKED, 1, 0x1000)->addr = 0xb;
	stack(GORT_STACK_HELD, 1, 0x2000)->addr = 0xa;
	stack(GORT_STACK_LOCKED, 0, 0x2000)->addr = 0xa;
	struct gort_finding_stack *st = stack(GORT_STACK_HELD, 0, 0);
	st->addr = 0xb;
	st->npcs = 0;
	ck_assert_int_eq(add(), 0);
	ck_assert_uint_eq(end(), 1);
	ck_assert_str_eq(text,
		"==================\n"
		"WARNING: ThreadSanitizer: lock-order-inversion (potential deadlock) (pid=77)\n"
		"  Cycle in lock order graph: M0 (0x00000000000a) => M1 (0x00000000000b) => M0\n"
		"\n"
		"  Mutex M1 acquired here while holding mutex M0 in thread T1:\n"
		"    #0 reader race.c:10 (race+0x1000)\n"
		"    #1 main race.c:30 (race+0x2fff)\n"
		"\n"
		"  Mutex M0 previously acquired by the same thread here:\n"
		"    #0 store race.c:5 (race+0x2000)\n"
		"    #1 writer race.c:20 (race+0x2000)\n"
		"    #2 main race.c:30 (race+0x2fff)\n"
		"\n"
		"  Mutex M0 acquired here while holding mutex M1 in main thread:\n"
		"    #0 store race.c:5 (race+0x2000)\n"
		"    #1 writer race.c:20 (race+0x2000)\n"
		"    #2 main race.c:30 (race+0x2fff)\n"
		"\n"
		"SUMMARY: ThreadSanitizer: lock-order-inversion (potential deadlock) race.c:10 in "
		"reader\n"
		"==================\n"
		"ThreadSanitizer: reported 1 warnings\n");
}
END_TEST

START_TEST(test_json)
{
	json_error_t error;
	begin(FORMAT_JSON);
	make(0x1000, 0x2000);
	ck_assert_int_eq(add(), 0);
	make(0x3000, 0x3000);
	ck_assert_int_eq(add(), 0);
	ck_assert_uint_eq(end(), 2);
	json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ck_assert_msg(doc != NULL, "%s", error.text);
	ck_assert_str_eq(json_string_value(json_object_get(doc, "schema")), "gort.race/1");
	ck_assert_uint_eq(json_array_size(json_object_get(doc, "findings")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(doc, "count")), 2);
	json_decref(doc);
	begin(FORMAT_JSON);
	ck_assert_uint_eq(end(), 0);
	doc = json_loads(text, 0, &error);
	ck_assert_ptr_nonnull(doc);
	json_decref(doc);
}
END_TEST

/* The pair makes the race, not which access came last; other lines are another race. */
START_TEST(test_repeats)
{
	begin(FORMAT_TEXT);
	make(0x1000, 0x2000);
	ck_assert_int_eq(add(), 0);
	make(0x2000, 0x1000);
	ck_assert_int_eq(add(), 0);
	make(0x1000, 0x3000);
	ck_assert_int_eq(add(), 0);
	ck_assert_uint_eq(r.repeats, 1);
	ck_assert_uint_eq(end(), 2);
}
END_TEST

START_TEST(test_malformed)
{
	begin(FORMAT_TEXT);
	make(0x1000, 0x2000);
	ck_assert_int_eq(race_report_add(&r, &f, 8), -EINVAL);
	ck_assert_int_eq(race_report_add(&r, &f, sizeof f), -EINVAL);
	f.magic++;
	ck_assert_int_eq(add(), -EINVAL);
	make(0x1000, 0x2000);
	const uint32_t others[] = {0, GORT_FINDING_LEAK, GORT_FINDING_KINDS, UINT32_MAX};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		f.kind = others[i];
		ck_assert_int_eq(add(), -EINVAL);
	}
	make(0x1000, 0x2000);
	f.size = offsetof(struct gort_finding, stacks[f.nstacks]);
	ck_assert_int_eq(race_report_add(&r, &f, f.size - 1), -EINVAL);
	f.nstacks = GORT_FINDING_STACKS + 1;
	ck_assert_int_eq(race_report_add(&r, &f, sizeof f), -EINVAL);
	make(0x1000, 0x2000);
	f.stacks[0].npcs = GORT_FINDING_PCS + 1;
	ck_assert_int_eq(add(), -EINVAL);
	ck_assert_uint_eq(end(), 0);
	ck_assert_str_eq(text, "");
	begin(FORMAT_TEXT);
	make(0x1000, 0x2000);
	memset(f.stacks[0].name, 'n', sizeof f.stacks[0].name);
	f.stacks[0].role = f.stacks[0].access = 0xffffffff;
	ck_assert_int_eq(add(), 0);
	ck_assert_uint_eq(end(), 1);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("race_report");
	add_case(s, "text", test_text);
	add_case(s, "place", test_place);
	add_case(s, "cycle", test_cycle);
	add_case(s, "json", test_json);
	add_case(s, "repeats", test_repeats);
	add_case(s, "malformed", test_malformed);
	return s;
}

#include "check_main.h"
