/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc_inject.c - gc_inject [-v] [-w WINDOW] [-s STRIDE] [-t HOW] [NAME]: the collector's pauses at
 * chosen instructions of an operation, one after the other, until all pairs have been tried that
 * are at most WINDOW apart.
 *
 * The thread of the operation runs with the trap flag: after each instruction comes a SIGTRAP. Its
 * handler counts those at which the collector could stop the thread. At the first chosen one it
 * tells the controller to collect, waits until the collector's signal is pending, and returns: the
 * collector's handler then interrupts exactly there. In the same way the markers wait until the
 * operation has come to where they may mark, and the final pause until the second chosen one
 * (gcteststep). So each run is a function of its plan, and all of the runtime is the real one.
 *
 * Each plan is run where stops differ: a goroutine with a P, which stands in the program's text
 * only; one that is switched out at that instruction instead; one without a P; a thread that
 * libgort did not make, which stands in libgort, too, but in no no-stop section.
 *
 * The oracle is exact: the addresses of what must be there are kept inverted, what is swept is
 * overwritten (clobberfree), and gccheckmark looks at the heap in the final pause.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/clock.h"
#include "debug/options.h"
#include "mem/mgc.h"
#include "mem/nostop.h"
#include "sched/preempt.h"
#include "sched/runtime2.h"
#include "sched/text.h"

#include "gc_inject.h"
#include "patience.h"

extern void asyncPreempt(void);

#define NPROC 2 /* the controller and the operation have one each */

/* How the thread of the operation meets the pauses. */
enum how { STANDS, SWITCHED, BLOCKING, FOREIGN, NHOW };
static const char *const hows[] = {"standing", "switched", "blocking", "foreign"};

struct plan {
	const struct op *op;
	enum how how;
	long stop1, stop2; /* of the instructions that can be stopped; the second: at the latest */
	bool early;        /* marks right after the first pause, else right before the second */
	bool giveup;       /* the final pause is given up once */
};

enum { IDLE, WANTED, RUNS, PAUSE1, BEGUN, MARKS, MARKED, PAUSE2, ENDED, OVER };

static struct {
	struct plan plan;
	_Atomic uint32_t phase;
	_Atomic bool mark, final; /* markers may; the final pause may be */
	long at;
	bool past1, past2; /* the chosen instructions were met */
	bool faking;       /* makes the handler of the signal take this for a no-stop section */
	bool gaveup;
	_Atomic bool carried;
	uintptr_t seen; /* by the reader, inverted */
	const char *lost;
	struct g *gp;       /* of the operation; NULL: a thread that is none */
	uintptr_t x, y;     /* inverted */
	struct node *a, *b; /* roots */
} run;

/*
 * What older runs had: an address must not be used again soon, since words that look like pointers
 * lie about, on the markers' stacks for one, and would hide a loss.
 */
#define NKEPT 512
static struct node *volatile kept[NKEPT];

static long window = 48, coarse = 1;
static enum how only = NHOW;
static bool verbose;
static _Atomic bool quit;
static long ncycles, nlate;

static _Noreturn void die(const char *what)
{
	dprintf(2, "gc_inject: %s: %s, pauses at %ld and %ld, phase %d: %s\n", run.plan.op->name,
		hows[run.plan.how], run.plan.stop1, run.plan.stop2, (int)load_acq(&run.phase),
		what);
	kill(getpid(), SIGQUIT); /* a dump, by another thread */
	sleep(5);
	abort();
}

/* ---- objects ---- */

static struct node *newnode(uint64_t id)
{
	struct node *n = gort_new(struct node);
	n->magic = MAGIC;
	n->id = id;
	return n;
}

static __attribute__((noinline)) void build(void)
{
	struct node *x = newnode(3);
	x->p = newnode(4);
	run.a = newnode(1);
	run.b = newnode(2);
	run.a->p = x;
	run.x = ~(uintptr_t)x;
	run.y = ~(uintptr_t)x->p;
}

static struct node *ifthere(uintptr_t hidden)
{
	size_t size;
	return gort_object((void *)~hidden, &size);
}

static __attribute__((noinline)) void keep(void)
{
	static unsigned n;
	run.a->more[0] = run.b;
	run.a->more[1] = ifthere(run.x);
	run.a->more[2] = ifthere(run.y);
	kept[n++ % NKEPT] = run.a;
}

