/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signal_linux.c - which signals the runtime takes and on which stack (Go's signal_unix.go,
 * os_linux.go).
 *
 * SIGQUIT dumps all goroutines; SIGSEGV, SIGBUS and SIGFPE become Go's panics. Handlers run on an
 * alternate stack of the M (minit), because the goroutine's own may be what overflowed, with every
 * signal blocked, so that a profiler's tick cannot nest in a dump.
 *
 * A signal for which the program (or a sanitizer) installed a handler before the runtime started is
 * left alone. A fault in a thread that libgort does not know takes the default action, core and
 * all.
 */
#include <signal.h>
#include "lang/panic.h"
#include "sched/runtime2.h"
#include "signal_linux.h"

static void take_default(int sig)
{
	struct sigaction sa = {.sa_handler = SIG_DFL};
	sigaction(sig, &sa, NULL);
}

static void sighandler(int sig, siginfo_t *info, void *context)
{
	if (sig == SIGQUIT)
		sigdump(sig, info, context);
	/* Sent by somebody: not the consequence of an instruction of ours. */
	if (!getm() || info->si_code <= 0) {
		take_default(sig);
		if (info->si_code <= 0)
			raise(sig);
		return;
	}
	sigpanic(sig, info, context);
}

static void take_signal(int sig)
{
	struct sigaction sa = {.sa_sigaction = sighandler}, old;
	if (sigaction(sig, NULL, &old) || (old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL)
		return;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	sigfillset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

void initsig(void)
{
	static const int taken[] = {SIGQUIT, SIGSEGV, SIGBUS, SIGFPE};
	for (unsigned i = 0; i < sizeof taken / sizeof taken[0]; i++)
		take_signal(taken[i]);
}
