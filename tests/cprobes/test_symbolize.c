/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_symbolize.c - pc to function, file, line and inlined calls: in this very process, in
 * stripped and non-PIE programs, in a file that was deleted, loaded late, or lies in another mount
 * namespace.
 */
#include <check.h>
#include <dlfcn.h>
#include <unistd.h>
#include <sys/wait.h>
#include "probes/probes.h"
#include "procmem.h"

Suite *test_suite(void);

#include "check_main.h"

/* The directory of the helper programs, beside this one. */
static char dir[512];

/* The last byte of this very instruction: the next one may belong to another line. */
#define HERE(pc) __asm__ volatile("lea -1(%%rip), %0" : "=r"(pc))

__attribute__((noinline)) static uint64_t static_function(uint32_t *line)
{
	uint64_t pc;
	*line = __LINE__ + 1;
	HERE(pc);
	return pc;
}

__attribute__((always_inline)) static inline uint64_t inner(uint32_t *line)
{
	uint64_t pc;
	*line = __LINE__ + 1;
	HERE(pc);
	return pc;
}

__attribute__((always_inline)) static inline uint64_t middle(uint32_t *line)
{
	*++line = __LINE__ + 1;
	return inner(line - 1);
}

__attribute__((noinline)) static uint64_t outer(uint32_t line[3])
{
	line[2] = __LINE__ + 1;
	uint64_t pc = middle(line);
	__asm__ volatile("" ::: "memory");
	return pc;
}

static void setup(void)
{
	ssize_t n = readlink("/proc/self/exe", dir, sizeof dir - 1);
	ck_assert_int_gt(n, 0);
	dir[n] = '\0';
	*strrchr(dir, '/') = '\0';
}

static void check_frame(const struct sym_frame *f, const char *func, uint32_t line, bool inlined)
{
	ck_assert_str_eq(f->func, func);
	ck_assert_ptr_nonnull(f->file);
	ck_assert_str_eq(strrchr(f->file, '/') + 1, "test_symbolize.c");
	ck_assert_uint_eq(f->line, line);
	ck_assert_int_eq(f->inlined, inlined);
	ck_assert_ptr_nonnull(strstr(f->module, "/test_symbolize"));
}

START_TEST(a_static_function_has_its_name_and_line)
{
	struct sym_frame f[8];
	uint32_t line;
	struct symbolizer *s = symbolizer_open(getpid());
	uint64_t pc = static_function(&line);
	ck_assert_uint_eq(symbolizer_pc(s, pc, f, 8), 1);
	check_frame(&f[0], "static_function", line, false);
	ck_assert_uint_gt(f[0].offset, 0);
	ck_assert_uint_lt(f[0].offset, pc);
	symbolizer_close(s);
}
END_TEST

START_TEST(inlined_calls_come_innermost_first)
{
	struct sym_frame f[8];
	uint32_t line[3];
	struct symbolizer *s = symbolizer_open(getpid());
	uint64_t pc = outer(line);
	for (int again = 0; again < 2; again++) {
		ck_assert_uint_eq(symbolizer_pc(s, pc, f, 8), 3);
		check_frame(&f[0], "inner", line[0], true);
		check_frame(&f[1], "middle", line[1], true);
		check_frame(&f[2], "outer", line[2], false);
	}
	ck_assert_uint_eq(symbolizer_pc(s, pc, f, 2), 2);
	symbolizer_close(s);
}
END_TEST

START_TEST(a_dynamic_symbol_is_enough_for_a_name)
{
	struct sym_frame f;
	struct symbolizer *s = symbolizer_open(getpid());
	void *libc = dlopen("libc.so.6", RTLD_NOW);
	uint64_t pc = (uint64_t)(uintptr_t)dlsym(libc, "qsort_r");
	ck_assert_uint_eq(symbolizer_pc(s, pc + 1, &f, 1), 1);
	ck_assert_ptr_nonnull(f.func);
	ck_assert_ptr_nonnull(strstr(f.func, "qsort_r"));
	ck_assert_ptr_nonnull(strstr(f.module, "libc"));
	symbolizer_close(s);
}
END_TEST

START_TEST(a_pc_outside_everything_still_fills_one_frame)
{
	struct sym_frame f;
	struct symbolizer *s = symbolizer_open(getpid());
	ck_assert_uint_eq(symbolizer_pc(s, 16, &f, 1), 1);
	ck_assert_ptr_null(f.func);
	ck_assert_ptr_null(f.module);
	ck_assert_uint_eq(f.offset, 16);
	ck_assert_uint_eq(symbolizer_pc(s, 16, &f, 0), 0);
	symbolizer_close(s);
}
END_TEST

START_TEST(a_library_loaded_later_is_found)
{
	char path[600];
	struct sym_frame f;
	struct symbolizer *s = symbolizer_open(getpid());
	ck_assert_uint_eq(symbolizer_pc(s, (uintptr_t)static_function, &f, 1), 1);
	snprintf(path, sizeof path, "%s/libsymlib.so", dir);
	void *lib = dlopen(path, RTLD_NOW);
	ck_assert_msg(lib != NULL, "%s", dlerror());
	uint64_t pc = (uint64_t)(uintptr_t)dlsym(lib, "symlib_function");
	const char *before = f.func;
	ck_assert_uint_eq(symbolizer_pc(s, pc, &f, 1), 1);
	ck_assert_str_eq(f.func, "symlib_function");
	ck_assert_str_eq(strrchr(f.file, '/') + 1, "symlib.c");
	ck_assert_str_eq(before, "static_function");
	symbolizer_close(s);
	dlclose(lib);
}
END_TEST

