/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * collector.c - the steps of the collector.
 *
 *   IDLE --first pause--> MARKING --final pause--> SWEEPING --last object--> IDLE
 *                          ^   |
 *                          +---+ final pause given up: marking goes on with what it has found
 *
 * Barrier mode marks what was reachable at the first pause, plus what is allocated since. Kernel
 * mode marks what is reachable at the final pause: it knows which pages were written since they
 * were last read, and which goroutines ran since their stack was.
 */
#include <stddef.h>

#include "model.h"

int page_of(int object)
{
	return rules->shared_pages ? object / 2 : object;
}

void shade(struct state *s, uint8_t object)
{
	uint8_t bit = BIT(object);
	if (object && (s->alloc & bit) && !(s->mark & bit)) {
		s->mark |= bit;
		s->grey |= bit;
	}
}

static void shade_set(struct state *s, uint8_t set)
{
	for (int o = 1; o <= nobjects(); o++)
		if (set & BIT(o))
			shade(s, (uint8_t)o);
}

/* ---- stacks ---- */

/* Saved registers, and the value that a hook's pending slot still holds. */
static void scan_registers(struct state *s, const struct goroutine *g)
{
	shade(s, g->old);
	shade(s, g->val);
	if (g->pc != REST)
		shade(s, g->slot);
	if (g->pending)
		shade(s, s->field[g->pending - 1]);
}

static void scan_goroutine(struct state *s, int i)
{
	struct goroutine *g = &s->g[i];
	for (int d = 0; d < MAXVARS; d++)
		if (d == 0 || !rules->skip_registers || !g->running) /* var[1] is in a register */
			shade(s, g->var[d]);
	scan_registers(s, g);
	g->scanned = 1;
}

/* ---- first pause ---- */

static void scan_running(struct state *t)
{
	for (int i = 0; i < ngoroutines(); i++) {
		struct goroutine *g = &t->g[i];
		g->scanned = 0;
		if (!g->alive || !g->running)
			continue;
		scan_goroutine(t, i);
		if (rules->mode == KERNEL)
			g->scanned = 0; /* it runs on */
	}
}

static void first_pause(const struct state *s)
{
	if (!can_stop(s))
		return;
	struct state t = *s;
	t.phase = MARKING;
	t.mark |= BIT(GLOBAL);
	t.grey |= BIT(GLOBAL);
	t.timerdone = 0;
	if (rules->mode == KERNEL && !rules->arm_late)
		t.dirty = 0;
	scan_running(&t);
	for (int p = 0; p < 2; p++)
		if (t.ppending[p])
			shade(&t, t.field[t.ppending[p] - 1]);
	if (rules->timers && rules->timers_scanned == FIRST_PAUSE)
		shade(&t, t.timer);
	if (!rules->queue_unscanned)
		shade_set(&t, t.queue);
	if (rules->finalizers && rules->finalize == REFERENTS_ARE_ROOTS)
		for (int o = 1; o <= nobjects(); o++)
			if (t.finalizers & BIT(o))
				shade(&t, t.field[o]);
	reached(&t, "first pause");
}

/* ---- marking ---- */

static void scan_objects(const struct state *s)
{
	for (int o = 0; o <= nobjects(); o++) {
		if (!(s->grey & BIT(o)))
			continue;
		struct state t = *s;
		t.grey &= (uint8_t)~BIT(o);
		shade(&t, t.field[o]);
		reached(&t, "collector scans an object");
	}
}

static void claim_stacks(const struct state *s)
{
	bool first = rules->mode == KERNEL && !rules->scanned_last;
	for (int i = 0; i < ngoroutines(); i++) {
		const struct goroutine *g = &s->g[i];
		bool moving = s->frozen == 1 && i == 1 && !rules->freeze_unclaimed;
		if (!g->alive || g->running || g->scanned || moving)
			continue;
		struct state t = *s;
		t.scanning = (uint8_t)(i + 1);
		t.scanned1 = 0;
		if (first)
			t.g[i].scanned = 1;
		reached(&t, "collector claims a stack");
	}
}

