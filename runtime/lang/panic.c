/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * panic.c - the ends of a program: throw, fatal, panic, faults, SIGQUIT. Texts and exit code (2)
 * are those of Go's panic.go and signal_unix.go; GOTRACEBACK decides how much follows.
 *
 * Invariants:
 *  1. One dump a process: the first thread through startpanic() prints and exits, the others sleep
 *     until the process is gone. A second failure of the same thread ends the process at once (3).
 *  2. Everything here runs in a signal handler on the alternate stack: no allocation, no runtime
 *     lock, output through one static printer that invariant 1 protects.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include "base/atomic.h"
#include "base/throw.h"
#include "debug/traceback.h"
#include "gort/gort.h"
#include "panic.h"
#include "sched/runtime2.h"

static _Atomic int32_t dying; /* thread id of the one that prints */
static struct printer out = {.fd = 2};

/* Where the failing code stands. */
struct place {
	struct regs regs;
	bool callsite;
};

static void startpanic(void)
{
	int32_t me = (int32_t)syscall(SYS_gettid), other = 0;
	if (cas_acqrel(&dying, &other, me))
		return;
	if (other == me) {
		static const char text[] = "panic during panic\n";
		(void)!write(2, text, sizeof text - 1);
		_exit(3);
	}
	for (;;)
		pause();
}

static _Noreturn void leave(void)
{
	print_flush(&out);
	if (gotraceback() == TRACE_CRASH) {
		sigset_t set;
		sigemptyset(&set);
		sigaddset(&set, SIGABRT);
		signal(SIGABRT, SIG_DFL);
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		raise(SIGABRT);
	}
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
	enum tracelevel level = gotraceback();
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

static _Noreturn void die_of_panic(struct place *at, const char *fmt, va_list ap)
{
	caller_of(at);
	startpanic();
	print_str(&out, "panic: ");
	print_format(fmt, ap);
	print_str(&out, "\n");
	dopanic(at, false, false);
}

void gopanic_text(const char *fmt, ...)
{
	struct place at;
	va_list ap;
	regs_here(&at.regs);
	va_start(ap, fmt);
	die_of_panic(&at, fmt, ap);
}

void gort_panicf(const char *fmt, ...)
{
	struct place at;
	va_list ap;
	regs_here(&at.regs);
	va_start(ap, fmt);
	die_of_panic(&at, fmt, ap);
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

static void print_overflow(const struct g *gp, uint64_t sp)
{
	print_str(&out, "runtime: goroutine stack exceeds ");
	print_dec(&out, gp->stack.hi - gp->stack.lo);
	print_str(&out, "-byte limit\nruntime: sp=");
	print_hex(&out, sp);
	print_str(&out, " stack=[");
	print_hex(&out, gp->stack.lo);
	print_str(&out, ", ");
	print_hex(&out, gp->stack.hi);
	print_str(&out, "]\nfatal error: stack overflow\n");
}

static bool stack_guard_contains(const struct g *gp, uintptr_t addr)
{
	return addr < gp->stack.lo && gp->stack.lo - addr <= 4096;
}

/* Go's rule: a fault in the first page is a nil dereference, any other address a broken program. */
static bool is_nil_fault(int sig, const siginfo_t *info)
{
	if (sig == SIGFPE)
		return true;
	return info->si_code > 0 && info->si_code < SI_KERNEL && (uintptr_t)info->si_addr < 4096;
}

void sigpanic(int sig, const siginfo_t *info, const ucontext_t *uc)
{
	struct place at = {.callsite = false};
	struct g *gp = getg();
	uintptr_t addr = (uintptr_t)info->si_addr;
	regs_of_ucontext(uc, &at.regs);
	startpanic();
	if (sig == SIGSEGV && gp && stack_guard_contains(gp, addr)) {
		print_overflow(gp, at.regs.r[DW_RSP]);
		dopanic(&at, true, false);
	}
	if (!gp) {
		print_str(&out, "fatal error: unexpected signal during runtime execution\n");
	} else if (is_nil_fault(sig, info)) {
		print_str(&out, "panic: runtime error: ");
		print_str(&out, signame(sig)->panic);
		print_str(&out, "\n");
	} else {
		print_str(&out, "unexpected fault address ");
		print_hex(&out, addr);
		print_str(&out, "\nfatal error: fault\n");
	}
	print_signal(sig, info, at.regs.r[DW_RIP]);
	dopanic(&at, !gp || !is_nil_fault(sig, info), !gp);
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
	if (gotraceback() != TRACE_NONE) {
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
