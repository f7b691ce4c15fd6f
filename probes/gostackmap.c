/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gostackmap.c - walks a copied stack frame by frame and finds its live pointers.
 *
 * For each frame the compiler left, at the pc of the call it is in, a bitmap of its live locals,
 * one of its arguments, and a list of stack objects: variables whose address is taken, which are
 * live only if a live pointer leads to them. The heap pointers go to the marker; pointers into the
 * stack bring stack objects in until nothing is new.
 *
 * Where the maps do not tell - a goroutine that was preempted between two calls, that panics, or
 * that runs code assembled at run time (reflect.makeFuncStub) - every word counts. That can only
 * keep more alive. The caller of an injected call is such a frame too: it was at no call.
 *
 * So it is with a goroutine that moved while it was copied; but not with the calls of the runtime
 * that it is parked in. They lie where it searched the waiters for other locks before, and what it
 * came across there is left between their variables.
 */
#include "gostackmap.h"

#include <string.h>

#define MAX_FRAMES    65536
#define MAX_PARKED    16 /* frames of the runtime */
#define MAX_DEFERS    100000
#define MAX_STACKOBJS 65536
enum { PCDATA_STACKMAP = 1, FUNCDATA_ARGS = 0, FUNCDATA_LOCALS = 1, FUNCDATA_STACKOBJECTS = 2 };

enum framekind {
	FRAME_PLAIN,
	FRAME_INJECTED, /* its maps and those of its caller do not hold */
	FRAME_OPAQUE,   /* no maps for what its caller passed: the whole stack counts */
};

/* What the walk needs of a pc, computed once. */
struct frame {
	struct gofunc f;
	int32_t spdelta; /* -1: the function has no frame information */
	int32_t index;   /* of the bitmaps */
	enum framekind kind;
};

/* A frame on a stack. */
struct place {
	const struct gocopy *c;
	const struct frame *fr;
	uint64_t sp, varp, argp; /* its locals are [sp, varp), its arguments begin at argp */
};

void gostackmap_init(struct gostackmap *s, const struct gotarget *g)
{
	*s = (struct gostackmap){.g = g};
}

void gostackmap_free(struct gostackmap *s)
{
	pcmap_free(&s->frames);
	free(s->words);
	free(s->objs);
	*s = (struct gostackmap){0};
}

static uint64_t word(const struct gocopy *c, uint64_t addr)
{
	uint64_t v;
	memcpy(&v, c->stack + (addr - c->base), sizeof v);
	return v;
}

static bool on_stack(const struct gocopy *c, uint64_t addr, uint64_t n)
{
	return addr >= c->base && addr <= c->hi && n <= c->hi - addr;
}

static void push(struct gostackmap *s, uint64_t v)
{
	if (s->nwords == s->wordcap) {
		size_t cap = s->wordcap ? s->wordcap * 2 : 4096;
		uint64_t *bigger = realloc(s->words, cap * sizeof *bigger);
		if (!bigger) {
			s->oom = true;
			return;
		}
		s->words = bigger;
		s->wordcap = cap;
	}
	s->words[s->nwords++] = v;
}

static void push_at(struct gostackmap *s, const struct gocopy *c, uint64_t addr)
{
	if (on_stack(c, addr, 8))
		push(s, word(c, addr));
}

static void push_range(struct gostackmap *s, const struct gocopy *c, uint64_t lo, uint64_t hi)
{
	for (uint64_t a = (lo + 7) & ~7ull; a < hi && hi - a >= 8; a += 8)
		push_at(s, c, a);
}

/* ---- what is known of a pc ---- */

static enum framekind kind_of(const char *name)
{
	if (!strcmp(name, "runtime.asyncPreempt") || !strcmp(name, "runtime.debugCallV2"))
		return FRAME_INJECTED;
	if (!strcmp(name, "reflect.makeFuncStub") || !strcmp(name, "reflect.methodValueCall"))
		return FRAME_OPAQUE;
	return FRAME_PLAIN;
}

