/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snap.c - fills the model of gort/snap.h from inside the process.
 *
 * Nothing is stopped. A parked goroutine is unwound from its switch frame and then read again: when
 * its status, number, saved stack pointer or wait time changed in between, it is flagged as moving
 * and what was unwound is dropped. Reading a stack that comes alive meanwhile is harmless: the
 * unwinder takes any words for what they are, and stacks are never unmapped.
 *
 * One that yields in a loop looks the same each time, though it ran in between, and so may one that
 * waits again within the 10 ms that waitsince is off. So what was unwound of those counts only if
 * it is found a second time, and all of it is code of some module. Names are looked up after that.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "base/clock.h"
#include "gort/debug.h"
#include "gview.h"
#include "mem/mgcleak.h"
#include "module.h"
#include "snapshot.h"
#include "sched/proc.h"
#include "sched/proflabel.h"
#include "sched/runtime2.h"

#define MAX_FRAMES 512

#define SETTLED_NS 20000000 /* who waits for longer has a waitsince of its own */

struct stackwalk {
	uint32_t n;
	bool complete; /* the outermost frame was reached */
	bool callsite[MAX_FRAMES];
	uintptr_t pc[MAX_FRAMES];
};

uint32_t snap_location(struct gsnap *s, uintptr_t pc, bool callsite)
{
	static const char unknown[] = "";
	struct symbol sym;
	uint32_t at = gsnap_find_loc(s, pc, callsite);
	if (at != GSNAP_NONE)
		return at;
	symbolize(pc, callsite, &sym);
	at = gsnap_add_loc(s, pc, sym.entry, callsite);
	if (at == GSNAP_NONE)
		return at;
	const char *func = gsnap_str(s, sym.func, strlen(sym.func));
	const char *file = sym.file[0] ? gsnap_str(s, sym.file, strlen(sym.file)) : NULL;
	gsnap_add_frame(s, func ? func : unknown, file, sym.line, false);
	s->has_lines |= sym.line != 0;
	return at;
}

void snap_modules(struct gsnap *s)
{
	const struct module_table *t = modules();
	for (uint32_t i = 0; t && i < t->n; i++) {
		const struct module *mod = t->m[i];
		struct gsnap_map *map = mod->text_hi ? gsnap_add_map(s) : NULL;
		if (!map)
			continue;
		*map = (struct gsnap_map){
			.start = mod->text_lo,
			.limit = mod->text_hi,
			.offset = mod->text_offset,
			.file = gsnap_str(s, mod->path, strlen(mod->path)),
			.build_id = gsnap_str(s, mod->build_id, strlen(mod->build_id)),
		};
	}
	s->exe = t && t->n ? gsnap_str(s, t->m[0]->path, strlen(t->m[0]->path)) : "";
}

/* Collects the frames from regs outwards. */
static void walk(const struct gview *v, const struct regs *regs, bool callsite, struct stackwalk *w)
{
	struct unwinder u;
	unwind_init(&u, regs, v->lo, v->hi, callsite);
	w->n = 0;
	do {
		w->pc[w->n] = u.regs.r[DW_RIP];
		w->callsite[w->n++] = u.callsite;
	} while (w->n < MAX_FRAMES && unwind_next(&u));
	w->complete = u.complete;
}

/* A second walk finds the same. */
static bool rewalk(const struct gview *v, const struct regs *regs, const struct stackwalk *w)
{
	struct unwinder u;
	uint32_t n = 0;
	unwind_init(&u, regs, v->lo, v->hi, true);
	do {
		if (w->pc[n] != u.regs.r[DW_RIP])
			return false;
	} while (++n < w->n && unwind_next(&u));
	return n == w->n;
}

static bool allcode(const struct stackwalk *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (!module_find(w->pc[i] - w->callsite[i]))
			return false;
	return true;
}

/* It cannot have run since v was read without a waitsince that tells. */
static bool settled(const struct gview *v)
{
	return v->status == GSTATUS_WAITING && nanotime() - v->waitsince > SETTLED_NS;
}

/* False when it may have run meanwhile. */
static bool walkparked(const struct gview *v, struct stackwalk *w)
{
	struct regs regs;
	bool still = settled(v);
	if (!gview_regs(v, &regs))
		return false;
	walk(v, &regs, true, w);
	if (!gview_unmoved(v))
		return false;
	return still ||
	       (gview_regs(v, &regs) && rewalk(v, &regs, w) && gview_unmoved(v) && allcode(w));
}

static bool notstarted(const struct gview *v, struct stackwalk *w)
{
	w->n = 1;
	w->complete = true;
	w->callsite[0] = false;
	w->pc[0] = v->startpc;
	return gview_unmoved(v);
}

