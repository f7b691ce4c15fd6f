/* SPDX-License-Identifier: BSD-2-Clause */
/* topdata.c - refreshes a view and works out what happened in between. */
#include <errno.h>
#include <time.h>
#include "err.h"
#include "interrupt.h"
#include "topdata.h"

const char *const category_names[NCATEGORIES] = {
	"run", "runnable", "chan", "select", "io", "sleep", "sema", "syscall", "other"};

static enum category category(const struct gsnap_g *gp)
{
	static const struct {
		const char *prefix;
		enum category c;
	} reasons[] = {{"chan ", CAT_CHAN}, {"select", CAT_SELECT}, {"IO wait", CAT_IO},
		{"sleep", CAT_SLEEP}, {"sema", CAT_SEMA}, {"sync.", CAT_SEMA}};
	if (gp->status == GSTATUS_DEAD || gp->flags & GSNAP_G_SYSTEM)
		return NCATEGORIES;
	if (gp->status == GSTATUS_RUNNING)
		return CAT_RUN;
	if (gp->status == GSTATUS_RUNNABLE || gp->status == GSTATUS_PREEMPTED)
		return CAT_RUNNABLE;
	if (gp->status == GSTATUS_SYSCALL)
		return CAT_SYSCALL;
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (!strncmp(gp->reason, reasons[i].prefix, strlen(reasons[i].prefix)))
			return reasons[i].c;
	return CAT_OTHER;
}

static int fit(struct topdata *d)
{
	uint32_t n = d->view.s.ngs;
	if (n <= d->ncategory)
		return 0;
	uint8_t *bigger = realloc(d->category, n);
	if (!bigger)
		return -ENOMEM;
	memset(bigger + d->ncategory, NCATEGORIES, n - d->ncategory);
	d->count[NCATEGORIES] += n - d->ncategory;
	d->category = bigger;
	d->ncategory = n;
	return 0;
}

static void recount(struct topdata *d, uint32_t i)
{
	enum category c = category(&d->view.s.gs[i]);
	d->count[d->category[i]]--;
	d->count[c]++;
	d->category[i] = c;
}

/* A renewed view may have fewer entries than before. */
static int count(struct topdata *d)
{
	if (d->view.renewed) {
		memset(d->count, 0, sizeof d->count);
		d->ncategory = 0;
	}
	int err = fit(d);
	for (uint32_t i = 0; i < d->view.nchanged && !err; i++)
		recount(d, d->view.changed[i]);
	return err;
}

static int64_t delta(int64_t before, int64_t after)
{
	if (before == GSNAP_UNKNOWN || after == GSNAP_UNKNOWN)
		return GSNAP_UNKNOWN;
	return after - before;
}

static struct rates rates_between(const struct topsample *a, const struct topsample *b)
{
	return (struct rates){.ns = b->when - a->when,
		.cpu_ns = delta(a->ps.cpu_ns, b->ps.cpu_ns),
		.cpu_window_ns = b->at - a->at,
		.goroutines = b->total - a->total,
		.steals = delta(a->stats.steals, b->stats.steals),
		.preempts = delta(a->preempts, b->preempts),
		.alloc = delta(a->stats.total_alloc, b->stats.total_alloc),
		.allocs = delta(a->gc.allocs, b->gc.allocs),
		.gc = delta(a->stats.num_gc, b->stats.num_gc),
		.mutex_wait = delta(a->mutex_wait, b->mutex_wait),
		.wait = gsnap_hist_since(&a->wait, &b->wait)};
}

double cpu_percent(const struct rates *r)
{
	if (r->cpu_ns == GSNAP_UNKNOWN || r->cpu_window_ns <= 0)
		return -1;
	return 100.0 * r->cpu_ns / r->cpu_window_ns;
}

/* The runtime brings these up to date when a cycle ends: until the next one they stay. */
static void last_cycles(struct topdata *d, const struct gsnap_gc *a)
{
	const struct gsnap_gc *b = &d->now.gc;
	int64_t all = delta(a->cpu_total, b->cpu_total), gc = delta(a->cpu_gc, b->cpu_gc);
	int64_t cycles = delta(a->cycles, b->cycles);
	if (b->stops[0] == GSNAP_UNKNOWN && a->cycles > 0) /* it is being stopped */
		memcpy(d->now.gc.stops, a->stops, sizeof a->stops);
	int64_t stopped = delta(a->pause_total_ns, b->pause_total_ns);
	if (all > 0 && gc != GSNAP_UNKNOWN)
		d->gc_percent = 100.0 * (double)gc / (double)all;
	if (cycles > 0 && stopped != GSNAP_UNKNOWN)
		d->gc_stop = stopped / cycles;
}

