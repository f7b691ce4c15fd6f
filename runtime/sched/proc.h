/* SPDX-License-Identifier: BSD-2-Clause */
/* proc.h - the scheduler's functions, as the rest of the runtime calls them (Go's proc.go). */
#ifndef GORT_SCHED_PROC_H
#define GORT_SCHED_PROC_H

#include "sched/runtime2.h"

/* ---- goroutines: proc.c ---- */

/*
 * Blocks the calling goroutine. l is held and the goroutine is already on a queue that l guards;
 * it is marked as waiting, then l is released, so a waker that holds l sees it waiting. Returns
 * once somebody called goready.
 */
void goparkunlock(struct mutex *l, waitReason reason);
/* The same for several locks: unlockf(arg) releases them, on the goroutine's stack. */
void gopark(void (*unlockf)(void *arg), void *arg, waitReason reason);
/* Blocks the calling goroutine for ever. */
_Noreturn void goparkforever(waitReason reason);
/* Makes a waiting goroutine runnable, next on this P. Caller took it off its queue; needs a P. */
void goready(struct g *gp);
/* Makes a list of runnable goroutines run somewhere; needs no P. Empties the list. */
void injectglist(struct gQueue *list);
/* The calling goroutine, in a function that only goroutines may call; else throws with what. */
struct g *getgchecked(const char *what);
/* Creates a goroutine of the runtime or the program; gopc is recorded as its creation site. */
struct g *newproc(const struct gort_call *fn, uintptr_t gopc);
_Noreturn void mainloop(struct m *mp);

/* ---- Ms and Ps: m.c ---- */

void schedinit(void);
struct g *findrunnable(struct m *mp);
void wakep(void);
void startm(struct p *pp, bool spinning);
void stopm(struct m *mp);
void handoffp(struct p *pp);
void acquirep(struct m *mp, struct p *pp);
struct p *releasep(struct m *mp);
/* With sched.lock held. */
struct p *pidleget(void);
void pidleput(struct p *pp);
void checkdead(void);
/* Sets up the calling thread as mp. */
void minit(struct m *mp);

/* ---- system calls: syscall.c ---- */

void entersyscall(uintptr_t pc, uintptr_t sp, uintptr_t bp);
void exitsyscall(void);

/* ---- sysmon.c ---- */

void sysmonstart(void);
void wakesysmon(void);

/* ---- runtime1.c ---- */

/* Value of GORT_<name>, else of name, else NULL. */
const char *gortenv(const char *name);
/* GOMAXPROCS, by default the number of CPUs this process may use. */
int32_t getproccount(void);

#endif
