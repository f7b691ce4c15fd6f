/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgcstack.c - stacks and registers as roots (the half of Go's mgcmark.go that scans stacks).
 *
 *  - stacks of goroutines from the stack pointer up, with struct gcold above; registers where the
 *    thread stands in the signal handler, the saved ones where it waits in a system call. A
 *    goroutine that was switched out has its registers on the stack;
 *  - what struct g holds: arguments of one that has not run, a value that is being sent, labels;
 *  - stacks and thread-local variables of other threads. libc puts a thread's descriptor, to which
 *    the thread pointer points, at the top of its stack;
 *  - the slot that a plain store is about to change, for which gort-cc's hook has left its address.
 *
 * No goroutine runs, while marking is on, before its stack has been scanned. The first pause scans
 * those that run, or are in a system call from which they go on without a decision. All others are
 * scanned by a marker, or by the M that is about to run one: gcold.gcepoch is the claim, gcepoch
 * when it has been scanned, that and SCANNING while somebody does, and less before. Each M
 * looks for that while EVENT_GC is set. A goroutine that has no stack yet has its arguments in
 * struct g; whoever starts it shades them, so it needs no claim.
 *
 * Nobody waits with a claim: an M that is about to run somebody waits for the claim to be given
 * back, and a marker waits for that M to leave the stack of the goroutine before.
 *
 * The memory read here belongs to others: it has what sanitizers take for errors.
 */
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/cpu.h"
#include "mem/mbarrier.h"
#include "mem/mgc.h"
#include "mem/mgcwork.h"
#include "sched/park.h"

#define NOSAN    __attribute__((no_sanitize("address")))
#define PAGE     4096u
#define REDZONE  128
#define SCANNING 1u
#define BATCH    32 /* goroutines of one job */

/* Even; 0 is that of stacks never used. Not the upper half of a word: 0xc0 there is the heap's. */
_Atomic uint32_t gcepoch __attribute__((aligned(8)));
_Atomic bool gcscanning;

static struct {
	_Atomic uint64_t bytes, memory; /* memory: in whole pages */
	uint64_t n;                     /* goroutines to look at, from the first */
	_Atomic uint64_t next, done;
} stacks;

/* ---- one stack ---- */

static void scanstack(uintptr_t sp, uintptr_t hi)
{
	scanblock(sp, hi);
	xadd_rlx(&stacks.bytes, hi - sp);
	xadd_rlx(&stacks.memory, (hi | (PAGE - 1)) + 1 - (sp & ~(uintptr_t)(PAGE - 1)));
}

/* What the slot at that address holds, 0 when there is none: the address may be anything. */
static uintptr_t peek(uintptr_t slot)
{
	uintptr_t word = 0;
	struct iovec to = {&word, sizeof(word)}, from = {(void *)slot, sizeof(word)};
	if (!slot)
		return 0;
	getm()->noretake++; /* it may sleep for the lock of the address space */
	long n = rawsyscall6(SYS_process_vm_readv, getpid(), (long)&to, 1, (long)&from, 1, 0);
	getm()->noretake--;
	return n == sizeof(word) ? word : 0;
}

bool canpeek(void)
{
	static const uintptr_t known = 0x6b6e6f776e;
	return peek((uintptr_t)&known) == known;
}

static void scangoroutine(const struct g *gp, uintptr_t sp)
{
	scanstack(sp, gp->stack.hi + sizeof(struct gcold));
	if (wbenabled())
		scanword(peek(gcold(gp)->pending));
}

/* ---- registers ---- */

/* Of an area that xsave writes: the standard format, Intel's manual, volume 1, chapter 13. */
enum { SSE = 1, AVX, NXSTATE = 63, XMMAT = 160, XMMSIZE = 256, LEGACY = 512 };
#define VECTORS (~(uint64_t)0 << AVX & ~(uint64_t)0 >> 1) /* the bits of AVX and what came after */
static struct {
	uint32_t offset, size;
} xstate[NXSTATE];

void registersinit(void)
{
	uint32_t a, b, c, d;
	uint64_t kinds = cpuxsave() ? xgetbv() & VECTORS : 0;
	/* Only of those that there are: each question is answered by a hypervisor, in 4 us. */
	for (; kinds; kinds &= kinds - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(kinds);
		if (!__get_cpuid_count(0xd, i, &a, &b, &c, &d))
			return;
		xstate[i].size = a;
		xstate[i].offset = b;
	}
}

/*
 * What the kernel saved of the vector registers: objects may be under way in them. The processor
 * does not write a component that is in its initial state: what an older frame left is there.
 */
static NOSAN void scanvectors(const char *fp)
{
	enum { MAGIC = 0x46505853, MAGICAT = 464 };
	uint32_t words[2]; /* magic, size of all */
	uint64_t used = (uint64_t)1 << SSE;
	memcpy(words, fp + MAGICAT, sizeof(words));
	size_t size = words[0] == MAGIC ? words[1] : LEGACY;
	if (size > LEGACY)
		memcpy(&used, fp + LEGACY, sizeof(used));
	if (used >> SSE & 1)
		scanblock((uintptr_t)fp + XMMAT, (uintptr_t)fp + XMMAT + XMMSIZE);
	for (used &= VECTORS; used; used &= used - 1) {
		unsigned i = (unsigned)__builtin_ctzll(used);
		uintptr_t lo = (uintptr_t)fp + xstate[i].offset;
		if (xstate[i].offset + xstate[i].size <= size)
			scanblock(lo, lo + xstate[i].size);
	}
}

static void scanregisters(const ucontext_t *uc)
{
	scanblock((uintptr_t)uc->uc_mcontext.gregs, (uintptr_t)(uc->uc_mcontext.gregs + NGREG));
	if (uc->uc_mcontext.fpregs)
		scanvectors((const char *)uc->uc_mcontext.fpregs);
}

/* ---- threads ---- */

extern void *__libc_stack_end;

/* Of a thread that libgort did not make. */
static void scanthread(const struct stopped *t)
{
	uintptr_t hi = (t->tp + PAGE) & ~(uintptr_t)(PAGE - 1);
	if (t->tid == getpid())
		hi = (uintptr_t)__libc_stack_end;
	if (hi > t->sp)
		scanstack(t->sp - REDZONE, hi);
	scantls(t->tp);
}

/* The variable of another thread: of one module, so at the same distance in all. */
static uintptr_t pendingof(uintptr_t tp)
{
	return *(const volatile uintptr_t *)(tp + (uintptr_t)pendingoffset);
}

static void setscanned(const struct g *gp)
{
	store_rel(&gcold(gp)->gcepoch, load_rlx(&gcepoch)); /* pairs with claim */
}

static void scanstanding(const struct stopped *t, struct m *mp)
{
	scanregisters(t->context);
	if (wbenabled())
		scanword(peek(pendingof(t->tp)));
	if (!mp)
		scanthread(t);
	else if (mp->curg && t->sp - mp->curg->stack.lo < mp->curg->stack.hi - mp->curg->stack.lo)
		scangoroutine(mp->curg, t->sp - REDZONE);
}

_Static_assert(offsetof(struct g, arg5) + 8 <= offsetof(struct g, sudog) + sizeof(struct sudog),
	"the arguments lie in the sudog");

/*
 * Whose sudog is of an earlier wait: it would keep that channel until the next one. (Of others that
 * run it may be just about to be read.)
 */
static bool leftsudog(const struct g *gp)
{
	return gp == getm()->curg || load_acq(&gp->atomicstatus) == _Gsyscall;
}

/* The arguments of one that has not run yet, or its sudog; and its labels. */
static void scang(const struct g *gp)
{
	if (!leftsudog(gp))
		scanblock((uintptr_t)&gp->sudog, (uintptr_t)(&gp->sudog + 1));
	scanword((uintptr_t)load_rlx(&gp->labels));
}

/* On its way from its stack to the scheduler's: exitsyscall found no P. */
static uintptr_t awaitswitch(const struct g *gp)
{
	uintptr_t sp;
	for (unsigned i = 0; !(sp = load_acq(&gp->sched.sp)); i++)
		osyield_backoff(i);
	return sp;
}

/* Where the stack of a goroutine begins that neither runs here nor stands in the handler. */
static uintptr_t waitingsp(const struct g *gp)
{
	uintptr_t sp = load_acq(&gp->sched.sp);
	const struct m *mp = *(struct m *const volatile *)&gp->m;
	if (sp)
		return sp;
	if (mp && load_acq(&mp->gate) == GATE_SYSCALL && !gcold(gp)->blocking)
		return gcold(gp)->savedsp;
	return awaitswitch(gp);
}

static bool mstands(struct m *mp)
{
	return (load_acq(&mp->stop.state) & STOP_MASK) == STOP_STANDS;
}

static bool stands(const struct g *gp)
{
	struct m *mp = *(struct m *const volatile *)&gp->m;
	return mp && mp->curg == gp && mstands(mp);
}

/* ---- all of them, in a stop ---- */

uintptr_t rootssp(const struct g *gp)
{
	return waitingsp(gp);
}

void rootsgoroutine(const struct g *gp)
{
	scang(gp);
	scangoroutine(gp, waitingsp(gp));
}

void stacksmark(uintptr_t sp, bool (*leaveout)(const struct g *gp))
{
	uint64_t n = load_acq(&allglen);
	struct g **all = load_acq(&allgptr);
	const struct g *me = getm()->curg;
	store_rlx(&stacks.bytes, 0);
	store_rlx(&stacks.memory, 0);
	for (uint64_t i = 0; i < n; i++) {
		struct g *gp = all[i];
		if (readgstatus(gp) == _Gdead || (leaveout && leaveout(gp)))
			continue;
		scang(gp);
		if (gp == me)
			scangoroutine(gp, sp);
		else if (gp->stack.hi && !stands(gp))
			scangoroutine(gp, waitingsp(gp));
	}
	standingdo(scanstanding);
}

uint64_t rootsstacks(void)
{
	return load_rlx(&stacks.bytes);
}

uint64_t rootsstackmemory(void)
{
	return load_rlx(&stacks.memory);
}

/* ---- those that run, in the first pause ---- */

static void scanrunning(struct g *gp, uintptr_t sp)
{
	scang(gp);
	if (sp)
		scangoroutine(gp, sp);
	setscanned(gp);
}

void stacksbegin(uintptr_t sp)
{
	store_rlx(&stacks.bytes, 0);
	store_rlx(&stacks.memory, 0);
	stacks.n = load_acq(&allglen);
	store_rlx(&stacks.next, 0);
	store_rlx(&stacks.done, 0);
	store_rlx(&gcepoch, load_rlx(&gcepoch) + 2);
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink) {
		struct g *gp = *(struct g *volatile *)&mp->curg;
		or_acqrel(&mp->events, EVENT_GC);
		if (gp && mp == getm())
			scanrunning(gp, sp);
		else if (gp)
			scanrunning(gp, mstands(mp) ? 0 : waitingsp(gp));
	}
	standingdo(scanstanding);
	store_rel(&gcscanning, true);
}

