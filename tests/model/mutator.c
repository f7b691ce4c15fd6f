/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mutator.c - the steps of goroutines: what a program does at rest, and the stores, allocations,
 * starts and weak loads under way.
 */
#include <stddef.h>

#include "model.h"

/* The next state, where goroutine i has made a step. */
static struct goroutine *next(struct state *t, const struct state *s, int i)
{
	*t = *s;
	if (rules->mode == KERNEL)
		t->g[i].scanned = 0; /* it ran */
	return &t->g[i];
}

bool can_stop(const struct state *s)
{
	for (int i = 0; i < ngoroutines(); i++) {
		const struct goroutine *g = &s->g[i];
		if (!g->alive || !g->running)
			continue;
		if ((rules->nostop_barrier && storing(g)) ||
			(!rules->stoppable_log && g->pc == LOG) ||
			(!rules->stoppable_alloc && allocating(g)) ||
			(!rules->stoppable_spawn && g->pc == PUBLISH) ||
			(!rules->stoppable_weak && g->pc == WEAKGET))
			return false;
	}
	return true;
}

/* ---- variables and fields ---- */

/* Whether the program's access to slot would race with a store under way, and may not. */
static bool forbidden(const struct state *s, int i, uint8_t slot, bool write)
{
	if (rules->races == WRITERS || (rules->races == READERS && !write))
		return false;
	for (int k = 0; k < ngoroutines(); k++)
		if (k != i && storing(&s->g[k]) && s->g[k].slot == slot)
			return true;
	return false;
}

static enum pc first_step(void)
{
	static const enum pc first[] = {[LOAD_TEST_STORE] = LOAD,
		[LOAD_TEST_STORE_FORGET] = LOAD,
		[TEST_LOAD_STORE] = TEST,
		[LOAD_STORE_TEST] = LOAD,
		[EXCHANGE_TEST] = EXCHANGE,
		[HOOK] = PEND};
	return rules->mode == KERNEL ? STORE : first[rules->barrier];
}

static void load(const struct state *s, int i, int d, uint8_t slot)
{
	struct state t;
	if (forbidden(s, i, slot, false) || s->field[slot] == s->g[i].var[d])
		return;
	next(&t, s, i)->var[d] = s->field[slot];
	reached(&t, "loads");
}

static void begin_store(const struct state *s, int i, uint8_t slot, uint8_t val)
{
	struct state t;
	struct goroutine *g = next(&t, s, i);
	g->slot = slot;
	g->val = val;
	g->pc = (uint8_t)first_step();
	reached(&t, "begins to store");
}

static void access_slot(const struct state *s, int i, int d, uint8_t slot)
{
	load(s, i, d, slot);
	if (forbidden(s, i, slot, true) || d > 0)
		return;
	begin_store(s, i, slot, NIL);
	for (int k = 0; k < nvars(i); k++)
		if (s->g[i].var[k])
			begin_store(s, i, slot, s->g[i].var[k]);
}

static void use_variable(const struct state *s, int i, int d)
{
	const struct goroutine *q = &s->g[i];
	struct state t;
	if (q->var[d]) {
		next(&t, s, i)->var[d] = NIL;
		reached(&t, "drops a variable");
	}
	for (int k = 0; k < nvars(i); k++) {
		if (k != d && q->var[k] != q->var[d]) {
			next(&t, s, i)->var[d] = q->var[k];
			reached(&t, "copies a variable");
		}
		if (q->var[k])
			access_slot(s, i, d, q->var[k]);
	}
	access_slot(s, i, d, GLOBAL);
}

/* ---- a store under way ---- */

static bool stores_before_test(void)
{
	return rules->barrier == LOAD_STORE_TEST || rules->barrier == EXCHANGE_TEST;
}

static void end_store(struct state *t, int i)
{
	struct goroutine *g = &t->g[i];
	g->pc = REST;
	g->pending = 0;
	if (rules->pending == PENDING_OF_P && g->running)
		t->ppending[g->running - 1] = 0;
}

/* What follows when the barrier has done its work, or has none. */
static void past_barrier(struct state *t, int i)
{
	if (stores_before_test())
		end_store(t, i);
	else
		t->g[i].pc = STORE;
}

