/* SPDX-License-Identifier: BSD-2-Clause */
/* bugs.c - see bugs.h. Lock order: report.lock, then order.lock only to look up an origin. */
#include "builtins.h"

#include "bugs.h"
#include "depot.h"
#include "options.h"
#include "report.h"
#include "sys.h"

static bool begin(struct thread *t)
{
	return t->life && options.report_bugs && thread_enter(t);
}

static bool wanted(uint32_t kind)
{
	return kind == GORT_FINDING_DESTROY_LOCKED
		       ? options.report_mutex_bugs && options.report_destroy_locked
		       : options.report_mutex_bugs;
}

static void add_call(struct gort_finding *f, const struct thread *t, uint32_t role, uint32_t ctx)
{
	report_add(f, role, ctx, t->life->past);
}

static void add_lock(struct gort_finding *f, uintptr_t addr, uint32_t origin)
{
	struct gort_finding_stack *s = report_add(f, GORT_STACK_LOCK, origin, NULL);
	if (s)
		s->addr = addr;
}

void bug_lock(struct thread *t, uint32_t kind, uintptr_t addr, uint64_t pc)
{
	if (!wanted(kind) || !begin(t))
		return;
	uint32_t ctx = ctx_of(t, pc), origin = lock_origin(addr);
	const struct held *h = kind == GORT_FINDING_DESTROY_LOCKED ? lock_held(t, addr) : NULL;
	struct gort_finding *f = report_open(kind, ctx, 0); /* the callee is a wrapper's, often */
	if (f) {
		add_call(f, t, GORT_STACK_ACCESS, ctx);
		if (h)
			add_call(f, t, GORT_STACK_PREVIOUS, h->ctx);
		report_place(f, addr);
		add_lock(f, addr, origin);
		report_created(f, t->life->past);
		report_close(f);
	}
	thread_leave(t);
}

void bug_thread_leak(struct thread *t, const struct past *who, uint32_t n)
{
	if (!options.report_thread_leaks || !begin(t))
		return;
	struct gort_finding *f = report_open(GORT_FINDING_THREAD_LEAK, who->ctx, 0);
	if (f) {
		f->seen = n;
		report_created(f, who);
		report_close(f);
	}
	thread_leave(t);
}

void bug_ignores(struct thread *t, const uint32_t *ctx, uint32_t n)
{
	if (!begin(t))
		return;
	struct gort_finding *f = report_open(GORT_FINDING_IGNORES, ctx[0], t->life->past->ctx);
	if (f) {
		report_created(f, t->life->past);
		for (uint32_t i = 0; i < n; i++)
			add_call(f, t, GORT_STACK_IGNORE, ctx[i]);
		report_close(f);
	}
	thread_leave(t);
}

void bug_signal(struct thread *t, uint32_t kind, uint64_t pc)
{
	if (!options.report_signal_unsafe || !begin(t))
		return;
	uint32_t ctx = ctx_of(t, pc);
	struct gort_finding *f = report_open(kind, report_leaf(ctx, TAG_MASK), t->sp->pc);
	if (f) {
		add_call(f, t, GORT_STACK_ACCESS, ctx);
		report_close(f);
	}
	thread_leave(t);
}

uint32_t front_held(const struct past *who, uint32_t epoch, uintptr_t addr[FRONT_LOCKS])
{
	return locks_at(who, epoch, addr);
}

uint32_t front_lock_origin(uintptr_t addr)
{
	return lock_origin(addr);
}

static void add_edge(struct gort_finding *f, const struct lock_edge *e)
{
	const struct past *who = thread_past(e->tid, e->epoch);
	struct gort_finding_stack *s = report_add(f, GORT_STACK_LOCKED, e->ctx, who);
	if (s)
		s->addr = e->to;
	s = report_add(f, GORT_STACK_HELD, options.second_deadlock_stack ? e->held_ctx : 0, who);
	if (s)
		s->addr = e->from;
}

void on_long_lock_cycle(void)
{
	static const char text[] = "WARNING: too long mutex cycle found\n";
	static bool told;
	if (!told && options.detect_deadlocks && options.report_bugs)
		sys_write(2, text, sizeof text - 1);
	told = true;
}

/* Known by the stacks of the first and the last edge. */
void on_lock_cycle(const struct lock_edge *edges, uint32_t n)
{
	if (!options.detect_deadlocks || !options.report_bugs)
		return;
	struct gort_finding *f =
		report_open(GORT_FINDING_LOCK_ORDER, edges[0].ctx, edges[n - 1].ctx);
	if (!f)
		return;
	for (uint32_t i = 0; i < n; i++)
		add_edge(f, &edges[i]);
	for (uint32_t i = 0; i < n; i++)
		report_created(f, thread_past(edges[i].tid, edges[i].epoch));
	report_close(f);
}