/* ---- the others, while goroutines run ---- */

/*
 * True when the caller is to scan the stack of gp, which does not run; false when that has been
 * done. hi: of its stack. A goroutine may end and give its stack to another before we look at the
 * claim; then it has run, so it has been scanned, and so has the other.
 */
static bool claim(struct g *gp, uintptr_t hi)
{
	_Atomic uint32_t *at = &((struct gcold *)hi)->gcepoch;
	uint32_t now = load_rlx(&gcepoch), found;
	for (unsigned i = 0; (found = load_acq(at)) != now; i++) {
		if (found == (now | SCANNING)) {
			osyield_backoff(i);
			continue;
		}
		if (!cas_acqrel(at, &found, now | SCANNING))
			continue;
		if (*(volatile uintptr_t *)&gp->stack.hi == hi)
			return true;
		found = now | SCANNING; /* a free stack whose memory was given back */
		cas_acqrel(at, &found, 0);
		return false;
	}
	return false;
}

static void scanclaimed(struct g *gp, uintptr_t hi)
{
	if (!claim(gp, hi))
		return;
	scang(gp);
	scangoroutine(gp, load_acq(&gp->sched.sp));
	setscanned(gp);
}

/*
 * Waits, without a claim, for the M that leaves its stack: it may be waiting for a claim itself.
 * One that has been scanned meanwhile may run again.
 */