static uint32_t addstack(struct gsnap *s, const struct stackwalk *w)
{
	uint32_t locs[MAX_FRAMES];
	for (uint32_t i = 0; i < w->n; i++) {
		locs[i] = snap_location(s, w->pc[i], w->callsite[i]);
		if (locs[i] == GSNAP_NONE)
			return GSNAP_NONE;
	}
	return gsnap_add_stack(s, locs, w->n);
}

static void take_stack(
	struct gsnap *s, struct gsnap_g *out, const struct gview *v, const struct regs *self)
{
	struct stackwalk w;
	bool found = true;
	if (self)
		walk(v, self, false, &w);
	else if (!v->hi && v->startpc)
		found = notstarted(v, &w);
	else
		found = walkparked(v, &w);
	if (!found) {
		out->flags |= GSNAP_G_MOVING;
		return;
	}
	if (!w.complete)
		out->flags |= GSNAP_G_TRUNCATED;
	out->stack = addstack(s, &w);
}

static void take_g(struct gsnap *s, const struct gview *v, const struct regs *self)
{
	struct gsnap_g *out = gsnap_add_g(s);
	if (!out)
		return;
	*out = (struct gsnap_g){
		.id = v->goid,
		.addr = (uintptr_t)v->gp,
		.parent = v->parent,
		.sp = self ? self->r[DW_RSP] : v->sp,
		.waitsince = v->waitsince ? v->waitsince : GSNAP_UNKNOWN,
		.waiton = v->waiton,
		.reason = v->reason,
		.name = v->name ? gsnap_str(s, v->name, strlen(v->name)) : NULL,
		.labels = v->labels ? gsnap_str(s, v->labels->text, v->labels->size) : NULL,
		.nlabels = v->labels ? v->labels->n : 0,
		.tid = v->tid,
		.stack = GSNAP_NONE,
		.created = GSNAP_NONE,
		.status = (uint8_t)v->status,
		.flags = v->system ? GSNAP_G_SYSTEM : 0,
	};
	if (v->gopc && v->goid != 1)
		out->created = snap_location(s, v->gopc, true);
	take_stack(s, out, v, self);
}

static void take_stats(struct gsnap_stats *st)
{
	int64_t runq = load_rlx(&sched.runqsize), steals = 0;
	for (int32_t i = 0; i < gomaxprocs; i++) {
		struct p *pp = allp[i];
		uint32_t head = load_acq(&pp->runqhead);
		runq += (int32_t)(load_acq(&pp->runqtail) - head);
		runq += pp->runnext != NULL;
		steals += (int64_t)pp->steals;
	}
	st->gomaxprocs = gomaxprocs;
	st->idle_p = load_rlx(&sched.npidle);
	st->spinning_m = load_rlx(&sched.nmspinning);
	st->threads = sched.mnext;
	st->idle_m = sched.nmidle;
	st->runq = runq;
	st->steals = steals;
}

static void take_all(struct gsnap *s, const struct regs *self)
{
	uint32_t n = gview_count();
	struct g *me = getg();
	for (uint32_t i = 0; i < n && !s->oom; i++) {
		struct gview v;
		struct g *gp = gview_at(i);
		gview_read(gp, &v);
		if (v.status != GSTATUS_DEAD && v.status != GSTATUS_IDLE && v.goid)
			take_g(s, &v, gp == me ? self : NULL);
	}
}

int snap_take(struct gsnap *out, const struct regs *self)
{
	static const char version[] = "gort " GORT_VERSION;
	gsnap_init(out, GSNAP_GORT);
	out->pid = getpid();
	out->when = nanotime();
	out->version = version;
	modules_refresh();
	snap_modules(out);
	take_stats(&out->stats);
	take_all(out, self);
	return out->oom ? -ENOMEM : 0;
}

__attribute__((visibility("default"))) int gort_snapshot_self(struct gsnap *out)
{
	struct regs self;
	regs_here(&self);
	return snap_take(out, &self);
}

/* Who is leaked has not moved since. */
static void take_leaks(struct gsnap *s, const struct gleaks *l)
{
	for (uint32_t i = 0; i < s->ngs; i++)
		if (s->gs[i].status == GSTATUS_WAITING)
			s->gs[i].leak = (uint8_t)gleaksof(l, s->gs[i].id);
}

int snap_leaks(struct gsnap *out, const struct regs *self)
{
	struct gleaks leaks = {0};
	gsnap_init(out, GSNAP_GORT);
	if (!getg())
		return -EPERM;
	getgchecked("gort_snapshot_leaks"); /* its P may be gone: taken while it was outside */
	int err = gleaksfind(self->r[DW_RSP], &leaks) ? 0 : -EAGAIN;
	if (!err)
		err = snap_take(out, self);
	take_leaks(out, &leaks);
	gleaksfree(&leaks);
	return err;
}

__attribute__((visibility("default"))) int gort_snapshot_leaks(struct gsnap *out)
{
	struct regs self = {0};
	regs_saved(&self);
	return snap_leaks(out, &self);
}
