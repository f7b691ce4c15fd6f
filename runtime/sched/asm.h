/* SPDX-License-Identifier: BSD-2-Clause */
/* asm.h - what asm_amd64.S offers, and the layout of the frame it leaves on a parked stack. */
#ifndef GORT_SCHED_ASM_H
#define GORT_SCHED_ASM_H

#include "sched/runtime2.h"

/* Offsets from g.sched.sp of a goroutine that is switched out. */
#define SWITCH_FRAME_R15  0
#define SWITCH_FRAME_R14  8
#define SWITCH_FRAME_R13  16
#define SWITCH_FRAME_R12  24
#define SWITCH_FRAME_RBX  32
#define SWITCH_FRAME_RBP  40
#define SWITCH_FRAME_PC   48
#define SWITCH_FRAME_SIZE 56

void goswitch(struct gobuf *from, struct gobuf *to);
void gostart(struct gobuf *from, uintptr_t top);
_Noreturn void gogo(struct gobuf *to);
_Noreturn void gorestart(uintptr_t top);
void goexit(void);

/* Called by goexit on a fresh stack: runs curg and whatever fresh G takes the stack over. proc.c */
_Noreturn void gomain(void);

#endif
