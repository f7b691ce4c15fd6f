/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preempt.c - taking the CPU from a goroutine that does not give it up (Go's preempt.go).
 *
 * sysmon sees the same scheduling decision for 10 ms while somebody waits, and calls preemptone. It
 * asks twice at once: GATE_PREEMPT makes the next call of the library yield; and a signal makes the
 * thread's handler inject a call of asyncPreempt (preempt_amd64.S), if that is safe. If it is not,
 * sysmon asks again after 50 to 250 us, at random, so that no loop stays in step with it.
 *
 * Where two threads would have to get a CPU first, sysmon and the M that it wakes, a goroutine just
 * started waits for milliseconds on a machine that is not idle. So the thread that puts one into a
 * runnext after a quiet time arms a timer of its own, one system call, and asks itself when nobody
 * has come by then. Not at each start: setting a timer costs more than a goroutine does. Rejected:
 * an M that spins for it, which takes the CPU from whoever holds the lock that others wait for.
 *
 * Safe points. A goroutine is switched out at an arbitrary instruction only if
 *  1. the pc is in the program's own text (text.c): not in libgort, not in libc;
 *  2. the marker of gort/fast.h does not follow within 64 bytes: no inlined critical section;
 *  3. the stack pointer is on the goroutine's stack, with room for the frame and the scheduler;
 *  4. it runs with a P, and gcold.locks is 0: it holds nothing that belongs to the thread.
 *
 * The compiler may have kept the address of a thread-local variable, or of errno, in a register. So
 * a goroutine that was switched out like this continues on the same M, up to its next call of the
 * library that switches: it waits in m.pinned, which nobody steals from (proc.c, pickpinned).
 *
 * No system call of the program is interrupted if we can help it. The signal goes only to a thread
 * that the kernel calls running; and entersyscall waits for a signal that is on its way. What is
 * left is a thread that enters the kernel by itself between the look and the signal.
 *
 * Memory order: m.signalpending is stored by who signals before he looks at p.m and p.status, and
 * loaded by entersyscall after it gave p up. The membarrier between the first two makes one see the
 * other.
 *
 * Rejected: switching in the handler and letting sigreturn restore the registers, which would keep
 * the alternate stack and the signal mask of the M for as long as the goroutine waits.
 */
#include "sched/preempt.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/task.h"
#include "debug/module.h"
#include "debug/options.h"
#include "mem/mgc.h"
#include "sched/lend.h"
#include "sched/preemptfp.h"
#include "sched/proc.h"
#include "sched/text.h"

#define RED_ZONE 128
/* From the interrupted stack pointer to rbp of asyncPreempt, and its pushes below. */
#define FRAME_SIZE (RED_ZONE + 8 + 16 + 14 * 8)
/* What the scheduler needs below the frame, timers' functions included. */
#ifdef GORT_ASAN
#define SCHED_ROOM (24u << 10)
#else
#define SCHED_ROOM (6u << 10)
#endif
#define MARKER_REACH 64
/* entersyscall waits for a signal at most this long: it may be blocked. */
#define SIGNAL_NS 1000000
/* An M that was woken has mostly taken what waits in a runnext by now. */
#define START_NS 300000

struct preemptfp preemptfp;

_Static_assert(offsetof(struct preemptfp, mask) == PREEMPTFP_MASK &&
		       offsetof(struct preemptfp, kind) == PREEMPTFP_KIND,
	"preempt_amd64.S knows the offsets");

extern void asyncPreempt(void);
void asyncpreempt2(void);

/* ---- start ---- */

void preemptfpchoose(uint32_t best)
{
	uint32_t a, b, c, d;
	preemptfp = (struct preemptfp){.size = 512, .kind = PREEMPTFP_FXSAVE};
	if (best < PREEMPTFP_XSAVE || !cpuxsave() || !__get_cpuid_count(0xd, 0, &a, &b, &c, &d))
		return;
	preemptfp.mask = xgetbv();
	preemptfp.kind = PREEMPTFP_XSAVE;
	preemptfp.size = b;
	if (best >= PREEMPTFP_XSAVEC && __get_cpuid_count(0xd, 1, &a, &b, &c, &d) && (a & 2)) {
		preemptfp.kind = PREEMPTFP_XSAVEC;
		preemptfp.size = b;
	}
	preemptfp.size = (preemptfp.size + 63) & ~63ull;
}

void preemptinit(void)
{
	preemptfpchoose(PREEMPTFP_XSAVEC);
	textrefresh();
}

void preemptminit(struct m *mp)
{
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mp->mxcsr), "=m"(mp->fpucw));
}

