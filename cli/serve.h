/* SPDX-License-Identifier: BSD-2-Clause */
/* serve.h - the parts of `gort serve`: where its answers come from, and the connections. */
#ifndef GORT_CLI_SERVE_H
#define GORT_CLI_SERVE_H

#include "pprof/http.h"
#include "topdata.h"

/* One target, looked into for each request. */
struct serve_target {
	const struct opts *o;
	struct target t;
	struct topdata top; /* for /metrics; kept up to date */
	bool gone;          /* the target has ended */
};

void serve_open(struct serve_target *st, const struct opts *o);
void serve_close(struct serve_target *st);
/* The source of answers of one connection: a delta's first look is kept for it. */
struct serve_look {
	struct serve_target *st;
	struct gsnap before;
	bool has_before;
	struct probe_cpu *cpu; /* a CPU profile that is being taken */
	int64_t since;         /* when it began */
};
struct pprof_source serve_source(struct serve_look *look);
void serve_look_free(struct serve_look *look);
/* The page of /metrics, in Prometheus' text format. */
int serve_metrics(struct serve_target *st, struct pprof_text *body);

/* Answers connections of a listening socket until interrupted. 0 or -errno. */
int serve_loop(int listener, struct serve_target *st, const char *token);

#endif
