/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.c - the ends of a program: throw, fatal, panics nobody recovers, faults, SIGQUIT. Texts and
 * exit code (2) are those of Go's panic.go and signal_unix.go; GOTRACEBACK decides how much
 * follows. A fault that does not become a panic ends the process by its signal, so that a core and
 * a parent tell what happened: to C it is no panic.
 *
 * Invariants:
 *  1. One dump a process: the first thread through startpanic() prints and exits, the others sleep
 *     until the process is gone. A second failure of the same thread ends the process at once (3).
 *  2. Everything here runs in a signal handler on the alternate stack: no allocation, no runtime
 *     lock, output through one static printer that invariant 1 protects.
 */
#include <stdarg.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include "base/atomic.h"
#include "base/noptr.h"
#include "base/throw.h"
#include "debug/debug.h"
#include "debug/options.h"
#include "debug/symbolize.h"
#include "debug/traceback.h"
#include "gort/error.h"
#include "panic.h"
#include "recover.h"
#include "sched/preempt.h"
#include "sched/runtime2.h"
#include "sched/stack.h"

static _Atomic int32_t dying; /* thread id of the one that prints */
static struct printer out NOPTRDATA = {.fd = 2};
static int dying_signal; /* by which the process ends; 0: exit 2 */

/* Faults below are those of a null pointer with an offset: no page there is ever mapped. */
#define FAULT_LIMIT 65536

/* Where the failing code stands. */
struct place {
	struct regs regs;
	bool callsite;
};

static void startpanic(void)
{
	struct m *mp = getm();
	if (mp)
		mp->noretake++; /* from here on calls of libc are plain, whatever lock is held */
	int32_t me = (int32_t)syscall(SYS_gettid), other = 0;
	if (cas_acqrel(&dying, &other, me)) {
		schedtracedying();
		return;
	}
	if (other == me) {
		static const char text[] = "panic during panic\n";
		(void)!write(2, text, sizeof text - 1);
		_exit(3);
	}
	for (;;)
		pause();
}

static void raisedefault(int sig)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, sig);
	signal(sig, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(sig);
}

static _Noreturn void leave(void)
{
	print_flush(&out);
	if (options.traceback == TRACE_CRASH)
		raisedefault(SIGABRT);
	if (dying_signal)
		raisedefault(dying_signal);
	_exit(2);
}

/* The frame of the caller of the function whose registers these are. */
static void caller_of(struct place *at)
{
	struct unwinder u;
	unwind_init(&u, &at->regs, 0, 0, false);
	unwind_next(&u);
	at->regs = u.regs;
	at->callsite = u.callsite;
}

/* The failing goroutine, or the system stack when the runtime itself failed there. */
static void print_self(const struct place *at, bool runtime_stack)
{
	struct g *gp = getg();
	struct gview v;
	if (gp) {
		gview_read(gp, &v);
		print_str(&out, "\n");
		traceback_g(&out, &v, &at->regs, at->callsite);
	} else if (runtime_stack) {
		print_str(&out, "\nruntime stack:\n");
		traceback_frames(&out, &at->regs, 0, 0, at->callsite);
	}
}

static _Noreturn void dopanic(const struct place *at, bool all, bool runtime_failed)
{
	struct g *gp = getg();
	int32_t level = options.traceback;
	if (runtime_failed)
		traceback_show_runtime();
	if (level != TRACE_NONE) {
		print_self(at, runtime_failed);
		if (all || level >= TRACE_ALL || !gp)
			tracebackothers(&out, gp);
	}
	leave();
}

static void print_format(const char *fmt, va_list ap)
{
	char text[512];
	vsnprintf(text, sizeof text, fmt, ap);
	print_str(&out, text);
}

void throw(const char *fmt, ...)
{
	struct place at;
	va_list ap;
	regs_here(&at.regs);
	caller_of(&at);
	startpanic();
	va_start(ap, fmt);
	print_str(&out, "fatal error: ");
	print_format(fmt, ap);
	print_str(&out, "\n");
	va_end(ap);
	dopanic(&at, true, true);
}

void fatal(const char *text)
{
	struct place at;
	regs_here(&at.regs);
	caller_of(&at);
	startpanic();
	print_str(&out, "fatal error: ");
	print_str(&out, text);
	print_str(&out, "\n");
	dopanic(&at, true, false);
}

struct hint {
	int resource; /* RLIMIT_..., -1: none */
	const char *text, *unit;
};

