/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * topdata.h - what `gort top` knows of its target: a view kept up to date, what the last refresh
 * changed per second, and the recent past.
 */
#ifndef GORT_CLI_TOPDATA_H
#define GORT_CLI_TOPDATA_H

#include "livegroup.h"
#include "procstat.h"
#include "target.h"
#include "topnotes.h"

enum category {
	CAT_RUN,
	CAT_RUNNABLE,
	CAT_CHAN,
	CAT_SELECT,
	CAT_IO,
	CAT_SLEEP,
	CAT_SEMA,
	CAT_SYSCALL,
	CAT_OTHER,
	NCATEGORIES
};
extern const char *const category_names[NCATEGORIES];

/* Numbers of one refresh that are compared with those of the next. */
struct topsample {
	int64_t when, at; /* of the goroutines, of the process's counters */
	int64_t total;    /* goroutines, without the runtime's own */
	struct gsnap_stats stats;
	struct gsnap_hist wait; /* runnable until it runs; since the start of the process */
	int64_t mutex_wait;     /* ns that goroutines have waited for locks, in all */
	int64_t preempts;
	struct gsnap_gc gc;
	struct procstat ps;
};

struct rates {
	int64_t ns, cpu_ns, cpu_window_ns, goroutines, steals, preempts, alloc, allocs, gc,
		mutex_wait;
	struct gsnap_hist wait;
};

#define HISTORY 120
enum series { SERIES_GOROUTINES, SERIES_CPU, SERIES_LIVE, SERIES_ALLOC, SERIES_GC, NSERIES };

struct topdata {
	const struct opts *o;
	struct target *t;
	struct probe_view view;
	struct livegroups groups;
	struct topnotes notes;
	uint8_t *category; /* of each entry of view.s.gs; NCATEGORIES: not counted */
	uint32_t ncategory;
	uint32_t count[NCATEGORIES + 1];
	struct topsample now;
	struct rates rates;
	/* Of the last cycles seen to end, at first of all: CPU of the collector, < 0: not known. */
	double gc_percent;
	int64_t gc_stop; /* ns that the world stood still for one */
	double own_cpu;  /* cores that gort itself used since then, < 0: not yet known */
	int64_t own_at, own_ns;
	double history[NSERIES][HISTORY]; /* oldest first, < 0 where nothing is known */
	int nhistory;
};

void topdata_init(struct topdata *d, const struct opts *o, struct target *t);
/* 0, or -errno with err filled. */
int topdata_refresh(struct topdata *d, struct gsnap_err *err);
void topdata_free(struct topdata *d);

/* Percent of one CPU, < 0 when not known. */
double cpu_percent(const struct rates *r);
/* Numbers (of d->groups) of the groups with members, largest first; *n of them; free() it. */
uint32_t *topdata_sorted(const struct topdata *d, uint32_t *n);

#endif