int preemptsignal(void)
{
	return debug.preemptsignal ? debug.preemptsignal : SIGURG;
}

bool signalthread(int32_t tid)
{
	long pid = rawsyscall(SYS_getpid, 0, 0, 0, 0);
	return rawsyscall(SYS_tgkill, pid, tid, preemptsignal(), 0) == 0;
}

/* ---- asking, on sysmon ---- */

/* Its CPU time moves: a tenth of the price of reading the state of the thread. */
static bool computes(int32_t tid)
{
	int64_t before = threadcpu(tid);
	return threadcpu(tid) != before;
}

/* Whether the kernel has the thread on a CPU or waiting for one; true when it does not tell. */
static bool onrunqueue(int32_t tid)
{
	char text[256];
	readtask(tid, "stat", text, sizeof(text));
	const char *end = strrchr(text, ')'); /* the name of the thread may hold anything */
	return !end || end[1] != ' ' || end[2] == 'R';
}

/* True when the thread has a CPU. */
static bool signalm(const struct p *pp, struct m *mp)
{
	bool runs = computes(mp->procid);
	if (*(struct m *const volatile *)&pp->m == mp && load_acq(&pp->status) == _Prunning &&
		(debug.preempt || runs || onrunqueue(mp->procid)))
		signalthread(mp->procid);
	else
		store_rlx(&mp->signalpending, 0);
	return runs;
}

void closegate(struct m *mp)
{
	uint32_t open = GATE_OPEN;
	if (cas_acqrel(&mp->gate, &open, GATE_PREEMPT) && single)
		__atomic_store_n(&mp->elide->mode, GORT_GATED, __ATOMIC_RELAXED);
}

static void request(struct m *mp, uint32_t tick)
{
	store_rlx(&mp->preempttick, tick);
	or_acqrel(&mp->events, EVENT_PREEMPT);
	closegate(mp);
}

struct m *preemptask(struct p *pp, uint32_t tick)
{
	struct m *mp = *(struct m *volatile *)&pp->m;
	if (!mp || !*(struct g *volatile *)&mp->curg)
		return NULL;
	request(mp, tick);
	return mp;
}

void preemptone(struct p *pp, uint32_t tick)
{
	struct m *mp = preemptask(pp, tick);
	if (!mp || debug.asyncpreemptoff)
		return;
	if (!load_acq(&sched.gcwaiting)) { /* else a goroutine that stands may hold their locks */
		textrefresh();
		modules_refresh();
	}
	preemptsignals(&pp, &mp, 1);
}

bool preemptsignals(struct p *const *ps, struct m *const *ms, int32_t n)
{
	bool runs = true;
	if (n == 0 || debug.asyncpreemptoff)
		return true;
	for (int32_t i = 0; i < n; i++)
		store_rlx(&ms[i]->signalpending, 1);
	membarrier_all();
	for (int32_t i = 0; i < n; i++)
		runs &= signalm(ps[i], ms[i]);
	return runs;
}

void preemptwait(struct m *mp)
{
	int64_t start = nanotime();
	while (load_acq(&mp->signalpending) && nanotime() - start < SIGNAL_NS)
		procyield(10);
}

/* ---- asking, by a timer of its own ---- */

