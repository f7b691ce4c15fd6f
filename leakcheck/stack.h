/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.h - how the rules see the stack of a goroutine: without the runtime's own frames, as the
 * text of Go's runtime.Stack shows it.
 */
#ifndef GORT_LEAKCHECK_STACK_H
#define GORT_LEAKCHECK_STACK_H

#include "gort/snap.h"

/* A walk over the calls of a stack, leaf first and inlined calls before their callers. */
struct calls {
	const struct gsnap *s;
	const struct gsnap_loc *loc;     /* of the call that calls_next returned last */
	const struct gsnap_stack *stack; /* NULL when there is none */
	uint32_t next_loc, next_frame;
};

struct calls calls_of(const struct gsnap *s, const struct gsnap_g *gp);
const struct gsnap_frame *calls_next(struct calls *c);       /* NULL at the end */
const struct gsnap_frame *calls_next_shown(struct calls *c); /* skips the runtime's own */

/* The function on top of the stack, NULL when the runtime's frames are all there is. */
const char *leak_top(const struct gsnap *s, const struct gsnap_g *gp);
/* The go statement: owner of the machine frame for the name; NULL when unknown. */
const struct gsnap_loc *leak_creator(const struct gsnap *s, const struct gsnap_g *gp);
/* " (unreachable)", ...: what has been proved of it, as Go's tracebacks add " (leaked)"; or "". */
const char *leak_proof(const struct gsnap_g *gp);

static inline bool has_prefix(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* list is NULL-terminated, or NULL when empty. */
static inline bool in_list(const char *const *list, const char *name)
{
	for (; list && *list; list++)
		if (!strcmp(*list, name))
			return true;
	return false;
}

#endif
