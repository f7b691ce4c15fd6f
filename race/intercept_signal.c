/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_signal.c - what was done before a handler was installed is known to the handler.
 *
 * The kernel is given on_signal(), which acquires the signal's object and calls the program's
 * handler, outside of the ignore regions of the code it interrupts. A handler that interrupts the
 * detector itself records nothing (thread.h, busy).
 *
 * A handler and its flags are two words; a signal that comes while another thread changes them is
 * handled by the old or the new handler, with the arguments of the new.
 */
#include "builtins.h"

#include <signal.h>

#include "front.h"

static struct {
	_Atomic uintptr_t handler;
	uintptr_t object;
} actions[NSIG];

/* A value that no function of libc sets. */
#define UNUSED_ERRNO 9999

/* The thread's own instruction or call caused it: its handler may call what it could there. */
static bool by_itself(int sig, const siginfo_t *info)
{
	switch (sig) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGTRAP:
	case SIGFPE:
	case SIGPIPE:
	case SIGSYS:
		return info->si_code > 0;
	default:
		return sig == SIGABRT;
	}
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	void (*handler)(int, siginfo_t *, void *) = (void *)load_acq(&actions[sig].handler);
	uint32_t accesses = me.ignore_accesses, sync = me.ignore_sync;
	uint8_t outer = me.in_signal;
	int error = errno;
	me.ignore_accesses = me.ignore_sync = 0;
	me.in_signal = !by_itself(sig, info);
	sync_acquire(&me, (uintptr_t)&actions[sig].object);
	errno = UNUSED_ERRNO;
	handler(sig, info, context); /* one that takes the signal only ignores the others */
	if (errno != UNUSED_ERRNO && me.in_signal && sig != SIGTERM)
		bug_signal(&me, GORT_FINDING_ERRNO, (uint64_t)handler + 1);
	errno = error;
	me.in_signal = outer;
	me.ignore_accesses = accesses;
	me.ignore_sync = sync;
}

static bool is_handler(uintptr_t handler)
{
	return handler != (uintptr_t)SIG_DFL && handler != (uintptr_t)SIG_IGN;
}

EXPORT int sigaction(int sig, const struct sigaction *restrict act, struct sigaction *restrict old)
{
	if (!active || sig <= 0 || sig >= NSIG)
		return NEXT(sigaction)(sig, act, old);
	uintptr_t before = load_rlx(&actions[sig].handler);
	struct sigaction ours;
	if (act) {
		uintptr_t handler = (uintptr_t)act->sa_handler;
		sync_release(&me, (uintptr_t)&actions[sig].object);
		ours = *act;
		if (is_handler(handler)) {
			ours.sa_sigaction = on_signal;
			ours.sa_flags |= SA_SIGINFO;
			store_rel(&actions[sig].handler, handler); /* pairs with on_signal */
		}
	}
	int err = NEXT(sigaction)(sig, act ? &ours : NULL, old);
	if (!err && old && old->sa_sigaction == on_signal)
		old->sa_handler = (void (*)(int))before;
	return err;
}

EXPORT sighandler_t signal(int sig, sighandler_t handler)
{
	struct sigaction act = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
	if (sigaction(sig, &act, &old))
		return SIG_ERR;
	return old.sa_handler;
}
