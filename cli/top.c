/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * top.c - `gort top`: scheduler, collector and goroutines of one process on one screen, as text.
 *
 * Every number is one the target or the kernel keeps anyway; rates are differences of two reads. A
 * number that could not be had prints "-", and a line at the end of the screen says why.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "err.h"
#include "group.h"
#include "human.h"
#include "interrupt.h"
#include "json.h"
#include "out.h"
#include "procstat.h"
#include "stacktext.h"
#include "target.h"

#define ONCE_NS   INT64_C(200000000)
#define BATCH_NS  INT64_C(1000000000)
#define GROUPS    10
#define BAR_WIDTH 26

/* One read, and what it was compared with. */
struct sample {
	struct gsnap s;
	struct procstat ps;
	int64_t at;
};

struct rates {
	int64_t ns, cpu_ns, cpu_window_ns, goroutines, steals, alloc, gc;
};

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

static const char *const category_names[NCATEGORIES] = {
	"run", "runnable", "chan", "select", "io", "sleep", "sema", "syscall", "other"};

static enum category category(const struct gsnap_g *gp)
{
	static const struct {
		const char *prefix;
		enum category c;
	} reasons[] = {{"chan ", CAT_CHAN}, {"select", CAT_SELECT}, {"IO wait", CAT_IO},
		{"sleep", CAT_SLEEP}, {"sema", CAT_SEMA}, {"sync.", CAT_SEMA}};
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

static int64_t delta(int64_t before, int64_t after)
{
	if (before == GSNAP_UNKNOWN || after == GSNAP_UNKNOWN)
		return GSNAP_UNKNOWN;
	return after - before;
}

static struct rates rates_between(const struct sample *a, const struct sample *b)
{
	const struct gsnap_stats *x = &a->s.stats, *y = &b->s.stats;
	return (struct rates){.ns = b->s.when - a->s.when,
		.cpu_ns = delta(a->ps.cpu_ns, b->ps.cpu_ns),
		.cpu_window_ns = b->at - a->at,
		.goroutines = (int64_t)b->s.ngs - a->s.ngs,
		.steals = delta(x->steals, y->steals),
		.alloc = delta(x->total_alloc, y->total_alloc),
		.gc = delta(x->num_gc, y->num_gc)};
}

static int read_sample(const struct opts *o, struct target *t, unsigned what, struct sample *smp,
	struct gsnap_err *err)
{
	smp->at = monotonic_now();
	smp->ps = procstat_read(o->host_proc, t->pid);
	return target_snapshot(o, t, what, &smp->s, err);
}

static double cpu_percent(const struct rates *r)
{
	if (r->cpu_ns == GSNAP_UNKNOWN || r->cpu_window_ns <= 0)
		return -1;
	return 100.0 * r->cpu_ns / r->cpu_window_ns;
}

static void print_cpu(struct out *out, const struct sample *smp, const struct rates *r)
{
	const struct gsnap_stats *st = &smp->s.stats;
	char bar[BAR_WIDTH + 1], percent[16] = "-";
	double cpu = cpu_percent(r);
	int64_t procs = st->gomaxprocs == GSNAP_UNKNOWN || st->gomaxprocs < 1 ? 1 : st->gomaxprocs;
	int fill = cpu < 0 ? 0 : (int)(cpu / 100 / procs * BAR_WIDTH + 0.5);
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '|', fill > BAR_WIDTH ? BAR_WIDTH : fill);
	bar[BAR_WIDTH] = '\0';
	if (cpu >= 0)
		snprintf(percent, sizeof percent, "%.0f%%", cpu);
	out_printf(out, "CPU   [%s] %s of %s P   threads %s (%s idle M)\n", bar, percent,
		human_count(st->gomaxprocs).s, human_count(smp->ps.threads).s,
		human_count(st->idle_m).s);
}

static void count_categories(const struct gsnap *s, uint32_t *n, uint32_t *total)
{
	*total = 0;
	for (uint32_t i = 0; i < s->ngs; i++)
		if (!(s->gs[i].flags & GSNAP_G_SYSTEM)) {
			n[category(&s->gs[i])]++;
			++*total;
		}
}

