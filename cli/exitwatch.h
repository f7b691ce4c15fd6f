/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exitwatch.h - looks at a child at the moment it has called exit: all its memory is still there,
 * and nothing in it runs any more.
 */
#ifndef GORT_CLI_EXITWATCH_H
#define GORT_CLI_EXITWATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct exitwatch {
	/*
	 * Thread tid of pid has called exit(0), with its stack pointer at sp; it goes on when this
	 * returns. Once at most.
	 */
	void (*at_exit)(void *arg, pid_t pid, pid_t tid, uint64_t sp);
	void *arg;
	pid_t pid;
	bool done;
};

/* Begins to watch a child of ours that has not run yet. 0 or a negative errno. */
int exitwatch_seize(struct exitwatch *w, pid_t pid);

/* waitpid said that a thread of it has stopped: lets it go on as if nobody watched. */
void exitwatch_stopped(struct exitwatch *w, pid_t tid, int status);

#endif
