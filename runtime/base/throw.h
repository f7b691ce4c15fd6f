/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * throw.h - how the runtime ends a program that cannot go on (Go's panic.go). None of these
 * allocates or takes a lock of the runtime.
 */
#ifndef GORT_BASE_THROW_H
#define GORT_BASE_THROW_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A defect of the runtime itself: "fatal error: <text>" and a dump of everything, exit 2. The
 * text is "subsystem: what was wrong: values".
 */
_Noreturn void throw(const char *fmt, ...) __attribute__((cold, format(printf, 1, 2)));

enum limit { LIMIT_MEMORY, LIMIT_THREADS, LIMIT_FILES };

/*
 * The process or the system has no more of kind: "runtime: <what was refused>", the limits that may
 * be the reason, what to try, "fatal error: <Go's text>" and the stack of the goroutine.
 */
_Noreturn void throwlimit(enum limit kind, const char *fmt, ...)
	__attribute__((cold, format(printf, 2, 3)));

/*
 * The program's own fault, found by the runtime (a deadlock): Go's "fatal error: <text>", exit 2.
 */
_Noreturn void fatal(const char *text) __attribute__((cold));

/* A panic nobody recovers: Go's "panic: <text>" with the goroutine's stack, exit 2. */
_Noreturn void gopanic_text(const char *fmt, ...) __attribute__((cold, format(printf, 1, 2)));

/* The leak gate: called once with the exit code of gort_main; returns the code to exit with. */
int gcleakgate(int code);
/*
 * What the calling goroutine starts from now on belongs to that test. How many of those are left,
 * see gort_leak_find; parallel: other tests run meanwhile.
 */
void gcleakowner(const char *test);
int gcleaktest(const char *test, bool parallel, char *buf, size_t size);

#endif
