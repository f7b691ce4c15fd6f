/* SPDX-License-Identifier: BSD-2-Clause */
/* recover.h - what protect_amd64.S offers, and what it needs. */
#ifndef GORT_LANG_RECOVER_H
#define GORT_LANG_RECOVER_H

/* sizeof(struct gprotect) */
#define GPROTECT_SIZE 24

#ifndef __ASSEMBLER__
#include "lang/panic.h"

/* Makes the gort_protect of that pr return value; the frames below it are gone. */
_Noreturn void protectjump(struct gprotect *pr, gort_error value);

/* Where a goroutine goes on after a fault: injectcall of sched/preempt.h. They panic. */
void faultnil(void);
void faultdivide(void);

/* recover.c, for protect_amd64.S: pr is open from the one to the other. */
void protectopen(struct gprotect *pr);
void protectclose(struct gprotect *pr);
_Noreturn void panicnil(void);
#endif

#endif
