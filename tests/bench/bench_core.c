/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_core.c - the benchmarks on libgort: measure.h with the tables of the other files. */
#include "bench.h"

int gort_main(int argc, char **argv)
{
	const struct bench *const tables[] = {sched_benches, chan_benches, select_benches,
		sync_benches, time_benches, latency_benches, whole_benches, net_benches,
		map_benches, error_benches, mem_benches, gc_benches};
	return bench_main(argc, argv, tables, sizeof(tables) / sizeof(*tables));
}