/* leaf: pc is where the goroutine goes on, else where a call returns to. */
static bool fill(const struct gotarget *g, uint64_t pc, bool leaf, struct frame *fr)
{
	if (pc <= g->md.text || pc >= g->md.etext)
		return false;
	uint32_t off = (uint32_t)(pc - g->md.text);
	if (!pclntab_find(&g->tab, leaf ? off : off - 1, &fr->f))
		return false;
	bool entry = off == fr->f.entry;
	uint32_t table = pclntab_pcdata(&g->tab, &fr->f, PCDATA_STACKMAP);
	fr->spdelta = fr->f.pcsp ? pclntab_value(&g->tab, &fr->f, fr->f.pcsp, off) : -1;
	fr->index = entry || !table ? -1 : pclntab_value(&g->tab, &fr->f, table, off - 1);
	fr->index = fr->index < 0 ? 0 : fr->index;
	fr->kind = kind_of(fr->f.name);
	return true;
}

static const struct frame *frame_at(struct gostackmap *s, uint64_t pc, bool leaf)
{
	uint64_t key = pc * 2 + leaf;
	struct frame *fr = pcmap_get(&s->frames, key), fresh;
	if (fr || !fill(s->g, pc, leaf, &fresh))
		return fr;
	fr = malloc(sizeof *fr);
	if (!fr || !pcmap_add(&s->frames, key, fr)) {
		free(fr);
		s->oom = true;
		return NULL;
	}
	*fr = fresh;
	return fr;
}

/* runtime.stackmap: n i32, nbit i32, then n bitmaps of whole bytes. */
struct bitmap {
	const uint8_t *bits; /* NULL: no bits */
	uint32_t nbit;
	bool exists; /* the function has such maps, if perhaps none of this number */
	bool valid;
};

static struct bitmap bitmap_of(const struct gotarget *g, const struct frame *fr, uint32_t which)
{
	size_t avail = 0;
	const uint8_t *p = gofuncdata(g, &fr->f, which, &avail);
	int32_t head[2];
	if (!p || avail < sizeof head)
		return (struct bitmap){.valid = true};
	memcpy(head, p, sizeof head);
	if (head[1] <= 0)
		return (struct bitmap){.exists = true, .valid = true};
	uint64_t bytes = ((uint64_t)head[1] + 7) / 8;
	uint64_t off = sizeof head + bytes * (uint64_t)fr->index;
	bool valid = fr->index < head[0] && off + bytes <= avail;
	return (struct bitmap){p + off, (uint32_t)head[1], true, valid};
}

static bool bit(const struct bitmap *b, uint32_t i)
{
	return b->bits[i / 8] >> i % 8 & 1;
}

/* ---- one frame ---- */

/* The words at the end of the locals that the bitmap marks as live pointers. */
static bool push_locals(struct gostackmap *s, const struct place *at)
{
	if (at->varp <= at->sp)
		return true;
	struct bitmap b = bitmap_of(s->g, at->fr, FUNCDATA_LOCALS);
	if (!b.exists && !(at->fr->f.flag & (FUNCFLAG_TOPFRAME | FUNCFLAG_ASM)))
		push_range(s, at->c, at->sp, at->varp);
	for (uint32_t i = 0; b.valid && b.bits && i < b.nbit; i++) {
		uint64_t addr = at->varp - 8 * (uint64_t)(b.nbit - i);
		if (bit(&b, i) && addr >= at->sp)
			push_at(s, at->c, addr);
	}
	return b.valid;
}

static void push_args(struct gostackmap *s, const struct place *at)
{
	struct bitmap b = bitmap_of(s->g, at->fr, FUNCDATA_ARGS);
	for (uint32_t i = 0; b.valid && b.bits && at->fr->f.args > 0 && i < b.nbit; i++)
		if (bit(&b, i))
			push_at(s, at->c, at->argp + 8 * (uint64_t)i);
}

static void push_all(struct gostackmap *s, const struct place *at)
{
	int32_t args = at->fr->f.args;
	push_range(s, at->c, at->sp, at->varp);
	push_range(s, at->c, at->argp, at->argp + (args > 0 ? (uint64_t)args : 0));
}

static void add_object(struct gostackmap *s, struct stackobj o)
{
	if (s->nobjs == s->objcap) {
		size_t cap = s->objcap ? s->objcap * 2 : 256;
		struct stackobj *bigger = realloc(s->objs, cap * sizeof *bigger);
		if (!bigger) {
			s->oom = true;
			return;
		}
		s->objs = bigger;
		s->objcap = cap;
	}
	s->objs[s->nobjs++] = o;
}

