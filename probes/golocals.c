/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golocals.c - the frames of a parked goroutine of a Go process, for its variables. Go's calls keep
 * no register, so a frame is its pc and where it is.
 */
#include "golocals.h"

#include <string.h>

static bool type_name(void *ctx, uint64_t type, char *buf, size_t size)
{
	return gotype_name(ctx, type, buf, size);
}

static const char *func_name(void *ctx, uint64_t pc)
{
	return gounwind_func(ctx, pc);
}

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

/* Whether it is still where it was when its stack was read. */
static bool stands(const struct gotarget *g, const struct gsnap_g *gp, uint64_t pc)
{
	uint8_t raw[G_MAXSIZE];
	const struct golayout *l = g->lay;
	if (g->t->core)
		return true;
	if (!target_read(g->t, gp->addr, raw, l->g_size) || word(raw, l->g_goid) != gp->id)
		return false;
	return (word(raw, G_SCHEDSP) == gp->sp && word(raw, G_SCHEDPC) == pc) ||
	       (word(raw, l->g_syscallsp) == gp->sp && word(raw, l->g_syscallpc) == pc);
}

void golocals_read(
	struct gotarget *g, struct modules *ms, struct locals *l, const struct gsnap_g *gp)
{
	const struct gsnap *s = l->s;
	const struct gsnap_stack *k = &s->stacks[gp->stack];
	const uint32_t *locs = s->stack_locs + k->loc;
	uint64_t sp = gp->sp;
	l->ms = ms;
	l->names = (struct dwnames){type_name, func_name, g};
	for (uint32_t i = 0; sp && i < (k->elided ? k->inner : k->nlocs); i++) {
		const struct gsnap_loc *loc = &s->locs[locs[i]];
		struct dwframe f = {
			.pc = loc->pc, .callsite = loc->callsite, .cfa = sp + loc->framesize};
		if (!loc->framesize)
			break;
		locals_add(l, i, loc, &f);
		sp = f.cfa;
	}
	l->out->moved = k->nlocs && !stands(g, gp, s->locs[locs[0]].pc);
}