static void step_pend(struct state *t, int i)
{
	struct goroutine *g = &t->g[i];
	if (rules->pending == PENDING_OF_G)
		g->pending = g->slot + 1;
	else if (rules->pending == PENDING_OF_P)
		t->ppending[g->running - 1] = g->slot + 1;
	g->pc = TEST;
	reached(t, "saves the address of the slot");
}

static void step_load(struct state *t, int i)
{
	struct goroutine *g = &t->g[i];
	g->old = t->field[g->slot];
	if (rules->barrier == LOAD_STORE_TEST)
		g->pc = STORE;
	else if (rules->barrier == LOAD_TEST_STORE || rules->barrier == LOAD_TEST_STORE_FORGET)
		g->pc = TEST;
	else
		g->pc = RESERVE;
	reached(t, "loads the old value");
}

static void step_test(struct state *t, int i)
{
	struct goroutine *g = &t->g[i];
	bool on = marking(t);
	if (!on && rules->barrier == LOAD_TEST_STORE_FORGET)
		g->old = NIL;
	if (!on)
		past_barrier(t, i);
	else if (rules->barrier == TEST_LOAD_STORE || rules->barrier == HOOK)
		g->pc = LOAD;
	else
		g->pc = RESERVE;
	reached(t, on ? "finds the flag set" : "finds the flag clear");
}

static void step_reserve(struct state *t, int i)
{
	if (t->g[i].old)
		t->g[i].pc = LOG;
	else
		past_barrier(t, i);
	reached(t, "reserves an entry of the log");
}

static void step_log(struct state *t, int i)
{
	bool stale = t->g[i].pc == LOGSTALE;
	if (!stale)
		t->log |= BIT(t->g[i].old);
	past_barrier(t, i);
	reached(t, stale ? "writes an entry that nobody will read" : "writes the entry");
}

static void write_slot(struct state *t, const struct goroutine *g)
{
	t->field[g->slot] = g->val;
	if (rules->mode == KERNEL)
		t->dirty |= BIT(page_of(g->slot));
}

static void step_store(struct state *t, int i)
{
	write_slot(t, &t->g[i]);
	if (rules->mode == BARRIER && rules->barrier == LOAD_STORE_TEST)
		t->g[i].pc = TEST;
	else
		end_store(t, i);
	reached(t, "stores");
}

static void step_exchange(struct state *t, int i)
{
	struct goroutine *g = &t->g[i];
	g->old = t->field[g->slot];
	write_slot(t, g);
	g->pc = TEST;
	reached(t, "exchanges");
}

/* ---- allocation ---- */

static bool claimed_by_other(const struct state *s, int i, int o)
{
	for (int k = 0; k < ngoroutines(); k++)
		if (k != i && allocating(&s->g[k]) && s->g[k].slot == o)
			return true;
	return false;
}

/* Takes the first free slot that may be used now. */
static void begin_alloc(const struct state *s, int i, int d)
{
	struct state t;
	for (int o = 1; o <= nobjects(); o++) {
		bool unswept = s->phase == SWEEPING && !(s->swept & BIT(o));
		if (((s->alloc | s->claimed) & BIT(o)) || (unswept && !rules->alloc_unswept))
			continue;
		struct goroutine *g = next(&t, s, i);
		t.claimed |= BIT(o);
		t.field[o] = NIL;
		if (rules->mode == KERNEL)
			t.dirty |= BIT(page_of(o));
		t.twice |= claimed_by_other(s, i, o);
		g->slot = (uint8_t)o;
		g->dst = (uint8_t)d;
		g->pc = rules->mark_first ? PHASE : ALLOCBIT;
		reached(&t, "begins to allocate");
		return;
	}
}

static void step_allocbit(struct state *t, int i)
{
	t->alloc |= BIT(t->g[i].slot);
	t->g[i].pc = rules->mark_first ? RETURN : PHASE;
	reached(t, "sets the allocation bit");
}

static void step_phase(struct state *t, int i)
{
	bool black = marking(t) && !rules->white;
	t->g[i].pc = black ? MARKBIT : rules->mark_first ? ALLOCBIT : RETURN;
	reached(t, black ? "finds that marking is on" : "finds nothing to mark");
}

static void step_markbit(struct state *t, int i)
{
	t->mark |= BIT(t->g[i].slot);
	t->g[i].pc = rules->mark_first ? ALLOCBIT : RETURN;
	reached(t, "sets the mark bit");
}