/* runtime.stackObjectRecord; off is from argp, or from varp when it is negative. */
struct objrecord {
	int32_t off, size, ptrbytes;
	uint32_t gcdataoff;
};

/* Up to Go 1.23 a negative ptrbytes says that a program makes the mask: then every word counts. */
static struct stackobj object_of(
	const struct gotarget *g, const struct place *at, const struct objrecord *r)
{
	struct stackobj o = {.size = (uint32_t)r->size};
	size_t avail = 0;
	o.addr = (r->off < 0 ? at->varp : at->argp) + (uint64_t)(int64_t)r->off;
	if (r->ptrbytes <= 0)
		return o;
	o.nmask = (uint32_t)r->ptrbytes / 8;
	o.mask = elf_at(&g->elf, g->md.rodata - g->bias + r->gcdataoff, &avail);
	if (avail < (o.nmask + 7) / 8)
		o.mask = NULL;
	return o;
}

static void add_objects(struct gostackmap *s, const struct place *at)
{
	size_t avail = 0;
	const uint8_t *p = gofuncdata(s->g, &at->fr->f, FUNCDATA_STACKOBJECTS, &avail);
	uint64_t n = 0;
	if (!p || avail < sizeof n)
		return;
	memcpy(&n, p, sizeof n);
	struct objrecord r;
	for (uint64_t k = 0; k < n && 8 + (k + 1) * sizeof r <= avail; k++) {
		memcpy(&r, p + 8 + k * sizeof r, sizeof r);
		struct stackobj o = object_of(s->g, at, &r);
		if (r.size > 0 && r.ptrbytes && o.addr >= at->sp &&
			on_stack(at->c, o.addr, o.size) && s->nobjs < MAX_STACKOBJS)
			add_object(s, o);
	}
}

/* ---- a stack ---- */

/* Finds the frame at pc and sp; false when the walk cannot go on. */
static bool place_at(struct gostackmap *s, const struct gocopy *c, uint64_t pc, uint64_t sp,
	bool leaf, struct place *at)
{
	const struct frame *fr = frame_at(s, pc, leaf);
	if (!fr || fr->spdelta < 0)
		return false;
	uint64_t argp = sp + (uint32_t)fr->spdelta + 8, varp = argp - 8;
	*at = (struct place){c, fr, sp, varp > sp ? varp - 8 : varp, argp};
	return argp >= sp && argp <= c->hi;
}

static bool is_top(struct gostackmap *s, uint64_t pc, bool leaf)
{
	const struct frame *fr = frame_at(s, pc, leaf);
	return fr && fr->f.flag & FUNCFLAG_TOPFRAME;
}

/* What the maps of a frame tell; false when they do not. */
static bool push_frame(struct gostackmap *s, const struct place *at)
{
	if (!push_locals(s, at))
		return false;
	push_args(s, at);
	add_objects(s, at);
	return true;
}

/* All live pointers of the frames into s->words and s->objs; false when the maps do not tell. */
static bool walk(struct gostackmap *s, const struct gocopy *c)
{
	uint64_t pc = c->pc, sp = c->sp;
	bool injected = false;
	for (unsigned n = 0; n < MAX_FRAMES; n++) {
		struct place at;
		if (!place_at(s, c, pc, sp, n == 0, &at))
			return is_top(s, pc, n == 0);
		if (at.fr->kind == FRAME_OPAQUE)
			return false;
		if (injected || at.fr->kind == FRAME_INJECTED) {
			push_all(s, &at);
			injected = at.fr->kind == FRAME_INJECTED;
		} else if (!push_frame(s, &at)) {
			return false;
		}
		if (at.fr->f.flag & FUNCFLAG_TOPFRAME)
			return true;
		pc = word(c, at.argp - 8);
		sp = at.argp;
	}
	return false;
}

/* Functions that block, and those of the runtime below them. */
static bool parks(const char *name)
{
	static const char *const packages[] = {"runtime.", "sync.", "internal/sync."};
	for (size_t i = 0; i < sizeof packages / sizeof *packages; i++)
		if (!strncmp(name, packages[i], strlen(packages[i])))
			return true;
	return false;
}

