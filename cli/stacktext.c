/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacktext.c - prints stacks as Go's runtime does (traceback.go: goroutineheader, traceback2,
 * printcreatedby1), so that every tool that reads a SIGQUIT dump reads gort's as well.
 *
 *	goroutine 18 [chan receive, 3 minutes]:
 *	main.worker(...)
 *		/src/main.go:12 +0x1d
 *	created by main.main in goroutine 1
 *		/src/main.go:30 +0x85
 *
 * An inlined call has no +0x offset, as it has no frame of its own. The arguments of the others are
 * not known from outside: "(...)" stands for them. Which frames are the runtime's is Go's rule
 * (showfuncinfo): "runtime." followed by a lower-case name, runtime.gopanic excepted. In a program
 * on libgort they are told by the source file.
 */
#include <ctype.h>
#include <inttypes.h>
#include "group.h"
#include "stacktext.h"

/*
 * libgort's own: defined in a room of its runtime/ folder and not part of its public interface, or
 * inlined from its public headers.
 */
static bool libgort_frame(const struct gsnap_frame *f)
{
	static const char *const rooms[] = {
		"sched/", "sync/", "mem/", "lang/", "net/", "testing/", "debug/", "base/"};
	const char *runtime = f->file ? strstr(f->file, "runtime/") : NULL;
	if (f->file && (strstr(f->file, "/gort/gort.h") || strstr(f->file, "/gort/go.h")))
		return true;
	if (!runtime || !strncmp(f->func, "gort_", 5))
		return false;
	for (size_t i = 0; i < sizeof rooms / sizeof rooms[0]; i++)
		if (!strncmp(runtime + 8, rooms[i], strlen(rooms[i])))
			return true;
	return false;
}

static bool runtime_frame(const struct gsnap *s, const struct gsnap_frame *f)
{
	if (s->kind == GSNAP_GORT)
		return libgort_frame(f);
	if (strncmp(f->func, "runtime.", 8))
		return !strchr(f->func, '.');
	return !isupper((unsigned char)f->func[8]) && strcmp(f->func, "runtime.gopanic");
}

/* Walks the frames of a stack, leaf first. */
struct walk {
	const struct gsnap *s;
	uint32_t stack, loc, frame;
	const struct gsnap_loc *at; /* the machine frame of what walk_next returned */
};

static const struct gsnap_frame *walk_next(struct walk *w)
{
	const struct gsnap *s = w->s;
	if (w->stack >= s->nstacks)
		return NULL;
	const struct gsnap_stack *k = &s->stacks[w->stack];
	for (; w->loc < k->nlocs; w->loc++, w->frame = 0) {
		w->at = &s->locs[s->stack_locs[k->loc + w->loc]];
		if (w->frame < w->at->nframes)
			return &s->frames[w->at->frame + w->frame++];
	}
	return NULL;
}

const struct gsnap_frame *top_frame(const struct gsnap *s, uint32_t stack)
{
	struct walk w = {.s = s, .stack = stack};
	const struct gsnap_frame *f, *first = NULL;
	while ((f = walk_next(&w))) {
		if (!runtime_frame(s, f))
			return f;
		if (!first)
			first = f;
	}
	return first;
}

static void print_place(
	struct out *out, const char *file, uint32_t line, const struct gsnap_loc *loc, bool inlined)
{
	out_text(out, "\t");
	out_text(out, file ? file : "?");
	out_text(out, ":");
	out_uint(out, line);
	if (!inlined && loc->entry && loc->pc > loc->entry)
		out_printf(out, " +0x%" PRIx64, loc->pc - loc->entry);
	out_text(out, "\n");
}

void print_stack(struct out *out, const struct gsnap *s, uint32_t stack, bool all)
{
	struct walk w = {.s = s, .stack = stack};
	const struct gsnap_frame *f = top_frame(s, stack);
	if (f && runtime_frame(s, f))
		all = true;
	while ((f = walk_next(&w))) {
		if (!all && runtime_frame(s, f))
			continue;
		/* As printFuncName: the name users know the call by. */
		out_text(out, strcmp(f->func, "runtime.gopanic") ? f->func : "panic");
		out_text(out, "(...)\n");
		print_place(out, f->file, f->line, w.at, f->inlined);
	}
}

struct gsnap_frame created_frame(const struct gsnap *s, uint32_t created)
{
	const struct gsnap_loc *loc = created < s->nlocs ? &s->locs[created] : NULL;
	if (!loc || loc->nframes == 0)
		return (struct gsnap_frame){.func = "", .file = NULL};
	const struct gsnap_frame *inner = &s->frames[loc->frame];
	const struct gsnap_frame *owner = inner + loc->nframes - 1;
	return (struct gsnap_frame){owner->func, inner->file, inner->line, false};
}

void print_created(struct out *out, const struct gsnap *s, uint32_t created, uint64_t parent)
{
	struct gsnap_frame f = created_frame(s, created);
	if (!f.func[0])
		return;
	out_printf(out, "created by %s", f.func);
	if (parent)
		out_printf(out, " in goroutine %" PRIu64, parent);
	out_printf(out, "\n");
	print_place(out, f.file, f.line, &s->locs[created], false);
}

void print_goroutine(struct out *out, const struct gsnap *s, const struct gsnap_g *gp)
{
	int64_t wait = gp->status == GSTATUS_LEAKED ? GSNAP_UNKNOWN : g_wait(s, gp);
	int64_t minutes = wait == GSNAP_UNKNOWN ? 0 : wait / INT64_C(60000000000);
	out_printf(out, "goroutine %" PRIu64 " [%s%s", gp->id, g_state(gp),
		gp->status == GSTATUS_LEAKED ? " (leaked)" : "");
	if (minutes >= 1)
		out_printf(out, ", %" PRId64 " minutes", minutes);
	out_printf(out, "%s]:\n", gp->flags & GSNAP_G_LOCKED ? ", locked to thread" : "");
	if (gp->stack == GSNAP_NONE)
		out_printf(out, "\tgoroutine running on other thread; stack unavailable\n");
	print_stack(out, s, gp->stack, true);
	if (gp->flags & GSNAP_G_TRUNCATED)
		out_printf(out, "...additional frames elided...\n");
	if (gp->id != 1)
		print_created(out, s, gp->created, gp->parent);
}

static void json_frame(
	struct json *j, const char *key, const struct gsnap_frame *f, const struct gsnap_loc *loc)
{
	jw_object(j, key);
	jw_str(j, "func", f->func);
	jw_str(j, "file", f->file);
	jw_int(j, "line", f->line ? (int64_t)f->line : GSNAP_UNKNOWN);
	jw_bool(j, "inlined", f->inlined);
	jw_hex(j, "pc", loc->pc);
	jw_close_object(j);
}

void json_stack(struct json *j, const char *key, const struct gsnap *s, uint32_t stack)
{
	struct walk w = {.s = s, .stack = stack};
	jw_array(j, key);
	for (const struct gsnap_frame *f; (f = walk_next(&w));)
		json_frame(j, NULL, f, w.at);
	jw_close_array(j);
}

void json_created(struct json *j, const char *key, const struct gsnap *s, uint32_t created)
{
	struct gsnap_frame f = created_frame(s, created);
	if (f.func[0])
		json_frame(j, key, &f, &s->locs[created]);
	else
		jw_str(j, key, NULL);
}
