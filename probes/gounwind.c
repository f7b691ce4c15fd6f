/* SPDX-License-Identifier: BSD-2-Clause */
#include "gounwind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INLINE 64
#define KEPT       (GO_MAX_FRAMES / 2)

/* What the walk needs to know of a pc, computed once. */
struct gorow {
	uint32_t loc;
	int32_t spdelta; /* -1: the function has no frame information */
	bool top;        /* outermost frame of a stack */
	bool spwrite;    /* moves sp in ways no table tells */
	bool injected;   /* a call the signal handler put there: the caller was not at a call */
	struct goargs args;
};

void gounwind_init(struct gounwind *u, const struct gotarget *g, struct gsnap *out)
{
	*u = (struct gounwind){.g = g, .out = out};
}

void gounwind_free(struct gounwind *u)
{
	pcmap_free(&u->rows);
	pcmap_free(&u->chains);
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
	struct brackets b = {0};
	if (!u->symbols)
		b = find_brackets(name, u->g->version.minor >= 27);
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
	size_t avail;
	const uint8_t *tree = gofuncdata(g, f, FUNCDATA_INLTREE, &avail);
	uint32_t table = pclntab_pcdata(&g->tab, f, PCDATA_INLTREE);
	int32_t i = tree ? pclntab_value(&g->tab, f, table, off) : -1;
	if (i < 0 || avail / 16 <= (size_t)i)
		return false;
	const uint8_t *p = tree + 16 * (size_t)i;
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

static void describe_loc(struct gounwind *u, const struct gofunc *f, uint32_t off,
	const struct gorow *row, const char *args)
{
	struct gsnap_loc *loc = &u->out->locs[row->loc];
	loc->framesize = row->spdelta < 0 ? 0 : (uint32_t)row->spdelta + 8;
	loc->nwords = row->args.n;
	loc->args = args ? gsnap_str(u->out, args, strlen(args)) : NULL;
	add_frames(u, f, off);
}

/* trap: pc is where the function was interrupted, not where a call returns to. */
static bool fill_row(struct gounwind *u, uint64_t pc, bool trap, struct gorow *row)
{
	const struct gotarget *g = u->g;
	uint32_t off;
	struct gofunc f;
	char args[GO_ARGS_TEXT];
	if (!text_offset(g, pc, &off) || !pclntab_find(&g->tab, off, &f))
		return false;
	bool callsite = !trap && off > f.entry;
	*row = (struct gorow){
		.spdelta = f.pcsp ? pclntab_value(&g->tab, &f, f.pcsp, off) : -1,
		.top = f.flag & FUNCFLAG_TOPFRAME,
		.spwrite = (f.flag & FUNCFLAG_SPWRITE) && strcmp(f.name, "runtime.cgocallback"),
		.injected = !strcmp(f.name, "runtime.sigpanic") ||
			    !strcmp(f.name, "runtime.asyncPreempt") ||
			    !strcmp(f.name, "runtime.debugCallV2"),
	};
	uint32_t at = callsite ? off - 1 : off;
	bool told = goargs_read(g, &f, at, &row->args, args);
	if (!told)
		row->args.n = 0;
	row->loc = gsnap_find_loc(u->out, pc, callsite);
	if (row->loc == GSNAP_NONE) {
		row->loc = gsnap_add_loc(u->out, pc, g->md.text + f.entry, callsite);
		if (row->loc != GSNAP_NONE)
			describe_loc(u, &f, at, row, told ? args : NULL);
	}
	return row->loc != GSNAP_NONE;
}

static const struct gorow *row_of(struct gounwind *u, uint64_t pc, bool trap)
{
	uint64_t key = pc * 2 + trap;
	struct gorow *row = pcmap_get(&u->rows, key);
	if (row)
		return row;
	struct gorow fresh;
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

/* A stack that is too deep keeps its two ends: the second half of the room is a ring. */
static void keep(struct gounwind *u, uint64_t depth, const struct gorow *row, uint64_t sp)
{
	struct goframes *fr = &u->frames;
	uint64_t i = depth < GO_MAX_FRAMES ? depth : KEPT + (depth - KEPT) % KEPT;
	if (depth >= GO_MAX_FRAMES)
		fr->elided += u->out->locs[fr->locs[i]].nframes;
	fr->locs[i] = row->loc;
	fr->rows[i] = row;
	fr->sp[i] = sp;
}

static void rotate(void *array, size_t size, size_t by, void *room)
{
	uint8_t *p = array, *first = room;
	memcpy(first, p, by * size);
	memmove(p, p + by * size, (KEPT - by) * size);
	memcpy(p + (KEPT - by) * size, first, by * size);
}

/* Puts the ring in order. */
static void straighten(struct goframes *fr, uint64_t depth)
{
	uint64_t room[KEPT];
	fr->n = depth < GO_MAX_FRAMES ? (uint32_t)depth : GO_MAX_FRAMES;
	fr->inner = depth > GO_MAX_FRAMES ? KEPT : fr->n;
	size_t by = depth > GO_MAX_FRAMES ? (depth - KEPT) % KEPT : 0;
	if (!by)
		return;
	rotate(fr->locs + KEPT, sizeof *fr->locs, by, room);
	rotate(fr->rows + KEPT, sizeof *fr->rows, by, room);
	rotate(fr->sp + KEPT, sizeof *fr->sp, by, room);
}

/* The walk of one stack: how many frames there are. */
static uint64_t walk(struct gounwind *u, const struct gostack *s)
{
	uint64_t pc = s->pc, sp = s->sp;
	bool trap = s->trap;
	for (uint64_t n = 0;;) {
		const struct gorow *row = row_of(u, pc, trap);
		if (!row || row->spdelta < 0)
			return n;
		keep(u, n++, row, sp);
		u->frames.whole = row->top;
		if (row->top || (row->spwrite && !(n == 1 && s->syscall)))
			return n;
		uint64_t ret = sp - s->sp + (uint32_t)row->spdelta; /* the call pushed pc there */
		if (s->len < 8 || ret > s->len - 8) {
			u->frames.cut = true;
			return n;
		}
		memcpy(&pc, s->mem + ret, sizeof pc);
		sp = s->sp + ret + 8;
		trap = row->injected;
	}
}

void gounwind_stack(struct gounwind *u, const struct gostack *s)
{
	u->frames.elided = 0;
	u->frames.whole = u->frames.cut = false;
	straighten(&u->frames, walk(u, s));
}

void gounwind_append(struct gounwind *u, const uint64_t *pcs, size_t n)
{
	struct goframes *fr = &u->frames;
	for (size_t i = 0; i < n && !fr->whole && fr->n < GO_MAX_FRAMES; i++) {
		const struct gorow *row = row_of(u, pcs[i], false);
		if (!row)
			return;
		fr->locs[fr->n++] = row->loc;
		fr->whole = row->top;
	}
}

const uint8_t *gounwind_words(struct gounwind *u, const struct gostack *s)
{
	const struct goframes *fr = &u->frames;
	size_t n = fr->elided ? 1 : 0, at = 0;
	for (uint32_t i = 0; i < fr->n; i++)
		n += fr->rows[i]->args.n;
	uint8_t *out = (uint8_t *)gsnap_alloc(u->out, n * 8);
	for (uint32_t i = 0; out && i < fr->n; i++) {
		const struct gorow *row = fr->rows[i];
		uint64_t words[GO_MAX_ARGS], end = fr->sp[i] - s->sp + (uint32_t)row->spdelta + 8;
		if (fr->elided && i == fr->inner) {
			memcpy(out + at, &fr->sp[i], 8);
			at += 8;
		}
		size_t len = end < s->len ? s->len - end : 0;
		goargs_words(&row->args, s->mem + (len ? end : 0), len, words);
		memcpy(out + at, words, row->args.n * 8);
		at += row->args.n * 8;
	}
	return out;
}

/* The calls that were inlined at a pc, from the innermost's caller on, as pcs of their own. */
struct chain {
	uint32_t n;
	bool goexit;
	uint64_t pcs[MAX_INLINE];
};

static struct chain *read_chain(const struct gotarget *g, uint64_t pc)
{
	struct chain c = {0};
	struct gofunc f;
	struct inlined call;
	uint32_t off;
	if (text_offset(g, pc, &off) && pclntab_find(&g->tab, off, &f)) {
		c.goexit = !strcmp(f.name, "runtime.goexit");
		off -= off > f.entry;
		while (c.n < MAX_INLINE && inlined_at(g, &f, off, &call)) {
			off = f.entry + (uint32_t)call.parent;
			c.pcs[c.n++] = g->md.text + off + 1;
		}
	}
	size_t size = offsetof(struct chain, pcs) + c.n * sizeof *c.pcs;
	struct chain *kept = malloc(size);
	if (kept)
		memcpy(kept, &c, size);
	return kept;
}

static const struct chain *chain_of(struct gounwind *u, uint64_t pc)
{
	struct chain *c = pcmap_get(&u->chains, pc);
	if (c)
		return c;
	c = read_chain(u->g, pc);
	if (c && !pcmap_add(&u->chains, pc, c)) {
		free(c);
		return NULL;
	}
	return c;
}

size_t gounwind_callers(struct gounwind *u, const uint64_t *pcs, size_t n, uint32_t *locs)
{
	size_t k = 0;
	for (size_t i = 0; i < n;) {
		const struct gorow *row = row_of(u, pcs[i], false);
		const struct chain *c = row ? chain_of(u, pcs[i]) : NULL;
		i++;
		if (!c || c->goexit)
			continue;
		locs[k++] = row->loc;
		for (uint32_t j = 0; j < c->n && i < n; j++)
			i += pcs[i] == c->pcs[j];
	}
	return k;
}

const char *gounwind_func(const struct gotarget *g, uint64_t pc)
{
	struct gofunc f;
	struct inlined call;
	uint32_t off;
	if (!text_offset(g, pc, &off) || !pclntab_find(&g->tab, off, &f))
		return NULL;
	return inlined_at(g, &f, off, &call) ? pclntab_name(&g->tab, call.name) : f.name;
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
