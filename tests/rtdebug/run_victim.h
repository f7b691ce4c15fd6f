/* SPDX-License-Identifier: BSD-2-Clause */
/* run_victim.h - runs victim.c in a child and matches what it writes on standard error. */
#ifndef GORT_TESTS_RUN_VICTIM_H
#define GORT_TESTS_RUN_VICTIM_H

#include <check.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct victim {
	pid_t pid;
	int out, err; /* read ends of its standard output and error */
	int status;
	char text[1 << 20]; /* standard error, complete after victim_finish */
};

static struct victim v;

static inline void victim_start(const char *const *env, const char *const *argv)
{
	int out[2], err[2];
	ck_assert_int_eq(pipe(out), 0);
	ck_assert_int_eq(pipe(err), 0);
	v.pid = fork();
	ck_assert_int_ge(v.pid, 0);
	if (v.pid == 0) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		close(out[0]);
		close(err[0]);
		unsetenv("GOTRACEBACK");
		for (; env && *env; env++)
			putenv((char *)(uintptr_t)*env);
		execv(VICTIM, (char **)(uintptr_t)argv);
		_exit(127);
	}
	close(out[1]);
	close(err[1]);
	v.out = out[0];
	v.err = err[0];
}

/* Waits until the victim has written its "ready". */
static inline void victim_ready(void)
{
	char line[6];
	struct pollfd p = {.fd = v.out, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, 20000), 1);
	ck_assert_int_eq(read(v.out, line, sizeof line), 6);
}

static inline void victim_finish(void)
{
	size_t n = 0;
	for (ssize_t got; n < sizeof v.text - 1; n += (size_t)got) {
		struct pollfd p = {.fd = v.err, .events = POLLIN};
		if (poll(&p, 1, 20000) != 1)
			kill(v.pid, SIGKILL);
		got = read(v.err, v.text + n, sizeof v.text - 1 - n);
		if (got <= 0)
			break;
	}
	v.text[n] = '\0';
	ck_assert_int_eq(waitpid(v.pid, &v.status, 0), v.pid);
	close(v.out);
	close(v.err);
}

static inline void victim_run(const char *const *env, const char *how, const char *more)
{
	const char *argv[] = {VICTIM, how, more, NULL};
	victim_start(env, argv);
	victim_finish();
}

static inline void expect_exit(int code)
{
	ck_assert_msg(WIFEXITED(v.status) && WEXITSTATUS(v.status) == code,
		"status %#x, wanted exit %d; it wrote:\n%s", v.status, code, v.text);
}

static inline void expect_killed(int sig)
{
	ck_assert_msg(WIFSIGNALED(v.status) && WTERMSIG(v.status) == sig,
		"status %#x, wanted signal %d; it wrote:\n%s", v.status, sig, v.text);
}

static inline int matches(const char *pattern)
{
	regex_t re;
	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED), 0);
	int found = regexec(&re, v.text, 0, NULL, 0) == 0;
	regfree(&re);
	return found;
}

static inline void expect(const char *pattern)
{
	ck_assert_msg(matches(pattern), "nothing like:\n%s\n\nThe text:\n%s", pattern, v.text);
}

static inline void expect_not(const char *pattern)
{
	ck_assert_msg(!matches(pattern), "something like:\n%s\n\nThe text:\n%s", pattern, v.text);
}

#endif