static void print_goroutines(struct out *out, const struct gsnap *s, const struct rates *r)
{
	uint32_t n[NCATEGORIES] = {0}, total;
	count_categories(s, n, &total);
	out_printf(out, "GOR   %s ", human_count(total).s);
	for (int c = 0; c < NCATEGORIES; c++)
		if (n[c] > 0 || c <= CAT_RUNNABLE)
			out_printf(out, "  %s %s", category_names[c], human_count(n[c]).s);
	out_printf(
		out, "   %s%s\n", r->goroutines > 0 ? "+" : "", human_rate(r->goroutines, r->ns).s);
}

static void print_sched(struct out *out, const struct gsnap_stats *st, const struct rates *r)
{
	out_printf(out, "SCHED runq %s   idle P %s   spinning M %s   steals %s\n",
		human_count(st->runq).s, human_count(st->idle_p).s, human_count(st->spinning_m).s,
		human_rate(r->steals, r->ns).s);
}

static struct human gogc(int64_t percent)
{
	return percent == -1 ? (struct human){"off"} : human_count(percent);
}

static struct human limit(int64_t bytes)
{
	return bytes == INT64_MAX ? (struct human){"none"} : human_bytes(bytes);
}

static void print_gc(struct out *out, const struct gsnap_stats *st, const struct rates *r)
{
	out_printf(out, "GC    live %s  goal %s (GOGC %s)  limit %s  in use %s  cycles %s (%s)",
		human_bytes(st->heap_live).s, human_bytes(st->heap_goal).s, gogc(st->gc_percent).s,
		limit(st->mem_limit).s, human_bytes(st->heap_inuse).s, human_count(st->num_gc).s,
		human_rate(r->gc, r->ns).s);
	out_printf(out, "  pauses %s\nALLOC %s\n", human_time(st->gc_pause_total_ns).s,
		human_byte_rate(r->alloc, r->ns).s);
}

/* "api.(*Feed).Publish" of "example.com/shop/api.(*Feed).Publish". */
static const char *short_name(const char *func)
{
	return base_name(func);
}

static void place(const struct gsnap_frame *f, char *buf, size_t size)
{
	if (!f || !f->func[0])
		snprintf(buf, size, "-");
	else if (f->file)
		snprintf(buf, size, "%s %s:%" PRIu32, short_name(f->func), base_name(f->file),
			f->line);
	else
		snprintf(buf, size, "%s", short_name(f->func));
}

static void print_top_group(
	struct out *out, const struct gsnap *s, const struct groups *gs, const struct group *g)
{
	const struct gsnap_g *gp = &s->gs[gs->order[g->first]];
	struct gsnap_frame creator = created_frame(s, gp->created);
	char by[128], at[128];
	place(&creator, by, sizeof by);
	place(top_frame(s, gp->stack), at, sizeof at);
	out_printf(out, "%7s  %-15.15s %8s  %-34.34s %s\n", human_count(g->n).s, g_state(gp),
		human_time(g->median).s, by, at);
}

static void print_groups(struct out *out, const struct gsnap *s, const struct groups *gs)
{
	out_printf(out, "\n  COUNT  STATE           WAIT p50  %-34s BLOCKED AT\n", "CREATED BY");
	for (uint32_t i = 0; i < gs->n && i < GROUPS; i++)
		print_top_group(out, s, gs, &gs->group[i]);
	if (gs->n > GROUPS)
		out_printf(out, "         %s more: gort stacks %d\n", human_count(gs->n - GROUPS).s,
			s->pid);
}

/* Why numbers are missing: each reason once, for all it covers. */
static void print_reasons(struct out *out, const struct sample *smp)
{
	const struct gsnap_stats *st = &smp->s.stats;
	bool go
	= smp->s.kind == GSNAP_GO;
	const struct {
		int64_t value;
		const char *name;
	} all[] = {{st->gomaxprocs, "P"}, {st->idle_m, "idle M"}, {st->runq, "runq"},
		{st->idle_p, "idle P"}, {st->spinning_m, "spinning M"}, {st->heap_live, "live"},
		{st->heap_goal, "goal"}, {st->gc_percent, "GOGC"}, {st->mem_limit, "limit"},
		{st->heap_inuse, "in use"}, {st->num_gc, "cycles"},
		{st->gc_pause_total_ns, "pauses"}, {st->total_alloc, "alloc"}};
	const char *sep = "";
	if (st->steals == GSNAP_UNKNOWN)
		out_printf(out, "-: steals: %s\n",
			go ? "Go's scheduler does not count them"
			   : "this program does not publish them");
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i].value == GSNAP_UNKNOWN) {
			out_printf(out, "%s%s", sep[0] ? sep : "-: ", all[i].name);
			sep = ", ";
		}
	if (sep[0])
		out_printf(out, ": %s\n",
			go ? "not found in this program" : "this program does not publish them");
	if (smp->ps.cpu_ns == GSNAP_UNKNOWN)
		out_printf(out, "-: cpu, threads, up: procfs has no stat of the process\n");
}