/* The pc that a helper process printed. */
static uint64_t said_pc(const struct child *c)
{
	return strtoull(c->said, NULL, 16);
}

static void named(const char *program, const char *func, const char *file)
{
	char path[600];
	struct sym_frame f;
	snprintf(path, sizeof path, "%s/%s", dir, program);
	struct child t = child_start(path, NULL, NULL);
	struct symbolizer *s = symbolizer_open(t.pid);
	ck_assert_uint_eq(symbolizer_pc(s, said_pc(&t), &f, 1), 1);
	ck_assert_msg((f.func != NULL) == (func != NULL), "func %s", f.func);
	ck_assert_msg((f.file != NULL) == (file != NULL), "file %s", f.file);
	if (func)
		ck_assert_str_eq(f.func, func);
	if (file)
		ck_assert_str_eq(strrchr(f.file, '/') + 1, file);
	ck_assert_str_eq(strrchr(f.module, '/') + 1, program);
	ck_assert_uint_gt(f.offset, 0);
	ck_assert_uint_le(f.offset, said_pc(&t));
	symbolizer_close(s);
	child_end(&t);
}

START_TEST(position_dependent_program)
{
	named("symtarget-nopie", "symtarget_hidden", "symtarget.c");
}
END_TEST

START_TEST(position_independent_program)
{
	named("symtarget", "symtarget_hidden", "symtarget.c");
}
END_TEST

START_TEST(without_debug_information_the_symbol_table_names_it)
{
	named("symtarget-nodebug", "symtarget_hidden", NULL);
}
END_TEST

START_TEST(a_stripped_program_gives_module_and_offset)
{
	named("symtarget-stripped", NULL, NULL);
}
END_TEST

START_TEST(a_deleted_program_is_still_read)
{
	char path[600], from[600], copy[1400];
	struct sym_frame f;
	snprintf(from, sizeof from, "%s/symtarget", dir);
	snprintf(path, sizeof path, "%s/symtarget-gone.%d", dir, getpid());
	snprintf(copy, sizeof copy, "cp '%s' '%s'", from, path);
	ck_assert_int_eq(system(copy), 0);
	struct child t = child_start(path, NULL, NULL);
	unlink(path);
	struct symbolizer *s = symbolizer_open(t.pid);
	ck_assert_uint_eq(symbolizer_pc(s, said_pc(&t), &f, 1), 1);
	ck_assert_str_eq(f.func, "symtarget_hidden");
	symbolizer_close(s);
	child_end(&t);
}
END_TEST

START_TEST(a_library_in_another_mount_namespace_is_read)
{
	char path[600], lib[600], mnt[] = "/tmp/gort-symXXXXXX";
	struct sym_frame f;
	snprintf(path, sizeof path, "%s/symtarget", dir);
	snprintf(lib, sizeof lib, "%s/libsymlib.so", dir);
	ck_assert_ptr_nonnull(mkdtemp(mnt));
	struct child t = child_start(path, lib, mnt);
	struct symbolizer *s = symbolizer_open(t.pid);
	size_t n = symbolizer_pc(s, said_pc(&t), &f, 1);
	rmdir(mnt);
	if (!said_pc(&t))
		SKIP("no permission to mount a private tmpfs");
	ck_assert_uint_eq(n, 1);
	ck_assert_str_eq(f.func, "symlib_function");
	symbolizer_close(s);
	child_end(&t);
}
END_TEST

START_TEST(no_such_process_is_not_an_error)
{
	struct sym_frame f;
	pid_t pid = fork();
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
	struct symbolizer *s = symbolizer_open(pid);
	ck_assert_ptr_nonnull(s);
	ck_assert_uint_eq(symbolizer_pc(s, 4096, &f, 1), 1);
	ck_assert_ptr_null(f.func);
	symbolizer_close(s);
	symbolizer_close(NULL);
}
END_TEST

static void add_case(Suite *s, const char *name, const TTest *const *tests)
{
	TCase *tc = tcase_create(name);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	for (; *tests; tests++)
		tcase_add_test(tc, *tests);
	suite_add_tcase(s, tc);
}

Suite *test_suite(void)
{
	Suite *s = suite_create("symbolize");
	add_case(s, "self",
		(const TTest *const[]){a_static_function_has_its_name_and_line,
			inlined_calls_come_innermost_first, a_dynamic_symbol_is_enough_for_a_name,
			a_pc_outside_everything_still_fills_one_frame,
			a_library_loaded_later_is_found, NULL});
	add_case(s, "programs",
		(const TTest *const[]){position_dependent_program, position_independent_program,
			without_debug_information_the_symbol_table_names_it,
			a_stripped_program_gives_module_and_offset, NULL});
	add_case(s, "files",
		(const TTest *const[]){
			a_deleted_program_is_still_read, no_such_process_is_not_an_error, NULL});
	add_case(s, "namespace",
		(const TTest *const[]){a_library_in_another_mount_namespace_is_read, NULL});
	return s;
}
