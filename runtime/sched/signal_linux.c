/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * signal_linux.c - which signals the runtime takes and on which stack (Go's signal_unix.go,
 * os_linux.go).
 *
 * SIGQUIT dumps all goroutines; SIGSEGV, SIGBUS and SIGFPE become Go's panics. Handlers run on an
 * alternate stack of the M (minit), because the goroutine's own may be what overflowed, with every
 * signal blocked, so that a profiler's tick cannot nest in a dump.
 *
 * SIGURG, or the signal of GORT_DEBUG=preemptsignal=N, asks for a preemption (preempt.c). A handler
 * that the program has for it is called for those that somebody else sent.
 *
 * A signal for which the program (or a sanitizer) installed a handler before the runtime started is
 * left alone. A fault in a thread that libgort does not know takes the default action, core and
 * all.
 */
#include <signal.h>
#include <unistd.h>

#include "base/syscall.h"
#include "debug/options.h"
#include "lang/panic.h"
#include "sched/preempt.h"
#include "sched/race.h"
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
	if (sigaction(sig, NULL, &old) || (old.sa_flags & SA_SIGINFO) ||
		(old.sa_handler != SIG_DFL && old.sa_handler != SIG_IGN))
		return;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
	sigfillset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

static struct sigaction oldpreempt;

static void callold(int sig, siginfo_t *info, void *context)
{
	if (oldpreempt.sa_flags & SA_SIGINFO)
		oldpreempt.sa_sigaction(sig, info, context);
	else if (oldpreempt.sa_handler != SIG_DFL && oldpreempt.sa_handler != SIG_IGN)
		oldpreempt.sa_handler(sig);
}

static void preempthandler(int sig, siginfo_t *info, void *context)
{
	if (info->si_code == SI_TKILL && info->si_pid == getpid())
		sigpreempt(context);
	else if (info->si_code != SI_TIMER || !sigstart(info, context))
		callold(sig, info, context);
}

/*
 * A race detector that takes sigaction over calls handlers later, at a call of libc: too late for a
 * loop without one. The handler as the kernel knows it, with all else as libc has set it up.
 */
static bool sethandler(int sig, void (*handler)(int, siginfo_t *, void *))
{
	struct {
		void (*handler)(int, siginfo_t *, void *);
		unsigned long flags;
		void (*restorer)(void);
		uint64_t mask;
	} sa;
	if (rawsyscall(SYS_rt_sigaction, sig, 0, (long)&sa, sizeof(sa.mask)) != 0)
		return false;
	sa.handler = handler;
	sa.flags |= SA_ONSTACK | SA_SIGINFO | SA_RESTART;
	sa.mask = ~UINT64_C(0);
	return rawsyscall(SYS_rt_sigaction, sig, (long)&sa, 0, sizeof(sa.mask)) == 0;
}

static void take_preempt(void)
{
	struct sigaction sa = {
		.sa_sigaction = preempthandler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	sigfillset(&sa.sa_mask);
	if (sigaction(preemptsignal(), &sa, &oldpreempt) ||
		(raceenabled && !sethandler(preemptsignal(), preempthandler)))
		debug.asyncpreemptoff = 1;
}

void initsig(void)
{
	take_preempt();
	static const int taken[] = {SIGQUIT, SIGSEGV, SIGBUS, SIGFPE};
	for (unsigned i = 0; i < sizeof taken / sizeof taken[0]; i++)
		take_signal(taken[i]);
}
