/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.h - panics, and how a program dies of one or of a signal; see base/throw.h for the other
 * ways.
 */
#ifndef GORT_LANG_PANIC_H
#define GORT_LANG_PANIC_H

#include <signal.h>
#include <stdbool.h>
#include <ucontext.h>

#include "gort/gort.h"

/* An open gort_protect, in its frame: protect_amd64.S. */
struct gprotect {
	struct gprotect *prev;
	struct gort_defer *defers; /* what was deferred before it */
	struct gpanic *panic;      /* what was under way before it */
};

/* A panic under way, on the stack of the frame that panicked. */
struct gpanic {
	struct gpanic *link; /* the one whose deferred call panicked */
	gort_error value;
	struct gprotect *protect; /* where it will end */
	const char *text;         /* of value, once it is clear that the program ends */
	bool recovered;
	bool repanicked; /* its value is the next one's too: printed once */
};

/*
 * Runs what is deferred and then ends at the innermost protect, or the goroutine, or the program.
 */
_Noreturn void gopanic(gort_error value) __attribute__((cold));

/* A panic nobody recovered, with the others of its chain: the dump, exit 2. */
_Noreturn void fatalpanic(struct gpanic *p) __attribute__((cold));

/*
 * A fault: becomes a panic of the goroutine when the handler returns, on the conditions of
 * gort/panic.h; else Go's text, or "stack overflow" on the guard of a stack, and death by sig.
 */
void sigpanic(int sig, const siginfo_t *info, ucontext_t *uc);
/* SIGQUIT: every goroutine and the registers. Exit 2. */
_Noreturn void sigdump(int sig, const siginfo_t *info, const ucontext_t *uc);

#endif
