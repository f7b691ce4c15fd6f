/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servemetrics.c - /metrics in Prometheus' text format 0.0.4.
 *
 * Where the Go client library has a metric of the same meaning its name is used (go_...,
 * process_...), so that existing dashboards work; the others are gort_.... A number that cannot
 * be had has no line: absent is not 0.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "err.h"
#include "interrupt.h"
#include "serve.h"

static void head(struct pprof_text *b, const char *name, const char *type, const char *help)
{
	pprof_text_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void integer(
	struct pprof_text *b, const char *name, const char *type, int64_t v, const char *help)
{
	if (v == GSNAP_UNKNOWN)
		return;
	head(b, name, type, help);
	pprof_text_printf(b, "%s %" PRId64 "\n", name, v);
}

static void seconds(
	struct pprof_text *b, const char *name, const char *type, int64_t ns, const char *help)
{
	if (ns == GSNAP_UNKNOWN)
		return;
	head(b, name, type, help);
	pprof_text_printf(b, "%s %.9g\n", name, (double)ns / 1e9);
}

/* A label value: backslash, quote and newline are escaped. */
static void label(struct pprof_text *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			pprof_text_add(b, "\\", 1);
		if (*text == '\n')
			pprof_text_add(b, "\\n", 2);
		else
			pprof_text_add(b, text, 1);
	}
}

static void goroutines(struct pprof_text *b, const struct topdata *d)
{
	integer(b, "go_goroutines", "gauge", d->now.total,
		"Number of goroutines that currently exist.");
	head(b, "gort_goroutines", "gauge", "Goroutines by what they do.");
	for (int c = 0; c < NCATEGORIES; c++)
		pprof_text_printf(b, "gort_goroutines{state=\"%s\"} %" PRIu32 "\n",
			category_names[c], d->count[c]);
}

static void scheduler(struct pprof_text *b, const struct gsnap_stats *st)
{
	integer(b, "go_sched_gomaxprocs_threads", "gauge", st->gomaxprocs,
		"The current runtime.GOMAXPROCS setting.");
	integer(b, "gort_threads", "gauge", st->threads, "Threads of the process.");
	integer(b, "gort_idle_threads", "gauge", st->idle_m, "Ms that wait for work.");
	integer(b, "gort_spinning_threads", "gauge", st->spinning_m, "Ms that look for work.");
	integer(b, "gort_idle_procs", "gauge", st->idle_p, "Ps without work.");
	integer(b, "gort_runqueue_goroutines", "gauge", st->runq,
		"Goroutines in the run queues, ready to run.");
	integer(b, "gort_steals_total", "counter", st->steals, "Goroutines taken from another P.");
}

static void pauses(struct pprof_text *b, const struct gsnap_gc *gc)
{
	if (gc->cycles == GSNAP_UNKNOWN || gc->pause_total_ns == GSNAP_UNKNOWN)
		return;
	head(b, "go_gc_duration_seconds", "summary",
		"Wall-time pause (stop-the-world) duration in garbage collection cycles.");
	pprof_text_printf(b,
		"go_gc_duration_seconds_sum %.9g\ngo_gc_duration_seconds_count %" PRId64 "\n",
		(double)gc->pause_total_ns / 1e9, gc->cycles);
}

