/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top.c - `gort top`: scheduler, collector and goroutines of one process on one screen.
 *
 * Every number is one the target or the kernel keeps anyway; rates are differences of two reads. A
 * number that could not be had prints "-", and a line at the end of the screen says why. Here are
 * the command and its plain forms, --once, --batch and JSON; topui.c has the screen.
 */
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "group.h"
#include "histtext.h"
#include "human.h"
#include "interrupt.h"
#include "json.h"
#include "stacktext.h"
#include "term.h"
#include "toppage.h"
#include "topui.h"

#define ONCE_NS  INT64_C(200000000)
#define BATCH_NS INT64_C(1000000000)
#define GROUPS   10

static void print_screen(struct out *out, const struct topdata *d)
{
	static struct page page;
	struct top_columns columns = top_columns(0);
	uint32_t n, *list = topdata_sorted(d, &n);
	page_reset(&page, 0);
	top_header(&page, d, NULL);
	page_line(&page, CELL_PLAIN, "%s", "");
	top_table_head(&page, d, &columns);
	for (uint32_t i = 0; list && i < n && i < GROUPS; i++)
		top_table_row(&page, d, &columns, &d->groups.group[list[i]]);
	if (n > GROUPS)
		page_line(&page, CELL_PLAIN, "         %s more: gort stacks %d",
			human_count(n - GROUPS).s, d->view.s.pid);
	top_reasons(&page, d);
	page_print(&page, out);
	page_free(&page);
	free(list);
}

static void json_rate(struct json *j, const char *key, int64_t d, int64_t ns)
{
	if (d == GSNAP_UNKNOWN || ns <= 0)
		jw_str(j, key, NULL);
	else
		jw_num(j, key, (double)d * 1e9 / ns);
}

static void json_percent(struct json *j, const char *key, double percent)
{
	if (percent < 0)
		jw_str(j, key, NULL);
	else
		jw_num(j, key, percent);
}

static void json_sched(struct json *j, const struct gsnap_stats *st, const struct rates *r)
{
	jw_object(j, "sched");
	jw_int(j, "gomaxprocs", st->gomaxprocs);
	jw_int(j, "idle_p", st->idle_p);
	jw_int(j, "spinning_m", st->spinning_m);
	jw_int(j, "threads", st->threads);
	jw_int(j, "idle_m", st->idle_m);
	jw_int(j, "runq", st->runq);
	jw_int(j, "runq_longest", st->runq_longest);
	jw_int(j, "runq_longest_p", st->runq_longest_p);
	json_rate(j, "steals_per_s", r->steals, r->ns);
	json_rate(j, "preempts_per_s", r->preempts, r->ns);
	json_hist(j, "wait", &r->wait);
	json_rate(j, "mutex_wait_ns_per_s", r->mutex_wait, r->ns);
	jw_close_object(j);
}

static void json_gc(struct json *j, const struct topdata *d)
{
	const struct gsnap_stats *st = &d->now.stats;
	const struct rates *r = &d->rates;
	jw_object(j, "gc");
	jw_int(j, "heap_marked_bytes", d->now.gc.marked);
	jw_int(j, "heap_live_bytes", st->heap_live);
	jw_int(j, "heap_goal_bytes", st->heap_goal);
	jw_int(j, "heap_inuse_bytes", st->heap_inuse);
	jw_int(j, "gogc_percent", st->gc_percent);
	jw_int(j, "limit_bytes", st->mem_limit == INT64_MAX ? GSNAP_UNKNOWN : st->mem_limit);
	jw_int(j, "cycles", st->num_gc);
	json_rate(j, "cycles_per_s", r->gc, r->ns);
	json_percent(j, "cpu_percent", d->gc_percent);
	jw_int(j, "pause_a_cycle_ns", d->gc_stop);
	jw_array(j, "last_stops_ns");
	jw_int(j, NULL, d->now.gc.stops[0]);
	jw_int(j, NULL, d->now.gc.stops[1]);
	jw_close_array(j);
	jw_int(j, "pause_total_ns", st->gc_pause_total_ns);
	jw_int(j, "alloc_bytes", st->total_alloc);
	json_rate(j, "alloc_bytes_per_s", r->alloc, r->ns);
	json_rate(j, "allocs_per_s", r->allocs, r->ns);
	jw_close_object(j);
}

/* leaked: null as long as two looks have not agreed. */
static void json_note(struct json *j, const struct topdata *d, const struct livegroup *g)
{
	const struct groupnote *note = topnotes_of(&d->notes, d, g);
	int64_t leaked = note ? note->leaked : 0;
	jw_int(j, "leaked", d->notes.proved ? leaked : GSNAP_UNKNOWN);
	const struct topnote *lock = note && note->waiting ? note->lock : NULL;
	jw_int(j, "lock_held_by", lock && lock->sure ? (int64_t)lock->holder : GSNAP_UNKNOWN);
	jw_int(j, "lock_seems_held_by", lock ? (int64_t)lock->holder : GSNAP_UNKNOWN);
}

static void json_groups(struct json *j, const struct topdata *d)
{
	const struct gsnap *s = &d->view.s;
	uint32_t n, *list = topdata_sorted(d, &n);
	jw_array(j, "groups");
	for (uint32_t i = 0; list && i < n && i < GROUPS; i++) {
		const struct livegroup *g = &d->groups.group[list[i]];
		const struct gsnap_g *gp = &s->gs[g->sample];
		const struct gsnap_frame *top = top_frame(s, gp->stack);
		jw_object(j, NULL);
		jw_uint(j, "count", g->n);
		jw_str(j, "state", gsnap_state(gp));
		jw_int(j, "wait_median_ns", livegroup_wait(g, s->when));
		jw_bool(j, "wait_is_lower_bound", g->at_least);
		json_created(j, "created_by", s, gp->created);
		jw_str(j, "blocked_at", top ? top->func : NULL);
		json_note(j, d, g);
		jw_close_object(j);
	}
	jw_close_array(j);
	free(list);
}

