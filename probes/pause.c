/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pause.c - PTRACE_SEIZE, PTRACE_INTERRUPT, a look, PTRACE_DETACH.
 *
 * A thread that was asked to stop and has not yet (it may be in the kernel) cannot be detached, so
 * each stop is made by a thread of its own here: when the time is up that thread ends, and with a
 * tracer the kernel forgets the request. Attaching by PTRACE_ATTACH was rejected: it sends SIGSTOP,
 * which the target sees and which stays pending when the tracer dies.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <elf.h>
#include <time.h>
#include <unistd.h>
#include "pause.h"

#define POLL_NS 1000
#define WAIT_NS INT64_C(200000000) /* for a thread to stop; until it does it loses nothing */

struct stop {
	pid_t tid;
	int64_t max_ns, ns;
	void (*look)(void *ctx, uint64_t pc, uint64_t sp);
	void *ctx;
	int error;
};

static int64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

void pause_hurry(void)
{
	const struct sched_param first = {.sched_priority = 1};
	prctl(PR_SET_TIMERSLACK, 1);
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &first))
		setpriority(PRIO_PROCESS, (id_t)gettid(), -20);
}

/*
 * 0 when it stands, with what to hand back when it is detached in *sig and in *since the last
 * moment at which it did not stand yet.
 */
static int wait_stop(const struct stop *s, int *sig, int64_t *since)
{
	const struct timespec pause = {0, POLL_NS};
	int64_t start = now();
	siginfo_t si = {0};
	int rc;
	while (*since = now(), rc = waitid(P_PID, (id_t)s->tid, &si, PAUSE_STOPS | WNOHANG),
		!rc && !si.si_pid) {
		if (*since - start > WAIT_NS)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	if (rc)
		return -ESRCH;
	/* A signal that was on its way stopped it first: it is delivered when it goes on. */
	*sig = si.si_status >> 8 == PTRACE_EVENT_STOP ? 0 : si.si_status;
	return 0;
}

static void *stop_and_look(void *arg)
{
	struct stop *s = arg;
	struct user_regs_struct regs;
	struct iovec io = {&regs, sizeof regs};
	int sig = 0;
	pause_hurry();
	if (ptrace(PTRACE_SEIZE, s->tid, NULL, NULL)) {
		s->error = -errno;
		return NULL;
	}
	int64_t since;
	if (ptrace(PTRACE_INTERRUPT, s->tid, NULL, NULL))
		s->error = -errno;
	if (!s->error)
		s->error = wait_stop(s, &sig, &since);
	if (s->error)
		return NULL; /* this thread ends, and lets go */
	if (ptrace(PTRACE_GETREGSET, s->tid, (void *)(uintptr_t)NT_PRSTATUS, &io))
		s->error = -errno;
	else if (now() - since > s->max_ns)
		s->error = -ETIMEDOUT;
	else
		s->look(s->ctx, regs.rip, regs.rsp);
	ptrace(PTRACE_DETACH, s->tid, NULL, (void *)(intptr_t)sig);
	s->ns = now() - since;
	return NULL;
}

int pause_thread(pid_t tid, int64_t max_ns, void (*look)(void *ctx, uint64_t pc, uint64_t sp),
	void *ctx, int64_t *ns)
{
	struct stop s = {.tid = tid, .max_ns = max_ns, .look = look, .ctx = ctx};
	pthread_t thread;
	int rc = pthread_create(&thread, NULL, stop_and_look, &s);
	if (rc)
		return -rc;
	pthread_join(thread, NULL);
	*ns = s.ns;
	return s.error;
}
