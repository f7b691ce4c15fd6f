/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syscall.c - a goroutine blocks its thread (Go's entersyscall, exitsyscall), with or without
 * having said so.
 *
 * Announced: the P stays reserved for the M (status _Psyscall) so that a short call costs a few
 * plain stores and a compare-and-swap; sysmon takes the P away when the call lasts. Whoever moves
 * p.status from _Psyscall owns the P: the returning M to _Prunning, sysmon to _Pidle.
 *
 *	_Prunning -> _Psyscall -> _Prunning   [entersyscall, exitsyscall of any M that had this P]
 *	             _Psyscall -> _Pidle      [sysmon, then handoffp]
 *
 * Not announced: C blocks anywhere, in fgets, in a library that nobody knows. When a P makes no
 * decision, sysmon looks whether its M sleeps in a system call (retakesleeping), and if so does
 * what entersyscall would have done, in the M's place. The M is not disturbed. It learns of it at
 * its next entry into libgort, where getgchecked looks at m.gate, and first gets a P again.
 *
 *	GATE_OPEN -> GATE_SYSCALL -> GATE_OPEN   [entersyscall, exitsyscall]
 *	GATE_OPEN -> GATE_PROBED                 [sysmon: an entry now waits for the decision]
 *	             GATE_PROBED -> GATE_TAKEN   [it slept all the time: the P is gone]
 *	             GATE_PROBED -> GATE_BACK    [it did not: the next entry sets the elision right]
 *	GATE_TAKEN, GATE_BACK -> GATE_OPEN       [that entry]
 *	GATE_OPEN -> GATE_PREEMPT -> GATE_OPEN   [preempt.c: the entry yields; or any decision]
 *	             GATE_PREEMPT -> GATE_PROBED [as from GATE_OPEN: sysmon asks again later]
 *
 * Why this is no race. The clock of the M's CPU time is read first, then the M's words and the
 * kernel's account of the system call it sleeps in, then the gate is closed, and then the clock
 * again. If it stands where it stood, the M has not executed anything in between: what was read
 * belongs together, and when the M wakes it will find the gate closed, as the kernel's switch to a
 * thread is a full barrier. Otherwise nothing is done. So the fast path pays for all this with one
 * load, the same that told a goroutine between entersyscall and exitsyscall before. With one P,
 * gort_elide shuts the operations that are inlined into the program in the same way.
 *
 * Where an M sleeps without libgort's doing is told by the place of the system call, outside
 * libgort's text: even waking a futex sleeps for a moment (Linux 6.16, while its table grows). And
 * as libgort calls libc too, by the number: it waits there with a P only for memory (m.noretake
 * marks the exception), and no program blocks in these for long.
 *
 * Goroutines that are pinned to an M which blocks unseen (preempt.c) can go on nowhere else, and
 * who blocks it may wait for one of them. So it is signalled: the call is restarted, or gives EINTR
 * as after any signal, once the goroutine gets its turn again; until then it is pinned behind the
 * others. It must not be in the middle of something in libc that another goroutine of the thread
 * could walk into: restartable. And who has blocked so once (gcold.unseen) no longer runs on an M
 * with pinned goroutines (besidepinned), so that this is rare.
 *
 * Looping where it cannot be preempted: in libc, say, whose locks and data belong to the thread
 * (text.c). The signal that asks for a preemption (preempt.c) finds the M there again and again;
 * after 10 ms its handler does in the M's place what entersyscall would have done, and sysmon takes
 * the P. As the M itself does it there is no race, but libgort must not be among the callers of
 * that loop: the stack is unwound, and must show the program's own code as the first caller outside
 * the libraries, and libgort only where the goroutine began (loopsoutside).
 *
 * Rejected: a signal whose handler gives the P of a sleeping M away, as it interrupts calls that do
 * not restart. Rejected: taking the P of a looping M from outside, by compare-and-swap and
 * membarrier: it takes a word that says where the M is.
 * Rejected: a word that says "inside libgort" stored at each entry and exit.
 */
#include <linux/futex.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/task.h"
#include "base/throw.h"
#include "gort/errno.h"
#include "debug/module.h"
#include "debug/unwind.h"
#include "debug/usdt.h"
#include "mem/mgc.h"
#include "mem/mspecial.h"
#include "sched/asm.h"
#include "sched/preempt.h"
#include "sched/proc.h"
#include "sched/race.h"
#include "sched/runq.h"
#include "sched/sanitizer.h"
#include "sched/text.h"

void entersyscall(uintptr_t pc, uintptr_t sp, uintptr_t bp)
{
	clearofpinned(); /* they would wait for as long as the system call lasts */
	struct m *mp = getm();
	if (unlikely(load_rlx(&mp->startarmed)))
		startclockstop(mp);
	struct g *gp = mp->curg;
	struct p *pp = mp->p;
	gp->syscallpc = pc;
	gp->syscallsp = sp;
	gp->syscallbp = bp;
	store_rel(&gp->atomicstatus, _Gsyscall);
	usdt_syscall_enter(gp);
	store_rlx(&pp->syscalltick, load_rlx(&pp->syscalltick) + 1);
	store_rlx(&mp->gate, GATE_SYSCALL);
	mp->oldp = pp;
	mp->p = NULL;
	pp->m = NULL;
	gort_elide.mode = 0;
	store_rel(&pp->status, _Psyscall); /* pairs with the acquire of whoever takes the P */
	if (unlikely(load_rlx(&sched.sysmonwait)))
		wakesysmon();
	compiler_barrier(); /* signalm's membarrier keeps the load after the store of p.status */
	if (unlikely(load_acq(&mp->signalpending)))
		preemptwait(mp);
}

/* Takes back the old P if nobody has it yet. */
static bool takeback(struct m *mp)
{
	struct p *pp = mp->oldp;
	uint32_t status = _Psyscall;
	mp->oldp = NULL;
	if (!cas_acqrel(&pp->status, &status, _Prunning))
		return false;
	pp->m = mp;
	mp->p = pp;
	gort_elide.mode = single;
	return true;
}

/* Takes back the old P, or any idle one; else queues gp and returns false. */
static bool reacquire(struct m *mp, struct g *gp)
{
	struct p *pp;
	if (takeback(mp))
		return true;
	bool stay = gcold(gp)->locks != 0; /* what it holds belongs to this thread */
	lock(&sched.lock);
	pp = pidleget();
	if (!pp) {
		store_rlx(&gp->atomicstatus, _Grunnable);
		gp->m = NULL;
		if (!stay)
			globrunqput(gp);
	}
	unlock(&sched.lock);
	if (!pp && stay)
		pin(mp, gp);
	if (!pp)
		return false;
	acquirep(mp, pp);
	return true;
}

/* gp is where others find it, and may run there once this stack is left; g0 has no P. */
static void leavewithoutp(struct m *mp, struct g *gp)
{
	struct g *g0 = mp->g0;
	mp->curg = NULL;
	store_rlx(&mp->gate, GATE_OPEN);
	if (unlikely(raceenabled))
		raceswitch(mp, NULL);
	san_leave(gp, g0->stack.lo, g0->stack.hi);
	goswitch(&gp->sched, &g0->sched);
	san_enter(gp);
	usdt_syscall_exit(gp);
}

void exitsyscall(void)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	if (likely(reacquire(mp, gp))) {
		store_rlx(&gp->atomicstatus, _Grunning);
		store_rlx(&mp->gate, GATE_OPEN);
		usdt_syscall_exit(gp);
		return;
	}
	leavewithoutp(mp, gp);
}

