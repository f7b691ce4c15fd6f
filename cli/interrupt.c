/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interrupt.c - SIGINT and SIGTERM while something is being measured.
 *
 * SA_RESETHAND makes the second signal deadly. The signals stay blocked except inside ppoll, so
 * one that arrives between the check and the sleep still ends the sleep.
 */
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "interrupt.h"

static volatile sig_atomic_t caught;
static sigset_t open_mask;
static int watched = -1; /* a pidfd */

static void on_signal(int sig)
{
	caught = sig;
}

void interrupt_catch(void)
{
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &open_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

bool interrupted(void)
{
	return caught != 0;
}

int64_t monotonic_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

int interrupt_poll(struct pollfd *fds, unsigned n, int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	int rc = ppoll(fds, n, &ts, &open_mask);
	for (unsigned i = 0; rc < 0 && i < n; i++)
		fds[i].revents = 0;
	return rc;
}

void interrupt_at_end_of(pid_t pid)
{
	watched = (int)syscall(SYS_pidfd_open, pid, 0);
}

int64_t interrupt_sleep(int64_t ns)
{
	int64_t start = monotonic_now(), passed = 0;
	struct pollfd end = {.fd = watched, .events = POLLIN};
	while (!caught && !end.revents && (passed = monotonic_now() - start) < ns) {
		int64_t left = ns - passed;
		struct timespec ts = {left / 1000000000, left % 1000000000};
		if (ppoll(&end, 1, &ts, &open_mask) < 0 && errno != EINTR)
			break;
	}
	return monotonic_now() - start;
}