static void print_json(struct out *out, const struct topdata *d)
{
	const struct gsnap *s = &d->view.s;
	const struct rates *r = &d->rates;
	struct json j;
	jw_begin(&j, out, "gort.top/1");
	jw_int(&j, "pid", s->pid);
	jw_str(&j, "exe", s->exe);
	jw_str(&j, "version", s->version);
	jw_int(&j, "uptime_ns", d->now.ps.uptime_ns);
	jw_int(&j, "window_ns", r->ns);
	json_pause(&j, &s->pause);
	if (cpu_percent(r) >= 0)
		jw_num(&j, "cpu_cores", cpu_percent(r) / 100);
	else
		jw_str(&j, "cpu_cores", NULL);
	jw_object(&j, "goroutines");
	jw_int(&j, "total", d->now.total);
	for (int c = 0; c < NCATEGORIES; c++)
		jw_uint(&j, category_names[c], d->count[c]);
	json_rate(&j, "per_s", r->goroutines, r->ns);
	jw_close_object(&j);
	json_sched(&j, &s->stats, r);
	json_gc(&j, d);
	json_groups(&j, d);
	jw_end(&j);
}

/* Shows up to count screens (-1: until interrupted). Returns an exit code. */
static int loop(struct topdata *d, struct out *out, int64_t ns, int64_t count)
{
	struct gsnap_err err = {0};
	bool text = d->o->format == FORMAT_TEXT;
	if (topdata_refresh(d, &err))
		return err_print(&err);
	for (int64_t i = 0; i != count && !interrupted() && !out->error; i++) {
		interrupt_sleep(ns);
		if (topdata_refresh(d, &err))
			return err_print(&err);
		if (i > 0 && text)
			out_printf(out, "\n");
		if (text)
			print_screen(out, d);
		else
			print_json(out, d);
		out_flush(out);
	}
	return CLI_OK;
}

static int print_plain(const struct opts *o, struct topdata *d)
{
	static struct out out;
	struct gsnap_err err = {0};
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	int64_t ns = o->duration_ns >= 0 ? o->duration_ns : o->once ? ONCE_NS : BATCH_NS;
	interrupt_catch();
	int code = loop(d, &out, ns, o->once ? 1 : o->count);
	int closed = code && !o->batch ? (out_abort(&out), code) : out_close(&out);
	return code ? code : closed;
}

static int wrong_mode(const struct opts *o)
{
	struct gsnap_err err;
	if (o->once && o->batch) {
		err_what(&err, CLI_USAGE, "top: --once and --batch are two different things");
	} else if (o->output || o->format != FORMAT_TEXT) {
		err_what(&err, CLI_USAGE, "top: a screen cannot be written to a file or as JSON");
	} else {
		err_what(&err, CLI_USAGE, "top: standard input and output are no terminal");
		err_why(&err, "the screen needs both: it reads keys and draws");
	}
	err_try(&err, "gort top --once <target>");
	err_try(&err, "gort top --batch -n 5 <target>");
	err_see(&err, "gort top --help");
	return err_print(&err);
}

static int run_top(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct target t;
	struct topdata d;
	bool screen = !o->once && !o->batch;
	if ((o->once && o->batch) ||
		(screen && (o->output || o->format != FORMAT_TEXT || !term_usable())))
		return wrong_mode(o);
	if (target_open(o, &t, &err))
		return err_print(&err);
	topdata_init(&d, o, &t);
	topnotes_want(&d.notes, o);
	int code = screen ? top_screen(o, &d) : print_plain(o, &d);
	topdata_free(&d);
	target_close(&t);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"once", 0, OPT_FLAG, 1, AT(once), NULL, "print one screen and exit"},
	{"batch", 'b', OPT_FLAG, 1, AT(batch), NULL, "print a screen every -d (1s)"},
	{"count", 'n', OPT_NUMBER, 1, AT(count), "N", "end after N screens"},
	{"leaks", 0, OPT_FLAG, 1, AT(leaks), NULL, "look for leaked goroutines at once"},
	{0},
};

const struct command cmd_top = {
	.name = "top",
	.synopsis = "[options] <target>",
	.summary = "scheduler, collector and goroutines at a glance, live",
	.examples = "gort top 4121                      # the screen; ? explains its keys\n"
		    "gort top --once 4121               # two reads 200 ms apart, one screen\n"
		    "gort top --batch -n 5 -d 2s 4121   # five screens, one every 2 s\n"
		    "gort top --once --json checkout    # the numbers for a script\n"
		    "gort top --once --leaks 4121       # and who can never go on\n",
	.notes = "A - is a number that could not be had; the last lines of --once say why. A wait\n"
		 "with > has lasted at least as long: the program notes when a wait began only "
		 "when\n"
		 "its collector runs, and gort has watched it that long. Goroutines that stood "
		 "still\n"
		 "for several refreshes are looked at in every fourth one. Leaks and holders of\n"
		 "locks are looked for as rarely as their cost demands; --leaks and the key l ask\n"
		 "for leaks now. A leak is what two looks agree on: see gort leaks --help.",
	.own = own,
	.common = TAKES_DURATION | TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PROC |
		  TAKES_PAUSE | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_top,
};