/* The id of a timer that signals mp's thread, + 1; -1 when the kernel gives none. */
static int32_t startclocknew(struct m *mp)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = preemptsignal()};
	int id;
	ev.sigev_value.sival_ptr = mp;
	ev._sigev_un._tid = mp->procid;
	if (debug.asyncpreemptoff ||
		rawsyscall(SYS_timer_create, CLOCK_MONOTONIC, (long)&ev, (long)&id, 0))
		return -1;
	return id + 1;
}

static void startclockset(struct m *mp, long ns)
{
	struct itimerspec at = {.it_value.tv_nsec = ns};
	store_rlx(&mp->startarmed, ns != 0);
	rawsyscall(SYS_timer_settime, mp->startclock - 1, 0, (long)&at, 0);
}

void startclock(struct m *mp)
{
	if (!mp->curg || mp->startclock < 0)
		return;
	if (mp->startclock == 0)
		mp->startclock = startclocknew(mp);
	if (mp->startclock < 0)
		return;
	mp->starttick = load_rlx(&mp->p->schedtick);
	startclockset(mp, START_NS);
}

void startclockstop(struct m *mp)
{
	startclockset(mp, 0);
}

void startclockdelete(struct m *mp)
{
	if (mp->startclock > 0)
		rawsyscall(SYS_timer_delete, mp->startclock - 1, 0, 0, 0);
	mp->startclock = 0;
	store_rlx(&mp->startarmed, false);
}

/* ---- deciding, in the handler ---- */

/* The request is for the slice that runs now, and not for one that ended meanwhile. */
static bool wantasync(struct m *mp, struct p *pp)
{
	if (debug.preempt)
		return true;
	return (load_rlx(&mp->events) & EVENT_PREEMPT) &&
	       load_rlx(&mp->preempttick) == load_rlx(&pp->schedtick);
}

static bool markerfollows(uintptr_t pc, uintptr_t end)
{
	static const unsigned char marker[] = {0x0f, 0x1f, 0x80, 0x67, 0x6f, 0x72, 0x74};
	size_t n = end - pc < MARKER_REACH ? end - pc : MARKER_REACH;
	return memmem((const void *)pc, n, marker, sizeof(marker)) != NULL;
}

static bool inprogram(uintptr_t pc)
{
	uintptr_t end;
	return usertext(pc, &end) && !markerfollows(pc, end);
}

bool instopsafe(const struct g *gp, uintptr_t pc, uintptr_t sp)
{
	return sp > gp->stack.lo && sp <= gp->stack.hi && inprogram(pc) &&
	       readgstatus((struct g *)gp) == _Grunning;
}

/* Room for the frame, and nothing held. */
static bool mayswitch(const struct g *gp, uintptr_t sp)
{
	uintptr_t need = FRAME_SIZE + preemptfp.size + 64 + SCHED_ROOM;
	return sp <= gp->stack.hi && sp >= gp->stack.lo + need && gcold(gp)->locks == 0;
}

static bool asyncsafepoint(const struct g *gp, uintptr_t pc, uintptr_t sp)
{
	return instopsafe(gp, pc, sp) && mayswitch(gp, sp);
}

/* Makes the interrupted instruction look like a call of fn. */
__attribute__((no_sanitize("address"))) static void pushcall(ucontext_t *uc, void (*fn)(void))
{
	greg_t *r = uc->uc_mcontext.gregs;
	r[REG_RSP] -= RED_ZONE + 8;
	*(volatile greg_t *)r[REG_RSP] = r[REG_RIP];
	r[REG_RIP] = (greg_t)fn;
}

bool injectcall(ucontext_t *uc, void (*fn)(void))
{
	struct m *mp = getm();
	const greg_t *r = uc->uc_mcontext.gregs;
	if (!mp || !mp->curg ||
		!asyncsafepoint(mp->curg, (uintptr_t)r[REG_RIP], (uintptr_t)r[REG_RSP]))
		return false;
	pushcall(uc, fn);
	return true;
}