void exitpinned(void)
{
	struct m *mp = getm();
	struct g *gp = mp->curg;
	if (takeback(mp)) { /* in _Psyscall it would be nobody's, which looks like a deadlock */
		store_rlx(&mp->gate, GATE_OPEN);
		gopreemptasync();
		return;
	}
	store_rlx(&gp->atomicstatus, _Grunnable);
	gp->m = NULL;
	pin(mp, gp);
	leavewithoutp(mp, gp);
}

intptr_t errnooffset;

/* Not inlined, and with a barrier: else the compiler finds out that libc calls it const. */
__attribute__((noinline)) int *gort_errno(void)
{
	compiler_barrier();
	return __errno_location();
}

void gort_blocking_begin(void)
{
	int saved = errno;
	getgchecked("gort_blocking_begin");
	uintptr_t *frame = __builtin_frame_address(0);
	savecallee(gcold(getm()->curg));
	gcold(getm()->curg)->blocking = true;
	entersyscall(frame[1], (uintptr_t)(frame + 2), frame[0]);
	errno = saved;
}

void gort_blocking_end(void)
{
	int saved = errno;
	struct m *mp = getm();
	if (!mp || !mp->curg || load_rlx(&mp->gate) != GATE_SYSCALL)
		throw("gort_blocking_end: without gort_blocking_begin");
	exitsyscall();
	gcold(getm()->curg)->blocking = false;
	errno = saved;
}

