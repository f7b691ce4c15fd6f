/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * freeze.c - PTRACE_SEIZE and PTRACE_INTERRUPT of all threads, a look, PTRACE_DETACH.
 *
 * Threads are born while others are stopped: the list is read again until all of it stands. From
 * then on nobody is left who could start one.
 *
 * A thread of its own is the tracer, as in pause.c: whatever fails, it ends, and the kernel lets go
 * of all that it held, also of those that were asked to stop and have not yet. SIGSTOP was
 * rejected: the target's parent sees it, and it stays when gort is killed. So was the cgroup
 * freezer, which stops more than the one process.
 */
#include "freeze.h"
#include "core.h"
#include "pause.h"
#include "procfs.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS     20000
#define SEIZE_TRIES 20
#define WAIT_NS     INT64_C(500000000) /* for all to stop */

enum state { ASKED, STANDS, ENDED };

struct held {
	pid_t tid;
	enum state state;
	int sig; /* to be delivered when it goes on */
};

struct freeze {
	const struct target *t;
	void (*look)(void *ctx, const struct thread_regs *regs, size_t n);
	void *ctx;
	struct held *v;
	size_t n, cap;
	int64_t since, ns;
	int error;
};

static int64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static struct held *find(struct freeze *f, pid_t tid)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].tid == tid)
			return &f->v[i];
	return NULL;
}

static struct held *add(struct freeze *f, pid_t tid)
{
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct held *bigger = realloc(f->v, cap * sizeof *bigger);
		if (!bigger)
			return NULL;
		f->v = bigger;
		f->cap = cap;
	}
	f->v[f->n] = (struct held){.tid = tid};
	return &f->v[f->n++];
}

/*
 * -ESRCH when the thread has ended. At an exec the id of the first thread, which ends, goes over to
 * the one that executes: asked in between, it is refused and is no zombie.
 */
static int seize(const struct freeze *f, pid_t tid)
{
	const struct timespec pause = {0, POLL_NS};
	for (int tries = 0; ptrace(PTRACE_SEIZE, tid, NULL, NULL); tries++) {
		int error = errno;
		if (error == ESRCH || procfs_ended(f->t, tid))
			return -ESRCH;
		if (tries == SEIZE_TRIES)
			return -error;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int ask(struct freeze *f, pid_t tid)
{
	struct held *h = add(f, tid);
	if (!h)
		return -ENOMEM;
	int error = seize(f, tid);
	if (error) {
		h->state = ENDED;
		return error == -ESRCH ? 0 : error;
	}
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL))
		h->state = ENDED;
	return 0;
}

/* Asks the threads that are not known yet; how many there were, or a negative errno. */
static int ask_new(struct freeze *f)
{
	pid_t *tids;
	size_t n = target_threads(f->t, &tids);
	int asked = n ? 0 : -ESRCH;
	for (size_t i = 0; i < n && asked >= 0; i++) {
		if (find(f, tids[i]))
			continue;
		int e = ask(f, tids[i]);
		asked = e ? e : asked + 1;
	}
	free(tids);
	return asked;
}

static void settle(struct held *h)
{
	int status;
	pid_t got = waitpid(h->tid, &status, __WALL | WNOHANG);
	if (got == 0)
		return;
	if (got < 0 || !WIFSTOPPED(status)) {
		h->state = ENDED;
		return;
	}
	/* A signal that was on its way stopped it first. */
	h->sig = status >> 16 == PTRACE_EVENT_STOP ? 0 : WSTOPSIG(status);
	h->state = STANDS;
}

static int wait_all(struct freeze *f)
{
	const struct timespec pause = {0, POLL_NS};
	for (bool all = false; !all;) {
		all = true;
		for (size_t i = 0; i < f->n; i++) {
			if (f->v[i].state == ASKED)
				settle(&f->v[i]);
			all &= f->v[i].state != ASKED;
		}
		if (!all && now() - f->since > WAIT_NS)
			return -ETIMEDOUT;
		if (!all)
			nanosleep(&pause, NULL);
	}
	return 0;
}

static int stop_all(struct freeze *f)
{
	int asked;
	f->since = now();
	while ((asked = ask_new(f)) > 0) {
		int e = wait_all(f);
		if (e)
			return e;
	}
	return asked;
}

static size_t read_registers(const struct freeze *f, struct thread_regs *regs)
{
	size_t n = 0;
	_Static_assert(sizeof regs->general == sizeof(struct user_regs_struct), "x86-64");
	_Static_assert(sizeof regs->vector == sizeof(struct user_fpregs_struct), "x86-64");
	for (size_t i = 0; i < f->n; i++) {
		struct iovec general = {regs[n].general, sizeof regs[n].general};
		struct iovec vector = {regs[n].vector, sizeof regs[n].vector};
		if (f->v[i].state != STANDS)
			continue;
		memset(&regs[n], 0, sizeof regs[n]);
		ptrace(PTRACE_GETREGSET, f->v[i].tid, (void *)(uintptr_t)NT_PRSTATUS, &general);
		ptrace(PTRACE_GETREGSET, f->v[i].tid, (void *)(uintptr_t)NT_PRFPREG, &vector);
		n++;
	}
	return n;
}

static void let_go(struct freeze *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].state == STANDS)
			ptrace(PTRACE_DETACH, f->v[i].tid, NULL, (void *)(intptr_t)f->v[i].sig);
	f->ns = now() - f->since;
}

static void *hold_and_look(void *arg)
{
	struct freeze *f = arg;
	pause_hurry();
	f->error = stop_all(f);
	struct thread_regs *regs = f->error ? NULL : malloc((f->n + 1) * sizeof *regs);
	if (!f->error && !regs)
		f->error = -ENOMEM;
	if (!f->error)
		f->look(f->ctx, regs, read_registers(f, regs));
	let_go(f);
	free(regs);
	return NULL;
}

int freeze_process(const struct target *t,
	void (*look)(void *ctx, const struct thread_regs *regs, size_t n), void *ctx, int64_t *ns)
{
	struct freeze f = {.t = t, .look = look, .ctx = ctx};
	pthread_t thread;
	*ns = 0;
	if (t->core) {
		look(ctx, t->core->regs, t->core->nthreads);
		return 0;
	}
	int rc = pthread_create(&thread, NULL, hold_and_look, &f);
	if (rc)
		return -rc;
	pthread_join(thread, NULL);
	free(f.v);
	*ns = f.ns;
	return f.error;
}
