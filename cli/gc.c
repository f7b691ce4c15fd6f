/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gc.c - `gort gc`: the collector of a process: goal and what sets it, cycles, pauses, CPU time.
 *
 * All figures are those the runtime keeps; where runtime/metrics has one, the value is the same.
 * Rates are the difference of two reads. CPU times are brought up to date by the runtime when a
 * cycle ends, so in a window without a cycle they are those since the start.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "gcwhy.h"
#include "histtext.h"
#include "human.h"
#include "interrupt.h"
#include "json.h"
#include "out.h"
#include "target.h"

#define WINDOW_NS    INT64_C(1000000000)
#define HEADER_EVERY 20

static struct human gogc(int64_t percent)
{
	return percent == -1 ? (struct human){"off"} : human_count(percent);
}

/* A size, or "none" for what stands for no limit. */
static struct human bounded(int64_t bytes)
{
	return bytes > INT64_MAX / 2 ? (struct human){"none"} : human_bytes(bytes);
}

static struct human percent(int64_t part, int64_t whole)
{
	struct human h = {"-"};
	if (part != GSNAP_UNKNOWN && whole != GSNAP_UNKNOWN && whole > 0)
		snprintf(h.s, sizeof h.s, "%.1f%%", 100.0 * (double)part / (double)whole);
	return h;
}

static struct human ago(const struct gsnap *s)
{
	return s->gc.last == GSNAP_UNKNOWN ? (struct human){"-"} : human_time(s->when - s->gc.last);
}

static void print_heap(struct out *out, const struct gsnap_gc *gc)
{
	out_printf(out, "HEAP    live %s  now %s  trigger %s  goal %s   (GOGC %s, limit %s)\n",
		human_bytes(gc->marked).s, human_bytes(gc->live).s, bounded(gc->trigger).s,
		bounded(gc->goal).s, gogc(gc->gc_percent).s, bounded(gc->mem_limit).s);
	out_printf(out,
		"MEMORY  objects %s in %s  unused %s  free %s  released %s  stacks %s  mapped %s\n",
		human_count(gc->objects).s, human_bytes(gc->object_bytes).s,
		human_bytes(gc->unused_bytes).s, human_bytes(gc->free_bytes).s,
		human_bytes(gc->released_bytes).s, human_bytes(gc->stack_bytes).s,
		human_bytes(gc->mapped).s);
}

static void print_rates(
	struct out *out, const struct gsnap *s, const struct gsnap_gc *a, int64_t ns)
{
	const struct gsnap_gc *b = &s->gc;
	out_printf(out, "ALLOC   %s  %s objects/s   since start %s in %s objects\n",
		human_byte_rate(figure_delta(a->alloc_bytes, b->alloc_bytes), ns).s,
		human_count(ns > 0 && a->allocs != GSNAP_UNKNOWN && b->allocs != GSNAP_UNKNOWN
				    ? (int64_t)((double)(b->allocs - a->allocs) * 1e9 / (double)ns)
				    : GSNAP_UNKNOWN)
			.s,
		human_bytes(b->alloc_bytes).s, human_count(b->allocs).s);
	out_printf(out, "CYCLES  %s (%s forced)  %s   last %s ago%s\n", human_count(b->cycles).s,
		human_count(b->forced).s, human_rate(figure_delta(a->cycles, b->cycles), ns).s,
		ago(s).s, b->marking == 1 ? "   marking" : "");
}

/* CPU of the window if a cycle ended in it, else since the start. */
static struct gsnap_gc cpu_base(const struct gsnap_gc *a, const struct gsnap_gc *b)
{
	struct gsnap_gc zero = {0};
	bool moved = a->cpu_total != GSNAP_UNKNOWN && b->cpu_total > a->cpu_total;
	return moved ? *a : zero;
}

static void print_cpu(struct out *out, const struct gsnap_gc *a, const struct gsnap_gc *b)
{
	struct gsnap_gc base = cpu_base(a, b);
	int64_t all = figure_delta(base.cpu_total, b->cpu_total);
	out_printf(out,
		"CPU     gc %s  assist %s  workers %s  idle workers %s  pauses %s   of %s%s\n",
		percent(figure_delta(base.cpu_gc, b->cpu_gc), all).s,
		percent(figure_delta(base.cpu_assist, b->cpu_assist), all).s,
		percent(figure_delta(base.cpu_dedicated, b->cpu_dedicated), all).s,
		percent(figure_delta(base.cpu_idle, b->cpu_idle), all).s,
		percent(figure_delta(base.cpu_pause, b->cpu_pause), all).s, human_time(all).s,
		base.cpu_total ? "" : " since start");
}

static void print_pauses(struct out *out, const struct gsnap_gc *gc)
{
	out_printf(out, "PAUSES  ");
	print_quantiles(out, &gc->pauses);
	out_printf(out, "   total %s\nSTOPS   ", human_time(gc->pause_total_ns).s);
	print_quantiles(out, &gc->stopping);
	out_printf(out, "   until every P stands\n");
	if (gc->pauses.known)
		print_hist(out, "pause since start", &gc->pauses);
}

