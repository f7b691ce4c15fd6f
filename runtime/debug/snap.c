/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snap.c - fills the model of gort/snap.h from inside the process.
 *
 * Nothing is stopped. A parked goroutine is unwound from its switch frame and then read again: when
 * its status, number, saved stack pointer or wait time changed in between, it is flagged as moving
 * and what was unwound is dropped. Reading a stack that comes alive meanwhile is harmless: the
 * unwinder takes any words for what they are, and stacks are never unmapped.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include "base/clock.h"
#include "gort/debug.h"
#include "gview.h"
#include "mem/mgcleak.h"
#include "snapshot.h"
#include "sched/proc.h"
#include "sched/proflabel.h"
#include "sched/runtime2.h"

#define MAX_FRAMES 512

struct stackwalk {
	uint32_t n;
	uint32_t locs[MAX_FRAMES];
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

/* Collects the frames from regs outwards; false when the walk did not reach the outermost one. */
static bool walk(struct gsnap *s, const struct gview *v, const struct regs *regs, bool callsite,
	struct stackwalk *w)
{
	struct unwinder u;
	unwind_init(&u, regs, v->lo, v->hi, callsite);
	w->n = 0;
	do {
		uint32_t loc = snap_location(s, u.regs.r[DW_RIP], u.callsite);
		if (loc == GSNAP_NONE)
			return false;
		w->locs[w->n++] = loc;
	} while (w->n < MAX_FRAMES && unwind_next(&u));
	return u.complete;
}

static void take_stack(
	struct gsnap *s, struct gsnap_g *out, const struct gview *v, const struct regs *self)
{
	struct stackwalk w = {.n = 0};
	struct regs parked;
	bool complete = true;
	if (self)
		complete = walk(s, v, self, false, &w);
	else if (gview_regs(v, &parked))
		complete = walk(s, v, &parked, true, &w);
	else if (!v->hi && v->startpc)
		w.locs[w.n++] = snap_location(s, v->startpc, false);
	if (!w.n || (!self && !gview_unmoved(v))) {
		out->flags |= GSNAP_G_MOVING;
		return;
	}
	if (!complete)
		out->flags |= GSNAP_G_TRUNCATED;
	out->stack = gsnap_add_stack(s, w.locs, w.n);
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
