/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gview.h - a struct g as dumps, snapshots and profiles see it. The one place of runtime/debug that
 * knows the scheduler's structures, apart from the table in abi.c.
 */
#ifndef GORT_DEBUG_GVIEW_H
#define GORT_DEBUG_GVIEW_H

#include <stdbool.h>
#include <stdint.h>
#include "unwind.h"

struct g;

struct gview {
	struct g *gp;
	uint64_t goid, parent;
	uint32_t status;             /* enum gstatus of snap.h */
	const char *reason;          /* wait reason, "" when not waiting */
	const char *name;            /* NULL when none */
	const struct labels *labels; /* NULL when none */
	int64_t waitsince;           /* nanotime, 0 when unknown */
	uintptr_t lo, hi;            /* stack */
	uintptr_t sp;                /* saved stack pointer, 0 while on a CPU */
	uintptr_t syscallpc, syscallbp;
	uintptr_t gopc, startpc;
	uintptr_t waiton; /* channel, 0 when none */
	int32_t tid;      /* OS thread that runs it, 0 when none */
	bool unseen;      /* in a system call that libgort has not been told of, or behind it */
	bool system;
};

/* Reads gp without any lock: each field is right by itself. */
void gview_read(struct g *gp, struct gview *v);
/* Number i < gview_count() of all goroutines, dead ones too. */
struct g *gview_at(uint32_t i);
uint32_t gview_count(void);
/* Registers of the frame that called the switch; false when gp is on a CPU or never ran. */
bool gview_regs(const struct gview *v, struct regs *regs);
/* Whether gp still stands where *v saw it. */
bool gview_unmoved(const struct gview *v);

#endif