/* What preemptone asked of mp's goroutine. */
static void meet(struct m *mp, struct p *pp, ucontext_t *uc)
{
	const greg_t *r = uc->uc_mcontext.gregs;
	if (asyncsafepoint(mp->curg, (uintptr_t)r[REG_RIP], (uintptr_t)r[REG_RSP])) {
		xadd_rlx(&mp->npreempted, 1);
		pushcall(uc, asyncPreempt);
	} else {
		xadd_rlx(&mp->nrefused, 1);
		handoffforeign(mp, pp, uc);
	}
}

/*
 * What signalstranded asked: mp's goroutine, which has no P, lets those go on that are pinned here.
 * In libgort it is about to do so; where it cannot it is asked again.
 */
static void unstrand(struct m *mp, ucontext_t *uc)
{
	const greg_t *r = uc->uc_mcontext.gregs;
	uintptr_t pc = (uintptr_t)r[REG_RIP];
	if (!mp->curg || load_acq(&mp->gate) != GATE_TAKEN || gorttext(pc) ||
		!mayswitch(mp->curg, (uintptr_t)r[REG_RSP]))
		return;
	if (atsyscall(pc) ? restartable(mp->curg, uc) : inprogram(pc))
		pushcall(uc, asyncPreempt);
}

void sigpreempt(ucontext_t *uc)
{
	struct m *mp = getm();
	if (mp)
		store_sc(&mp->signalpending, 0);
	if (gcstophere(mp, uc) || !mp)
		return;
	struct p *pp = mp->p;
	if (pp && mp->curg && wantasync(mp, pp))
		meet(mp, pp, uc);
	else if (unlikely(!pp && load_rlx(&mp->stranded)))
		unstrand(mp, uc);
	if (unlikely(load_sc(&mp->lending.state)))
		lendrefuse(mp);
}

bool sigstart(const siginfo_t *info, ucontext_t *uc)
{
	struct m *mp = getm();
	if (!mp || info->si_value.sival_ptr != mp)
		return false;
	struct p *pp = mp->p;
	store_rlx(&mp->startarmed, false);
	if (pp && mp->curg && load_rlx(&pp->schedtick) == mp->starttick &&
		*(struct g *volatile *)&pp->runnext) {
		request(mp, mp->starttick);
		meet(mp, pp, uc);
	}
	return true;
}

void preempted(struct m *mp)
{
	uint32_t want = GATE_PREEMPT;
	if (cas_acqrel(&mp->gate, &want, GATE_OPEN))
		mp->elide->mode = single;
}

/* The gate of syscall.c, for an entry that may not change its M: false when the P is gone. */
static bool enterwithp(struct m *mp)
{
	uint32_t back = GATE_BACK;
	for (unsigned i = 0; load_acq(&mp->gate) == GATE_PROBED; i++)
		osyield_backoff(i);
	preempted(mp);
	if (cas_acqrel(&mp->gate, &back, GATE_OPEN))
		mp->elide->mode = single;
	return load_acq(&mp->gate) == GATE_OPEN;
}

/*
 * Called by asyncPreempt. Others must not inherit what the goroutine was in the middle of: the x87
 * stack, and control words that it changed for a while. The slot that it is about to store to goes
 * with it: a scan of its stack must find that, and others store meanwhile.
 */
__attribute__((used)) void asyncpreempt2(void)
{
	int saved = errno;
	struct m *mp = getm();
	__asm__ volatile("fninit\n\tfldcw %0\n\tldmxcsr %1" : : "m"(mp->fpucw), "m"(mp->mxcsr));
	struct gcold *cold = gcold(mp->curg);
	cold->pending = gort_pending;
	if (enterwithp(mp))
		gopreemptasync();
	else if (load_acq(&mp->gate) == GATE_TAKEN && mp->pinned.first)
		exitpinned();         /* unstrand */
	gort_pending = cold->pending; /* the same thread */
	cold->pending = 0;
	errno = saved; /* on the same thread again */
}