/* The child has this thread alone: no other M, no sysmon, and locks in any state. */
static void forked(void)
{
	struct m *mp = getm();
	if (mp)
		store_rlx(&mp->gate, GATE_FORKED);
}

void syscallinit(void)
{
	errnooffset = (intptr_t)__errno_location() - (intptr_t)__builtin_thread_pointer();
	if (pthread_atfork(NULL, NULL, forked) != 0)
		throw("schedinit: no memory for a fork handler");
}

/* ---- the P of an M that sleeps without having said so ---- */

struct g *getgslow(const char *what)
{
	int saved = errno;
	struct m *mp = getm();
	if (!mp || !mp->curg)
		throw("%s: called from a thread that is not a goroutine", what);
	for (unsigned i = 0; load_acq(&mp->gate) == GATE_PROBED; i++)
		osyield_backoff(i);
	switch (load_acq(&mp->gate)) { /* pairs with the release in retakesleeping */
	case GATE_SYSCALL:
		throw("%s: called between gort_blocking_begin and gort_blocking_end", what);
	case GATE_FORKED:
		throw("%s: called in the child of a fork: only async-signal-safe functions may be",
			what);
	case GATE_TAKEN:
		exitsyscall();
		clearofpinned();
		break;
	case GATE_PREEMPT:
		preempted(mp);
		finwake();
		if (!load_rlx(&gcwanted) || !gcpoll())
			gopreempt();
		break;
	case GATE_BACK:
		gort_elide.mode = single;
		store_rlx(&mp->gate, GATE_OPEN);
		break;
	}
	errno = saved;
	return getm()->curg;
}

void gort_gate(void)
{
	getgchecked("libgort");
	getm()->elide->mode = single; /* preemptone may have been late */
}

/* Reads "nr arg0 ... arg5 sp pc"; a thread that runs, or sleeps elsewhere, has fewer words. */
static bool parseasleep(char *text, struct asleep *out)
{
	unsigned long word[9];
	for (unsigned i = 0; i < 9; i++) {
		char *end;
		word[i] = strtoul(text, &end, 0);
		if (end == text || (i == 0 && *text == '-'))
			return false;
		text = end;
	}
	*out = (struct asleep){.nr = (long)word[0], .sp = word[7], .pc = word[8]};
	return true;
}

bool threadasleep(int32_t tid, struct asleep *out)
{
	char text[256];
	readtask(tid, "syscall", text, sizeof(text));
	return parseasleep(text, out);
}

/* Calls in which libc may sleep for libgort, and no program sleeps for long. */
static bool runtimecall(long nr)
{
	static const uint16_t calls[] = {SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap,
		SYS_madvise, SYS_process_madvise, SYS_brk, SYS_clone};
	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i] == nr)
			return true;
	return false;
}

/* mp sleeps in a call that is none of libgort's business, made on the stack of its goroutine. */
static bool sleepsoutside(const struct m *mp, struct asleep *a)
{
	const struct g *gp = mp->curg;
	return gp && !mp->noretake && threadasleep(mp->procid, a) && !gorttext(a->pc) &&
	       !runtimecall(a->nr) && !(raceenabled && tsanwaits(a->pc)) &&
	       a->sp - gp->stack.lo < gp->stack.hi - gp->stack.lo;
}

/* What entersyscall does, for an M that cannot enter libgort before the gate changes. */
static void syscallfor(struct m *mp, struct p *pp, const struct asleep *a)
{
	struct g *gp = mp->curg;
	gp->syscallpc = a->pc;
	gp->syscallsp = a->sp;
	gp->syscallbp = 0;
	store_rel(&gp->atomicstatus, _Gsyscall);
	store_rlx(&pp->syscalltick, load_rlx(&pp->syscalltick) + 1);
	mp->oldp = pp;
	mp->p = NULL;
	pp->m = NULL;
	gcold(gp)->unseen = true;
	store_rlx(&mp->stranded, mp->pinned.first != NULL);
	store_rel(&pp->status, _Psyscall);
	store_rel(&mp->gate, GATE_TAKEN); /* pairs with getgslow */
	if (mp->pinned.first)
		store_rel(&sched.stranded, true); /* pairs with signalstranded */
}

static bool probe(struct m *mp)
{
	uint32_t gate = load_rlx(&mp->gate);
	return (gate == GATE_OPEN || gate == GATE_PREEMPT || gate == GATE_BACK) &&
	       cas_sc(&mp->gate, &gate, GATE_PROBED);
}