static bool leftstack(const struct g *gp, uintptr_t hi)
{
	for (unsigned i = 0; !load_acq(&gp->sched.sp); i++) {
		if (load_acq(&((struct gcold *)hi)->gcepoch) == load_rlx(&gcepoch) ||
			*(volatile const uintptr_t *)&gp->stack.hi != hi)
			return false;
		osyield_backoff(i);
	}
	return true;
}

static void scanother(struct g *gp)
{
	if (readgstatus(gp) == _Gdead)
		return;
	uintptr_t hi = *(volatile uintptr_t *)&gp->stack.hi;
	if (hi && leftstack(gp, hi))
		scanclaimed(gp, hi);
	else if (!hi)
		scang(gp); /* its arguments; if it starts meanwhile, gcbeforerun shades them */
}

bool stacksjob(void)
{
	if (load_rlx(&stacks.next) >= stacks.n)
		return false;
	uint64_t at = xadd_rlx(&stacks.next, BATCH);
	uint64_t end = at + BATCH < stacks.n ? at + BATCH : stacks.n;
	if (at >= end)
		return false;
	struct g **all = load_acq(&allgptr);
	for (uint64_t i = at; i < end; i++)
		scanother(all[i]);
	if (xadd_acqrel(&stacks.done, end - at) + (end - at) == stacks.n)
		store_rel(&gcscanning, false); /* pairs with gcbeforerun */
	return true;
}

/* ---- who is about to run ---- */

static bool scannedbefore(struct g *gp)
{
	if (gp->stack.hi)
		return load_acq(&gcold(gp)->gcepoch) == load_rlx(&gcepoch);
	scang(gp);
	return true;
}

static bool lastscanned(struct m *mp)
{
	if (load_acq(&gcscanning))
		return false;
	and_acqrel(&mp->events, ~(uint32_t)EVENT_GC);
	return true;
}

struct g *gcbeforerun(struct m *mp, struct g *gp)
{
	if (!gp || lastscanned(mp))
		return gp;
	markenter();
	bool ready = scannedbefore(gp);
	if (!ready && canrun(gp)) {
		scanclaimed(gp, gp->stack.hi);
		ready = true;
	}
	markleave();
	if (ready)
		return gp;
	runqputtail(mp->p, gp); /* g0 can wait until it has left its stack */
	return NULL;
}

void gcbeforerung0(struct m *mp, struct g *gp)
{
	or_acqrel(&mp->events, EVENT_GC);
	if (lastscanned(mp))
		return;
	markenter();
	if (!scannedbefore(gp))
		scanclaimed(gp, gp->stack.hi);
	markleave();
}
