/* SPDX-License-Identifier: BSD-2-Clause */
#include "gounwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INLINE 64

/* What the walk needs to know of a pc, computed once. */
struct row {
	uint32_t loc;
	int32_t spdelta; /* -1: the function has no frame information */
	bool top;        /* outermost frame of a stack */
	bool spwrite;    /* moves sp in ways no table tells */
	bool injected;   /* a call the signal handler put there: the caller was not at a call */
};

void gounwind_init(struct gounwind *u, const struct gotarget *g, struct gsnap *out)
{
	*u = (struct gounwind){.g = g, .out = out};
}

void gounwind_free(struct gounwind *u)
{
	pcmap_free(&u->rows);
}

/* Where the brackets of a name are that the runtime prints as [...]: one pair or two. */
struct brackets {
	const char *open[2], *close[2];
	int n;
};

/*
 * Up to Go 1.26 all from the first '[' to the last ']' is one pair. 1.27 has generic methods of
 * generic types, M[T].f[U]: a bracket that opens where none is open starts the second pair.
 * Unbalanced: none.
 */
static struct brackets find_brackets(const char *name, bool two)
{
	struct brackets b = {{strchr(name, '[')}, {strrchr(name, ']')}, 1};
	if (!b.open[0] || !b.close[0] || b.close[0] < b.open[0])
		return (struct brackets){.n = 0};
	const char *end = b.close[0], *first = NULL;
	int depth = 1;
	for (const char *p = b.open[0] + 1; two && p < end; p++) {
		if (*p == ']' && --depth == 0)
			first = p;
		else if (*p == '[' && ++depth == 1)
			return (struct brackets){{b.open[0], p}, {first, end}, 2};
		if (depth < 0)
			break;
	}
	b.n = depth == 1;
	return b;
}

/* As funcNameForPrint: F[go.shape.int] is F[...]. */
static const char *print_name(struct gounwind *u, const char *name)
{
	struct brackets b = find_brackets(name, u->g->version.minor >= 27);
	char text[1024];
	size_t len = 0;
	const char *from = name;
	for (int i = 0; i < b.n; i++) {
		len += (size_t)snprintf(
			text + len, sizeof text - len, "%.*s[...]", (int)(b.open[i] - from), from);
		if (len >= sizeof text)
			return gsnap_str(u->out, text, sizeof text - 1);
		from = b.close[i] + 1;
	}
	if (b.n == 0)
		return gsnap_str(u->out, name, strlen(name));
	len += (size_t)snprintf(text + len, sizeof text - len, "%s", from);
	return gsnap_str(u->out, text, len < sizeof text ? len : sizeof text - 1);
}

struct inlined {
	uint32_t name;
	int32_t parent; /* offset from the function's entry of the call that was inlined */
};

/* runtime.inlinedCall: funcID u8, 3 bytes, nameOff i32, parentPc i32, startLine i32. */
static bool inlined_at(
	const struct gotarget *g, const struct gofunc *f, uint32_t off, struct inlined *call)
{
	uint32_t tree = pclntab_funcdata(&g->tab, f, FUNCDATA_INLTREE);
	uint32_t table = pclntab_pcdata(&g->tab, f, PCDATA_INLTREE);
	int32_t i = tree == UINT32_MAX ? -1 : pclntab_value(&g->tab, f, table, off);
	if (i < 0)
		return false;
	size_t avail;
	const uint8_t *p =
		elf_at(&g->elf, g->md.gofunc - g->bias + tree + 16 * (uint64_t)i, &avail);
	if (!p || avail < 16)
		return false;
	memcpy(&call->name, p + 4, sizeof call->name);
	memcpy(&call->parent, p + 8, sizeof call->parent);
	return true;
}

static void add_frame(
	struct gounwind *u, const struct gofunc *f, const char *name, uint32_t off, bool inlined)
{
	uint32_t line;
	const char *file = pclntab_line(&u->g->tab, f, off, &line);
	gsnap_add_frame(u->out, print_name(u, name ? name : "?"),
		file ? gsnap_str(u->out, file, strlen(file)) : NULL, line, inlined);
}