static void step_return(struct state *t, int i)
{
	struct goroutine *g = &t->g[i];
	g->var[g->dst] = g->slot;
	t->claimed &= (uint8_t)~BIT(g->slot);
	g->pc = REST;
	reached(t, "has the new object");
}

/* ---- off-heap roots, weak pointers, finalizers ---- */

static void use_timer(const struct state *s, int i, int d)
{
	struct state t;
	if (s->timer && s->timer != s->g[i].var[d]) {
		next(&t, s, i)->var[d] = s->timer;
		t.timer = NIL;
		reached(&t, "takes a value out of a timer");
	}
	if (s->g[i].var[d] && !s->timer) {
		next(&t, s, i)->var[d] = NIL;
		t.timer = s->g[i].var[d];
		reached(&t, "puts a variable into a timer");
	}
}

static void use_weak(const struct state *s, int i, int d)
{
	struct state t;
	if (s->g[i].var[d] && s->weak != s->g[i].var[d]) {
		next(&t, s, i);
		t.weak = s->g[i].var[d];
		reached(&t, "makes a weak pointer");
	}
	bool dead = s->phase == SWEEPING && !(s->mark & BIT(s->weak));
	if (s->weak && !dead) {
		struct goroutine *g = next(&t, s, i);
		g->old = s->weak;
		g->dst = (uint8_t)d;
		g->pc = WEAKGET;
		reached(&t, "reads a weak pointer");
	}
}

static void step_weakget(struct state *t, int i)
{
	struct goroutine *g = &t->g[i];
	if (!rules->weak_unshaded && rules->mode == BARRIER && marking(t))
		shade(t, g->old);
	g->var[g->dst] = g->old;
	g->pc = REST;
	reached(t, "has what the weak pointer points to");
}

static void use_finalizers(const struct state *s, int i, int d)
{
	struct state t;
	uint8_t v = s->g[i].var[d];
	if (v && !((s->finalizers | s->queue) & BIT(v))) {
		next(&t, s, i);
		t.finalizers |= BIT(v);
		if (rules->finalize == REFERENTS_ARE_ROOTS && !rules->unshaded_add && marking(s))
			shade(&t, s->field[v]);
		reached(&t, "sets a finalizer");
	}
	for (int o = 1; o <= nobjects(); o++) {
		if (!(s->queue & BIT(o)) || v == o)
			continue;
		next(&t, s, i)->var[d] = (uint8_t)o;
		t.queue &= (uint8_t)~BIT(o);
		reached(&t, "runs a finalizer");
	}
}

/* ---- other goroutines ---- */

/* Channel operations between a running goroutine and one that is parked at rest. */
static void meet(const struct state *s, int i, int d, int k)
{
	struct state t;
	uint8_t mine = s->g[i].var[d], theirs = s->g[k].var[0];
	if (rules->handoff && mine && mine != theirs) {
		next(&t, s, i);
		t.g[k].var[0] = mine;
		if (!rules->handoff_unseen && rules->mode == KERNEL)
			t.g[k].scanned = 0;
		reached(&t, "hands a pointer over into a parked stack");
	}
	if (!theirs)
		return;
	if (rules->copy) {
		next(&t, s, i)->var[d] = theirs;
		reached(&t, "copies out of a parked stack");
	}
	if (rules->take) {
		next(&t, s, i)->var[d] = theirs;
		if (!rules->take_unshaded && rules->mode == BARRIER && marking(s))
			shade(&t, theirs);
		t.g[k].var[0] = NIL;
		reached(&t, "takes and clears a parked goroutine's record");
	}
}

static void use_peers(const struct state *s, int i, int d)
{
	for (int k = 0; k < ngoroutines(); k++) {
		const struct goroutine *g = &s->g[k];
		if (k != i && g->alive && !g->running && g->pc == REST && !s->frozen)
			meet(s, i, d, k);
	}
}

/* Writes the child's stack. The argument is nowhere else until PUBLISH: image stands for it. */
static void begin_spawn(const struct state *s, int i, int d)
{
	struct state t;
	if (i != 0 || s->g[1].alive || s->image[0] || !s->g[i].var[d])
		return;
	struct goroutine *g = next(&t, s, i);
	t.g[1] = (struct goroutine){.scanned = rules->mode == BARRIER && marking(s)};
	t.g[1].var[0] = t.image[0] = g->var[d];
	g->var[d] = NIL;
	g->pc = PUBLISH;
	reached(&t, "writes the stack of a new goroutine");
}

