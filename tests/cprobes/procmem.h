/* SPDX-License-Identifier: BSD-2-Clause */
/* procmem.h - helper processes of the tests: to start and to end. */
#ifndef GORT_TESTS_PROCMEM_H
#define GORT_TESTS_PROCMEM_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>

struct child {
	pid_t pid;
	int in;
	char said[64]; /* its first line */
};

/* Starts a program and waits for its first line; said is "" when there was none. */
static inline struct child child_start(const char *path, const char *arg1, const char *arg2)
{
	struct child c = {.pid = -1};
	int in[2], out[2];
	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
		abort();
	c.pid = fork();
	if (c.pid == 0) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execl(path, path, arg1, arg2, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	if (read(out[0], c.said, sizeof c.said - 1) < 0)
		c.said[0] = '\0';
	close(out[0]);
	c.in = in[1];
	return c;
}

/* The end of its input ends it. */
static inline void child_end(struct child *c)
{
	close(c->in);
	waitpid(c->pid, NULL, 0);
}

#endif
