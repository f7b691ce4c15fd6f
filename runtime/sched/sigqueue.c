/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sigqueue.c - gort/signal.h: signals to channels (Go's sigqueue.go and os/signal).
 *
 * The handler runs on any thread at any moment, so it only sets a bit and writes to an eventfd. A
 * goroutine of the runtime waits for that in the poller, takes the bits and sends. It has a P, as
 * whoever touches a channel must.
 *
 * A channel's set of signals is one word, as is the set that anybody wants; the action a signal had
 * before its first channel is kept, and comes back after its last.
 *
 * Invariants, under mu, which the sender holds too:
 *  1. wanted is the union of the sets of all receivers; the handler is installed for exactly these.
 *  2. A receiver with an empty set is not in the list: after gort_signal_stop nothing is sent.
 *
 * Memory order: the handler's or of the bit, then the write; the reader's read, then the exchange
 * of the bits. A signal after the exchange writes again.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "base/syscall.h"
#include "base/noptr.h"
#include "base/throw.h"
#include "gort/signal.h"
#include "mem/malloc.h"
#include "sched/netpoll.h"
#include "sched/preempt.h"
#include "sched/proc.h"

struct receiver {
	struct gort_chan *c;
	uint64_t set;
	struct receiver *next;
};

static struct {
	gort_mutex mu;
	struct receiver *first;
	uint64_t wanted;
	bool started;
	int eventfd;
	struct pollDesc *pd;
} sig;

static struct sigaction before[NSIG] NOPTRBSS; /* what sig.wanted had as actions */

static _Atomic uint64_t pending;

static inline uint64_t bit(int n)
{
	return UINT64_C(1) << (n - 1);
}

static void handler(int n)
{
	uint64_t one = 1;
	or_acqrel(&pending, bit(n));
	rawsyscall(SYS_write, sig.eventfd, (long)&one, sizeof(one), 0);
}

/* ---- the sender ---- */

static void sendall(uint64_t set)
{
	gort_mutex_lock(&sig.mu);
	for (; set; set &= set - 1) {
		int n = __builtin_ctzll(set) + 1;
		for (struct receiver *r = sig.first; r; r = r->next) {
			struct gort_case send = {.c = r->c, .v = &n, .kind = GORT_CASE_SEND};
			if (r->set & bit(n))
				gort_select(&send, 1, false);
		}
	}
	gort_mutex_unlock(&sig.mu);
}

static void sender(void)
{
	uint64_t count;
	for (;;) {
		pollReset(sig.pd, POLL_READ);
		long r = rawsyscall(SYS_read, sig.eventfd, (long)&count, sizeof(count), 0);
		if (r == -EAGAIN)
			pollWait(sig.pd, POLL_READ);
		else
			sendall(atomic_exchange(&pending, 0));
	}
}

/* With mu held. The sender counts as no goroutine of the program. */
static void start(void)
{
	if (sig.started)
		return;
	sig.started = true;
	sig.eventfd = (int)rawsyscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK, 0, 0);
	int err = sig.eventfd < 0 ? sig.eventfd : pollOpen(sig.eventfd, &sig.pd);
	if (err)
		throw("signal_notify: cannot make an eventfd: %d", err);
	newsystemproc(sender, (uintptr_t)sender);
	getm()->p->ngexited++;
}

/* ---- what the program asks for ---- */

static int makeset(const int *sigs, int n, uint64_t *set)
{
	static const uint64_t never = UINT64_C(1) << (SIGKILL - 1) | 1 << (SIGSTOP - 1) |
				      1 << (SIGSEGV - 1) | 1 << (SIGBUS - 1) | 1 << (SIGFPE - 1) |
				      1 << (SIGILL - 1) | 1 << (SIGTRAP - 1);
	*set = 0;
	for (int i = 0; i < n; i++) {
		if (sigs[i] < 1 || sigs[i] >= NSIG || (never & bit(sigs[i])) ||
			sigs[i] == preemptsignal())
			return -EINVAL;
		*set |= bit(sigs[i]);
	}
	return 0;
}

/* Makes invariant 1 true again. */
static void install(void)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = SA_ONSTACK | SA_RESTART};
	uint64_t now = 0;
	sigfillset(&sa.sa_mask);
	for (struct receiver *r = sig.first; r; r = r->next)
		now |= r->set;
	for (uint64_t change = now ^ sig.wanted; change; change &= change - 1) {
		int n = __builtin_ctzll(change) + 1;
		if (now & bit(n))
			sigaction(n, &sa, &before[n]);
		else
			sigaction(n, &before[n], NULL);
	}
	sig.wanted = now;
}

static struct receiver *receiverof(struct gort_chan *c)
{
	struct receiver *r = sig.first;
	while (r && r->c != c)
		r = r->next;
	if (r)
		return r;
	r = mallocgc(sizeof(*r));
	r->c = c;
	r->next = sig.first;
	return sig.first = r;
}

/* Takes set from c, or with NULL from every receiver; those with nothing left go. */
static void take(struct gort_chan *c, uint64_t set)
{
	for (struct receiver **at = &sig.first, *r; (r = *at);) {
		if (!c || r->c == c)
			r->set &= ~set;
		if (r->set) {
			at = &r->next;
		} else {
			*at = r->next;
		}
	}
	install();
}

int gort_signal_notify_set(struct gort_chan *c, const int *sigs, int n)
{
	uint64_t set;
	getgchecked("gort_signal_notify");
	if (!c)
		gopanic_text("os/signal: Notify using nil channel");
	int err = makeset(sigs, n, &set);
	if (err || !set)
		return err;
	gort_mutex_lock(&sig.mu);
	start();
	receiverof(c)->set |= set;
	install();
	gort_mutex_unlock(&sig.mu);
	return 0;
}

void gort_signal_stop_chan(struct gort_chan *c)
{
	getgchecked("gort_signal_stop");
	gort_mutex_lock(&sig.mu);
	take(c, UINT64_MAX);
	gort_mutex_unlock(&sig.mu);
}

int gort_signal_reset_set(const int *sigs, int n)
{
	uint64_t set;
	getgchecked("gort_signal_reset");
	int err = makeset(sigs, n, &set);
	if (err)
		return err;
	gort_mutex_lock(&sig.mu);
	take(NULL, set);
	gort_mutex_unlock(&sig.mu);
	return 0;
}

int gort_signal_ignore_set(const int *sigs, int n)
{
	uint64_t set;
	getgchecked("gort_signal_ignore");
	int err = makeset(sigs, n, &set);
	if (err)
		return err;
	gort_mutex_lock(&sig.mu);
	take(NULL, set);
	for (; set; set &= set - 1)
		signal(__builtin_ctzll(set) + 1, SIG_IGN);
	gort_mutex_unlock(&sig.mu);
	return 0;
}