static void step_publish(struct state *t, int i)
{
	t->g[1].alive = 1;
	t->image[0] = NIL;
	t->g[i].pc = REST;
	reached(t, "publishes the new goroutine");
}

static void stop_running(const struct state *s, int i, const char *how)
{
	struct state t;
	struct goroutine *g = next(&t, s, i);
	g->running = 0;
	if (g->pc == LOG)
		g->pc = LOGSTALE;
	if (rules->rescan_preempted && g->pc != REST)
		g->scanned = 0;
	reached(&t, how);
}

static void rest(const struct state *s, int i)
{
	for (int d = 0; d < nvars(i); d++) {
		use_variable(s, i, d);
		begin_alloc(s, i, d);
		if (rules->timers)
			use_timer(s, i, d);
		if (rules->weak)
			use_weak(s, i, d);
		if (rules->finalizers)
			use_finalizers(s, i, d);
		if (rules->spawn)
			begin_spawn(s, i, d);
		use_peers(s, i, d);
	}
	stop_running(s, i, "parks");
	if (rules->spawn && i == 1) {
		struct state t;
		*next(&t, s, i) = (struct goroutine){0};
		reached(&t, "exits");
	}
}

static bool preemptible(const struct state *s, int i)
{
	struct state t = *s; /* alone on its P */
	for (int k = 0; k < ngoroutines(); k++)
		t.g[k].running = k == i;
	return !rules->no_preemption && can_stop(&t);
}

static void run(const struct state *s, int i)
{
	static void (*const steps[NPC])(struct state *, int) = {[PEND] = step_pend,
		[LOAD] = step_load,
		[TEST] = step_test,
		[RESERVE] = step_reserve,
		[LOG] = step_log,
		[LOGSTALE] = step_log,
		[STORE] = step_store,
		[EXCHANGE] = step_exchange,
		[ALLOCBIT] = step_allocbit,
		[PHASE] = step_phase,
		[MARKBIT] = step_markbit,
		[RETURN] = step_return,
		[PUBLISH] = step_publish,
		[WEAKGET] = step_weakget};
	if (s->g[i].pc == REST) {
		rest(s, i);
		return;
	}
	struct state t;
	next(&t, s, i);
	steps[s->g[i].pc](&t, i);
	if (preemptible(s, i))
		stop_running(s, i, "is preempted");
}

/* A goroutine whose stack has not been scanned in this cycle is scanned first. */
static bool may_resume(const struct state *s, int i)
{
	if (s->scanning == i + 1 || (s->frozen && i == 1))
		return false;
	return !marking(s) || s->g[i].scanned || rules->mode == KERNEL || rules->run_unscanned;
}

static void resume(const struct state *s, int i)
{
	int nps = rules->pending == PENDING_OF_P ? 2 : 1;
	for (int p = 1; p <= nps; p++) {
		struct state t;
		if (nps > 1 && s->g[1 - i].running == p)
			continue;
		next(&t, s, i)->running = (uint8_t)p;
		reached(&t, "is resumed");
	}
}

static void freezer(const struct state *s)
{
	struct state t = *s;
	bool claimed = s->scanning == 2 && !rules->freeze_unclaimed;
	if (!s->g[1].alive || s->g[1].running || s->g[1].pc != REST || claimed)
		return;
	if (s->frozen == 1) {
		for (int d = 0; d < MAXVARS; d++) {
			t.image[d] = s->g[1].var[d];
			t.g[1].var[d] = NIL;
		}
	} else if (s->frozen == 2) {
		for (int d = 0; d < MAXVARS; d++) {
			t.g[1].var[d] = s->image[d];
			t.image[d] = NIL;
		}
	}
	t.frozen = (uint8_t)((s->frozen + 1) % 3);
	reached(&t, s->frozen == 0 ? "begins to freeze" : s->frozen == 1 ? "freezes" : "thaws");
}

void mutator_steps(const struct state *s)
{
	for (int i = 0; i < ngoroutines(); i++) {
		if (s->g[i].alive && s->g[i].running)
			run(s, i);
		else if (s->g[i].alive && may_resume(s, i))
			resume(s, i);
	}
	if (rules->freeze)
		freezer(s);
}
