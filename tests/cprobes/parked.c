/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parked.c - a program with libgort's table and a scheduler of forty lines, so that the outside
 * reader is tested apart from the real runtime: goroutines that are parked for good, each in
 * wait_here, called by worker to a depth equal to its number, called by run.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/mman.h>
#include "gort/abi.h"

#define NG        1000
#define STACKSIZE 65536

struct fake_g {
	uint64_t goid;
	uintptr_t sp, lo, hi, gopc, startpc;
	uint32_t status;
	uint8_t reason;
	const char *name;
	uint64_t since, parent;
};

static char names[NG][32];
static struct fake_g gs[NG], *allgs[NG], **allgptr = allgs, *cur;
static uint64_t allglen;
static uintptr_t main_sp;
static const char *const reasons[] = {"", "chan receive"};
static const char version[] = "gort 9.8.7";

/* Saves six registers on one stack and takes them from another, as the runtime does. */
void parked_switch(uintptr_t *from, uintptr_t *to);
void parked_start(void);
void parked_run(void);
__asm__(".text\n"
	"parked_switch:\n"
	"	.cfi_startproc\n"
	"	push %rbp; push %rbx; push %r12; push %r13; push %r14; push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov (%rsi), %rsp\n"
	"	pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; pop %rbp\n"
	"	ret\n"
	"	.cfi_endproc\n"
	"parked_start:\n"
	"	.cfi_startproc\n"
	"	.cfi_undefined rip\n"
	"	call parked_run\n"
	"	ud2\n"
	"	.cfi_endproc\n"
	".type parked_switch, @function\n"
	".size parked_switch, parked_start - parked_switch\n"
	".type parked_start, @function\n"
	".size parked_start, . - parked_start\n");

#define MEMBER(label, m)                                                                          \
	{                                                                                         \
		label, GORT_ABI_OFFSET, sizeof((struct fake_g *)0)->m, offsetof(struct fake_g, m) \
	}
#define SAVED(reg, offset)                                      \
	{                                                       \
		"switch.frame." reg, GORT_ABI_OFFSET, 8, offset \
	}
#define VARIABLE(label, var)                                           \
	{                                                              \
		label, GORT_ABI_ADDR, sizeof(var), (uintptr_t) & (var) \
	}

static const struct gort_abi_entry entries[] = {
	MEMBER("g.goid", goid),
	MEMBER("g.sched.sp", sp),
	MEMBER("g.stack.lo", lo),
	MEMBER("g.stack.hi", hi),
	MEMBER("g.gopc", gopc),
	MEMBER("g.startpc", startpc),
	MEMBER("g.atomicstatus", status),
	MEMBER("g.waitreason", reason),
	MEMBER("g.name", name),
	MEMBER("g.waitsince", since),
	MEMBER("g.parentGoid", parent),
	SAVED("r15", 0),
	SAVED("r14", 8),
	SAVED("r13", 16),
	SAVED("r12", 24),
	SAVED("rbx", 32),
	SAVED("rbp", 40),
	SAVED("pc", 48),
	{"switch.frame.size", GORT_ABI_CONST, 8, 56},
	VARIABLE("allgptr", allgptr),
	VARIABLE("allglen", allglen),
	VARIABLE("waitReasonStrings", reasons),
	{"version", GORT_ABI_TEXT, sizeof version, (uintptr_t)version},
};

extern const struct gort_abi gort_abi;
__attribute__((section(GORT_ABI_SECTION), used)) const struct gort_abi gort_abi = {
	.magic = {'g', 'o', 'r', 't', '.', 'a', 'b', 'i'},
	.version = GORT_ABI_VERSION,
	.size = sizeof gort_abi,
	.nentries = sizeof entries / sizeof entries[0],
	.entry_size = sizeof entries[0],
	.entries = entries,
};

__attribute__((noinline)) static void wait_here(void)
{
	struct fake_g *gp = cur;
	gp->reason = 1;
	gp->since = 77;
	gp->status = 4;
	parked_switch(&gp->sp, &main_sp);
}

__attribute__((noinline)) static long worker(long depth)
{
	if (depth == 0)
		wait_here();
	else
		depth += worker(depth - 1);
	__asm__ volatile("" ::: "memory");
	return depth;
}

void parked_run(void)
{
	worker((long)(cur->goid % 20));
	abort();
}

__attribute__((noinline)) static void spawn(uint64_t goid, char *stack)
{
	struct fake_g *gp = allgs[allglen] = &gs[allglen];
	uintptr_t *top = (uintptr_t *)(stack + STACKSIZE);
	*gp = (struct fake_g){.goid = goid,
		.lo = (uintptr_t)stack,
		.hi = (uintptr_t)top,
		.gopc = (uintptr_t)__builtin_return_address(0),
		.startpc = (uintptr_t)worker,
		.parent = 1};
	gp->name = names[allglen];
	snprintf(names[allglen], sizeof names[0], "g%d", (int)goid);
	top[-2] = (uintptr_t)parked_start;
	gp->sp = (uintptr_t)&top[-8];
	allglen++;
	cur = gp;
	parked_switch(&main_sp, &gp->sp);
}

int main(void)
{
	char c, *stacks = mmap(NULL, (size_t)NG * STACKSIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (uint64_t i = 0; i < NG; i++)
		spawn(i + 1, stacks + i * STACKSIZE);
	puts("ready");
	fflush(stdout);
	return (int)read(0, &c, 1);
}
