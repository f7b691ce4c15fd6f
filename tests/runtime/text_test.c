/* SPDX-License-Identifier: BSD-2-Clause */
/* text_test.c - which code counts as the program's own. */
#include <check.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "sched/asm.h"
#include "sched/proc.h"
#include "sched/text.h"

static bool isuser(const void *pc)
{
	uintptr_t end = 0;
	bool user = usertext((uintptr_t)pc, &end);
	ck_assert(!user || end > (uintptr_t)pc);
	return user;
}

static bool isuserfn(void (*fn)(void))
{
	return isuser((const void *)fn);
}

static __attribute__((noinline)) void own(void)
{
	__asm__ volatile("");
}

START_TEST(test_program)
{
	textrefresh();
	ck_assert(isuserfn(own));
	ck_assert(!isuser(NULL));
}
END_TEST

START_TEST(test_runtime)
{
	textrefresh();
	ck_assert(!isuserfn(gort_gosched));
	ck_assert(!isuserfn((void (*)(void))newproc));
	ck_assert(!isuserfn(goexit));
}
END_TEST

START_TEST(test_libc)
{
	static const char *const names[] = {
		"malloc", "getpid", "memcpy", "qsort", "pthread_create"};
	textrefresh();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		void *pc = dlsym(RTLD_DEFAULT, names[i]);
		ck_assert_ptr_nonnull(pc);
		ck_assert_msg(!isuser(pc), "%s", names[i]);
	}
	ck_assert(!isuser((const void *)(uintptr_t)malloc)); /* perhaps its PLT entry */
}
END_TEST

/* Code that is loaded later counts after the next look, and no longer once it is gone. */
START_TEST(test_loaded)
{
	textrefresh();
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	ck_assert_msg(library != NULL, "%s", dlerror());
	void *pc = dlsym(library, "loaded_function");
	ck_assert_ptr_nonnull(pc);
	ck_assert(!isuser(pc));
	textrefresh();
	ck_assert(isuser(pc));
	dlclose(library);
	textrefresh();
	ck_assert(!isuser(pc));
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("text");
	TCase *t = tcase_create("places");
	tcase_add_test(t, test_program);
	tcase_add_test(t, test_runtime);
	tcase_add_test(t, test_libc);
	tcase_add_test(t, test_loaded);
	suite_add_tcase(s, t);
	return s;
}

#include "check_main.h"
