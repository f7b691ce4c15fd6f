/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stacktext.c - prints stacks as Go's runtime does (traceback.go: goroutineheader, traceback2,
 * printcreatedby1), so that every tool that reads a SIGQUIT dump reads gort's as well.
 *
 *	goroutine 18 gp=0xc000007dc0 m=nil [chan receive, 3 minutes]:
 *	main.worker(0xc000012345, {0x4a2f80?, 0x5})
 *		/src/main.go:12 +0x1d fp=0xc00009afe0 sp=0xc00009af90 pc=0x48f3bd
 *	created by main.main in goroutine 1
 *		/src/main.go:30 +0x85
 *
 * An inlined call has no +0x offset, as it has no frame of its own; "(...)" stands for its
 * arguments, and for all where none were read. The addresses are what a SIGQUIT dump has and
 * runtime.Stack has not. Which frames are the runtime's is Go's rule (showfuncinfo): "runtime."
 * followed by a lower-case name, runtime.gopanic excepted. In a program on libgort they are told by
 * the source file. Of more than 100 frames the first and the last 50 are printed.
 */
#include <ctype.h>
#include <inttypes.h>
#include "group.h"
#include "labeltext.h"
#include "pprof/pprof.h"
#include "stacktext.h"

/* The library's half of what fast.h inlines into programs: gort_mutex_lockslow. */
static bool slow_path(const char *func)
{
	static const char *const halves[] = {"slow", "_fast", "_elided"};
	size_t n = strlen(func);
	for (size_t i = 0; i < sizeof halves / sizeof *halves; i++) {
		size_t k = strlen(halves[i]);
		if (n > k && !strcmp(func + n - k, halves[i]))
			return true;
	}
	return false;
}

/*
 * libgort's own: defined in a room of its runtime/ folder and not part of its public interface, or
 * inlined from its public headers, or what these call in assembly.
 */