__attribute__((noinline)) void inject_wipe(void)
{
	volatile char space[16384];
	for (size_t i = 0; i < sizeof(space); i++)
		space[i] = 0;
	__asm__ volatile("" : : "r"(&space) : "rbx", "r12", "r13", "r14", "r15", "memory");
	if (__builtin_cpu_supports("avx"))
		__asm__ volatile("vzeroall");
	__asm__ volatile("xorl %%eax, %%eax\n\txorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\t"
			 "xorl %%esi, %%esi\n\txorl %%edi, %%edi\n\txorl %%r8d, %%r8d\n\t"
			 "xorl %%r9d, %%r9d\n\txorl %%r10d, %%r10d\n\txorl %%r11d, %%r11d\n\t"
			 "pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2"
			 :
			 :
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "xmm0",
			 "xmm1", "xmm2", "cc");
}

static void expect(uintptr_t hidden, const char *what)
{
	size_t size;
	const struct node *n = (const struct node *)~hidden;
	if (hidden && hidden != UINTPTR_MAX && (!gort_object(n, &size) || n->magic != MAGIC))
		run.lost = what;
}

/*
 * Everybody waits in his own text and on his own P: a goroutine that yields to others may be queued
 * behind one that does not.
 */
static void spin(void)
{
	rawsyscall(SYS_sched_yield, 0, 0, 0, 0);
}

void inject_hidden(uintptr_t hidden)
{
	store_rel(&run.mark, true);
	store_rel(&run.final, true);
	if (load_acq(&run.phase) == RUNS)
		store_rel(&run.phase, ENDED); /* too short for the plan */
	while (load_acq(&run.phase) < ENDED)
		spin();
	expect(hidden, "what the operation has");
}

void inject_done(const struct node *x)
{
	inject_hidden(~(uintptr_t)x);
}

bool inject_over(void)
{
	return load_acq(&run.phase) >= ENDED;
}

void inject_await(void)
{
	inject_hidden(0);
	while (!load_acq(&run.carried))
		gort_sleep(10 * us);
}

void inject_carried(void)
{
	store_rel(&run.carried, true);
}

/* ---- on the thread of the operation ---- */

static bool pending(void)
{
	uint64_t set = 0;
	rawsyscall(SYS_rt_sigpending, (long)&set, sizeof(set), 0, 0);
	return set >> (preemptsignal() - 1) & 1;
}

/* Until the signal of the stop is there, or what it was for has passed. */
static void awaitsignal(bool (*passed)(void))
{
	int64_t end = nanotime() + (int64_t)patience(30) * 1000000000;
	while (!pending() && !passed()) {
		if (nanotime() > end)
			die("nobody stops it");
		spin();
	}
	if (run.plan.how != SWITCHED || !pending())
		return;
	run.faking = true;
	tls_nostop.depth = 1;
}

static bool ended(void)
{
	return load_acq(&run.phase) >= ENDED;
}

/* What a goroutine that the first pause has scanned loads from the slot. */
static void readers_turn(void)
{
	const struct node *x = *(struct node *volatile *)&run.a->p;
	if (run.plan.op->reader && x && x != run.b)
		run.seen = ~(uintptr_t)x;
}

/*
 * The markers may have to wait for this thread's stack: sysmon takes the P of one that seems to be
 * in a system call, and spin is one. Then the operation goes on, and is stopped where it is later.
 */
static void marking(void)
{
	int64_t end = nanotime() + (int64_t)patience(1) * 1000000000;
	readers_turn();
	store_rel(&run.phase, MARKS);
	store_rel(&run.mark, true);
	while (load_acq(&run.phase) < MARKED) {
		if (nanotime() > end) {
			if (++nlate > 3 + ncycles / 100)
				die("marking does not end");
			return;
		}
		spin();
	}
}

