/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gorttorn.c - whether what was read of a program on libgort makes sense. It changes while it is
 * read, and gdb leaves zeros in a core for what it did not get: from either a proof must not be
 * drawn.
 */
#include <string.h>
#include "goleak.h"
#include "gortread.h"
#include "modules.h"

/*
 * Who waits was switched away from, by code: where it will go on is on top of its stack. Who is
 * being switched away from has no stack pointer yet.
 */
static bool in_code(const struct gortread *r, const struct gocopy *c)
{
	uint64_t at = c->sp - c->base + r->lay.switched[S_PC].offset, pc = 0;
	if (!c->sp)
		return true;
	if (c->len >= sizeof pc && at <= c->len - sizeof pc)
		memcpy(&pc, c->stack + at, sizeof pc);
	return pc && (!r->ms || modules_at(r->ms, pc));
}

/* Who waits for whom is told by the reasons: without them nobody seems to. */
static bool has_reasons(const struct gortread *r)
{
	for (uint32_t i = 0; i < r->nreasons; i++)
		if (gowait_of(r->reasons[i]) == GOWAIT_CHAN)
			return true;
	return false;
}

const char *gorttorn(const struct golook *p)
{
	size_t n;
	if (!has_reasons(p->l->r))
		return "its wait reasons make no sense: the executable may be another one";
	const struct gocopy *c = golook_resting(p, &n);
	const struct gotypes *t = &p->mark.types;
	for (size_t i = 0; i < n; i++)
		if (golook_rests(p, &c[i]) && !in_code(p->l->r, &c[i]))
			return "the stacks of some goroutines make no sense";
	if (p->l->heap.unsound > (p->l->freeze ? 0 : p->l->heap.nspans / 100 + GOLOOK_TORN))
		return "spans of its heap make no sense";
	if (t->unknown > t->n / 100 + GOLOOK_TORN)
		return "the types of more than one in a hundred kinds of objects make no sense";
	return NULL;
}
