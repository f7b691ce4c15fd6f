/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_fork.c - processes made behind pthread_atfork()'s back. fork() itself runs
 * front_forked() in its child.
 */
#include "builtins.h"

#include <sched.h>
#include <stdarg.h>
#include <unistd.h>

#include "front.h"

struct clone_start {
	int (*fn)(void *);
	void *arg;
};

static int cloned(void *arg)
{
	struct clone_start start = *(struct clone_start *)arg;
	front_forked();
	return start.fn(start.arg);
}

/*
 * A child with memory of its own has locks of the detector in it that threads held which it lacks.
 * One that shares the parent's memory is left alone: a thread without glibc, or about to exec.
 */
EXPORT int clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	va_list ap;
	va_start(ap, arg);
	pid_t *parent_tid = va_arg(ap, pid_t *);
	void *tls = va_arg(ap, void *);
	pid_t *child_tid = va_arg(ap, pid_t *);
	va_end(ap);
	if (!active || flags & CLONE_VM)
		return NEXT(clone)(fn, stack, flags, arg, parent_tid, tls, child_tid);
	struct clone_start start = {fn, arg}; /* the child has its copy */
	return NEXT(clone)(cloned, stack, flags, &start, parent_tid, tls, child_tid);
}

EXPORT pid_t _Fork(void)
{
	pid_t pid = NEXT(_Fork)();
	if (pid == 0)
		front_forked();
	return pid;
}

/* The child would run the detector, and at _exit() its end, in its parent's memory. */
EXPORT pid_t vfork(void)
{
	return fork();
}
