/* SPDX-License-Identifier: BSD-2-Clause */
/* preempt.h - taking the CPU from a goroutine that does not give it up (Go's preempt.go). */
#ifndef GORT_SCHED_PREEMPT_H
#define GORT_SCHED_PREEMPT_H

#include <signal.h>
#include <ucontext.h>

#include "sched/runtime2.h"

/* Before the first goroutine: how to save registers, what the program's code is. */
void preemptinit(void);
/* On each M that runs goroutines, by its own thread. */
void preemptminit(struct m *mp);

/*
 * sysmon: asks the goroutine of pp, which has run since the decision numbered tick, to give way: at
 * its next call of the library or, if it makes none, by a signal. May be repeated.
 */
void preemptone(struct p *pp, uint32_t tick);
/* The first half of that, without the signal. Returns whom it has asked; NULL: nobody. */
struct m *preemptask(struct p *pp, uint32_t tick);
/*
 * The second, for n who have been asked: ms[i] gets the signal if it still runs ps[i]. False when
 * some of them have no CPU now.
 */
bool preemptsignals(struct p *const *ps, struct m *const *ms, int32_t n);
/*
 * The next call that mp's goroutine makes of the library yields, or collects. With one P also of an
 * inlined operation: a loop of these has no safe point.
 */
void closegate(struct m *mp);

/*
 * Whether gp, which was interrupted at pc with this stack pointer, is in the program's text and in
 * no section of libgort that was inlined there.
 */
bool instopsafe(const struct g *gp, uintptr_t pc, uintptr_t sp);

/*
 * On its own M, whose goroutine has just left another in the runnext of its P: should that still
 * be there in 300 us, and no decision have been made, it takes the place of the goroutine. A thief
 * that was woken for it may wait for a CPU much longer, and sysmon looks only after it woke too.
 */
void startclock(struct m *mp);
/* Its thread enters a system call, which the signal must not interrupt. */
void startclockstop(struct m *mp);
/* Its thread ends. */
void startclockdelete(struct m *mp);

/* The signal of GORT_DEBUG=preemptsignal=N, by default SIGURG. */
int preemptsignal(void);
/* Sends it to a thread of this process; false when that has ended. Async-signal-safe. */
bool signalthread(int32_t tid);
/* Its handler, on the alternate stack with every signal blocked. */
void sigpreempt(ucontext_t *uc);
/* The same signal by startclock's timer; false when it is another's. */
bool sigstart(const siginfo_t *info, ucontext_t *uc);
/*
 * In a signal handler: the interrupted goroutine goes on in fn, a function in assembly that begins
 * as asyncPreempt, as if the instruction at its pc had called it. False when its pc is no safe
 * point, or its stack has no room.
 */
bool injectcall(ucontext_t *uc, void (*fn)(void));
/*
 * entersyscall: a preemption signal that is on its way to this thread arrives before this returns,
 * so that it does not interrupt the system call.
 */
void preemptwait(struct m *mp);

/*
 * Its handler was refused: gives the P of mp away if mp has looped for 10 ms in code in which it
 * cannot be preempted. syscall.c
 */
void handoffforeign(struct m *mp, struct p *pp, const ucontext_t *uc);

/*
 * In a handler on gp's thread, which stands at a system call: whether it may make the call later,
 * after other goroutines have run on this thread. syscall.c
 */
bool restartable(const struct g *gp, const ucontext_t *uc);

/* On its own M: a request of preemptone is met, or has been overtaken by another decision. */
void preempted(struct m *mp);
/* proc.c: the calling goroutine lets others run, by request. Async: it resumes on this M only. */
void gopreempt(void);
void gopreemptasync(void);

#endif