static const struct shortage {
	const char *error; /* Go's text */
	struct hint hints[3];
	const char *try;
} shortages[] = {
	[LIMIT_MEMORY] = {"out of memory",
		{{RLIMIT_AS, "RLIMIT_AS (ulimit -v)", "bytes"},
			{RLIMIT_DATA, "RLIMIT_DATA (ulimit -d)", "bytes"}, {-1, NULL, NULL}},
		"a higher limit, fewer goroutines, or smaller stacks (go_small, GORT_STACK=64k)"},
	[LIMIT_THREADS] = {"newosproc",
		{{RLIMIT_NPROC, "RLIMIT_NPROC (ulimit -u)", "threads of this user"},
			{RLIMIT_AS, "RLIMIT_AS (ulimit -v)", "bytes"}, {-1, NULL, NULL}},
		"a higher limit, a lower GOMAXPROCS, or fewer goroutines blocked in system calls"},
	[LIMIT_FILES] = {"too many open files",
		{{RLIMIT_NOFILE, "RLIMIT_NOFILE (ulimit -n)", "descriptors"}, {-1, NULL, NULL}},
		"a higher limit"},
};

static bool strict_overcommit(void)
{
	char mode = '0';
	int fd = open("/proc/sys/vm/overcommit_memory", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		(void)!read(fd, &mode, 1);
		close(fd);
	}
	return mode == '2';
}

/* Limits that are set, each with its value; those of memory are the kernel's too. */
static void print_limits(enum limit kind)
{
	for (const struct hint *h = shortages[kind].hints; h->resource >= 0; h++) {
		struct rlimit rl;
		if (getrlimit((__rlimit_resource_t)h->resource, &rl) ||
			rl.rlim_cur == RLIM_INFINITY)
			continue;
		print_str(&out, "runtime: ");
		print_str(&out, h->text);
		print_str(&out, " is ");
		print_dec(&out, rl.rlim_cur);
		print_str(&out, " ");
		print_str(&out, h->unit);
		print_str(&out, "\n");
	}
	if (kind == LIMIT_MEMORY && strict_overcommit())
		print_str(&out, "runtime: vm.overcommit_memory is 2: the system promises no more "
				"than it has\n");
	print_str(&out, "runtime: try ");
	print_str(&out, shortages[kind].try);
	print_str(&out, "\n");
}

/* Not all goroutines follow unless asked for: there may be a million. */
void throwlimit(enum limit kind, const char *fmt, ...)
{
	struct place at;
	va_list ap;
	regs_here(&at.regs);
	caller_of(&at);
	startpanic();
	va_start(ap, fmt);
	print_str(&out, "runtime: ");
	print_format(fmt, ap);
	print_str(&out, "\n");
	va_end(ap);
	print_limits(kind);
	print_str(&out, "fatal error: ");
	print_str(&out, shortages[kind].error);
	print_str(&out, "\n");
	if (options.traceback != TRACE_NONE)
		print_self(&at, false);
	if (options.traceback >= TRACE_ALL)
		tracebackothers(&out, getg());
	leave();
}

/* What user code has to say is asked for before anything is printed. */
static void panictexts(struct gpanic *p)
{
	for (; p; p = p->link) {
		p->text = gort_error_text(p->value);
		if (p->link && p->link->value == p->value)
			p->link->repanicked = true;
	}
}

/* Go's printindented: a line of the text must not look like one of the dump. */
static void print_indented(const char *text)
{
	for (; *text; text++) {
		print_bytes(&out, text, 1);
		if (*text == '\n')
			print_str(&out, "\t");
	}
}

/* Go's printpanics: the oldest first; one with the value of the one before is not printed. */
static void print_panics(const struct gpanic *p)
{
	if (p->link) {
		print_panics(p->link);
		if (p->link->repanicked)
			return;
		print_str(&out, "\t");
	}
	print_str(&out, "panic: ");
	print_indented(p->text);
	if (p->recovered)
		print_str(&out, p->repanicked ? " [recovered, repanicked]" : " [recovered]");
	print_str(&out, "\n");
}

/* What the program has printed comes before the dump, unless it is about to print. */
static void flushstdout(void)
{
	if (ftrylockfile(stdout))
		return;
	fflush_unlocked(stdout);
	funlockfile(stdout);
}

void fatalpanic(struct gpanic *p)
{
	struct place at;
	regs_here(&at.regs);
	caller_of(&at);
	panictexts(p);
	flushstdout();
	startpanic();
	print_panics(p);
	dopanic(&at, false, false);
}

struct signame {
	int sig;
	const char *name, *text, *panic;
};

static const struct signame *signame(int sig)
{
	static const struct signame names[] = {
		{SIGSEGV, "SIGSEGV", "segmentation violation",
			"invalid memory address or nil pointer dereference"},
		{SIGBUS, "SIGBUS", "bus error",
			"invalid memory address or nil pointer dereference"},
		{SIGFPE, "SIGFPE", "floating-point exception", "integer divide by zero"},
		{SIGQUIT, "SIGQUIT", "quit", ""},
		{0, "signal", "unknown", "unknown signal"},
	};
	const struct signame *n = names;
	while (n->sig && n->sig != sig)
		n++;
	return n;
}

static void print_signal(int sig, const siginfo_t *info, uint64_t pc)
{
	print_str(&out, "[signal ");
	print_str(&out, signame(sig)->name);
	print_str(&out, ": ");
	print_str(&out, signame(sig)->text);
	print_str(&out, " code=");
	print_hex(&out, (uint32_t)info->si_code);
	print_str(&out, " addr=");
	print_hex(&out, (uintptr_t)info->si_addr);
	print_str(&out, " pc=");
	print_hex(&out, pc);
	print_str(&out, "]\n");
}

