/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortsched.c - what libgort publishes of its scheduler: the Ps, its counters, and how long
 * goroutines wait.
 */
#include <stdlib.h>
#include "gortheap.h"
#include "gortsched.h"

#define GORT_MAX_PROC 4096
#define GORT_MAX_M    70000

static int64_t stat_of(const struct gortread *r, int which)
{
	uint64_t v;
	return gortread_variable(r, which, &v) && v <= INT64_MAX ? (int64_t)v : GSNAP_UNKNOWN;
}

static int64_t p_get(const struct gortread *r, const uint8_t *copy, int which)
{
	struct member m = r->lay.p[which];
	return m.size ? (int64_t)member_get(copy, r->lay.p_lo, m) : GSNAP_UNKNOWN;
}

static bool read_p(const struct gortread *r, taddr at, uint8_t *copy, struct gsnap_p *p)
{
	if (!tmem_read(&r->mem, (taddr){at.v + r->lay.p_lo}, copy, r->lay.p_len))
		return false;
	*p = (struct gsnap_p){.timers = p_get(r, copy, P_TIMERS)};
	if (r->lay.p[P_RUNQTAIL].size) {
		uint32_t len =
			(uint32_t)p_get(r, copy, P_RUNQTAIL) - (uint32_t)p_get(r, copy, P_RUNQHEAD);
		p->runq = len <= 4096 ? len : 0; /* else head moved on while it was read */
	} else {
		p->runq = GSNAP_UNKNOWN;
	}
	p->next = r->lay.p[P_RUNNEXT].size && p_get(r, copy, P_RUNNEXT);
	p->steals = p_get(r, copy, P_STEALS);
	p->schedtick = p_get(r, copy, P_SCHEDTICK);
	p->syscalltick = p_get(r, copy, P_SYSCALLTICK);
	p->id = r->lay.p[P_NUMBER].size ? (int32_t)p_get(r, copy, P_NUMBER) : -1;
	p->status = r->lay.p[P_STATE].size ? (uint8_t)p_get(r, copy, P_STATE) : PSTATUS_DEAD;
	p->tid = r->lay.p[P_M].size ? gortread_tid(r, (uint64_t)p_get(r, copy, P_M)) : 0;
	return true;
}

typedef void (*each_p)(const struct gortread *r, taddr at, const struct gsnap_p *p, void *arg);

static bool for_each_p (const struct gortread *r, each_p each, void *arg)
{
	uint64_t list, n, at;
	uint8_t *copy = calloc(1, r->lay.p_len + 1);
	struct gsnap_p p;
	bool ok = copy && r->lay.p_len && gortread_variable(r, V_ALLP, &list) &&
		  gortread_variable(r, V_GOMAXPROCS, &n);
	for (uint64_t i = 0; ok && i < n && i < GORT_MAX_PROC; i++) {
		ok = tmem_read(&r->mem, (taddr){list + i * 8}, &at, sizeof at) &&
		     read_p(r, (taddr){at}, copy, &p);
		if (ok)
			each(r, (taddr){at}, &p, arg);
	}
	free(copy);
	return ok;
}