static bool libgort_frame(const struct gsnap_frame *f)
{
	static const char *const rooms[] = {
		"sched/", "sync/", "mem/", "lang/", "net/", "testing/", "debug/", "base/"};
	const char *runtime = f->file ? strstr(f->file, "runtime/") : NULL;
	if (f->file && (strstr(f->file, "/gort/gort.h") || strstr(f->file, "/gort/go.h")))
		return true;
	const char *suffix = runtime ? strrchr(runtime, '.') : NULL;
	bool assembly = suffix && !strcmp(suffix, ".S");
	if (!strncmp(f->func, "gort_", 5) && slow_path(f->func))
		return true;
	if (!runtime || (!assembly && !strncmp(f->func, "gort_", 5)))
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

#define ENDS 50 /* frames printed of each end of a deep stack */

/* Walks the frames of a stack, leaf first. */
struct walk {
	const struct gsnap *s;
	uint32_t stack, loc, frame;
	const struct gsnap_loc *at; /* the machine frame of what walk_next returned */
	const uint8_t *args;        /* its words, NULL when none were read */
	uint64_t sp;                /* its stack pointer, 0 when unknown */
	uint64_t elided;            /* calls left out just before it */
	const uint8_t *words;       /* of what follows */
	uint64_t next_sp;
};

static uint64_t word_at(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return v;
}

static struct walk walk_of(const struct gsnap *s, uint32_t stack, const struct gsnap_g *gp)
{
	return (struct walk){.s = s,
		.stack = stack,
		.words = gp ? gp->words : NULL,
		.next_sp = gp && gp->words ? gp->sp : 0};
}

/* To the machine frame number w->loc. */
static void walk_enter(struct walk *w, const struct gsnap_stack *k)
{
	w->at = &w->s->locs[w->s->stack_locs[k->loc + w->loc]];
	w->elided = w->loc == k->inner ? k->elided : 0;
	if (w->elided && w->words) {
		w->next_sp = word_at(w->words);
		w->words += 8;
	}
	w->args = w->words;
	if (w->words)
		w->words += w->at->nwords * 8;
	w->sp = w->next_sp;
	w->next_sp = w->sp && w->at->framesize ? w->sp + w->at->framesize : 0;
}

static const struct gsnap_frame *walk_next(struct walk *w)
{
	const struct gsnap *s = w->s;
	if (w->stack >= s->nstacks)
		return NULL;
	const struct gsnap_stack *k = &s->stacks[w->stack];
	for (; w->loc < k->nlocs; w->loc++, w->frame = 0) {
		if (w->frame == 0)
			walk_enter(w, k);
		else
			w->elided = 0;
		if (w->frame < w->at->nframes)
			return &s->frames[w->at->frame + w->frame++];
	}
	return NULL;
}

/* Between what the program called, such as sync.(*Mutex).Lock, and the runtime. */
static bool plumbing(const struct gsnap *s, const struct gsnap_frame *f)
{
	static const char *const packages[] = {"sync.", "internal/poll."};
	if (s->kind != GSNAP_GO)
		return false;
	if (!strncmp(f->func, "internal/sync.", 14))
		return true;
	for (size_t i = 0; i < sizeof packages / sizeof *packages; i++)
		if (!strncmp(f->func, packages[i], strlen(packages[i])))
			return islower((unsigned char)strrchr(f->func, '.')[1]);
	return false;
}

const struct gsnap_frame *top_frame(const struct gsnap *s, uint32_t stack)
{
	struct walk w = walk_of(s, stack, NULL);
	const struct gsnap_frame *f, *first = NULL, *within = NULL;
	while ((f = walk_next(&w))) {
		if (runtime_frame(s, f))
			first = first ? first : f;
		else if (!plumbing(s, f))
			return f;
		else
			within = within ? within : f;
	}
	return within ? within : first;
}

static void print_place(
	struct out *out, const char *file, uint32_t line, const struct gsnap_loc *loc, bool inlined)
{
	out_text(out, "\t");
	out_text(out, file ? file : "?");
	out_text(out, ":");
	out_uint(out, line);
	if (!inlined && loc->entry && loc->pc > loc->entry) {
		out_text(out, " +");
		out_hex(out, loc->pc - loc->entry);
	}
}

static bool shown(const struct gsnap *s, const struct gsnap_frame *f, bool all)
{
	return all || !(runtime_frame(s, f) || pprof_wrapper(f));
}

/* How many frames of a deep stack are not printed. */
static uint64_t count_elided(const struct gsnap *s, uint32_t stack, bool all)
{
	struct walk w = walk_of(s, stack, NULL);
	const struct gsnap_frame *f;
	const struct gsnap_stack *k = stack < s->nstacks ? &s->stacks[stack] : NULL;
	uint64_t n = 0;
	for (uint32_t i = 0; k && i < k->nlocs; i++)
		n += s->locs[s->stack_locs[k->loc + i]].nframes;
	if (n <= 2 * ENDS)
		return 0;
	for (n = 0; (f = walk_next(&w));)
		n += w.elided + shown(s, f, all);
	return n > 2 * ENDS ? n - 2 * ENDS : 0;
}

/* The description of the arguments with the words of this goroutine put in. */
static void print_args(struct out *out, const struct walk *w)
{
	const uint8_t *word = w->args;
	for (const char *p = w->at->args; *p; p++) {
		size_t n = strcspn(p, (const char[]){GSNAP_WORD, '\0'});
		out_write(out, p, n);
		p += n;
		if (!*p)
			return;
		out_hex(out, word_at(word));
		word += 8;
	}
}

static void print_frame(
	struct out *out, const struct walk *w, const struct gsnap_frame *f, bool addresses)
{
	/* As printFuncName: the name users know the call by. */
	out_text(out, strcmp(f->func, "runtime.gopanic") ? f->func : "panic");
	out_text(out, "(");
	if (f->inlined || !w->args || !w->at->args)
		out_text(out, "...");
	else
		print_args(out, w);
	out_text(out, ")\n");
	print_place(out, f->file, f->line, w->at, f->inlined);
	if (addresses && !f->inlined && w->sp) {
		out_text(out, " fp=");
		out_hex(out, w->sp + w->at->framesize);
		out_text(out, " sp=");
		out_hex(out, w->sp);
		out_text(out, " pc=");
		out_hex(out, w->at->pc);
	}
	out_text(out, "\n");
}

/* The variables of the call that walk_next returned last. */
static void print_variables(
	struct out *out, const struct walk *w, const struct probe_locals *locals)
{
	for (size_t i = 0; i < locals->n; i++) {
		const struct probe_local *v = &locals->v[i];
		if (v->loc != w->loc || v->frame != w->frame - 1)
			continue;
		out_text(out, "\t\t");
		out_text(out, v->name);
		out_text(out, " ");
		out_text(out, v->type);
		out_text(out, v->value ? " = " : ": ");
		out_text(out, v->value ? v->value : v->why);
		out_text(out, "\n");
	}
}

static void print_frames(
	struct out *out, struct walk w, bool all, bool addresses, const struct probe_locals *locals)
{
	const struct gsnap_frame *f = top_frame(w.s, w.stack);
	if (f && runtime_frame(w.s, f))
		all = true;
	uint64_t elided = count_elided(w.s, w.stack, all), i = 0;
	while ((f = walk_next(&w))) {
		i += w.elided;
		if (!shown(w.s, f, all))
			continue;
		if (elided && i == ENDS)
			out_printf(out, "...%" PRIu64 " frames elided...\n", elided);
		if (i < ENDS || i >= ENDS + elided)
			print_frame(out, &w, f, addresses);
		if (locals && (i < ENDS || i >= ENDS + elided))
			print_variables(out, &w, locals);
		i++;
	}
}

void print_stack(struct out *out, const struct gsnap *s, uint32_t stack, bool all)
{
	print_frames(out, walk_of(s, stack, NULL), all, false, NULL);
}

uint32_t shown_frames(
	const struct gsnap *s, uint32_t stack, const struct gsnap_frame **out, uint32_t max)
{
	struct walk w = walk_of(s, stack, NULL);
	const struct gsnap_frame *f = top_frame(s, stack);
	bool all = f && runtime_frame(s, f);
	uint32_t n = 0;
	while (n < max && (f = walk_next(&w)))
		if (shown(s, f, all))
			out[n++] = f;
	return n;
}

/* Not Go's own: those have no dot before the first slash of their path. Not libgort's either. */
static bool of_the_program(const struct gsnap *s, const char *func)
{
	size_t n = strcspn(func, "/");
	if (s->kind == GSNAP_GORT)
		return strncmp(func, "gort_", 5) || !strncmp(func, "gort_main", 9);
	return !strncmp(func, "main.", 5) || (func[n] && memchr(func, '.', n));
}

const struct gsnap_frame *own_frame(const struct gsnap *s, uint32_t stack)
{
	const struct gsnap_frame *f[16];
	uint32_t n = shown_frames(s, stack, f, sizeof f / sizeof *f);
	for (uint32_t i = 0; i < n; i++)
		if (of_the_program(s, f[i]->func))
			return f[i];
	return top_frame(s, stack);
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
	out_text(out, "\n");
}

static void print_addresses(struct out *out, const struct gsnap_g *gp)
{
	out_text(out, " gp=");
	out_hex(out, gp->addr);
	if (!gp->m) {
		out_text(out, " m=nil");
		return;
	}
	out_printf(out, " m=%" PRId64 " mp=", gp->m_id);
	out_hex(out, gp->m);
}

static void print_bubble(struct out *out, const struct gsnap *s, uint64_t id)
{
	bool group = !strncmp(s->version, "go1.24", 6);
	out_printf(out, ", synctest %s %" PRIu64, group ? "group" : "bubble", id);
}

static void print_header(
	struct out *out, const struct gsnap *s, const struct gsnap_g *gp, bool addresses)
{
	int64_t wait = gp->status == GSTATUS_LEAKED ? GSNAP_UNKNOWN : g_wait(s, gp);
	int64_t minutes = wait == GSNAP_UNKNOWN ? 0 : wait / INT64_C(60000000000);
	out_text(out, "goroutine ");
	out_uint(out, gp->id);
	if (addresses)
		print_addresses(out, gp);
	out_text(out, " [");
	out_text(out, gsnap_state(gp));
	if (gp->status == GSTATUS_LEAKED)
		out_text(out, " (leaked)");
	if (gp->flags & GSNAP_G_DURABLE)
		out_text(out, " (durable)");
	if (minutes >= 1)
		out_printf(out, ", %" PRId64 " minutes", minutes);
	if (gp->flags & GSNAP_G_LOCKED)
		out_text(out, ", locked to thread");
	if (gp->bubble)
		print_bubble(out, s, gp->bubble);
	print_header_end(out, s, gp);
	out_text(out, ":\n");
}

void print_goroutine(struct out *out, const struct gsnap *s, const struct gsnap_g *gp, bool all)
{
	bool addresses = all && s->kind == GSNAP_GO;
	print_header(out, s, gp, addresses);
	if (gp->stack == GSNAP_NONE)
		out_printf(out, "\tgoroutine running on other thread; stack unavailable\n");
	print_frames(out, walk_of(s, gp->stack, gp), all, addresses, NULL);
	if (gp->flags & GSNAP_G_TRUNCATED)
		out_printf(out, "...additional frames elided...\n");
	if (gp->id != 1)
		print_created(out, s, gp->created, gp->parent);
}

void print_with_locals(struct out *out, const struct gsnap *s, const struct gsnap_g *gp,
	const struct probe_locals *locals, bool all)
{
	print_header(out, s, gp, false);
	if (gp->stack == GSNAP_NONE)
		out_text(out, "\tgoroutine running on other thread; stack unavailable\n");
	else if (locals->moved)
		out_text(out, "\t(it went on meanwhile: its variables may be of two moments)\n");
	print_frames(out, walk_of(s, gp->stack, gp), all, false, locals);
	if (gp->flags & GSNAP_G_TRUNCATED)
		out_text(out, "...additional frames elided...\n");
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
	struct walk w = walk_of(s, stack, NULL);
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
