/* SPDX-License-Identifier: BSD-2-Clause */
/* test_opt.c - command lines become struct opts, or an error of code 2. */
#include <errno.h>
#include <stdio.h>
#include "add_case.h"
#include "cli/cli.h"

#define MAX_WORDS 16

static struct opts o;
static struct gsnap_err err;

/* Splits a line at blanks and parses it as the arguments of command c. */
static int parse(const struct command *c, const char *line)
{
	static char copy[256], *argv[MAX_WORDS];
	int argc = 0;
	snprintf(copy, sizeof copy, "%s", line);
	for (char *save, *word = strtok_r(copy, " ", &save); word;
		word = strtok_r(NULL, " ", &save))
		argv[argc++] = word;
	argv[argc] = NULL;
	err = (struct gsnap_err){0};
	return opts_parse(c, argc, argv, &o, &err);
}

START_TEST(test_durations)
{
	ck_assert_int_eq(parse_duration("2s"), INT64_C(2000000000));
	ck_assert_int_eq(parse_duration("1.5"), INT64_C(1500000000));
	ck_assert_int_eq(parse_duration("250ms"), INT64_C(250000000));
	ck_assert_int_eq(parse_duration("10us"), 10000);
	ck_assert_int_eq(parse_duration("7ns"), 7);
	ck_assert_int_eq(parse_duration("1h30m"), INT64_C(5400000000000));
	ck_assert_int_eq(parse_duration("0"), 0);
	const char *const bad[] = {"", "s", "-1s", "1x", "1 s", "1sm", "1e300h", "nan", " 1"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(parse_duration(bad[i]) == -1, "'%s' was taken", bad[i]);
}
END_TEST

START_TEST(test_values)
{
	ck_assert_int_eq(parse(&cmd_stacks, "stacks 4121 --by created --min-wait=1m -q"), 0);
	ck_assert_int_eq(o.nargs, 1);
	ck_assert_str_eq(o.args[0], "4121");
	ck_assert_int_eq(o.by, BY_CREATED);
	ck_assert_int_eq(o.min_wait_ns, INT64_C(60000000000));
	ck_assert(o.quiet && !o.verbose);
	ck_assert_int_eq(parse(&cmd_stacks, "stacks --id 1,2 --id 3 --json x -o f"), 0);
	ck_assert_uint_eq(o.nids, 3);
	ck_assert_uint_eq(o.ids[2], 3);
	ck_assert_int_eq(o.format, FORMAT_JSON);
	ck_assert_str_eq(o.output, "f");
	ck_assert_int_eq(parse(&cmd_sched, "sched --without bpf -d 2s -f ndjson 1"), 0);
	ck_assert_uint_eq(o.without, FEATURE_BPF);
	ck_assert_int_eq(o.format, FORMAT_NDJSON);
	ck_assert_int_eq(parse(&cmd_top, "top --batch -n 5 1"), 0);
	ck_assert_int_eq(o.count, 5);
	ck_assert_int_eq(parse(&cmd_race, "race -f json -- ./app -f text --by"), 0);
	ck_assert_int_eq(o.nargs, 4);
	ck_assert_str_eq(o.args[1], "-f");
	ck_assert_int_eq(o.format, FORMAT_JSON);
	ck_assert_int_eq(parse(&cmd_race, "race ./app -f"), 0);
	ck_assert_int_eq(o.nargs, 2);
}
END_TEST

START_TEST(test_errors)
{
	static const struct {
		const struct command *c;
		const char *line, *what;
	} bad[] = {
		{&cmd_stacks, "stacks --frob 1", "unknown option '--frob'"},
		{&cmd_stacks, "stacks -z 1", "unknown option '-z'"},
		{&cmd_stacks, "stacks", "no target"},
		{&cmd_stacks, "stacks 1 2", "one word too many: '2'"},
		{&cmd_stacks, "stacks 1 --by", "--by needs a value"},
		{&cmd_stacks, "stacks 1 --by color", "bad value 'color' for --by"},
		{&cmd_stacks, "stacks 1 --id 4x", "bad value '4x' for --id"},
		{&cmd_stacks, "stacks 1 -f xml", "bad value 'xml' for --format"},
		{&cmd_sched, "sched 1 --without gravity", "bad value 'gravity' for --without"},
		{&cmd_top, "top 1 -n -3", "bad value '-3' for --count"},
		{&cmd_top, "top 1 -d", "-d needs a value"},
		{&cmd_race, "race", "no command to run"},
		{&cmd_leak, "gort-leak --exit-code", "--exit-code needs a value"},
		{&cmd_leak, "gort-leak --exit-code 256 ./t", "--exit-code takes 0 to 255"},
		{&cmd_ps, "ps core 1", "one word too many: '1'"},
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		ck_assert_int_eq(parse(bad[i].c, bad[i].line), -EINVAL);
		ck_assert_int_eq(err.code, CLI_USAGE);
		ck_assert_msg(
			strstr(err.what, bad[i].what) != NULL, "%s: %s", bad[i].line, err.what);
		ck_assert(err.tries[0][0] && err.see[0]);
	}
	ck_assert_int_eq(parse(&cmd_stacks, "stacks --help"), 0);
	ck_assert(o.help);
}
END_TEST

/* Every table is complete and unambiguous: what --help and later man pages are made of. */
START_TEST(test_tables)
{
	for (int k = 0; commands[k]; k++) {
		const struct command *c = commands[k];
		const struct opt *row, *rows[32];
		unsigned n = 0;
		ck_assert(c->run && c->summary && c->examples && c->synopsis);
		for (unsigned i = 0; (row = command_opt(c, &i)); rows[n++] = row) {
			ck_assert_uint_lt(n, 31);
			ck_assert(row->help && row->help[0]);
			ck_assert((row->kind == OPT_FLAG) == (row->arg == NULL));
			for (unsigned m = 0; m < n; m++) {
				ck_assert_str_ne(rows[m]->name, row->name);
				ck_assert(!row->key || rows[m]->key != row->key);
			}
		}
		ck_assert_str_eq(rows[n - 1]->name, "help");
	}
}
END_TEST

START_TEST(test_nearest)
{
	ck_assert_uint_eq(edit_distance("stacks", "stacks"), 0);
	ck_assert_uint_eq(edit_distance("stakcs", "stacks"), 1);
	ck_assert_uint_eq(edit_distance("", "top"), 3);
	ck_assert_str_eq(command_nearest("stak"), "stacks");
	ck_assert_str_eq(command_nearest("tpo"), "top");
	ck_assert_ptr_null(command_nearest("frobnicate"));
	ck_assert_ptr_null(command_nearest(""));
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("opt");
	add_case(s, "durations", test_durations);
	add_case(s, "values", test_values);
	add_case(s, "errors", test_errors);
	add_case(s, "tables", test_tables);
	add_case(s, "nearest", test_nearest);
	return s;
}

#include "check_main.h"