/* A damaged table holds any numbers: as counters do, their sum wraps. */
static int64_t plus(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* ---- statistics ---- */

struct psum {
	int64_t n, runq, steals, longest, longest_p;
};

static void sum_p(const struct gortread *r, taddr at, const struct gsnap_p *p, void *arg)
{
	struct psum *sum = arg;
	int64_t len = (p->runq == GSNAP_UNKNOWN ? 0 : p->runq) + p->next;
	(void)r, (void)at;
	sum->runq += len;
	if (len > sum->longest) {
		sum->longest = len;
		sum->longest_p = sum->n;
	}
	sum->n++;
	if (p->steals != GSNAP_UNKNOWN)
		sum->steals = plus(sum->steals, p->steals);
}

static void read_ps(const struct gortread *r, struct gsnap_stats *st)
{
	struct psum sum = {.longest = GSNAP_UNKNOWN};
	bool ok = for_each_p (r, sum_p, &sum), queues = ok && r->lay.p[P_RUNQTAIL].size;
	if (queues)
		st->runq = plus(sum.runq, st->runq > 0 ? st->runq : 0);
	st->runq_longest = queues ? sum.longest : GSNAP_UNKNOWN;
	st->runq_longest_p = queues ? sum.longest_p : GSNAP_UNKNOWN;
	if (ok && r->lay.p[P_STEALS].size)
		st->steals = sum.steals;
}

void gortsched_stats(struct gortread *r, struct gsnap_stats *st)
{
	gortheap_stats(r, st);
	st->gomaxprocs = stat_of(r, V_GOMAXPROCS);
	st->idle_p = stat_of(r, V_NPIDLE);
	st->spinning_m = stat_of(r, V_NMSPINNING);
	st->idle_m = stat_of(r, V_NMIDLE);
	st->runq = stat_of(r, V_RUNQSIZE);
	read_ps(r, st);
}

/* ---- histograms: runtime/sched/histogram.h ---- */

struct words {
	uint64_t w[GSNAP_HIST_BUCKETS + 2];
};

static bool is_hist(const struct gort_abi_entry *e)
{
	return e && e->size == sizeof(struct words);
}

/* Adds the one at `at`; what cannot be read makes the sum unknown. */
static void add_hist(const struct gortread *r, uint64_t at, struct gsnap_hist *sum)
{
	struct words h;
	if (!tmem_read(&r->mem, (taddr){at}, &h, sizeof h)) {
		sum->known = false;
		return;
	}
	for (unsigned i = 0; i < GSNAP_HIST_BUCKETS; i++)
		sum->counts[i] += h.w[i];
	sum->under += h.w[GSNAP_HIST_BUCKETS];
	sum->over += h.w[GSNAP_HIST_BUCKETS + 1];
}

void gortsched_hist(const struct gortread *r, const char *name, struct gsnap_hist *out)
{
	const struct gort_abi_entry *e = gortabi_find(&r->abi, name, GORT_ABI_ADDR);
	*out = (struct gsnap_hist){.known = is_hist(e)};
	if (out->known)
		add_hist(r, e->value, out);
}

/* ---- the scheduler ---- */

struct waits {
	struct gsnap *out;
	const struct gort_abi_entry *ran; /* NULL: not published */
	struct member mutex;
};

static void add_p(const struct gortread *r, taddr at, const struct gsnap_p *p, void *arg)
{
	struct waits *w = arg;
	struct gsnap_sched *sched = &w->out->sched;
	uint64_t ns;
	struct gsnap_p *mine = gsnap_add_p(w->out);
	if (mine)
		*mine = *p;
	if (w->ran)
		add_hist(r, at.v + w->ran->value, &sched->wait);
	if (w->mutex.size == sizeof ns &&
		tmem_read(&r->mem, (taddr){at.v + w->mutex.offset}, &ns, sizeof ns))
		sched->mutex_wait_ns = plus(sched->mutex_wait_ns, (int64_t)ns);
}

static void add_p_alone(const struct gortread *r, taddr at, const struct gsnap_p *p, void *arg)
{
	struct gsnap_p *mine = gsnap_add_p(arg);
	(void)r, (void)at;
	if (mine)
		*mine = *p;
}

void gortsched_ps(struct gortread *r, struct gsnap *out)
{
	for_each_p (r, add_p_alone, out)
		;
}

/* The sum over all Ms, which never go away. */
static int64_t preempts(const struct gortread *r)
{
	struct member link = glayout_member(&r->abi, "m.alllink"),
		      count = glayout_member(&r->abi, "m.npreempted");
	struct variable list = glayout_variable(&r->abi, "allm");
	uint64_t m = 0, n, sum = 0;
	if (list.size != 8 || link.size != 8 || count.size != 8 ||
		!tmem_read(&r->mem, list.at, &m, sizeof m))
		return GSNAP_UNKNOWN;
	for (unsigned i = 0; m && i < GORT_MAX_M; i++) {
		if (!tmem_read(&r->mem, (taddr){m + count.offset}, &n, sizeof n) ||
			!tmem_read(&r->mem, (taddr){m + link.offset}, &m, sizeof m))
			return GSNAP_UNKNOWN;
		sum += n;
	}
	return (int64_t)(sum & INT64_MAX);
}

void gortsched_read(struct gortread *r, struct gsnap *out)
{
	struct waits w = {out, gortabi_find(&r->abi, "p.timeToRun", GORT_ABI_OFFSET),
		glayout_member(&r->abi, "p.mutexwait")};
	const struct gort_abi_entry *every =
		gortabi_find(&r->abi, "gTrackingPeriod", GORT_ABI_CONST);
	struct gsnap_sched *sched = &out->sched;
	if (!is_hist(w.ran))
		w.ran = NULL;
	sched->runq_global = stat_of(r, V_RUNQSIZE);
	sched->preempts = preempts(r);
	sched->wait = (struct gsnap_hist){.known = w.ran};
	sched->wait_every = every ? (int64_t)every->value : GSNAP_UNKNOWN;
	sched->mutex_wait_ns = w.mutex.size ? 0 : GSNAP_UNKNOWN;
	gortsched_hist(r, "sched.stwStoppingTimeGC", &sched->stop_gc);
	gortsched_hist(r, "sched.stwStoppingTimeOther", &sched->stop_other);
	gortsched_hist(r, "sched.stwTotalTimeOther", &sched->stw_other);
	if (!for_each_p (r, add_p, &w))
		sched->wait.known = false;
}
