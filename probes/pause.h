/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pause.h - stops one thread of another process for some microseconds: what --pause does, and
 * nothing else in gort.
 */
#ifndef GORT_PROBES_PAUSE_H
#define GORT_PROBES_PAUSE_H

#include <stdint.h>
#include <sys/types.h>

/*
 * For a thread that is going to hold another still, which must not be kept from the CPU meanwhile:
 * real-time where that is allowed, and timers without slack. It ends soon.
 */
void pause_hurry(void);

/*
 * Stops the thread, calls look with its program counter and stack pointer while it stands, and lets
 * it go on. *ns is how long it stood at most: from when it was last seen not to stand. 0, or -EPERM
 * (not allowed, or traced by another), -ESRCH (it has ended), -ETIMEDOUT (it stood for max_ns
 * before it could be looked at, or did not stop soon; it goes on).
 *
 * The thread goes on whatever happens to gort, SIGKILL included: the kernel lets go of what a
 * tracer holds when the tracer ends (PTRACE_SEIZE without PTRACE_O_EXITKILL).
 */
int pause_thread(pid_t tid, int64_t max_ns, void (*look)(void *ctx, uint64_t pc, uint64_t sp),
	void *ctx, int64_t *ns);

#endif