/* Of a goroutine that is parked, the frames of that by their maps; where the others begin. */
static uint64_t walk_parked(struct gostackmap *s, const struct gocopy *c)
{
	uint64_t pc = c->pc, sp = c->sp;
	struct place at;
	for (unsigned n = 0; n < MAX_PARKED; n++) {
		if (!place_at(s, c, pc, sp, n == 0, &at))
			break;
		if (!parks(at.fr->f.name))
			return sp;
		if (at.fr->kind != FRAME_PLAIN || at.fr->f.flag & FUNCFLAG_TOPFRAME ||
			!push_frame(s, &at))
			break;
		pc = word(c, at.argp - 8);
		sp = at.argp;
	}
	s->nwords = s->nobjs = 0;
	return c->base;
}

/* Deferred calls: their records are on the stack or in the heap, mixed. */
static void push_defers(struct gostackmap *s, const struct gomark *m, const struct gocopy *c)
{
	const struct golayout *l = s->g->lay;
	uint64_t d = c->defers;
	for (unsigned n = 0; d && n < MAX_DEFERS; n++) {
		if (c->stack && on_stack(c, d, 64)) {
			push(s, word(c, d + l->defer_fn));
			d = word(c, d + l->defer_link);
		} else {
			push(s, d);
			push(s, goheap_word(m->heap, d + l->defer_fn));
			d = goheap_word(m->heap, d + l->defer_link);
		}
	}
}

/* A live pointer leads into it: its own pointers are live. Once. */
static void enter_object(struct gostackmap *s, const struct gocopy *c, struct stackobj *o)
{
	struct stackobj it = *o;
	o->size = 0;
	if (!it.mask || it.addr % 8) {
		push_range(s, c, it.addr, it.addr + it.size);
		return;
	}
	for (uint64_t i = 0; i < it.nmask; i++)
		if (it.mask[i / 8] >> i % 8 & 1)
			push_at(s, c, it.addr + 8 * i);
}

static void follow(struct gostackmap *s, struct gomark *m, const struct gocopy *c)
{
	while (s->nwords) {
		uint64_t v = s->words[--s->nwords];
		if (!on_stack(c, v, 1)) {
			gomark_ptr(m, v);
			continue;
		}
		for (size_t k = 0; k < s->nobjs; k++)
			if (v - s->objs[k].addr < s->objs[k].size)
				enter_object(s, c, &s->objs[k]);
	}
}

static bool exact(struct gostackmap *s, const struct gocopy *c, bool moved)
{
	if (moved || !c->sp || !c->stack || c->panics)
		return false;
	return walk(s, c);
}

/* Every word of the stack, but for the frames of the runtime that it is parked in. */
static void guess(struct gostackmap *s, struct gomark *m, const struct gocopy *c)
{
	if (!c->stack)
		return;
	uint64_t from = c->sp && !c->panics ? walk_parked(s, c) : c->base;
	gomark_words(m, from, c->stack + (from - c->base), c->len - (from - c->base));
}

void gostackmap_mark(struct gostackmap *s, struct gomark *m, const struct gocopy *c, bool moved)
{
	s->nwords = s->nobjs = 0;
	m->owner = c->addr;
	for (unsigned i = 0; i < GO_NREFS; i++)
		gomark_ptr(m, c->refs[i]);
	if (c->waiting)
		gomark_ptr(m, goheap_word(m->heap, c->waiting + s->g->lay->sudog_elem));
	if (!exact(s, c, moved)) {
		s->nwords = s->nobjs = 0;
		s->nguessed += c->len != 0;
		guess(s, m, c);
	}
	push_defers(s, m, c);
	push(s, c->refs[GOREF_CTXT]);
	follow(s, m, c);
	m->owner = 0;
	m->oom |= s->oom;
}

size_t gostackmap_frame(
	struct gostackmap *s, const struct gocopy *c, const char *name, uint64_t *out, size_t max)
{
	uint64_t pc = c->pc, sp = c->sp;
	for (unsigned n = 0; c->stack && sp && n < 8; n++) {
		struct place at;
		if (!place_at(s, c, pc, sp, n == 0, &at))
			return 0;
		if (!strcmp(at.fr->f.name, name)) {
			size_t found = 0;
			s->nwords = s->nobjs = 0;
			push_args(s, &at);
			push_locals(s, &at);
			while (s->nwords && found < max)
				out[found++] = s->words[--s->nwords];
			s->nwords = 0;
			return found;
		}
		pc = word(c, at.argp - 8);
		sp = at.argp;
	}
	return 0;
}
