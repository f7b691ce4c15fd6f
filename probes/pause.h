/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pause.h - stops one thread of another process for some microseconds: what --pause does, and
 * racesample.c.
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
 * For waitid() in look: of the calling thread's tracees only. The end of a thread may be for its
 * parent to learn of, which may be another thread here.
 */
#define PAUSE_STOPS (WSTOPPED | __WALL | __WNOTHREAD)

/*
 * Stops the thread, calls look with its program counter and stack pointer while it stands, and lets
 * it go on. look is called by the thread that traces it. *ns is how long it stood at most: from
 * when it was last seen not to stand. 0, or -EPERM (not allowed, or traced by another), -ESRCH (it
 * has ended), -ETIMEDOUT (it stood for max_ns before it could be looked at, or did not stop soon;
 * it goes on).
 *
 * The thread goes on whatever happens to gort, SIGKILL included: the kernel lets go of what a
 * tracer holds when the tracer ends (PTRACE_SEIZE without PTRACE_O_EXITKILL).
 */
int pause_thread(pid_t tid, int64_t max_ns, void (*look)(void *ctx, uint64_t pc, uint64_t sp),
	void *ctx, int64_t *ns);

#endif