static int64_t own_cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

/* The first interval holds the first read, of everything: it is not what a refresh costs. */
static void own_cost(struct topdata *d)
{
	int64_t ns = own_cpu_ns(), at = monotonic_now();
	d->own_cpu = d->nhistory > 1 ? (double)(ns - d->own_ns) / (at - d->own_at) : -1;
	d->own_ns = ns;
	d->own_at = at;
}

static double per_second(int64_t d, int64_t ns)
{
	return d == GSNAP_UNKNOWN || ns <= 0 ? -1 : (double)d * 1e9 / ns;
}

static void remember(struct topdata *d)
{
	const double now[NSERIES] = {
		[SERIES_GOROUTINES] = d->now.total,
		[SERIES_CPU] = cpu_percent(&d->rates),
		[SERIES_LIVE] = d->now.stats.heap_live, /* unknown is below 0 as well */
		[SERIES_ALLOC] = per_second(d->rates.alloc, d->rates.ns),
		[SERIES_GC] = per_second(d->rates.gc, d->rates.ns),
	};
	for (int i = 0; i < NSERIES; i++) {
		double *h = d->history[i];
		if (d->nhistory == HISTORY)
			memmove(h, h + 1, (HISTORY - 1) * sizeof *h);
		h[d->nhistory < HISTORY ? d->nhistory : HISTORY - 1] = now[i];
	}
	if (d->nhistory < HISTORY)
		d->nhistory++;
}

void topdata_init(struct topdata *d, const struct opts *o, struct target *t)
{
	*d = (struct topdata){
		.o = o, .t = t, .own_cpu = -1, .gc_percent = -1, .gc_stop = GSNAP_UNKNOWN};
	livegroups_by(&d->groups, BY_ALL);
}

void topdata_free(struct topdata *d)
{
	probe_view_free(&d->view);
	livegroups_free(&d->groups);
	topnotes_free(&d->notes);
	free(d->category);
}

int topdata_refresh(struct topdata *d, struct gsnap_err *err)
{
	struct topsample before = d->now;
	bool first = d->now.when == 0;
	d->now.at = monotonic_now();
	d->now.ps = procstat_read(d->o->host_proc, d->t->pid);
	int rc = probe_refresh(d->t->probe, &d->view, err);
	if (rc)
		return rc;
	rc = count(d);
	if (!rc)
		rc = livegroups_update(&d->groups, &d->view);
	if (rc) {
		err_what(err, CLI_FAIL, "not enough memory for the goroutines of pid %d",
			(int)d->t->pid);
		return rc;
	}
	d->now.when = d->view.s.when;
	d->now.stats = d->view.s.stats;
	d->now.wait = d->view.s.sched.wait;
	d->now.mutex_wait = d->view.s.sched.mutex_wait_ns;
	d->now.preempts = d->view.s.sched.preempts;
	d->now.gc = d->view.s.gc;
	d->now.total = 0;
	for (int c = 0; c < NCATEGORIES; c++)
		d->now.total += d->count[c];
	d->rates = rates_between(first ? &d->now : &before, &d->now);
	last_cycles(d, &before.gc);
	topnotes_refresh(&d->notes, d);
	if (!first)
		remember(d);
	own_cost(d);
	return 0;
}

static int larger(const void *a, const void *b, void *arg)
{
	const struct livegroup *g = arg, *x = &g[*(const uint32_t *)a],
			       *y = &g[*(const uint32_t *)b];
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return x->sample == y->sample ? 0 : x->sample < y->sample ? -1 : 1;
}

uint32_t *topdata_sorted(const struct topdata *d, uint32_t *n)
{
	const struct livegroups *lg = &d->groups;
	uint32_t *list = malloc((lg->used + 1) * sizeof *list);
	*n = 0;
	for (uint32_t i = 0; list && i < lg->n; i++)
		if (lg->group[i].n)
			list[(*n)++] = i;
	if (list)
		qsort_r(list, *n, sizeof *list, larger, lg->group);
	return list;
}
