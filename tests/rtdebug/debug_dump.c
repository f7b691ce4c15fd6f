/* SPDX-License-Identifier: BSD-2-Clause */
/* debug_dump.c - the texts and exit codes of dying programs, compared with Go's shape. */
#include "run_victim.h"

/* A frame of victim.c: function, then file and line. */
#define FRAME(fn) fn "\\(\\.\\.\\.\\)\n\t/[^\n]*/victim\\.c:[0-9]+ \\+0x[0-9a-f]+\n"

/*
 * A sanitizer's own handler would come first: a handler installed before the runtime starts stays.
 */
static const char *const plain[] = {
	"ASAN_OPTIONS=handle_segv=0:handle_sigfpe=0:handle_sigbus=0:detect_leaks=0", NULL};

START_TEST(panic_text)
{
	victim_run(plain, "panic", NULL);
	expect_exit(2);
	expect("^panic: send on closed channel\n\ngoroutine 1 \\[running\\]:\n" FRAME(
		"fail_by_panic") FRAME("gort_main"));
	expect_not("gopanic|chansend|goexit");
}
END_TEST

START_TEST(nil_dereference)
{
	victim_run(plain, "null", NULL);
	expect_killed(SIGSEGV);
	expect("^panic: runtime error: invalid memory address or nil pointer dereference\n"
	       "\\[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x[0-9a-f]+\\]\n\n"
	       "goroutine 1 \\[running\\]:\n" FRAME("fail_by_null") FRAME("gort_main"));
}
END_TEST

START_TEST(bad_address)
{
	victim_run(plain, "address", NULL);
	expect_killed(SIGSEGV);
	expect("^unexpected fault address 0x123456780\nfatal error: fault\n"
	       "\\[signal SIGSEGV: segmentation violation code=0x[12] addr=0x123456780 "
	       "pc=0x[0-9a-f]+\\]\n\ngoroutine 1 \\[running\\]:\n" FRAME("fail_by_address"));
}
END_TEST

START_TEST(division)
{
	victim_run(plain, "division", NULL);
	expect_killed(SIGFPE);
	expect("^panic: runtime error: integer divide by zero\n"
	       "\\[signal SIGFPE: floating-point exception code=0x1 addr=0x[0-9a-f]+ "
	       "pc=0x[0-9a-f]+\\]\n\ngoroutine 1 \\[running\\]:\n" FRAME("fail_by_division"));
}
END_TEST

START_TEST(fault_in_a_goroutine)
{
	victim_run(plain, "child", NULL);
	expect_killed(SIGSEGV);
	expect("goroutine [0-9]+ \\[running\\]:\n" FRAME("fail_by_null")
			FRAME("fail_in_goroutine") "created by gort_main in goroutine "
						   "1\n\t/[^\n]*/victim\\.c:[0-9]+ \\+0x");
	expect_not("goroutine 1 \\[");
}
END_TEST

START_TEST(own_handler_stays)
{
	const char *env[] = {plain[0], "VICTIM_HANDLER=1", NULL};
	victim_run(env, "null", NULL);
	expect_exit(5);
	expect("^own handler 11\n$");
}
END_TEST

START_TEST(deadlock)
{
	victim_run(plain, "deadlock", NULL);
	expect_exit(2);
	expect("^fatal error: all goroutines are asleep - deadlock!\n\n"
	       "goroutine 1 \\[chan receive\\]:\n" FRAME("wait_forever") FRAME("gort_main"));
}
END_TEST

START_TEST(overflow)
{
	victim_run(plain, "overflow", NULL);
	expect_exit(2);
	expect("^runtime: goroutine stack exceeds [0-9]+-byte limit\n"
	       "runtime: sp=0x[0-9a-f]+ stack=\\[0x[0-9a-f]+, 0x[0-9a-f]+\\]\n"
	       "runtime: goroutine 1 began in [a-z]+\n"
	       "fatal error: stack overflow\n\ngoroutine 1 \\[running\\]:\n" FRAME("descend"));
	expect("\\.\\.\\.[0-9]+ frames elided\\.\\.\\.\n" FRAME("descend"));
	expect(FRAME("descend") FRAME("gort_main"));
}
END_TEST

static void stand_and_quit(const char *level)
{
	const char *env[] = {plain[0], level, NULL};
	const char *argv[] = {VICTIM, "stand", NULL};
	victim_start(env, argv);
	victim_ready();
	kill(v.pid, SIGQUIT);
	victim_finish();
}