/* Adds the calls at a text offset, innermost first, the function itself last. */
static void add_frames(struct gounwind *u, const struct gofunc *f, uint32_t off)
{
	struct inlined call;
	for (int i = 0; i < MAX_INLINE && inlined_at(u->g, f, off, &call); i++) {
		add_frame(u, f, pclntab_name(&u->g->tab, call.name), off, true);
		off = f->entry + (uint32_t)call.parent;
	}
	add_frame(u, f, f->name, off, false);
}

static bool text_offset(const struct gotarget *g, uint64_t pc, uint32_t *off)
{
	if (pc < g->md.text || pc >= g->md.etext)
		return false;
	*off = (uint32_t)(pc - g->md.text);
	return true;
}

/* trap: pc is where the function was interrupted, not where a call returns to. */
static bool fill_row(struct gounwind *u, uint64_t pc, bool trap, struct row *row)
{
	const struct gotarget *g = u->g;
	uint32_t off;
	struct gofunc f;
	if (!text_offset(g, pc, &off) || !pclntab_find(&g->tab, off, &f))
		return false;
	bool callsite = !trap && off > f.entry;
	row->spdelta = f.pcsp ? pclntab_value(&g->tab, &f, f.pcsp, off) : -1;
	row->top = f.flag & FUNCFLAG_TOPFRAME;
	row->spwrite = (f.flag & FUNCFLAG_SPWRITE) && strcmp(f.name, "runtime.cgocallback");
	row->injected = !strcmp(f.name, "runtime.sigpanic") ||
			!strcmp(f.name, "runtime.asyncPreempt") ||
			!strcmp(f.name, "runtime.debugCallV2");
	row->loc = gsnap_find_loc(u->out, pc, callsite);
	if (row->loc == GSNAP_NONE) {
		row->loc = gsnap_add_loc(u->out, pc, g->md.text + f.entry, callsite);
		if (row->loc != GSNAP_NONE)
			add_frames(u, &f, callsite ? off - 1 : off);
	}
	return row->loc != GSNAP_NONE;
}

static const struct row *row_of(struct gounwind *u, uint64_t pc, bool trap)
{
	uint64_t key = pc * 2 + trap;
	struct row *row = pcmap_get(&u->rows, key);
	if (row)
		return row;
	struct row fresh;
	if (!fill_row(u, pc, trap, &fresh))
		return NULL;
	row = malloc(sizeof *row);
	if (!row)
		return NULL;
	*row = fresh;
	if (!pcmap_add(&u->rows, key, row)) {
		free(row);
		return NULL;
	}
	return row;
}

size_t gounwind_stack(struct gounwind *u, const struct gostack *s, uint32_t *locs, bool *whole)
{
	uint64_t pc = s->pc, sp = s->sp;
	bool trap = false;
	*whole = false;
	for (size_t n = 0;;) {
		const struct row *row = row_of(u, pc, trap);
		if (!row || row->spdelta < 0 || n == GO_MAX_FRAMES)
			return n;
		locs[n++] = row->loc;
		*whole = row->top;
		if (row->top || (row->spwrite && !(n == 1 && s->syscall)))
			return n;
		uint64_t ret = sp - s->sp + (uint32_t)row->spdelta; /* the call pushed pc there */
		if (s->len < 8 || ret > s->len - 8)
			return n;
		memcpy(&pc, s->mem + ret, sizeof pc);
		sp = s->sp + ret + 8;
		trap = row->injected;
	}
}

/*
 * As printcreatedby1: the function that owns the pc, with the file and line of the innermost call
 * inlined there. Not a callsite location, so that it differs from a frame that returns to gopc.
 */
uint32_t gounwind_created(struct gounwind *u, uint64_t gopc)
{
	const struct gotarget *g = u->g;
	uint32_t loc = gsnap_find_loc(u->out, gopc, false), off;
	struct gofunc f;
	if (loc != GSNAP_NONE || !text_offset(g, gopc, &off) || !pclntab_find(&g->tab, off, &f))
		return loc;
	loc = gsnap_add_loc(u->out, gopc, g->md.text + f.entry, false);
	if (loc != GSNAP_NONE)
		add_frame(u, &f, f.name, off > f.entry ? off - 1 : off, false);
	return loc;
}
