/* SPDX-License-Identifier: BSD-2-Clause */
/* toppage.h - the pages of `gort top`, built from topdata. */
#ifndef GORT_CLI_TOPPAGE_H
#define GORT_CLI_TOPPAGE_H

#include "human.h"
#include "page.h"
#include "topdata.h"

/* How the goroutine table is laid out in a number of columns. */
struct top_columns {
	int created, blocked; /* widths; blocked 0: as wide as it is */
	int note;             /* 0: none, but for the mark */
	bool oldest;          /* a column for the longest wait */
};
struct top_columns top_columns(int width);

/*
 * Title, CPU, goroutines, scheduler, collector: the lines above the table. remark: of how they were
 * read; NULL: that the target is not stopped, or what --pause cost.
 */
void top_header(struct page *p, const struct topdata *d, const char *remark);
/* The head of the table and one row of it. */
void top_table_head(struct page *p, const struct topdata *d, const struct top_columns *c);
void top_table_row(struct page *p, const struct topdata *d, const struct top_columns *c,
	const struct livegroup *g);
/* CPU of the collector, of all the Ps could have used. */
struct human top_gc_percent(const struct topdata *d);
/* How long the world stood still when the last cycle began and when it ended: "41us+63us". */
struct human top_stops(const struct topdata *d);
/* A row matches when what it shows contains the text, in whatever case. */
bool top_row_matches(const struct topdata *d, const struct livegroup *g, const char *text);
/* Why numbers are missing: each reason once, for all it covers. */
void top_reasons(struct page *p, const struct topdata *d);

#endif
