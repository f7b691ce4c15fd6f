/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exitwatch.c - a child is seized (PTRACE_SEIZE) before it runs its program. Its threads stop for
 * us where they are born, before they die and when a signal comes, and go on at once; in between
 * they run at full speed. If gort is killed the child simply goes on: PTRACE_O_EXITKILL is never
 * set.
 *
 * The first thread to stop in exit_group is the one that ended the process. The others have been
 * killed by then and stop before their death, too, so that the memory lives until we let them go.
 *
 * Rejected: a breakpoint on exit, since nothing is ever written to a target; and a seccomp filter,
 * which would stay with the program.
 */
#include "exitwatch.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

int exitwatch_seize(struct exitwatch *w, pid_t pid)
{
	long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
	w->pid = pid;
	return ptrace(PTRACE_SEIZE, pid, 0, options) ? -errno : 0;
}

/* Of a whole process, by its own call, with code 0. */
static bool ends_well(pid_t tid, uint64_t *sp)
{
	struct user_regs_struct regs;
	unsigned long code;
	if (ptrace(PTRACE_GETREGS, tid, 0, &regs) || regs.orig_rax != SYS_exit_group ||
		ptrace(PTRACE_GETEVENTMSG, tid, 0, &code))
		return false;
	*sp = regs.rsp;
	return code == 0;
}

static bool stops_a_job(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU;
}

void exitwatch_stopped(struct exitwatch *w, pid_t tid, int status)
{
	int event = status >> 16, sig = WSTOPSIG(status);
	uint64_t sp;
	if (event == PTRACE_EVENT_EXIT && !w->done && ends_well(tid, &sp)) {
		w->done = true;
		w->at_exit(w->arg, w->pid, tid, sp);
	}
	if (event == PTRACE_EVENT_STOP && stops_a_job(sig))
		ptrace(PTRACE_LISTEN, tid, 0, 0); /* stays stopped, as its shell wants it */
	else
		ptrace(PTRACE_CONT, tid, 0, event ? 0 : sig);
}