static int user_groups(const struct gsnap *s, struct groups *gs)
{
	uint32_t *sel = calloc(s->ngs + 1, sizeof *sel), n = 0;
	if (!sel)
		return -1;
	for (uint32_t i = 0; i < s->ngs; i++)
		if (!(s->gs[i].flags & GSNAP_G_SYSTEM))
			sel[n++] = i;
	int rc = groups_build(s, sel, n, BY_ALL, gs);
	free(sel);
	return rc;
}

static void print_screen(
	struct out *out, const struct sample *smp, const struct rates *r, const struct groups *gs)
{
	time_t t = time(NULL);
	struct tm tm;
	char clock[16];
	strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&t, &tm));
	print_title(out, "top", &smp->s);
	out_printf(out, "  up %s  [non-stop]   %s\n", human_time(smp->ps.uptime_ns).s, clock);
	print_cpu(out, smp, r);
	print_goroutines(out, &smp->s, r);
	print_sched(out, &smp->s.stats, r);
	print_gc(out, &smp->s.stats, r);
	print_groups(out, &smp->s, gs);
	print_reasons(out, smp);
}

static void json_rate(struct json *j, const char *key, int64_t d, int64_t ns)
{
	if (d == GSNAP_UNKNOWN || ns <= 0)
		jw_str(j, key, NULL);
	else
		jw_num(j, key, (double)d * 1e9 / ns);
}

static void json_stats(struct json *j, const struct gsnap_stats *st, const struct rates *r)
{
	jw_object(j, "sched");
	jw_int(j, "gomaxprocs", st->gomaxprocs);
	jw_int(j, "idle_p", st->idle_p);
	jw_int(j, "spinning_m", st->spinning_m);
	jw_int(j, "threads", st->threads);
	jw_int(j, "idle_m", st->idle_m);
	jw_int(j, "runq", st->runq);
	json_rate(j, "steals_per_s", r->steals, r->ns);
	jw_close_object(j);
	jw_object(j, "gc");
	jw_int(j, "heap_live_bytes", st->heap_live);
	jw_int(j, "heap_goal_bytes", st->heap_goal);
	jw_int(j, "heap_inuse_bytes", st->heap_inuse);
	jw_int(j, "gogc_percent", st->gc_percent);
	jw_int(j, "limit_bytes", st->mem_limit == INT64_MAX ? GSNAP_UNKNOWN : st->mem_limit);
	jw_int(j, "cycles", st->num_gc);
	json_rate(j, "cycles_per_s", r->gc, r->ns);
	jw_int(j, "pause_total_ns", st->gc_pause_total_ns);
	json_rate(j, "alloc_bytes_per_s", r->alloc, r->ns);
	jw_close_object(j);
}

static void json_groups(struct json *j, const struct gsnap *s, const struct groups *gs)
{
	jw_array(j, "groups");
	for (uint32_t i = 0; i < gs->n && i < GROUPS; i++) {
		const struct gsnap_g *gp = &s->gs[gs->order[gs->group[i].first]];
		const struct gsnap_frame *top = top_frame(s, gp->stack);
		jw_object(j, NULL);
		jw_uint(j, "count", gs->group[i].n);
		jw_str(j, "state", g_state(gp));
		jw_int(j, "wait_median_ns", gs->group[i].median);
		json_created(j, "created_by", s, gp->created);
		jw_str(j, "blocked_at", top ? top->func : NULL);
		jw_close_object(j);
	}
	jw_close_array(j);
}