/* A parked stack, one variable a step; a frozen one is read where the scan found it. */
static void scan_claimed(const struct state *s)
{
	struct state t = *s;
	int i = s->scanning - 1;
	struct goroutine *g = &t.g[i];
	bool image = s->frozen == 2 && i == 1;
	if (s->scanned1 == 0) {
		shade(&t, image ? t.image[0] : g->var[0]);
		t.scanned1 = image ? 2 : 1;
		reached(&t, "collector scans the first variable of a stack");
		return;
	}
	shade(&t, s->scanned1 == 2 ? t.image[1] : g->var[1]);
	scan_registers(&t, g);
	if (rules->mode == BARRIER || rules->scanned_last)
		g->scanned = 1;
	t.scanning = t.scanned1 = 0;
	reached(&t, "collector scans the rest of a stack");
}

/* Kernel mode: what a page holds now, for its objects that have been scanned already. */
static void rescan_pages(struct state *t, uint8_t pages)
{
	for (int o = 0; o <= nobjects(); o++)
		if ((pages & BIT(page_of(o))) && (t->mark & BIT(o)) && !(t->grey & BIT(o)))
			shade(t, t->field[o]);
}

/* PAGEMAP_SCAN reports a page and arms it again in one step; then the page is read. */
static void begin_page(const struct state *s)
{
	for (int p = 0; p <= page_of(nobjects()); p++) {
		if (!(s->dirty & BIT(p)))
			continue;
		struct state t = *s;
		t.page = (uint8_t)(p + 1);
		if (rules->arm_last)
			rescan_pages(&t, BIT(p));
		else
			t.dirty &= (uint8_t)~BIT(p);
		reached(&t, rules->arm_last ? "collector reads a page" : "kernel re-arms a page");
	}
}

static void end_page(const struct state *s)
{
	struct state t = *s;
	if (rules->arm_last)
		t.dirty &= (uint8_t)~BIT(s->page - 1);
	else
		rescan_pages(&t, BIT(s->page - 1));
	t.page = 0;
	reached(&t, rules->arm_last ? "kernel re-arms a page" : "collector reads a page");
}

static void hand_over_log(const struct state *s)
{
	struct state t = *s;
	shade_set(&t, t.log);
	t.log = 0;
	reached(&t, "a P hands over its log");
}

static void scan_timer(const struct state *s)
{
	struct state t = *s;
	t.timerdone = 1;
	shade(&t, t.timer);
	reached(&t, "collector scans the timers");
}

/* ---- final pause ---- */

static bool all_scanned(const struct state *s)
{
	if (rules->mode == KERNEL)
		return true;
	for (int i = 0; i < (rules->ignore_late ? 1 : ngoroutines()); i++)
		if (s->g[i].alive && !s->g[i].scanned)
			return false;
	return !rules->timers || rules->timers_scanned != CONCURRENTLY || s->timerdone;
}

static void flush_log(struct state *t)
{
	shade_set(t, t->log);
	t->log = 0;
	for (int i = 0; i < ngoroutines(); i++) {
		struct goroutine *g = &t->g[i];
		if (g->pc == LOG) /* reserved before the flush */
			g->pc = LOGSTALE;
		if (rules->rescan_running && g->alive && g->running)
			scan_goroutine(t, i);
	}
	if (rules->timers && rules->timers_scanned == FINAL_PAUSE)
		shade(t, t->timer);
}

static void scan_roots(struct state *t)
{
	shade(t, t->field[GLOBAL]);
	shade(t, t->timer);
	shade_set(t, t->queue);
	for (int i = 0; i < ngoroutines() && !rules->no_rescan; i++)
		if (t->g[i].alive && !t->g[i].scanned)
			scan_goroutine(t, i);
	for (int i = 0; i < ngoroutines(); i++)
		t->g[i].scanned = t->g[i].scanned && !t->g[i].running;
}