/* Why figures are missing: each reason once, for all it covers. */
static void print_missing(struct out *out, const struct gsnap *s)
{
	const struct gsnap_gc *gc = &s->gc;
	const struct {
		int64_t value;
		const char *name;
	} all[] = {{gc->marked, "live, now, trigger, goal, GOGC, limit, mapped"},
		{gc->cycles, "cycles, last, total"},
		{gc->objects, "objects, unused, free, released, stacks, alloc"},
		{gc->marked == GSNAP_UNKNOWN ? 0 : gc->mem_limit, "limit"},
		{gc->objects == GSNAP_UNKNOWN ? 0 : gc->stack_bytes, "stacks"}, {gc->cpu_gc, "cpu"},
		{gc->pauses.known ? 0 : GSNAP_UNKNOWN, "pauses, stops"}};
	const char *sep = "-: ";
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i].value == GSNAP_UNKNOWN) {
			out_printf(out, "%s%s", sep, all[i].name);
			sep = ", ";
		}
	if (sep[0] == ',')
		out_printf(out, ": %s\n",
			s->kind == GSNAP_GO ? "not found in this program"
					    : "this program does not publish them");
	if (gc->cycles == 0)
		out_printf(out, "-: last, pauses, cpu: no cycle has run yet\n");
}

static void print_text(struct out *out, const struct gsnap *a, const struct gsnap *b)
{
	char why[256];
	int64_t ns = b->when - a->when;
	print_title(out, "gc", b);
	out_printf(out, "\n");
	gc_explain(&a->gc, &b->gc, ns, why, sizeof why);
	if (why[0])
		out_printf(out, "%s\n", why);
	print_heap(out, &b->gc);
	print_rates(out, b, &a->gc, ns);
	print_cpu(out, &a->gc, &b->gc);
	print_pauses(out, &b->gc);
	print_missing(out, b);
}

static void json_cpu(struct json *j, const struct gsnap_gc *gc)
{
	jw_object(j, "cpu_ns");
	jw_int(j, "gc", gc->cpu_gc);
	jw_int(j, "assist", gc->cpu_assist);
	jw_int(j, "dedicated", gc->cpu_dedicated);
	jw_int(j, "idle", gc->cpu_idle);
	jw_int(j, "pause", gc->cpu_pause);
	jw_int(j, "total", gc->cpu_total);
	jw_close_object(j);
}

static void json_heap(struct json *j, const struct gsnap_gc *gc)
{
	jw_int(j, "gogc_percent", gc->gc_percent);
	jw_int(j, "limit_bytes", gc->mem_limit);
	jw_int(j, "live_bytes", gc->marked);
	jw_int(j, "heap_bytes", gc->live);
	jw_int(j, "trigger_bytes", gc->trigger);
	jw_int(j, "goal_bytes", gc->goal);
	jw_int(j, "mapped_bytes", gc->mapped);
	jw_int(j, "objects", gc->objects);
	jw_int(j, "object_bytes", gc->object_bytes);
	jw_int(j, "unused_bytes", gc->unused_bytes);
	jw_int(j, "free_bytes", gc->free_bytes);
	jw_int(j, "released_bytes", gc->released_bytes);
	jw_int(j, "stack_bytes", gc->stack_bytes);
	jw_int(j, "allocs", gc->allocs);
	jw_int(j, "alloc_bytes", gc->alloc_bytes);
	jw_int(j, "frees", gc->frees);
	jw_int(j, "freed_bytes", gc->freed_bytes);
}

static void json_rate(struct json *j, const char *key, int64_t d, int64_t ns)
{
	if (d == GSNAP_UNKNOWN || ns <= 0)
		jw_str(j, key, NULL);
	else
		jw_num(j, key, (double)d * 1e9 / (double)ns);
}

static void print_json(struct out *out, const struct gsnap *a, const struct gsnap *b)
{
	const struct gsnap_gc *gc = &b->gc;
	int64_t ns = b->when - a->when;
	struct json j;
	char why[256];
	gc_explain(&a->gc, gc, ns, why, sizeof why);
	jw_begin(&j, out, "gort.gc/1");
	json_target(&j, b);
	jw_str(&j, "exe", b->exe);
	jw_str(&j, "version", b->version);
	jw_int(&j, "window_ns", ns);
	jw_str(&j, "explanation", why[0] ? why : NULL);
	json_heap(&j, gc);
	jw_int(&j, "cycles", gc->cycles);
	jw_int(&j, "forced", gc->forced);
	jw_int(&j, "marking", gc->marking);
	jw_int(&j, "since_last_ns", gc->last == GSNAP_UNKNOWN ? gc->last : b->when - gc->last);
	json_rate(&j, "cycles_per_s", figure_delta(a->gc.cycles, gc->cycles), ns);
	json_rate(&j, "alloc_bytes_per_s", figure_delta(a->gc.alloc_bytes, gc->alloc_bytes), ns);
	json_rate(&j, "allocs_per_s", figure_delta(a->gc.allocs, gc->allocs), ns);
	jw_int(&j, "pause_total_ns", gc->pause_total_ns);
	json_cpu(&j, gc);
	json_hist(&j, "pauses", &gc->pauses);
	json_hist(&j, "stops", &gc->stopping);
	jw_end(&j);
}