/* Where the goroutine began is said too: a tail call may have taken it off the stack. */
static void print_overflow(const struct g *gp, uint64_t sp)
{
	static struct symbol start;
	symbolize_func(gp->startpc, false, &start);
	print_str(&out, "runtime: goroutine stack exceeds ");
	print_dec(&out, gp->stack.hi - gp->stack.lo);
	print_str(&out, "-byte limit\nruntime: sp=");
	print_hex(&out, sp);
	print_str(&out, " stack=[");
	print_hex(&out, gp->stack.lo);
	print_str(&out, ", ");
	print_hex(&out, gp->stack.hi);
	print_str(&out, "]\nruntime: goroutine ");
	print_dec(&out, gp->goid);
	print_str(&out, " began in ");
	print_str(&out, start.func);
	print_str(&out, "\nfatal error: stack overflow\n");
}

/* Go's rule: a fault in the first page is a nil dereference, any other address a broken program. */
static bool is_nil_fault(int sig, const siginfo_t *info, uintptr_t limit)
{
	if (sig == SIGFPE)
		return info->si_code == FPE_INTDIV;
	return info->si_code > 0 && info->si_code < SI_KERNEL && (uintptr_t)info->si_addr < limit;
}

static void print_fault(int sig, const siginfo_t *info, bool nil)
{
	if (!getg()) {
		print_str(&out, "fatal error: unexpected signal during runtime execution\n");
	} else if (nil) {
		print_str(&out, "panic: runtime error: ");
		print_str(&out, signame(sig)->panic);
		print_str(&out, "\n");
	} else {
		print_str(&out, "unexpected fault address ");
		print_hex(&out, (uintptr_t)info->si_addr);
		print_str(&out, "\nfatal error: fault\n");
	}
}

/* The compiler's view of the program is void after such a fault: nothing of it runs any more. */
static _Noreturn void die_of_fault(int sig, const siginfo_t *info, const ucontext_t *uc)
{
	struct place at = {.callsite = false};
	struct g *gp = getg();
	bool nil = is_nil_fault(sig, info, 4096);
	regs_of_ucontext(uc, &at.regs);
	startpanic();
	if (sig == SIGSEGV && gp && stackguardhit(gp, (uintptr_t)info->si_addr)) {
		print_overflow(gp, at.regs.r[DW_RSP]);
		dopanic(&at, true, false);
	}
	print_fault(sig, info, nil);
	print_signal(sig, info, at.regs.r[DW_RIP]);
	dying_signal = sig;
	dopanic(&at, !gp || !nil, !gp);
}

void sigpanic(int sig, const siginfo_t *info, ucontext_t *uc)
{
	struct g *gp = getg();
	if (gp && gcold(gp)->_protect && is_nil_fault(sig, info, FAULT_LIMIT) &&
		injectcall(uc, sig == SIGFPE ? faultdivide : faultnil))
		return;
	die_of_fault(sig, info, uc);
}

static void dumpregs(const struct regs *regs)
{
	static const struct {
		const char *name;
		uint8_t reg;
	} order[] = {{"rax    ", 0}, {"rbx    ", 3}, {"rcx    ", 2}, {"rdx    ", 1}, {"rdi    ", 5},
		{"rsi    ", 4}, {"rbp    ", 6}, {"rsp    ", 7}, {"r8     ", 8}, {"r9     ", 9},
		{"r10    ", 10}, {"r11    ", 11}, {"r12    ", 12}, {"r13    ", 13}, {"r14    ", 14},
		{"r15    ", 15}, {"rip    ", 16}};
	print_str(&out, "\n");
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		print_str(&out, order[i].name);
		print_hex(&out, regs->r[order[i].reg]);
		print_str(&out, "\n");
	}
}

void sigdump(int sig, const siginfo_t *info, const ucontext_t *uc)
{
	struct place at = {.callsite = false};
	struct g *gp = getg();
	regs_of_ucontext(uc, &at.regs);
	startpanic();
	print_str(&out, signame(sig)->name);
	print_str(&out, ": ");
	print_str(&out, signame(sig)->text);
	print_str(&out, "\nPC=");
	print_hex(&out, at.regs.r[DW_RIP]);
	print_str(&out, " m=");
	print_dec(&out, getm() ? (uint64_t)getm()->id : 0);
	print_str(&out, " sigcode=");
	print_dec(&out, (uint32_t)info->si_code);
	print_str(&out, "\n");
	if (options.traceback != TRACE_NONE) {
		print_self(&at, false);
		if (!gp && getm()) {
			print_str(&out, "\ngoroutine 0 [idle]:\n");
			traceback_frames(&out, &at.regs, 0, 0, false);
		}
		tracebackothers(&out, gp);
	}
	dumpregs(&at.regs);
	leave();
}
