/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stack.c - stacks as a traceback shows them. The rule for Go programs is that of showfuncinfo in
 * Go's runtime/traceback.go.
 */
#include "stack.h"

/* runtime.GC and runtime.(*Pinner).Pin are exported, runtime.gopark and runtime.(*p).init not. */
static bool exported(const char *name)
{
	const char *word = has_prefix(name, "(*") ? name + 2 : name;
	return *word >= 'A' && *word <= 'Z';
}

/* libgort's frames between a user's function and the switch, by the names of its sources. */
static bool gort_internal(const char *func)
{
	static const char *const names[] = {"gopark", "goparkunlock", "gosched", "mcall", "gogo",
		"goexit", "gostart", "block", "chansend", "chanrecv", "selectgo", "semacquire",
		"semacquire1", "timeSleep", "netpollblock", "notetsleepg", NULL};
	return in_list(names, func) || (has_prefix(func, "gort_") && strcmp(func, "gort_main"));
}

static bool shown(const struct gsnap *s, const char *func)
{
	if (s->kind == GSNAP_GORT)
		return !gort_internal(func);
	return !has_prefix(func, "runtime.") || exported(func + strlen("runtime."));
}

struct calls calls_of(const struct gsnap *s, const struct gsnap_g *gp)
{
	return (struct calls){
		.s = s, .stack = gp->stack < s->nstacks ? &s->stacks[gp->stack] : NULL};
}

const struct gsnap_frame *calls_next(struct calls *c)
{
	while (c->stack) {
		if (c->loc && c->next_frame < c->loc->nframes)
			return &c->s->frames[c->loc->frame + c->next_frame++];
		if (c->next_loc == c->stack->nlocs)
			return NULL;
		c->loc = &c->s->locs[c->s->stack_locs[c->stack->loc + c->next_loc++]];
		c->next_frame = 0;
	}
	return NULL;
}

const struct gsnap_frame *calls_next_shown(struct calls *c)
{
	const struct gsnap_frame *f = calls_next(c);
	while (f && !shown(c->s, f->func))
		f = calls_next(c);
	return f;
}

const char *leak_top(const struct gsnap *s, const struct gsnap_g *gp)
{
	struct calls c = calls_of(s, gp);
	const struct gsnap_frame *f = calls_next_shown(&c);
	return f ? f->func : NULL;
}

const struct gsnap_loc *leak_creator(const struct gsnap *s, const struct gsnap_g *gp)
{
	if (gp->created >= s->nlocs || s->locs[gp->created].nframes == 0)
		return NULL;
	return &s->locs[gp->created];
}

const char *leak_state(const struct gsnap_g *gp)
{
	static const char *const names[] = {
		[GSTATUS_IDLE] = "idle",
		[GSTATUS_RUNNABLE] = "runnable",
		[GSTATUS_RUNNING] = "running",
		[GSTATUS_SYSCALL] = "syscall",
		[GSTATUS_WAITING] = "waiting",
		[GSTATUS_DEAD] = "dead",
		[GSTATUS_COPYSTACK] = "copystack",
		[GSTATUS_PREEMPTED] = "preempted",
		[GSTATUS_LEAKED] = "leaked",
	};
	if ((gp->status == GSTATUS_WAITING || gp->status == GSTATUS_LEAKED) && *gp->reason)
		return gp->reason;
	const char *name = gp->status < sizeof names / sizeof *names ? names[gp->status] : NULL;
	return name ? name : "unknown";
}
