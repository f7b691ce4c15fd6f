/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * usdt.h - the statically defined tracepoints of provider "gort", for bpftrace, perf, SystemTap,
 * gdb and libbpf: one function each. README.md says what each means.
 *
 * A probe is one nop, and a note in section .note.stapsdt that says where the nop is, how the probe
 * is called, and where its arguments lie at that moment. Nothing more happens while nobody looks; a
 * tracer puts a breakpoint on the nop. The notes are written here and not by <sys/sdt.h>: libgort
 * builds without it, and its macros let the compiler choose where an argument lies, upon which
 * clang stores each to the stack. Here an argument is "r", a pointer that is in a register anyway,
 * or "m", a member of what such a pointer points to, so that nothing is computed for the probe.
 *
 * Rejected: the longer nops that newer kernels can turn into a call. The five-byte one is unsafe
 * where a red zone is in use and was given up again; older tools know none of them. Rejected:
 * semaphores, words that tell whether somebody looks: there is nothing here to be left out.
 */
#ifndef GORT_DEBUG_USDT_H
#define GORT_DEBUG_USDT_H

#include "sched/runtime2.h"

/*
 * The note: address of the nop; address of section .stapsdt.base, by which readers correct the
 * former should the file have been prelinked, and which all probes of a program share, whoever
 * wrote them; no semaphore; then the three texts.
 */
#define USDT_NOTE(name, operands)                                                   \
	"777: nop\n"                                                                \
	".pushsection .note.stapsdt, \"?\", \"note\"\n"                             \
	".balign 4\n"                                                               \
	".long 8, 779f - 778f, 3\n"                                                 \
	".asciz \"stapsdt\"\n"                                                      \
	"778: .quad 777b, _.stapsdt.base, 0\n"                                      \
	".asciz \"gort\"\n"                                                         \
	".asciz \"" name "\"\n"                                                     \
	".asciz \"" operands "\"\n"                                                 \
	"779: .balign 4\n"                                                          \
	".popsection\n"                                                             \
	".ifndef _.stapsdt.base\n"                                                  \
	".pushsection .stapsdt.base, \"aG\", \"progbits\", .stapsdt.base, comdat\n" \
	".weak _.stapsdt.base\n"                                                    \
	".hidden _.stapsdt.base\n"                                                  \
	"_.stapsdt.base: .byte 0\n"                                                 \
	".size _.stapsdt.base, 1\n"                                                 \
	".popsection\n"                                                             \
	".endif\n"

/* Argument number n, counted from 1. */
#define USDT_REG(n, x)  [size##n] "n"(sizeof(x)), [arg##n] "r"(x)
#define USDT_MEM(n, x)  [size##n] "n"(sizeof(x)), [arg##n] "m"(x)
#define USDT_OPERAND(n) "%c[size" #n "]@%[arg" #n "]"
#define USDT_OPERANDS1  USDT_OPERAND(1)
#define USDT_OPERANDS2  USDT_OPERANDS1 " " USDT_OPERAND(2)
#define USDT_OPERANDS3  USDT_OPERANDS2 " " USDT_OPERAND(3)
#define USDT_OPERANDS4  USDT_OPERANDS3 " " USDT_OPERAND(4)
#define USDT_OPERANDS5  USDT_OPERANDS4 " " USDT_OPERAND(5)

/* inline: the compiler is to reckon with one instruction, not with the lines of text. */
#define USDT(name, nargs, ...) \
	__asm__ volatile inline(USDT_NOTE(#name, USDT_OPERANDS##nargs)::__VA_ARGS__)

#define USDT_FUNC static inline __attribute__((always_inline)) void

/* ---- goroutines: struct g *, goid, more ---- */

/* Creator's goid, function, return address of the go statement. gp is not on a queue yet. */
USDT_FUNC usdt_go_create(struct g *gp)
{
	USDT(go__create, 5, USDT_REG(1, gp), USDT_MEM(2, gp->goid), USDT_MEM(3, gp->parentGoid),
		USDT_MEM(4, gp->startpc), USDT_MEM(5, gp->gopc));
}

/* gp has got a CPU; its function. */
USDT_FUNC usdt_go_start(struct g *gp)
{
	USDT(go__start, 3, USDT_REG(1, gp), USDT_MEM(2, gp->goid), USDT_MEM(3, gp->startpc));
}

/* gp begins to wait; enum waitReason. */
USDT_FUNC usdt_go_block(struct g *gp)
{
	USDT(go__block, 3, USDT_REG(1, gp), USDT_MEM(2, gp->goid), USDT_MEM(3, gp->waitreason));
}

/* gp no longer waits. */
USDT_FUNC usdt_go_unblock(struct g *gp)
{
	USDT(go__unblock, 2, USDT_REG(1, gp), USDT_MEM(2, gp->goid));
}

/* gp gives the CPU to others and stays runnable. */
USDT_FUNC usdt_go_sched(struct g *gp)
{
	USDT(go__sched, 2, USDT_REG(1, gp), USDT_MEM(2, gp->goid));
}

USDT_FUNC usdt_go_end(struct g *gp)
{
	USDT(go__end, 2, USDT_REG(1, gp), USDT_MEM(2, gp->goid));
}

/* ---- system calls: struct g *, goid, pc of the caller ---- */

USDT_FUNC usdt_syscall_enter(struct g *gp)
{
	USDT(syscall__enter, 3, USDT_REG(1, gp), USDT_MEM(2, gp->goid), USDT_MEM(3, gp->syscallpc));
}

/* gp has a P again. */
USDT_FUNC usdt_syscall_exit(struct g *gp)
{
	USDT(syscall__exit, 3, USDT_REG(1, gp), USDT_MEM(2, gp->goid), USDT_MEM(3, gp->syscallpc));
}

/* ---- channels: the channel, and the element's address or NULL; as the operation begins ---- */

USDT_FUNC usdt_chan_send(const void *c, const void *elem)
{
	USDT(chan__send, 2, USDT_REG(1, c), USDT_REG(2, elem));
}

USDT_FUNC usdt_chan_recv(const void *c, const void *elem)
{
	USDT(chan__recv, 2, USDT_REG(1, c), USDT_REG(2, elem));
}

/* A select has chosen: its cases, and the index of the one, -1 for the default. */
USDT_FUNC usdt_select_case(const struct gort_case *cases, gort_isize chosen)
{
	USDT(select__case, 2, USDT_REG(1, cases), USDT_REG(2, chosen));
}

#endif