START_TEST(sigquit)
{
	stand_and_quit(NULL);
	expect_exit(2);
	expect("^SIGQUIT: quit\nPC=0x[0-9a-f]+ m=[0-9]+ sigcode=[0-9]+\n\n");
	expect("\ngoroutine [0-9]+ \\[chan receive, name \"feeder\"\\]:\n" FRAME(
		"feeder") "created by spawn_parked in goroutine 1\n"
			  "\t/[^\n]*/victim\\.c:[0-9]+ \\+0x[0-9a-f]+\n");
	expect("\ngoroutine [0-9]+ \\[sleep\\]:\n" FRAME("sleeper") "created by spawn_parked");
	expect("\ngoroutine 1 \\[sleep\\]:\n" FRAME("sleeper") FRAME("stand") FRAME("gort_main"));
	expect("\nrax    0x[0-9a-f]+\nrbx    0x");
	expect_not("goparkunlock");
}
END_TEST

START_TEST(level_none)
{
	stand_and_quit("GOTRACEBACK=none");
	expect_exit(2);
	expect("^SIGQUIT: quit\n");
	expect_not("goroutine");
}
END_TEST

START_TEST(level_system)
{
	stand_and_quit("GORT_GOTRACEBACK=system");
	expect_exit(2);
	expect("\\[chan receive, name \"feeder\"\\]:\n[a-z_]+\\(\\.\\.\\.\\)\n\t[^\n]*/runtime/");
	expect("goexit\\(\\.\\.\\.\\)\n");
}
END_TEST

START_TEST(level_all)
{
	const char *env[] = {plain[0], "GOTRACEBACK=all", NULL};
	victim_run(env, "child", NULL);
	expect_killed(SIGSEGV);
	expect("goroutine 1 \\[chan receive\\]:\n" FRAME("wait_forever"));
	expect(FRAME("sleeper") "created by gort_main in goroutine 1");
}
END_TEST

START_TEST(labels)
{
	const char *env[] = {plain[0], "GOTRACEBACK=all", "GORT_DEBUG=tracebacklabels=1", NULL};
	victim_run(env, "labels", NULL);
	expect_exit(2);
	expect("\ngoroutine 1 \\[running\\]:\n");
	expect("\\[chan receive labels:\\{\"kind\": \"a\", \"path\": \"/x\", "
	       "\"user\": \"bob\"\\}\\]:\n");
	expect("\\[chan receive labels:\\{\"kind\": \"a\", \"path\": \"/x\", "
	       "\"user\": \"ann \\\\\"a\\\\\"\\\\n\"\\}\\]:\n");
	expect("\\[chan receive labels:\\{\"path\": \"/x\", \"user\": \"bob\"\\}\\]:\n");
}
END_TEST

START_TEST(labels_not_asked_for)
{
	const char *env[] = {plain[0], "GOTRACEBACK=all", NULL};
	victim_run(env, "labels", NULL);
	expect_exit(2);
	expect_not("labels:");
}
END_TEST

START_TEST(level_crash)
{
	const char *env[] = {plain[0], "GOTRACEBACK=crash", NULL};
	victim_run(env, "null", NULL);
	ck_assert(WIFSIGNALED(v.status));
	ck_assert_int_eq(WTERMSIG(v.status), SIGABRT);
	expect("^panic: runtime error: invalid memory address");
}
END_TEST

static TCase *add_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 60);
	suite_add_tcase(s, tc);
	return tc;
}

static Suite *test_suite(void)
{
	Suite *s = suite_create("debug_dump");
	TCase *tc = add_case(s, "panic");
	tcase_add_test(tc, panic_text);
	tc = add_case(s, "faults");
	tcase_add_test(tc, nil_dereference);
	tcase_add_test(tc, bad_address);
	tcase_add_test(tc, division);
	tcase_add_test(tc, fault_in_a_goroutine);
	tcase_add_test(tc, own_handler_stays);
	tc = add_case(s, "deadlock");
	tcase_add_test(tc, deadlock);
	tc = add_case(s, "overflow");
	tcase_add_test(tc, overflow);
	tc = add_case(s, "sigquit");
	tcase_add_test(tc, sigquit);
	tc = add_case(s, "levels");
	tcase_add_test(tc, level_none);
	tcase_add_test(tc, level_system);
	tcase_add_test(tc, level_all);
	tcase_add_test(tc, level_crash);
	tc = add_case(s, "labels");
	tcase_add_test(tc, labels);
	tcase_add_test(tc, labels_not_asked_for);
	return s;
}

#include "check_main.h"
