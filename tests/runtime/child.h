/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child.h - runs a main goroutine in a child process and collects how it ends and what it prints.
 */
#ifndef GORT_TESTS_RUNTIME_CHILD_H
#define GORT_TESTS_RUNTIME_CHILD_H

#include <check.h>
#include <fcntl.h>
#include <gort/go.h>
#include <sys/wait.h>
#include <time.h>

#include "patience.h"

struct child {
	int code;         /* exit code, or 128 + signal */
	char text[65536]; /* stdout and stderr */
};

/* In the child: a failed expectation ends it with 99 and the place. */
#define REQUIRE(cond)                                                                 \
	do {                                                                          \
		if (!(cond)) {                                                        \
			dprintf(2, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			_exit(99);                                                    \
		}                                                                     \
	} while (0)

typedef int mainfn(int argc, char **argv);

static inline int64_t monotonic(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void child_main(mainfn *fn, int procs, int fd)
{
	char number[16], *argv[] = {(char *)(uintptr_t) "child", NULL};
	snprintf(number, sizeof(number), "%d", procs);
	setenv("GORT_GOMAXPROCS", number, 1);
	dup2(fd, 1);
	dup2(fd, 2);
	alarm(patience(60)); /* a child that hangs ends with 128 + SIGALRM */
	gort_run(fn, 1, argv);
}

static inline void child_read(struct child *c, int fd)
{
	size_t len = 0;
	for (ssize_t n; (n = read(fd, c->text + len, sizeof(c->text) - 1 - len)) > 0;)
		len += (size_t)n;
	c->text[len] = '\0';
}

/* Runs fn as the main goroutine with procs Ps. The result is static: copy it to keep it. */
static inline struct child *run_child(mainfn *fn, int procs)
{
	static struct child c;
	int fds[2], status;
	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	fflush(NULL);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		child_main(fn, procs, fds[1]);
	close(fds[1]);
	child_read(&c, fds[0]);
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	c.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return &c;
}

/* Runs fn with 1, 2 and 4 Ps; it must exit with code each time. */
static inline void expect_code(mainfn *fn, int code)
{
	for (int procs = 1; procs <= 4; procs *= 2) {
		struct child *c = run_child(fn, procs);
		ck_assert_msg(c->code == code, "%d Ps: exit %d, not %d: %s", procs, c->code, code,
			c->text);
	}
}

/* fn must end with exit 2 and text that begins with the line head. */
static inline void expect_fatal(mainfn *fn, const char *head)
{
	for (int procs = 1; procs <= 2; procs++) {
		struct child *c = run_child(fn, procs);
		size_t n = strlen(head);
		ck_assert_msg(c->code == 2 && strncmp(c->text, head, n) == 0 && c->text[n] == '\n',
			"%d Ps: exit %d, text: %s", procs, c->code, c->text);
	}
}

#endif
