/* SPDX-License-Identifier: BSD-2-Clause */
/* panic.h - how a program dies of a signal; see base/throw.h for the other ways. */
#ifndef GORT_LANG_PANIC_H
#define GORT_LANG_PANIC_H

#include <signal.h>
#include <ucontext.h>

/* A fault in a goroutine: Go's panic text, or "stack overflow" on its guard. Exit 2. */
_Noreturn void sigpanic(int sig, const siginfo_t *info, const ucontext_t *uc);
/* SIGQUIT: every goroutine and the registers. Exit 2. */
_Noreturn void sigdump(int sig, const siginfo_t *info, const ucontext_t *uc);

#endif
