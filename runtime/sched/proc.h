/* SPDX-License-Identifier: BSD-2-Clause */
/* proc.h - the scheduler's functions, as the rest of the runtime calls them (Go's proc.go). */
#ifndef GORT_SCHED_PROC_H
#define GORT_SCHED_PROC_H

#include "sched/runtime2.h"

/* For getgchecked, syscall.c. */
struct g *getgslow(const char *what) __attribute__((cold, noinline));

/* ---- goroutines: proc.c ---- */

/*
 * After a call that may park: it is not the last thing that its function does. Else the call would
 * be a jump, and a parked goroutine's stack would not show who called it: gort_sleep, say.
 */
#define keepframe() __asm__ volatile("")

/*
 * Blocks the calling goroutine, which is marked as waiting before unlockf(arg) releases all locks,
 * on its stack. goparkunlock and goready are in park.h.
 */
void park(void (*unlockf)(void *arg), void *arg, waitReason reason);
static inline __attribute__((always_inline)) void gopark(
	void (*unlockf)(void *arg), void *arg, waitReason reason)
{
	park(unlockf, arg, reason);
	keepframe();
}
/* Blocks the calling goroutine for ever. */
_Noreturn void goparkforever(waitReason reason);
/* Makes a list of runnable goroutines run somewhere; needs no P. Empties the list. */
void injectglist(struct gQueue *list);
/*
 * The calling goroutine, in a function that only goroutines may call; else throws with what. Each
 * function that the program calls and that touches the P starts with it, and so does the runtime
 * after it called a function of the program: the P may have been taken (syscall.c), or the
 * goroutine was asked to yield, which it then does here. An M read before is stale.
 */
static inline struct g *getgchecked(const char *what)
{
	struct m *mp = getm();
	if (likely(mp && mp->curg && load_rlx(&mp->gate) == GATE_OPEN))
		return mp->curg;
	return getgslow(what);
}
/*
 * The calling goroutine, which is about to block its thread, goes on on an M that has nothing
 * pinned. An M read before is stale.
 */
void leavepinned(void);
/* The same if there are any, and if it holds nothing of its thread. */
static inline __attribute__((always_inline)) void clearofpinned(void)
{
	const struct m *mp = getm();
	if (unlikely(mp->pinned.first) && !gcold(mp->curg)->locks)
		leavepinned();
}
/*
 * mp, which has pinned goroutines, has taken gp off a queue. If gp has blocked its thread unseen
 * before, it is wired, to no M: then g0 sends it to an M that has nothing pinned. Returns gp.
 */
struct g *besidepinned(struct m *mp, struct g *gp);
/* With sched.lock held: mp is about to park; one of its pinned goroutines goes to the queue. */
void pinnedsend(struct m *mp);
/* The next pinned goroutine of mp, NULL when there is none. */
struct g *pinnedget(struct m *mp);
/* Creates a goroutine of the runtime or the program; gopc is recorded as its creation site. */
struct g *newproc(const struct gort_call *fn, uintptr_t gopc);
/* The same for the runtime's own: it is in no bubble, and counts as none of the program's. */
void newsystemproc(void (*fn)(void), uintptr_t gopc);
/* The same on a stack of a size class, an index. */
struct g *newproc1(const struct gort_call *fn, uintptr_t gopc, uint8_t class);
/* The scheduler's loop, on g0; returns when the thread is to end. */
void mainloop(struct m *mp);

/* Ends the calling goroutine, which has nothing deferred: leaves its frames for good. */
_Noreturn void goleave(void);
/* The same as if its function had returned: for the main goroutine the end of the program. */
_Noreturn void goreturn(void);

/* ---- Ms and Ps: m.c ---- */

void schedinit(void);
struct g *findrunnable(struct m *mp);
void wakep(void);
void startm(struct p *pp, bool spinning);
/* Gives the P of mp, which runs g0, and gp to an M that has nothing pinned. */
void movetom(struct m *mp, struct g *gp);
/* gp, which is runnable and has run on mp, goes on on mp only. By mp itself. */
void pin(struct m *mp, struct g *gp);
/* With sched.lock held, released. Sleeps until somebody gives mp a P. */
void mpark(struct m *mp);
/* mp runs only m.lockedg, which does not run: sleeps until it is time, and returns it. lockedm.c */
struct g *stoplockedm(struct m *mp);
/* The thread of mp, on g0, is about to end. lockedm.c */
void mexit(struct m *mp);
/* The goroutine gp of mp has ended while it was locked to its thread. lockedm.c */
void exitlocked(struct m *mp, struct g *gp);
/* gp is wired to another M, which sleeps: gives it the P of mp, which runs g0, and gp. */
void startlockedm(struct m *mp, struct g *gp);
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

/* ---- mutexes: mutex.c ---- */

void mutexinit(void);
/* The calling thread may use restartable unlocks. */
void mutexminit(void);

/* ---- system calls: syscall.c ---- */

/*
 * In the function that calls entersyscall, before: what a thread that is not stopped for the
 * collector has in its registers and on its stack.
 */
static inline __attribute__((always_inline)) void savecallee(struct gcold *c)
{
	__asm__ volatile("movq %%rbx, 0(%0)\n\t"
			 "movq %%rbp, 8(%0)\n\t"
			 "movq %%r12, 16(%0)\n\t"
			 "movq %%r13, 24(%0)\n\t"
			 "movq %%r14, 32(%0)\n\t"
			 "movq %%r15, 40(%0)\n\t"
			 "movq %%rsp, 48(%0)"
			 :
			 : "r"(c->saved)
			 : "memory");
}
_Static_assert(offsetof(struct gcold, savedsp) == offsetof(struct gcold, saved) + 48,
	"savecallee writes both");

void entersyscall(uintptr_t pc, uintptr_t sp, uintptr_t bp);
void exitsyscall(void);
/* The calling goroutine, whose P was taken, is pinned to its M, for the others that are. */
void exitpinned(void);
void syscallinit(void);
/*
 * sysmon: the goroutine of pp has made no scheduling decision for a while. If its M sleeps in a
 * system call that the program made, takes pp (status _Pidle, for handoffp) and returns true.
 */
bool retakesleeping(struct p *pp);
/* The system call that a thread sleeps in; false when in none. Async-signal-safe. */
struct asleep {
	long nr;
	uintptr_t sp, pc;
};
bool threadasleep(int32_t tid, struct asleep *out);
/* sysmon: signals Ms that block unseen while goroutines are pinned to them. True: there are. */
bool signalstranded(void);

/* ---- sysmon.c ---- */

void sysmonstart(void);
void wakesysmon(void);

/* ---- runtime1.c ---- */

/* GOMAXPROCS, by default the number of CPUs this process may use. */
int32_t getproccount(void);

#endif
