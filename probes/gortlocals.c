/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortlocals.c - the frames of a goroutine of a program on libgort, for its variables. The unwinder
 * restores the registers that C's calls preserve, and variables may be in these.
 */
#include "gortlocals.h"

#include <string.h>

/* A walk along a stack of the snapshot. */
struct walk {
	struct locals *l;
	const uint32_t *locs;
	uint32_t n, at;
};

static void on_frame(void *ctx, const struct cregs *regs, bool callsite, uint64_t cfa)
{
	struct walk *w = ctx;
	struct dwframe f = {
		.pc = regs->r[CREG_RA], .callsite = callsite, .cfa = cfa, .known = regs->known};
	if (w->at == w->n)
		return;
	const struct gsnap_loc *loc = &w->l->s->locs[w->locs[w->at]];
	if (loc->pc != f.pc) { /* not the stack that was read before */
		w->l->out->moved = true;
		w->n = w->at;
		return;
	}
	memcpy(f.regs, regs->r, sizeof f.regs);
	locals_add(w->l, w->at++, loc, &f);
}

void gortlocals_read(struct gortread *r, struct locals *l, const struct gsnap_g *gp)
{
	const struct gsnap_stack *k = &l->s->stacks[gp->stack];
	struct walk w = {.l = l, .locs = l->s->stack_locs + k->loc, .n = k->nlocs};
	l->ms = r->ms;
	if (!gortread_frames(r, gp, on_frame, &w))
		l->out->moved = true;
}