/* A line of --watch: what happened since the line before. */
static void print_line(struct out *out, const struct gsnap *a, const struct gsnap *b, int64_t n)
{
	const struct gsnap_gc *x = &a->gc, *y = &b->gc;
	int64_t ns = b->when - a->when, all = figure_delta(x->cpu_total, y->cpu_total);
	struct gsnap_hist pauses = gsnap_hist_since(&x->pauses, &y->pauses);
	if (n % HEADER_EVERY == 0)
		out_printf(out, "%7s %7s %7s %7s %8s %8s %7s %7s %8s\n", "LIVE", "NOW", "TRIGGER",
			"GOAL", "ALLOC", "CYCLES", "GC CPU", "ASSIST", "MAX STOP");
	out_printf(out, "%7s %7s %7s %7s %8s %8s %7s %7s %8s\n", human_bytes(y->marked).s,
		human_bytes(y->live).s, bounded(y->trigger).s, bounded(y->goal).s,
		human_byte_rate(figure_delta(x->alloc_bytes, y->alloc_bytes), ns).s,
		human_rate(figure_delta(x->cycles, y->cycles), ns).s,
		percent(figure_delta(x->cpu_gc, y->cpu_gc), all).s,
		percent(figure_delta(x->cpu_assist, y->cpu_assist), all).s,
		human_time(gsnap_hist_quantile(&pauses, 1)).s);
}

static void show(struct out *out, const struct opts *o, const struct gsnap *a,
	const struct gsnap *b, int64_t n)
{
	if (o->format != FORMAT_TEXT)
		print_json(out, a, b);
	else if (o->watch)
		print_line(out, a, b, n);
	else
		print_text(out, a, b);
	out_flush(out);
}

/* A program that publishes nothing of a collector has none to show. */
static int nothing(const struct gsnap *s)
{
	struct gsnap_err err;
	err_what(
		&err, CLI_UNSUPPORTED, "nothing is known of the collector of %s", target_name(s).s);
	err_why(&err, "%s",
		s->kind == GSNAP_GO ? "its runtime's variables were not found"
				    : "its libgort publishes no figures of one");
	return err_print(&err);
}

static int loop(const struct opts *o, struct target *t, struct out *out)
{
	struct gsnap before, now;
	struct gsnap_err err = {0};
	int64_t ns = o->duration_ns >= 0 ? o->duration_ns : WINDOW_NS;
	int64_t count = o->watch ? o->count : 1;
	if (target_snapshot(o, t, PROBE_GC | PROBE_NO_GS, &before, &err))
		return err_print(&err);
	int code = CLI_OK;
	if (before.gc.cycles == GSNAP_UNKNOWN && before.gc.marked == GSNAP_UNKNOWN) {
		code = nothing(&before);
		count = 0;
	}
	if (count && t->core) { /* it stands still: what there is are totals */
		show(out, o, &before, &before, 0);
		count = 0;
	}
	for (int64_t i = 0; i != count && !interrupted() && !out->error; i++) {
		interrupt_sleep(ns);
		if (target_snapshot(o, t, PROBE_GC | PROBE_NO_GS, &now, &err)) {
			code = err_print(&err);
			break;
		}
		show(out, o, &before, &now, i);
		gsnap_free(&before);
		before = now;
	}
	gsnap_free(&before);
	return code;
}

static int run_gc(const struct opts *o)
{
	static struct out out;
	struct gsnap_err err = {0};
	struct target t;
	if (o->count >= 0 && !o->watch) {
		err_what(&err, CLI_USAGE, "gc: -n is the number of lines of --watch");
		err_see(&err, "gort gc --help");
		return err_print(&err);
	}
	if (target_open(o, &t, &err))
		return err_print(&err);
	int code;
	if (out_open(&out, o, STDOUT_FILENO, &err)) {
		code = err_print(&err);
	} else {
		interrupt_catch();
		code = loop(o, &t, &out);
		int closed = code && !o->watch ? (out_abort(&out), code) : out_close(&out);
		code = code ? code : closed;
	}
	target_close(&t);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"watch", 'w', OPT_FLAG, 1, AT(watch), NULL, "a line every -d (1s) until Ctrl-C"},
	{"count", 'n', OPT_NUMBER, 1, AT(count), "N", "end after N lines"},
	{0},
};

const struct command cmd_gc = {
	.name = "gc",
	.synopsis = "[options] <target>",
	.summary = "the collector: goal, cycles, pauses, CPU time",
	.examples = "gort gc 4121                       # two reads 1 s apart\n"
		    "gort gc --watch checkout           # a line a second\n"
		    "gort gc --json -d 5s 4121          # the figures for a script\n",
	.notes = "The figures are the runtime's own, as runtime/metrics would give them to the\n"
		 "program. Quantiles are the upper ends of the runtime's histogram buckets.",
	.own = own,
	.common = TAKES_DURATION | TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PROC |
		  TAKES_CORE | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_gc,
};
