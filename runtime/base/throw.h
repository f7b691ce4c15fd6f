/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * throw.h - how the runtime ends a program that cannot go on (Go's panic.go). None of these
 * allocates or takes a lock of the runtime.
 */
#ifndef GORT_BASE_THROW_H
#define GORT_BASE_THROW_H

/*
 * A defect of the runtime itself: "fatal error: <text>" and a dump of everything, exit 2. The
 * text is "subsystem: what was wrong: values".
 */
_Noreturn void throw(const char *fmt, ...) __attribute__((cold, format(printf, 1, 2)));

/*
 * The program's own fault, found by the runtime (a deadlock): Go's "fatal error: <text>", exit 2.
 */
_Noreturn void fatal(const char *text) __attribute__((cold));

/* A panic nobody recovers: Go's "panic: <text>" with the goroutine's stack, exit 2. */
_Noreturn void gopanic_text(const char *fmt, ...) __attribute__((cold, format(printf, 1, 2)));

/* The leak gate: called once with the exit code of gort_main; returns the code to exit with. */
int gcleakgate(int code);

#endif