static void collector(struct pprof_text *b, const struct gsnap_gc *gc)
{
	int64_t inuse = gc->object_bytes == GSNAP_UNKNOWN || gc->unused_bytes == GSNAP_UNKNOWN
				? GSNAP_UNKNOWN
				: gc->object_bytes + gc->unused_bytes;
	integer(b, "go_gc_gogc_percent", "gauge", gc->gc_percent,
		"Heap size target percentage configured by GOGC; -1 is off.");
	integer(b, "go_gc_gomemlimit_bytes", "gauge", gc->mem_limit,
		"Go runtime memory limit; math.MaxInt64 is none.");
	integer(b, "go_gc_heap_goal_bytes", "gauge", gc->goal, "Heap size target of this cycle.");
	integer(b, "go_gc_heap_live_bytes", "gauge", gc->marked,
		"Heap memory that the last cycle found alive.");
	integer(b, "go_gc_heap_objects_objects", "gauge", gc->objects, "Objects on the heap.");
	integer(b, "go_gc_heap_allocs_bytes_total", "counter", gc->alloc_bytes,
		"Bytes allocated since start.");
	integer(b, "go_gc_heap_allocs_objects_total", "counter", gc->allocs,
		"Objects allocated since start.");
	integer(b, "go_gc_heap_frees_bytes_total", "counter", gc->freed_bytes,
		"Bytes freed since start.");
	integer(b, "go_gc_heap_frees_objects_total", "counter", gc->frees,
		"Objects freed since start.");
	integer(b, "go_gc_cycles_total_gc_cycles_total", "counter", gc->cycles,
		"Completed collections.");
	integer(b, "go_gc_cycles_forced_gc_cycles_total", "counter", gc->forced,
		"Completed collections that the program asked for.");
	integer(b, "go_memstats_heap_inuse_bytes", "gauge", inuse, "Bytes in spans in use.");
	integer(b, "go_memstats_heap_released_bytes", "gauge", gc->released_bytes,
		"Heap bytes given back to the system.");
	integer(b, "go_memstats_stack_inuse_bytes", "gauge", gc->stack_bytes,
		"Bytes of stacks in use.");
	integer(b, "go_memstats_next_gc_bytes", "gauge", gc->goal,
		"Heap size at which the next collection takes place.");
	integer(b, "gort_gc_trigger_bytes", "gauge", gc->trigger,
		"Heap size at which the next collection starts.");
	integer(b, "gort_gc_marking", "gauge", gc->marking, "1 while a collection runs.");
	pauses(b, gc);
}

/* Resident and virtual bytes by PID/statm, open descriptors by PID/fd. */
static void process(struct pprof_text *b, const struct topdata *d)
{
	const char *proc = d->o->host_proc ? d->o->host_proc : "/proc";
	char path[512];
	int64_t virt, resident, page = sysconf(_SC_PAGESIZE), fds = -2;
	seconds(b, "process_cpu_seconds_total", "counter", d->now.ps.cpu_ns,
		"Total user and system CPU time spent in seconds.");
	snprintf(path, sizeof path, "%s/%d/statm", proc, d->t->pid);
	FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%" SCNd64 " %" SCNd64, &virt, &resident) == 2) {
		integer(b, "process_virtual_memory_bytes", "gauge", virt * page,
			"Virtual memory size in bytes.");
		integer(b, "process_resident_memory_bytes", "gauge", resident * page,
			"Resident memory size in bytes.");
	}
	if (f)
		fclose(f);
	snprintf(path, sizeof path, "%s/%d/fd", proc, d->t->pid);
	DIR *dir = opendir(path);
	if (dir) {
		while (readdir(dir))
			fds++;
		closedir(dir);
		integer(b, "process_open_fds", "gauge", fds, "Number of open file descriptors.");
	}
	if (d->now.ps.uptime_ns != GSNAP_UNKNOWN) {
		struct timespec now;
		clock_gettime(CLOCK_REALTIME, &now);
		int64_t ns = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
		head(b, "process_start_time_seconds", "gauge",
			"Start time of the process since unix epoch in seconds.");
		pprof_text_printf(b, "process_start_time_seconds %.2f\n",
			(double)(ns - d->now.ps.uptime_ns) / 1e9);
	}
}

static void own(struct pprof_text *b)
{
	struct timespec cpu;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	seconds(b, "gort_cpu_seconds_total", "counter",
		cpu.tv_sec * INT64_C(1000000000) + cpu.tv_nsec,
		"CPU time that gort itself has used to look.");
}

int serve_metrics(struct serve_target *st, struct pprof_text *b)
{
	struct topdata *d = &st->top;
	struct gsnap_err err = {0};
	struct gsnap gc;
	int rc = topdata_refresh(d, &err);
	if (!rc)
		rc = target_snapshot(st->o, &st->t, PROBE_GC | PROBE_NO_GS, &gc, &err);
	if (rc) {
		st->gone |= err.code == CLI_GONE;
		return rc;
	}
	head(b, d->view.s.kind == GSNAP_GO ? "go_info" : "gort_info", "gauge",
		"Information about the environment.");
	pprof_text_printf(b, "%s{version=\"", d->view.s.kind == GSNAP_GO ? "go_info" : "gort_info");
	label(b, d->view.s.version);
	pprof_text_printf(b, "\"} 1\n");
	goroutines(b, d);
	scheduler(b, &d->now.stats);
	collector(b, &gc.gc);
	process(b, d);
	own(b);
	gsnap_free(&gc);
	return 0;
}
