/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * escape.c - pointers to stacks of goroutines in places that outlive the frame: the escape analysis
 * that C compilers do not make, as far as it can be made at run time.
 *
 * In the stop of a collection, when all that is reachable has been marked, every word of marked
 * objects, of the program's global variables and, if asked, of each goroutine's frames is looked
 * at. One that points into the stack of another goroutine, or from the heap or a global variable
 * into any, has escaped. It dangles when its frame is gone: it points below the stack pointer, or
 * the goroutine has ended. What is found is described by pcs and turned into text later, as no
 * function of libc that takes a lock may be called in a stop.
 *
 * Of frames only the program's count: those of libgort and libc hold such pointers by right (who
 * waits in a receive has told where to put the value), and registers that they saved. And a frame
 * has room that nobody wrote to, and variables that nobody reads again, where old values stay. So
 * what is found in frames is a hint, for who asks, while what is in the heap or in a global
 * variable is there for sure.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/noptr.h"
#include "escape.h"
#include "gort/debug.h"
#include "gort/mem.h"
#include "gview.h"
#include "heapsort.h"
#include "mem/malloc.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "mem/mprof.h"
#include "options.h"
#include "sched/proc.h"
#include "sched/stack.h"
#include "sched/text.h"
#include "symbolize.h"
#include "unwind.h"

#define NOSAN    __attribute__((no_sanitize("address")))
#define MAXFOUND 64u
#define REDZONE  128
#define SHOWN    8u /* calls of an allocation's stack */

/* The stack of a goroutine that has one. */
struct span {
	uintptr_t lo, hi, sp;
	struct g *gp;
};

struct site {
	uint64_t goid; /* 0: the goroutine has ended */
	uintptr_t pc;  /* 0: unknown; a return address when callsite */
	bool callsite;
	uintptr_t gopc;
};

enum holder { INHEAP, INGLOBAL, ONSTACK };

struct escape {
	enum holder kind;
	uintptr_t slot, target;
	bool dangling;
	uintptr_t object; /* INHEAP */
	size_t size;
	struct memrecord made; /* where it was allocated, if it was sampled */
	struct site holder;    /* ONSTACK */
	struct site owner;     /* of the stack: the frame, or where it is now when that is gone */
};

struct look {
	bool danglingonly, stacks;
	struct regs self; /* of the calling goroutine */
	struct span *spans;
	size_t room, n;
	struct escape *found;
	uint32_t nfound;
	struct escape now; /* what is being looked at */
	const struct span *from;
};

/* ---- stacks and frames ---- */

static bool span_less(const struct heapsort *h, size_t a, size_t b)
{
	const struct span *s = h->elements;
	return s[a].lo < s[b].lo;
}

static void span_swap(const struct heapsort *h, size_t a, size_t b)
{
	struct span *s = h->elements, kept = s[a];
	s[a] = s[b];
	s[b] = kept;
}

/* Where a goroutine stands in the signal handler; NULL: it does not. */
static const struct stopped *standing(const struct g *gp)
{
	const struct m *mp = gp->m;
	bool stands =
		mp && mp->curg == gp && (load_acq(&mp->stop.state) & STOP_MASK) == STOP_STANDS;
	return stands ? &mp->stop : NULL;
}

static uintptr_t beginof(const struct look *l, const struct g *gp)
{
	const struct stopped *t = standing(gp);
	if (gp == getg())
		return l->self.r[DW_RSP];
	return t ? t->sp - REDZONE : rootssp(gp);
}

static void gather(struct look *l)
{
	for (uint32_t i = 0; i < gview_count() && l->n < l->room; i++) {
		struct g *gp = gview_at(i);
		if (readgstatus(gp) == _Gdead || gp->stack.hi == 0)
			continue;
		l->spans[l->n++] = (struct span){gp->stack.lo, gp->stack.hi, beginof(l, gp), gp};
	}
	struct heapsort h = {span_less, span_swap, NULL, l->spans};
	heapsort_run(&h, l->n);
}

