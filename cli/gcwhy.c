/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gcwhy.c - the pacer's figures put into a sentence: how often it collects, what sets the goal, and
 * when the next cycle is due.
 */
#include <inttypes.h>
#include <stdio.h>
#include "gcwhy.h"
#include "human.h"

#define OFTEN        5.0             /* cycles a second that deserve a reason */
#define SMALL_HEAP   (4ll << 20)     /* Go's heapMinimum at GOGC=100 */
#define FULL_PERCENT 80              /* of the limit: live heap leaves hardly any room */
#define NO_GOAL      (INT64_MAX / 2) /* GOGC=off without a limit */
#define ASSIST_SHARE 4               /* a quarter of the marking done by assists is much */

static bool known(int64_t v)
{
	return v != GSNAP_UNKNOWN;
}

static bool off(const struct gsnap_gc *gc)
{
	return gc->gc_percent == -1 && gc->mem_limit == INT64_MAX;
}

/* libgort has no trigger while a cycle is under way. */
static bool running(const struct gsnap_gc *gc)
{
	return gc->marking == 1 || (gc->trigger >= NO_GOAL && gc->goal < NO_GOAL);
}

/* The limit, not GOGC, decides when the next cycle starts. */
static bool limited(const struct gsnap_gc *gc)
{
	return known(gc->limit_goal) && gc->mem_limit != INT64_MAX && gc->goal == gc->limit_goal;
}

static int64_t percent(int64_t part, int64_t whole)
{
	return whole > 0 ? (int64_t)(100.0 * (double)part / (double)whole + 0.5) : 0;
}

/* Why it collects so often. */
static void often(const struct gsnap_gc *gc, int64_t forced, int64_t cycles, int64_t alloc,
	int64_t ns, char *buf, size_t size)
{
	if (limited(gc))
		snprintf(buf, size, "live %" PRId64 " %% of the memory limit",
			percent(gc->marked, gc->mem_limit));
	else if (known(forced) && forced * 2 > cycles)
		snprintf(buf, size,
			"%" PRId64 " of %" PRId64 " cycles forced by runtime.GC or FreeOSMemory",
			forced, cycles);
	else if (gc->marked <= SMALL_HEAP)
		snprintf(buf, size,
			"allocates %s over a small live heap of %s: more GOGC or a memory limit "
			"with GOGC=off would space the cycles",
			human_byte_rate(alloc, ns).s, human_bytes(gc->marked).s);
	else
		snprintf(buf, size, "allocates %s over a live heap of %s at GOGC=%" PRId64,
			human_byte_rate(alloc, ns).s, human_bytes(gc->marked).s, gc->gc_percent);
}

/* When the next cycle is due. */
static void next(const struct gsnap_gc *gc, int64_t alloc, int64_t ns, char *buf, size_t size)
{
	int64_t left = figure_delta(gc->live, gc->trigger);
	if (!known(left)) {
		buf[0] = '\0';
	} else if (left <= 0) {
		snprintf(buf, size, "the next cycle is due");
	} else {
		double per_ns = known(alloc) && ns > 0 ? (double)alloc / (double)ns : 0;
		int n = snprintf(buf, size, "next cycle at %s, %s away", human_bytes(gc->trigger).s,
			human_bytes(left).s);
		if (per_ns > 0 && (double)left / per_ns < 1e18 && n > 0 && (size_t)n < size)
			snprintf(buf + n, size - (size_t)n, ": in %s at %s",
				human_time((int64_t)((double)left / per_ns)).s,
				human_byte_rate(alloc, ns).s);
	}
}

static bool assists_much(const struct gsnap_gc *a, const struct gsnap_gc *b)
{
	int64_t assist = figure_delta(a->cpu_assist, b->cpu_assist);
	int64_t worker = figure_delta(a->cpu_dedicated, b->cpu_dedicated);
	return known(assist) && known(worker) && assist > 0 && assist * ASSIST_SHARE > worker;
}

void gc_explain(
	const struct gsnap_gc *a, const struct gsnap_gc *b, int64_t ns, char *buf, size_t size)
{
	int64_t cycles = figure_delta(a->cycles, b->cycles);
	int64_t alloc = figure_delta(a->alloc_bytes, b->alloc_bytes);
	double rate = known(cycles) && ns > 0 ? (double)cycles * 1e9 / (double)ns : 0;
	char why[224] = "", when[160] = "";
	buf[0] = '\0';
	if (!known(b->cycles) || !known(b->marked))
		return;
	next(b, alloc, ns, when, sizeof when);
	if (rate >= OFTEN) {
		often(b, figure_delta(a->forced, b->forced), cycles, alloc, ns, why, sizeof why);
		snprintf(buf, size, "collecting %.0fx/s: %s", rate, why);
	} else if (running(b)) {
		snprintf(buf, size, "a cycle is running%s",
			assists_much(a, b) ? ": allocation outpaces the workers, goroutines assist"
					   : "");
	} else if (off(b) || b->goal >= NO_GOAL) {
		snprintf(buf, size, "off (GOGC=off and no memory limit): the heap only grows");
	} else if (limited(b) && percent(b->marked, b->mem_limit) >= FULL_PERCENT) {
		snprintf(buf, size, "live %" PRId64 " %% of the memory limit; %s",
			percent(b->marked, b->mem_limit), when);
	} else {
		snprintf(buf, size, "%s%s", limited(b) ? "the memory limit sets the goal; " : "",
			when);
	}
}
