/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gosched.c - the scheduler of a Go process: its Ps and the counters it keeps since start. Each P
 * is one read of the members it needs, so of one P the queue's ends are of one instant; several Ps
 * are not.
 */
#include <string.h>
#include "gotarget.h"

#define MAX_PS 65536
#define MAX_MS 70000
#define RING   256
#define P_HEAD 0x40 /* id to m lie within it in all versions */

static uint32_t u32(const uint8_t *raw, size_t off)
{
	uint32_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static void add_p(const struct gotarget *g, uint64_t at, struct gsnap *out)
{
	const struct golayout *l = g->lay;
	uint8_t head[P_HEAD];
	uint32_t ends[2], timers;
	uint64_t m, next;
	struct tmem_read_at reads[] = {
		{.at = {at}, .buf = head, .len = sizeof head},
		{.at = {at + l->p_runqhead}, .buf = ends, .len = sizeof ends},
		{.at = {at + l->p_runnext}, .buf = &next, .len = sizeof next},
		{.at = {at + l->p_timers}, .buf = &timers, .len = sizeof timers},
	};
	target_readv(g->t, reads, sizeof reads / sizeof *reads);
	struct gsnap_p *p = reads[0].ok && reads[1].ok ? gsnap_add_p(out) : NULL;
	if (!p)
		return;
	p->id = (int32_t)u32(head, P_ID);
	p->status = (uint8_t)u32(head, P_STATUS);
	p->schedtick = u32(head, l->p_schedtick);
	p->syscalltick = u32(head, l->p_syscalltick);
	memcpy(&m, head + l->p_m, sizeof m);
	if (m)
		p->tid = (int32_t)target_word(g->t, m + l->m_procid);
	uint32_t len = ends[1] - ends[0];
	p->runq = len <= RING ? len : 0;
	p->next = reads[2].ok && next;
	if (reads[3].ok)
		p->timers = timers;
}

void gosnap_ps(struct gotarget *g, struct gsnap *out)
{
	uint64_t slice[2];
	if (!g->glob.allp || !target_read(g->t, g->glob.allp, slice, sizeof slice) ||
		slice[1] > MAX_PS)
		return;
	for (uint64_t i = 0; i < slice[1]; i++)
		add_p(g, target_word(g->t, slice[0] + 8 * i), out);
}

/* What only the Ms count: waits for the runtime's own locks, calls of C, preemption signals. */
static void add_ms(const struct gotarget *g, struct gsnap_sched *s)
{
	uint64_t at = g->glob.allm ? target_word(g->t, g->glob.allm) : 0, n = 0;
	int64_t wait = 0, calls = 0, preempts = 0;
	for (; at && n < MAX_MS; n++) {
		wait += (int64_t)target_word(g->t, at + g->lay->m_lockwait);
		calls += (int64_t)target_word(g->t, at + g->lay->m_ncgocall);
		preempts += target_u32(g->t, at + g->lay->m_preemptgen);
		at = target_word(g->t, at + g->lay->m_alllink);
	}
	if (n == 0 || n == MAX_MS)
		return;
	s->cgo_calls = calls;
	s->preempts = preempts;
	if (s->mutex_wait_ns != GSNAP_UNKNOWN)
		s->mutex_wait_ns += wait;
}

void gosnap_sched(struct gotarget *g, struct gsnap *out)
{
	gosnap_ps(g, out);
	gosnap_counters(g, &out->sched);
}

void gosnap_counters(struct gotarget *g, struct gsnap_sched *s)
{
	const struct golayout *l = g->lay;
	uint64_t at = g->glob.sched;
	if (at) {
		s->runq_global = target_u32(g->t, at + l->s_runqsize);
		s->mutex_wait_ns = (int64_t)(target_word(g->t, at + l->s_mutexwait) +
					     target_word(g->t, at + l->s_lockwait));
		s->wait_every = 8; /* gTrackingPeriod */
		gosnap_hist(g, at + l->s_timetorun, &s->wait);
		gosnap_hist(g, at + l->s_stwstopgc, &s->stop_gc);
		gosnap_hist(g, at + l->s_stwstopother, &s->stop_other);
		gosnap_hist(g, at + l->s_stwtotalother, &s->stw_other);
	}
	add_ms(g, s);
}