/* The stack in use that p lies in, or NULL. */
static const struct span *spanwith(const struct look *l, uintptr_t p)
{
	size_t lo = 0, hi = l->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (l->spans[mid].lo <= p)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 && p < l->spans[lo - 1].hi ? &l->spans[lo - 1] : NULL;
}

struct frame {
	uintptr_t pc, lo, hi;
	bool callsite;
};

static bool programs(const struct frame *f)
{
	uintptr_t end;
	return !gorttext(f->pc) && usertext(f->pc - f->callsite, &end);
}

static bool firstregs(const struct look *l, const struct span *s, struct regs *regs, bool *callsite)
{
	const struct stopped *t = standing(s->gp);
	struct gview v;
	*callsite = false;
	if (s->gp == getg()) {
		*regs = l->self;
		return true;
	}
	if (t) {
		regs_of_ucontext(t->context, regs);
		return true;
	}
	*callsite = true;
	gview_read(s->gp, &v);
	return gview_regs(&v, regs);
}

/* Calls f for each frame, innermost first, until it says true. */
static bool frames(struct look *l, const struct span *s,
	bool (*f)(struct look *l, const struct frame *fr, void *arg), void *arg)
{
	struct unwinder u;
	struct regs regs;
	bool callsite, more = true, done = false;
	if (!firstregs(l, s, &regs, &callsite))
		return false;
	unwind_init(&u, &regs, s->lo, s->hi, callsite);
	while (more && !done) {
		struct frame fr = {u.regs.r[DW_RIP], u.regs.r[DW_RSP], s->hi, u.callsite};
		more = unwind_next(&u);
		if (more)
			fr.hi = u.regs.r[DW_RSP];
		if (fr.lo < s->lo || fr.hi > s->hi)
			break;
		done = f(l, &fr, arg);
	}
	return done;
}

/* ---- what is found ---- */

static bool framewith(struct look *l, const struct frame *fr, void *arg)
{
	struct escape *e = arg;
	if (e->dangling ? !programs(fr) : e->target >= fr->hi)
		return false;
	(void)l;
	e->owner.pc = fr->pc;
	e->owner.callsite = fr->callsite;
	return true;
}

static void record(struct look *l, const struct span *to)
{
	struct escape *e = &l->found[l->nfound];
	*e = l->now;
	l->nfound++;
	if (!to)
		return;
	e->owner.goid = to->gp->goid;
	e->owner.gopc = to->gp->gopc;
	frames(l, to, framewith, e);
}

static NOSAN void lookat(struct look *l, uintptr_t slot)
{
	uintptr_t w = *(const volatile uintptr_t *)slot;
	if (likely(!stackaddress(w)) || l->nfound == MAXFOUND)
		return;
	const struct span *to = spanwith(l, w);
	if (to && to == l->from)
		return;
	l->now.slot = slot;
	l->now.target = w;
	l->now.dangling = !to || w < to->sp;
	if (l->now.dangling || !l->danglingonly)
		record(l, to);
}

static void lookrange(struct look *l, uintptr_t lo, uintptr_t hi)
{
	for (uintptr_t at = (lo + 7) & ~(uintptr_t)7; at + 8 <= hi; at += 8)
		lookat(l, at);
}

/* ---- places ---- */

static bool lookframe(struct look *l, const struct frame *fr, void *arg)
{
	(void)arg;
	if (!programs(fr))
		return false;
	l->now.holder.pc = fr->pc;
	l->now.holder.callsite = fr->callsite;
	lookrange(l, fr->lo, fr->hi);
	return false;
}

static void lookstacks(struct look *l)
{
	for (size_t i = 0; i < l->n; i++) {
		l->from = &l->spans[i];
		l->now = (struct escape){.kind = ONSTACK,
			.holder = {.goid = l->from->gp->goid, .gopc = l->from->gp->gopc}};
		if (!l->from->gp->system)
			frames(l, l->from, lookframe, NULL);
	}
	l->from = NULL;
}