static void print_json(
	struct out *out, const struct sample *smp, const struct rates *r, const struct groups *gs)
{
	const struct gsnap *s = &smp->s;
	uint32_t n[NCATEGORIES] = {0}, total;
	struct json j;
	count_categories(s, n, &total);
	jw_begin(&j, out, "gort.top/1");
	jw_int(&j, "pid", s->pid);
	jw_str(&j, "exe", s->exe);
	jw_str(&j, "version", s->version);
	jw_int(&j, "uptime_ns", smp->ps.uptime_ns);
	jw_int(&j, "window_ns", r->ns);
	if (cpu_percent(r) >= 0)
		jw_num(&j, "cpu_cores", cpu_percent(r) / 100);
	else
		jw_str(&j, "cpu_cores", NULL);
	jw_object(&j, "goroutines");
	jw_uint(&j, "total", total);
	for (int c = 0; c < NCATEGORIES; c++)
		jw_uint(&j, category_names[c], n[c]);
	json_rate(&j, "per_s", r->goroutines, r->ns);
	jw_close_object(&j);
	json_stats(&j, &s->stats, r);
	json_groups(&j, s, gs);
	jw_end(&j);
}

static int show(struct out *out, const struct opts *o, const struct sample *before,
	const struct sample *smp)
{
	struct rates r = rates_between(before, smp);
	struct groups gs;
	if (user_groups(&smp->s, &gs))
		return -1;
	if (o->format == FORMAT_TEXT)
		print_screen(out, smp, &r, &gs);
	else
		print_json(out, smp, &r, &gs);
	groups_free(&gs);
	out_flush(out);
	return out->error ? -1 : 0;
}

/* Shows up to count screens (-1: until interrupted). Returns an exit code. */
static int loop(const struct opts *o, struct target *t, struct out *out, int64_t ns, int64_t count)
{
	struct sample before, smp;
	struct gsnap_err err = {0};
	if (read_sample(o, t, 0, &before, &err))
		return err_print(&err);
	int code = CLI_OK;
	for (int64_t i = 0; i != count && !interrupted(); i++) {
		interrupt_sleep(ns);
		if (read_sample(o, t, PROBE_STACKS, &smp, &err)) {
			code = err_print(&err);
			break;
		}
		if (i > 0 && o->format == FORMAT_TEXT)
			out_printf(out, "\n");
		int rc = show(out, o, &before, &smp);
		gsnap_free(&before.s);
		before = smp;
		if (rc)
			break;
	}
	gsnap_free(&before.s);
	return code;
}

static int wrong_mode(void)
{
	struct gsnap_err err;
	err_what(&err, CLI_USAGE, "top: this version has no interactive screen");
	err_why(&err, "it prints the screen as text, once or every -d");
	err_try(&err, "gort top --once <target>");
	err_try(&err, "gort top --batch -n 5 <target>");
	err_see(&err, "gort top --help");
	return err_print(&err);
}

static int run_top(const struct opts *o)
{
	static struct out out;
	struct gsnap_err err = {0};
	struct target t;
	if (o->once == o->batch)
		return wrong_mode();
	if (target_open(o, &t, &err))
		return err_print(&err);
	int64_t ns = o->duration_ns >= 0 ? o->duration_ns : o->once ? ONCE_NS : BATCH_NS;
	int code;
	if (out_open(&out, o, STDOUT_FILENO, &err)) {
		code = err_print(&err);
	} else {
		interrupt_catch();
		code = loop(o, &t, &out, ns, o->once ? 1 : o->count);
		int closed = code && !o->batch ? (out_abort(&out), code) : out_close(&out);
		code = code ? code : closed;
	}
	target_close(&t);
	return code;
}

#define AT(field) offsetof(struct opts, field)

static const struct opt own[] = {
	{"once", 0, OPT_FLAG, 1, AT(once), NULL, "print one screen and exit"},
	{"batch", 'b', OPT_FLAG, 1, AT(batch), NULL, "print a screen every -d (1s)"},
	{"count", 'n', OPT_NUMBER, 0, AT(count), "N", "end after N screens"},
	{0},
};

const struct command cmd_top = {
	.name = "top",
	.synopsis = "--once|--batch [options] <target>",
	.summary = "scheduler, collector and goroutines at a glance",
	.examples = "gort top --once 4121               # two reads 200 ms apart, one screen\n"
		    "gort top --batch -n 5 -d 2s 4121   # five screens, one every 2 s\n"
		    "gort top --once --json checkout    # the numbers for a script\n",
	.notes = "This version prints the screen as text (--once, --batch); it has no interactive\n"
		 "one. A - is a number that could not be had; the last lines say why.",
	.own = own,
	.common = TAKES_DURATION | TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PROC,
	.min_args = 1,
	.max_args = 1,
	.run = run_top,
};
