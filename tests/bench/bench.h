/* SPDX-License-Identifier: BSD-2-Clause */
/* bench.h - what the files of bench_core share; README.md says what is measured and how. */
#ifndef GORT_TESTS_BENCH_H
#define GORT_TESTS_BENCH_H

#include <gort/go.h>

#include "measure.h"

extern const struct bench sched_benches[], chan_benches[], select_benches[], sync_benches[],
	time_benches[], latency_benches[], whole_benches[], net_benches[], map_benches[],
	error_benches[], mem_benches[], gc_benches[];

/* Of the process, in milliseconds. */
double cputime(void);

#endif