/* Global variables of libgort and of libc are their business. */
static bool foreign(uintptr_t at)
{
	const struct module *mod = module_find(at);
	const char *base = mod ? strrchr(mod->path, '/') : NULL;
	return !base || strncmp(base, "/libgort", 8) == 0 || strncmp(base, "/libc.", 6) == 0 ||
	       strncmp(base, "/ld-linux", 9) == 0;
}

static void lookglobals(uintptr_t lo, uintptr_t hi, void *arg)
{
	struct look *l = arg;
	l->now = (struct escape){.kind = INGLOBAL};
	for (uintptr_t at = lo; !foreign(lo) && at + 8 <= hi; at += 8)
		if (at - (uintptr_t)&m0 >= sizeof(m0)) /* a program's that has libgort in it */
			lookat(l, at);
}

/* Bits of the words of an object that may be pointers, from word i on. */
static uint64_t pointerbits(const struct mspan *s, uintptr_t base, uintptr_t i)
{
	uintptr_t word = (base - s->startAddr) / 8 + i;
	if (s->kind == SPANSCAN)
		return UINT64_MAX;
	if (s->heapBits)
		return s->heapBits[word / 64] >> word % 64;
	uintptr_t in = i % (s->largetype->size / 8);
	return s->largetype->ptrs >> in & 1;
}

static void lookobject(struct look *l, struct mspan *s, uint32_t i)
{
	uintptr_t base = s->startAddr + i * s->elemsize;
	l->now = (struct escape){.kind = INHEAP, .object = base, .size = s->elemsize};
	uint32_t before = l->nfound;
	for (uintptr_t w = 0; w < s->elemsize / 8; w++)
		if (pointerbits(s, base, w) & 1)
			lookat(l, base + w * 8);
	for (; before < l->nfound; before++)
		memrecordof(s, base, &l->found[before].made);
}

static void lookspan(struct look *l, struct mspan *s)
{
	for (uint32_t i = 0; s->kind != SPANNOSCAN && i < s->nelems; i++)
		if (load_rlx(&s->bits[i / 64].mark) >> i % 64 & 1)
			lookobject(l, s, i);
}

static void lookarena(struct look *l, const struct heapArena *ha)
{
	for (uint32_t page = 0; page < PAGESPERARENA; page++) {
		struct mspan *s = load_rlx(&ha->spans[page]);
		if (s && s->startAddr == ha->base + ((uintptr_t)page << PAGESHIFT))
			lookspan(l, s);
	}
}

/* The marking of a collection, and then the look. */
static void look(uintptr_t sp, void *arg)
{
	struct look *l = arg;
	rootsmark(sp, NULL);
	markdrain(UINT64_MAX);
	gather(l);
	if (l->stacks)
		lookstacks(l);
	rootsvariables(lookglobals, l);
	for (uint32_t i = 0; i < mheap.narena; i++)
		lookarena(l, mheap.all[i]);
}

/* ---- text ---- */

struct text {
	char *p;
	size_t n, size;
};

static __attribute__((format(printf, 2, 3))) void put(struct text *t, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	size_t room = t->n < t->size ? t->size - t->n : 0;
	int n = vsnprintf(room ? t->p + t->n : NULL, room, format, args);
	va_end(args);
	t->n += n > 0 ? (size_t)n : 0;
}

static void putpc(struct text *t, uintptr_t pc, bool callsite)
{
	struct symbol sym;
	symbolize(pc, callsite, &sym);
	if (sym.line)
		put(t, "\t\t%s %s:%u\n", sym.func, sym.file, sym.line);
	else
		put(t, "\t\t%s\n", sym.func);
}

static void putsite(struct text *t, const char *what, const struct site *s)
{
	put(t, "\t%s goroutine %lu", what, (unsigned long)s->goid);
	put(t, s->pc ? ", in\n" : "\n");
	if (s->pc)
		putpc(t, s->pc, s->callsite);
	if (s->gopc && s->goid != 1) {
		put(t, "\tcreated by\n");
		putpc(t, s->gopc, true);
	}
}