static void queue_finalizers(struct state *t)
{
	for (int o = 1; o <= nobjects(); o++) {
		if (!(t->finalizers & BIT(o)) || (t->mark & BIT(o)))
			continue;
		shade(t, (uint8_t)o);
		t->queue |= BIT(o);
		t->finalizers &= (uint8_t)~BIT(o);
	}
}

/* What the pause has to look at; what it finds is grey. */
static void take_rest(struct state *t)
{
	uint8_t dirty = t->dirty;
	if (rules->mode == BARRIER) {
		flush_log(t);
	} else {
		t->dirty = 0;
		scan_roots(t);
		rescan_pages(t, dirty);
	}
	if (rules->finalizers && rules->finalize == QUEUE_IN_PAUSE && !t->grey)
		queue_finalizers(t);
}

/* The rows in which a pause that is given up drops what it has taken and not yet looked at. */
static void forget(const struct state *s)
{
	struct state t = *s;
	if (rules->mode == KERNEL)
		scan_roots(&t);
	t.log = t.dirty = 0;
	reached(&t, "final pause given up, what it took forgotten");
}

static void drain(struct state *t)
{
	while (t->grey)
		for (int o = 0; o <= nobjects(); o++)
			if (t->grey & BIT(o)) {
				t->grey &= (uint8_t)~BIT(o);
				shade(t, t->field[o]);
			}
}

static bool finalizers_left(const struct state *t)
{
	return rules->finalizers && rules->finalize == QUEUE_IN_PAUSE &&
	       (t->finalizers & ~t->mark) != 0;
}

static void final_pause(const struct state *s)
{
	if (!can_stop(s) || s->grey || !all_scanned(s))
		return;
	if (rules->forget && (s->dirty | s->log))
		forget(s);
	struct state t = *s;
	take_rest(&t);
	if (t.grey) {
		reached(&t, "final pause given up");
		drain(&t);
		if (finalizers_left(&t))
			return;
	}
	if (t.weak && !(t.mark & BIT(t.weak)))
		t.weak = NIL;
	t.phase = SWEEPING;
	t.swept = 0;
	t.claimed = 0; /* spans are taken away from the Ps */
	reached(&t, "final pause");
}

static void mark(const struct state *s)
{
	if (s->scanning) {
		scan_claimed(s);
		return;
	}
	if (s->page) {
		end_page(s);
		return;
	}
	scan_objects(s);
	claim_stacks(s);
	if (rules->timers && rules->timers_scanned == CONCURRENTLY && !s->timerdone)
		scan_timer(s);
	if (rules->mode == KERNEL)
		begin_page(s);
	if (rules->handover && s->log)
		hand_over_log(s);
	final_pause(s);
}

/* ---- sweeping ---- */

static void sweep_object(struct state *t, int o)
{
	t->swept |= BIT(o);
	if (t->mark & BIT(o))
		return;
	if ((t->finalizers & BIT(o)) && (t->alloc & BIT(o)) && rules->finalize != QUEUE_IN_PAUSE) {
		t->finalizers &= (uint8_t)~BIT(o);
		t->queue |= BIT(o);
	} else {
		t->alloc &= (uint8_t)~BIT(o);
	}
}

static void sweep(const struct state *s)
{
	struct state t = *s;
	for (int o = 1; o <= nobjects(); o++) {
		if (s->swept & BIT(o))
			continue;
		sweep_object(&t, o);
		reached(&t, "collector sweeps an object");
		return;
	}
	t.phase = IDLE;
	t.mark = t.swept = t.grey = 0;
	if (rules->mode == BARRIER)
		for (int i = 0; i < ngoroutines(); i++)
			t.g[i].scanned = 0;
	reached(&t, "end of the cycle");
}

void collector_steps(const struct state *s)
{
	if (s->phase == IDLE)
		first_pause(s);
	else if (s->phase == MARKING)
		mark(s);
	else
		sweep(s);
}