/* At an instruction that can be stopped, number at. */
static void step(long at)
{
	if (load_acq(&run.phase) == RUNS && at >= run.plan.stop1) {
		run.past1 = true;
		store_rel(&run.phase, PAUSE1);
	}
	if (load_acq(&run.phase) == PAUSE1) {
		if (!gcmarking()) {
			run.seen = 0;
			readers_turn(); /* right after the pause, before the next instruction */
			awaitsignal(gcmarking);
			return;
		}
		store_rel(&run.phase, BEGUN);
	}
	if (load_acq(&run.phase) == BEGUN && (run.plan.early || at >= run.plan.stop2))
		marking();
	if (load_acq(&run.phase) == MARKED && at >= run.plan.stop2) {
		run.past2 = true;
		store_rel(&run.phase, PAUSE2);
		store_rel(&run.final, true);
	}
	if (load_acq(&run.phase) == PAUSE2)
		awaitsignal(ended);
}

static bool stoppable(const ucontext_t *uc)
{
	const struct m *mp = getm();
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	uintptr_t sp = (uintptr_t)uc->uc_mcontext.gregs[REG_RSP];
	if (tls_nostop.depth)
		return false;
	if (!mp)
		return true;
	return mp->p ? mp->curg && instopsafe(mp->curg, pc, sp) : !gorttext(pc);
}

/*
 * It is about to change which signals are blocked, as libc does where it makes a thread: a trap
 * that is blocked ends the process.
 */
static bool blocks(uintptr_t pc, const ucontext_t *uc)
{
	static const uint8_t syscall[] = {0x0f, 0x05};
	return memcmp((const void *)pc, syscall, sizeof(syscall)) == 0 &&
	       uc->uc_mcontext.gregs[REG_RAX] == SYS_rt_sigprocmask;
}