static void putobject(struct text *t, const struct escape *e)
{
	put(t, "\tat byte %lu of an object of %zu bytes at 0x%lx",
		(unsigned long)(e->slot - e->object), e->size, (unsigned long)e->object);
	put(t, e->made.npcs ? ", allocated by\n" : "\n");
	uint32_t i = 0, end;
	while (i + 1 < e->made.npcs && gorttext(e->made.pcs[i] - 1))
		i++;
	for (end = i + SHOWN; i < end && i < e->made.npcs && !gorttext(e->made.pcs[i]); i++)
		putpc(t, e->made.pcs[i], true);
}

static void putglobal(struct text *t, const struct escape *e)
{
	struct elf_symbol sym;
	struct module *mod = module_find(e->slot);
	const struct module_file *f = mod ? module_file(mod) : NULL;
	if (f && symtab_data(&f->elf, e->slot - mod->base, &sym) == 0)
		put(t, "\tat byte %lu of %s", (unsigned long)(e->slot - mod->base - sym.value),
			sym.name);
	else
		put(t, "\tat 0x%lx", (unsigned long)e->slot);
	put(t, " in %s\n", mod ? mod->path : "?");
}

static void putescape(struct text *t, const struct escape *e)
{
	static const char *const places[] = {[INHEAP] = "in the heap",
		[INGLOBAL] = "in a global variable",
		[ONSTACK] = "on the stack"};
	put(t, "gort: a pointer to a %s of a goroutine is %s: 0x%lx\n",
		e->dangling ? "finished frame" : "stack frame", places[e->kind],
		(unsigned long)e->target);
	if (e->kind == INHEAP)
		putobject(t, e);
	else if (e->kind == INGLOBAL)
		putglobal(t, e);
	else
		putsite(t, "of", &e->holder);
	if (!e->owner.goid)
		put(t, "\tto the stack of a goroutine that has ended\n");
	else
		putsite(t, e->dangling ? "to what was a frame of" : "to", &e->owner);
}

/* ---- on demand, and after each collection ---- */

/* The found ones are the caller's, to be freed by sysfree. */
static int find(struct look *l)
{
	l->room = gview_count() + 1024;
	l->spans = sysalloc(l->room * sizeof(*l->spans));
	l->found = sysalloc(MAXFOUND * sizeof(*l->found));
	modules_refresh();
	bool stopped = gccollectby(look, l);
	sysfree(l->spans, l->room * sizeof(*l->spans));
	return stopped ? (int)l->nfound : -EAGAIN;
}

static void release(struct look *l)
{
	sysfree(l->found, MAXFOUND * sizeof(*l->found));
}

__attribute__((visibility("default"))) int gort_escape_find(char *buf, size_t size)
{
	struct look l = {.stacks = true};
	struct text t = {buf, 0, size};
	getgchecked("gort_escape_find");
	regs_here(&l.self);
	if (size)
		buf[0] = '\0';
	int n = find(&l);
	for (int i = 0; i < n; i++)
		putescape(&t, &l.found[i]);
	release(&l);
	return n;
}

/* Whether it has not been reported yet. When the table is full it begins anew. */
static bool news(const struct escape *e)
{
	enum { TOLD = 512 };
	static struct {
		uintptr_t slot, target;
	} told[TOLD] NOPTRBSS;
	static unsigned n;
	uintptr_t hidden = ~e->target; /* or the next look would find it here */
	for (unsigned i = 0; i < n; i++)
		if (told[i].slot == e->slot && told[i].target == hidden)
			return false;
	n %= TOLD;
	told[n].slot = e->slot;
	told[n++].target = hidden;
	return true;
}

void escapecheck(void)
{
	static char buf[4096] NOPTRBSS;
	struct look l = {.danglingonly = true, .stacks = debug.escapecheck == 2};
	regs_here(&l.self);
	getm()->noretake++; /* it may read files */
	int n = find(&l);
	for (int i = 0; i < n; i++) {
		struct text t = {buf, 0, sizeof(buf)};
		if (!news(&l.found[i]))
			continue;
		putescape(&t, &l.found[i]);
		(void)!write(2, buf, t.n < sizeof(buf) ? t.n : sizeof(buf) - 1);
	}
	release(&l);
	getm()->noretake--;
}