bool retakesleeping(struct p *pp)
{
	struct asleep a;
	struct m *mp = *(struct m *volatile *)&pp->m;
	uint32_t probed = GATE_PROBED;
	if (!mp)
		return false;
	int64_t before = threadcpu(mp->procid);
	if (before < 0 || mp->p != pp || !sleepsoutside(mp, &a) || !probe(mp))
		return false;
	if (single)
		*(uint32_t volatile *)&mp->elide->mode = GORT_GATED;
	if (threadcpu(mp->procid) == before) {
		syscallfor(mp, pp, &a);
		return true;
	}
	/* Awake: it may have been through a system call of its own meanwhile. */
	if (!cas_acqrel(&mp->gate, &probed, GATE_BACK) && probed == GATE_OPEN)
		cas_acqrel(&mp->gate, &probed, GATE_BACK);
	return false;
}

/* ---- the P of an M that loops where it cannot be preempted ---- */

#define FOREIGN_NS 10000000

static bool loopsoutside(const struct g *gp, const ucontext_t *uc)
{
	struct unwinder u;
	struct regs regs;
	uintptr_t end;
	bool program = false;
	regs_of_ucontext(uc, &regs);
	unwind_init(&u, &regs, gp->stack.lo, gp->stack.hi, false);
	while (!gorttext(u.regs.r[DW_RIP])) {
		program = usertext(u.regs.r[DW_RIP], &end);
		if (!unwind_next(&u))
			return false;
	}
	do {
		if (!gorttext(u.regs.r[DW_RIP]))
			return false;
	} while (unwind_next(&u));
	return program && u.complete;
}

void handoffforeign(struct m *mp, struct p *pp, const ucontext_t *uc)
{
	const greg_t *r = uc->uc_mcontext.gregs;
	struct asleep at = {.pc = (uintptr_t)r[REG_RIP], .sp = (uintptr_t)r[REG_RSP]};
	uint32_t tick = load_rlx(&pp->schedtick), gate = load_rlx(&mp->gate);
	uintptr_t end;
	if (raceenabled) /* whose locks it may hold, and whose clock_gettime this would be */
		return;
	int64_t now = nanotime();
	if (tick != mp->foreigntick || usertext(at.pc, &end) || gorttext(at.pc))
		mp->foreignsince = now;
	mp->foreigntick = tick;
	if (now - mp->foreignsince < FOREIGN_NS || mp->noretake)
		return;
	if (gate == GATE_SYSCALL || gate == GATE_PROBED || !loopsoutside(mp->curg, uc) ||
		!cas_acqrel(&mp->gate, &gate, GATE_TAKEN))
		return;
	if (single)
		gort_elide.mode = GORT_GATED;
	syscallfor(mp, pp, &at);
}

/* ---- goroutines pinned to an M that blocks unseen ---- */

/* From the call to the system call for a semaphore or the end of a thread. */
#define WAITFRAMES 4

/* The calls of functions of libc that gp is in, outermost the program's; -1 if that is not all. */
static int libframes(const struct g *gp, const ucontext_t *uc)
{
	struct unwinder u;
	struct regs regs;
	uintptr_t end;
	regs_of_ucontext(uc, &regs);
	unwind_init(&u, &regs, gp->stack.lo, gp->stack.hi, false);
	for (int n = 0; n <= WAITFRAMES; n++) {
		if (usertext(u.regs.r[DW_RIP], &end))
			return n;
		if (gorttext(u.regs.r[DW_RIP]) || !unwind_next(&u))
			return -1;
	}
	return -1;
}

/*
 * Waits for another thread or goroutine, and is not in line for one of libc's own locks, which
 * libc waits for by FUTEX_WAIT. About to be made once more: the registers are those of the call.
 */
static bool futexwait(const greg_t *r)
{
	return r[REG_RAX] == SYS_futex && (r[REG_RSI] & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
}

bool restartable(const struct g *gp, const ucontext_t *uc)
{
	int n = libframes(gp, uc);
	return n == 0 || n == 1 || (n > 1 && futexwait(uc->uc_mcontext.gregs));
}

bool signalstranded(void)
{
	bool found = false;
	if (likely(!load_rlx(&sched.stranded)) || load_acq(&sched.gcwaiting))
		return load_rlx(&sched.stranded);
	textrefresh();
	modules_refresh();
	xchg_acqrel(&sched.stranded, false); /* pairs with syscallfor: who comes later sets it */
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		if (load_rlx(&mp->stranded) && load_acq(&mp->gate) == GATE_TAKEN)
			found |= signalthread(mp->procid);
	if (found)
		store_rlx(&sched.stranded, true);
	return found;
}