static void trapped(int sig, siginfo_t *info, void *uctx)
{
	(void)sig, (void)info;
	ucontext_t *uc = uctx;
	const struct m *mp = getm();
	uintptr_t pc = (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
	if (run.faking)
		tls_nostop = (struct nostop){0};
	run.faking = false;
	/* Switched out: when it was by the stop, the flag comes back with the goroutine's flags. */
	if (ended() || (mp && mp->curg != run.gp) || pc - (uintptr_t)asyncPreempt < 16 ||
		blocks(pc, uc))
		uc->uc_mcontext.gregs[REG_EFL] &= ~0x100;
	else if (stoppable(uc))
		step(run.at++);
}

/* A plan, by whoever it is for. */
static void operate(void)
{
	bool blocking = run.plan.how == BLOCKING;
	tls_nostop = (struct nostop){0}; /* the last one may have ended while faking */
	run.gp = getm() ? getm()->curg : NULL;
	build();
	inject_wipe();
	if (blocking)
		gort_blocking_begin();
	store_rel(&run.phase, RUNS);
	run.plan.op->run(run.a, run.b);
	if (blocking)
		gort_blocking_end();
	expect(run.seen, "what a reader has");
	store_rel(&run.phase, OVER);
}

static bool mine(bool foreign)
{
	return load_acq(&run.phase) == WANTED && (run.plan.how == FOREIGN) == foreign;
}

static void operator(void)
{
	while (!load_acq(&quit))
		if (mine(false))
			operate();
		else if (run.plan.how == FOREIGN)
			gort_sleep(10 * ms);
		else
			spin();
}

static void *foreign(void *arg)
{
	while (!load_acq(&quit))
		if (mine(true))
			operate();
		else if (run.plan.how == FOREIGN)
			spin();
		else
			usleep(10000);
	return arg;
}

/* ---- the collector's side ---- */

static void await(_Atomic bool *flag)
{
	while (!load_acq(flag))
		gort_sleep(10 * us);
}

/* By a worker. */
static bool teststep(enum gcteststep at)
{
	uint32_t marks = MARKS;
	switch (at) {
	case GCTEST_MARK:
		await(&run.mark);
		return true;
	case GCTEST_DONE:
		cas_acqrel(&run.phase, &marks, MARKED);
		await(&run.final);
		return true;
	default:
		if (!run.plan.giveup || run.gaveup)
			return true;
		run.gaveup = true;
		return false;
	}
}

/* One run. True when both chosen instructions were met. */
static bool inject(const struct plan *plan)
{
	memset(&run, 0, sizeof(run));
	run.plan = *plan;
	store_rel(&run.phase, WANTED);
	while (load_acq(&run.phase) <= RUNS)
		spin();
	if (load_acq(&run.phase) == PAUSE1) {
		gort_gc();
		ncycles++;
		store_rel(&run.phase, ENDED);
	}
	while (load_acq(&run.phase) != OVER)
		spin();
	keep();
	if (run.lost && verbose)
		printf("%s %s: lost %s: pauses at %ld and %ld, %s, %d\n", plan->op->name,
			hows[plan->how], run.lost, plan->stop1, plan->stop2,
			plan->early ? "marked early" : "marked late", plan->giveup);
	return run.past1 && run.past2;
}

/* ---- plans ---- */

/*
 * How far apart the two pauses are: of a goroutine with a P, at each distance; of others, who may
 * be stopped inside libgort, at some, and not at each instruction first.
 */
static long farther(const struct plan *p, long distance)
{
	return p->how <= SWITCHED ? distance + 1 : 2 * distance;
}

static long stride(const struct plan *p)
{
	return p->how <= SWITCHED ? 1 : coarse;
}

/* Whether some run has lost something; stops at the first. */
static bool search(struct plan p)
{
	for (p.stop1 = 0;; p.stop1 += stride(&p)) {
		for (long d = 1; d <= window; d = farther(&p, d)) {
			p.stop2 = p.stop1 + d;
			bool met = inject(&p);
			if (run.lost)
				return true;
			if (!run.past1)
				return false;
			if (!met)
				break;
		}
	}
}

static bool losing(const struct op *op, enum how how)
{
	static const struct {
		bool early, giveup;
	} variants[] = {{false, false}, {true, false}, {false, true}};
	if ((only != NHOW && how != only) || (op->goroutine && how > SWITCHED) ||
		(op->enters && how == BLOCKING))
		return false;
	for (unsigned i = 0; i < sizeof(variants) / sizeof(variants[0]); i++)
		if (search((struct plan){.op = op,
			    .how = how,
			    .early = variants[i].early,
			    .giveup = variants[i].giveup}))
			return true;
	return false;
}

static bool searchop(const struct op *op)
{
	long before = ncycles;
	bool lost = false;
	debug.gccheckmark = !op->lost; /* it would find some of them first */
	for (enum how how = 0; how < NHOW && !lost; how++)
		lost = losing(op, how);
	bool right = lost == op->lost;
	right &= ncycles > before;
	printf("%-20s %6ld collections: %s%s\n", op->name, ncycles - before,
		lost ? "an object is lost" : "nothing is lost", right ? "" : ", WRONG");
	fflush(stdout);
	return right;
}

static int searchall(const struct op *table, int n, const char *name)
{
	int wrong = 0;
	for (int i = 0; i < n; i++)
		if (strncmp(table[i].name, name, strlen(name)) == 0)
			wrong += !searchop(&table[i]);
	return wrong;
}

static void taketraps(void)
{
	struct sigaction sa = {
		.sa_sigaction = trapped, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	sigfillset(&sa.sa_mask);
	sigaction(SIGTRAP, &sa, NULL);
}

static enum how howof(const char *name)
{
	for (enum how how = 0; how < NHOW; how++)
		if (strcmp(hows[how], name) == 0)
			return how;
	return NHOW;
}

/* Returns with what the names of operations are to begin. */
static const char *arguments(int argc, char **argv)
{
	for (int c; (c = getopt(argc, argv, "vw:s:t:")) != -1;)
		if (c == 'w')
			window = atol(optarg);
		else if (c == 's')
			coarse = atol(optarg);
		else if (c == 't')
			only = howof(optarg);
		else
			verbose = true;
	return optind < argc ? argv[optind] : "";
}

int gort_main(int argc, char **argv)
{
	pthread_t t;
	int wrong = 0;
	const char *name = arguments(argc, argv);
	if (strcmp(gort_gcmode(NULL), "barrier") != 0) {
		fprintf(stderr, "gc_inject: wants GORT_GCMODE=barrier\n");
		return 1;
	}
	gort_set_gc_percent(-1);
	gort_gomaxprocs(NPROC);
	taketraps();
	gcteststep = teststep;
	go(operator);
	pthread_create(&t, NULL, foreign, NULL);
	wrong += searchall(ops, nops, name);
	wrong += searchall(hooked_ops, nhooked_ops, name);
	store_rel(&quit, true);
	pthread_join(t, NULL);
	return ncycles == 0 || wrong ? 1 : 0;
}
