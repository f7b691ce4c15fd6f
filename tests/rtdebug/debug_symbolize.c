/* SPDX-License-Identifier: BSD-2-Clause */
/* debug_symbolize.c - names and lines of pcs of this program and of libc. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "debug/symbolize.h"

static struct symbol sym;

static __attribute__((noinline)) uintptr_t where_am_i(void)
{
	return (uintptr_t)__builtin_return_address(0);
}

static __attribute__((noinline)) unsigned static_function(uintptr_t *pc)
{
	*pc = where_am_i();
	return __LINE__ - 1;
}

START_TEST(static_function_is_named)
{
	uintptr_t pc;
	static_function(&pc);
	symbolize_func(pc, true, &sym);
	ck_assert_ptr_nonnull(sym.func);
	ck_assert_str_eq(sym.func, "static_function");
	ck_assert_uint_eq(sym.entry, (uintptr_t)static_function);
	ck_assert(sym.mod && sym.mod->main);
}
END_TEST

START_TEST(libc_function_is_named)
{
	symbolize_func((uintptr_t)a64l, false, &sym);
	ck_assert_ptr_nonnull(sym.func);
	ck_assert_str_eq(sym.func, "a64l");
	ck_assert(!sym.mod->main);
}
END_TEST

START_TEST(unknown_pc_has_no_name)
{
	symbolize(8, false, &sym);
	ck_assert_str_eq(sym.func, "0x8");
	ck_assert_uint_eq(sym.entry, 0);
	ck_assert_ptr_null(sym.mod);
	ck_assert_str_eq(sym.file, "");
	symbolize(UINTPTR_MAX, false, &sym);
	ck_assert_str_eq(sym.func, "0xffffffffffffffff");
}
END_TEST

START_TEST(line_of_call)
{
	uintptr_t pc;
	unsigned line = static_function(&pc);
	symbolize(pc, true, &sym);
	ck_assert_uint_eq(sym.line, line);
	ck_assert_uint_eq(sym.file[0], '/');
	const char *slash = strrchr(sym.file, '/');
	ck_assert_str_eq(slash, "/debug_symbolize.c");
}
END_TEST

START_TEST(path_is_cut_to_fit)
{
	struct line_pos pos = {"/src", "include", "deep.h", 3};
	char buf[13];
	ck_assert_uint_eq(line_path(&pos, sym.file, sizeof sym.file), 19);
	ck_assert_str_eq(sym.file, "/src/include/deep.h");
	ck_assert_uint_eq(line_path(&pos, buf, sizeof buf), 12);
	ck_assert_str_eq(buf, "/src/include");
}
END_TEST

START_TEST(modules_match_the_maps)
{
	const struct module_table *t = modules();
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[1024];
	int seen = 0;
	ck_assert_ptr_nonnull(maps);
	while (fgets(line, sizeof line, maps)) {
		unsigned long lo, hi;
		char perms[8];
		ck_assert_int_eq(sscanf(line, "%lx-%lx %7s", &lo, &hi, perms), 3);
		if (perms[2] != 'x' || !strchr(line, '/'))
			continue;
		struct module *mod = module_find(lo);
		ck_assert_ptr_nonnull(mod);
		ck_assert_ptr_nonnull(strstr(line, strrchr(mod->path, '/')));
		seen++;
	}
	fclose(maps);
	ck_assert_int_ge(seen, 3);
	ck_assert(t->m[0]->main);
	modules_refresh();
	ck_assert_ptr_eq(modules(), t);
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("debug_symbolize");
	TCase *names = tcase_create("names"), *lines = tcase_create("lines");
	TCase *mods = tcase_create("modules");
	tcase_add_checked_fixture(names, modules_refresh, NULL);
	tcase_add_checked_fixture(lines, modules_refresh, NULL);
	tcase_add_checked_fixture(mods, modules_refresh, NULL);
	tcase_add_test(names, static_function_is_named);
	tcase_add_test(names, libc_function_is_named);
	tcase_add_test(names, unknown_pc_has_no_name);
	tcase_add_test(lines, line_of_call);
	tcase_add_test(lines, path_is_cut_to_fit);
	tcase_add_test(mods, modules_match_the_maps);
	suite_add_tcase(s, names);
	suite_add_tcase(s, lines);
	suite_add_tcase(s, mods);
	return s;
}

#include "check_main.h"
