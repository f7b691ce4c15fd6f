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

/* Is this one of the files of libgort's runtime/ folder? */
static bool runtime_file(const char *file)
{
	static const char *const rooms[] = {
		"sched/", "sync/", "mem/", "lang/", "net/", "testing/", "debug/", "base/", NULL};
	const char *in = strstr(file, "runtime/");
	for (size_t i = 0; in && rooms[i]; i++)
		if (has_prefix(in + strlen("runtime/"), rooms[i]))
			return true;
	return false;
}

/*
 * libgort's frames between a user's function and the switch: its public functions, and by source
 * file its internal ones. Without line numbers those that a parked stack ends in go by their names.
 */
static bool gort_internal(const struct gsnap_frame *f)
{
	static const char *const names[] = {"gopark", "goparkunlock", "mcall", "gogo", "goexit",
		"gostart", "chansend", "chanrecv", "selectgo", "semacquire", "netpollblock", NULL};
	if (has_prefix(f->func, "gort_"))
		return strcmp(f->func, "gort_main") != 0;
	return f->file ? runtime_file(f->file) : in_list(names, f->func);
}

static bool shown(const struct gsnap *s, const struct gsnap_frame *f)
{
	if (s->kind == GSNAP_GORT)
		return !gort_internal(f);
	return !has_prefix(f->func, "runtime.") || exported(f->func + strlen("runtime."));
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
	while (f && !shown(c->s, f))
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

const char *leak_proof(const struct gsnap_g *gp)
{
	switch (gp->leak) {
	case GSNAP_LEAK_UNREACHABLE:
		return " (unreachable)";
	case GSNAP_LEAK_LIKELY:
		return " (unreachable-likely)";
	case GSNAP_LEAK_FOREVER:
		return " (blocked-forever)";
	default:
		return "";
	}
}
