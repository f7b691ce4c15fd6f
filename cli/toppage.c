/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * toppage.c - what `gort top` shows, line by line, for a terminal of any width and for --once.
 *
 * A line that is too narrow for all of its parts leaves out the last ones, never half of one. "!"
 * marks trouble, in words and not by colour alone: more goroutines ready to run than the Ps, or one
 * of them, get through soon, or a heap that its limit leaves no room.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include "group.h"
#include "human.h"
#include "stacktext.h"
#include "toppage.h"

#define BAR_WIDTH   26
#define SPARK       20
#define QUEUE_PER_P 16 /* goroutines ready to run for each P, from which on it is trouble */

static const char *const by_names[] = {[BY_ALL] = "state, stack and creator",
	[BY_STATE] = "state",
	[BY_STACK] = "stack",
	[BY_CREATED] = "creator",
	[BY_WAITING_ON] = "what is waited on"};

static void spark(struct page *p, const struct topdata *d, enum series series)
{
	if (d->nhistory > 1)
		page_spark(p, d->history[series], d->nhistory, SPARK);
}

static void how(const struct gsnap_pause *pause, char *buf, size_t size)
{
	if (!pause->threads)
		snprintf(buf, size, pause->max_ns ? "paused none" : "non-stop");
	else
		snprintf(buf, size, "paused %s, longest %s", human_count(pause->threads).s,
			human_time(pause->longest_ns).s);
}

static void title(struct page *p, const struct topdata *d, const char *remark)
{
	const struct gsnap *s = &d->view.s;
	time_t t = time(NULL);
	struct tm tm;
	char clock[16], cost[48] = "", read_how[80];
	strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&t, &tm));
	if (d->own_cpu >= 0)
		snprintf(cost, sizeof cost, ", cost %.1f%% cpu", 100 * d->own_cpu);
	page_line(p, CELL_ACCENT, "gort top  %.40s (pid %d)", base_name(s->exe), s->pid);
	page_more(p, "  %s%s", s->version, s->stripped ? "  stripped" : "");
	page_more(p, "  up %s", human_time(d->now.ps.uptime_ns).s);
	how(&s->pause, read_how, sizeof read_how);
	remark = remark ? remark : read_how;
	if (!page_more(p, "  [%s%s]", remark, cost))
		page_more(p, "  [%s]", remark);
	page_right(p, " %s", clock);
}

static void cpu_line(struct page *p, const struct topdata *d)
{
	const struct gsnap_stats *st = &d->now.stats;
	char bar[BAR_WIDTH + 1], percent[16] = "-";
	double cpu = cpu_percent(&d->rates);
	int64_t procs = st->gomaxprocs == GSNAP_UNKNOWN || st->gomaxprocs < 1 ? 1 : st->gomaxprocs;
	int fill = cpu < 0 ? 0 : (int)(cpu / 100 / procs * BAR_WIDTH + 0.5);
	memset(bar, ' ', BAR_WIDTH);
	memset(bar, '|', fill > BAR_WIDTH ? BAR_WIDTH : fill);
	bar[BAR_WIDTH] = '\0';
	if (cpu >= 0)
		snprintf(percent, sizeof percent, "%.0f%%", cpu);
	page_line(p, CELL_PLAIN, "CPU   [%s] %s of %s P (%s idle)", bar, percent,
		human_count(st->gomaxprocs).s, human_count(st->idle_p).s);
	if (!page_more(p, "   threads %s (%s run, %s syscall, %s spinning, %s idle)",
		    human_count(d->now.ps.threads).s, human_count(d->count[CAT_RUN]).s,
		    human_count(d->count[CAT_SYSCALL]).s, human_count(st->spinning_m).s,
		    human_count(st->idle_m).s))
		page_more(p, "   threads %s (%s run)", human_count(d->now.ps.threads).s,
			human_count(d->count[CAT_RUN]).s);
	spark(p, d, SERIES_CPU);
}

static void goroutine_line(struct page *p, const struct topdata *d)
{
	page_line(p, CELL_PLAIN, "GOR   %s ", human_count(d->now.total).s);
	for (int c = 0; c < NCATEGORIES; c++)
		if (d->count[c] > 0 || c <= CAT_RUNNABLE)
			page_more(p, "  %s %s", category_names[c], human_count(d->count[c]).s);
	page_more(p, "   %s%s", d->rates.goroutines > 0 ? "+" : "",
		human_rate(d->rates.goroutines, d->rates.ns).s);
	spark(p, d, SERIES_GOROUTINES);
}

static void sched_line(struct page *p, const struct topdata *d)
{
	const struct gsnap_stats *st = &d->now.stats;
	bool many = st->runq != GSNAP_UNKNOWN && st->gomaxprocs != GSNAP_UNKNOWN &&
		    st->runq > QUEUE_PER_P * st->gomaxprocs;
	bool uneven = st->runq_longest > QUEUE_PER_P;
	const struct gsnap_hist *wait = &d->rates.wait;
	page_line(p, many || uneven ? CELL_TROUBLE : CELL_PLAIN,
		"SCHED wait p50 %s  p99 %s  max %s", human_time(gsnap_hist_quantile(wait, 0.5)).s,
		human_time(gsnap_hist_quantile(wait, 0.99)).s,
		human_time(gsnap_hist_quantile(wait, 1)).s);
	page_more(p, "   runq %s%s", human_count(st->runq).s, many ? " ! long queue" : "");
	if (st->runq_longest > 0)
		page_more(p, " (P%d: %s%s)", (int)st->runq_longest_p,
			human_count(st->runq_longest).s, uneven ? " !" : "");
	page_more(p, "   steals %s", human_rate(d->rates.steals, d->rates.ns).s);
	page_more(p, "   preempt %s", human_rate(d->rates.preempts, d->rates.ns).s);
}

static struct human gogc(int64_t percent)
{
	return percent == -1 ? (struct human){"off"} : human_count(percent);
}

static struct human limit(int64_t bytes)
{
	return bytes == INT64_MAX ? (struct human){"none"} : human_bytes(bytes);
}

struct human top_gc_percent(const struct topdata *d)
{
	struct human h = {"-"};
	if (d->gc_percent >= 0)
		snprintf(h.s, sizeof h.s, "%.1f%%", d->gc_percent);
	return h;
}

/* GSNAP_UNKNOWN when either is. */
static int64_t stops_in_all(const struct gsnap_gc *gc)
{
	return gc->stops[0] == GSNAP_UNKNOWN || gc->stops[1] == GSNAP_UNKNOWN
		       ? GSNAP_UNKNOWN
		       : gc->stops[0] + gc->stops[1];
}

struct human top_stops(const struct topdata *d)
{
	const struct gsnap_gc *gc = &d->now.gc;
	struct human both = {"-"};
	if (stops_in_all(gc) != GSNAP_UNKNOWN)
		snprintf(both.s, sizeof both.s, "%.15s+%.15s", human_time(gc->stops[0]).s,
			human_time(gc->stops[1]).s);
	return both;
}

static struct human objects_per_second(const struct rates *r)
{
	if (r->allocs == GSNAP_UNKNOWN || r->ns <= 0)
		return human_count(GSNAP_UNKNOWN);
	return human_count((int64_t)((double)r->allocs * 1e9 / (double)r->ns));
}

static void gc_lines(struct page *p, const struct topdata *d)
{
	const struct gsnap_stats *st = &d->now.stats;
	bool trouble = st->mem_limit != GSNAP_UNKNOWN && st->mem_limit != INT64_MAX &&
		       st->heap_live > st->mem_limit / 100 * 95;
	page_line(p, trouble ? CELL_TROUBLE : CELL_PLAIN, "GC    live %s%s",
		human_bytes(d->now.gc.marked).s, trouble ? " ! at its limit" : "");
	page_more(p, "  goal %s (GOGC %s)", human_bytes(st->heap_goal).s, gogc(st->gc_percent).s);
	page_more(p, "  limit %s", limit(st->mem_limit).s);
	page_more(p, "  cycles %s (%s)", human_count(st->num_gc).s,
		human_rate(d->rates.gc, d->rates.ns).s);
	page_more(p, "  mark %s cpu", top_gc_percent(d).s);
	page_more(p, "  stop %s", top_stops(d).s);
	spark(p, d, SERIES_LIVE);
	page_line(p, CELL_PLAIN, "ALLOC %s  %s obj/s",
		human_byte_rate(d->rates.alloc, d->rates.ns).s, objects_per_second(&d->rates).s);
	page_more(p, "   MUTEX wait %s", human_time_rate(d->rates.mutex_wait, d->rates.ns).s);
	page_more(p, "   now %s", human_bytes(st->heap_live).s);
	page_more(p, "  in use %s", human_bytes(st->heap_inuse).s);
	page_more(p, "   pauses %s", human_time(st->gc_pause_total_ns).s);
	spark(p, d, SERIES_ALLOC);
}

void top_header(struct page *p, const struct topdata *d, const char *remark)
{
	title(p, d, remark);
	cpu_line(p, d);
	goroutine_line(p, d);
	sched_line(p, d);
	gc_lines(p, d);
}

/* "api.(*Feed).Publish" of "example.com/shop/api.(*Feed).Publish". */
static void place(const struct gsnap_frame *f, char *buf, size_t size)
{
	if (!f || !f->func[0])
		snprintf(buf, size, "-");
	else if (f->file)
		snprintf(buf, size, "%s %s:%" PRIu32, base_name(f->func), base_name(f->file),
			f->line);
	else
		snprintf(buf, size, "%s", base_name(f->func));
}

/* What a row says of its group, before it is cut to columns. */
struct row_text {
	char state[64], created[160], blocked[160], note[160];
	bool trouble;
};

static struct row_text row_text(const struct topdata *d, const struct livegroup *g)
{
	struct row_text t = {.state = "-", .created = "-", .blocked = "-"};
	const struct gsnap *s = &d->view.s;
	const struct gsnap_g *gp = &s->gs[g->sample];
	enum group_by by = d->groups.by;
	if (by == BY_ALL || by == BY_STATE || by == BY_WAITING_ON)
		snprintf(t.state, sizeof t.state, "%s", gsnap_state(gp));
	if (by == BY_ALL || by == BY_CREATED) {
		struct gsnap_frame creator = created_frame(s, gp->created);
		place(&creator, t.created, sizeof t.created);
	}
	if (by == BY_ALL || by == BY_STACK)
		place(top_frame(s, gp->stack), t.blocked, sizeof t.blocked);
	if (by == BY_WAITING_ON && g->object)
		snprintf(t.blocked, sizeof t.blocked, "0x%" PRIx64, g->object);
	const struct groupnote *note = topnotes_of(&d->notes, d, g);
	topnotes_text(note, d, g, t.note, sizeof t.note);
	t.trouble = note && note->leaked;
	return t;
}

struct top_columns top_columns(int width)
{
	const int fixed = 7 + 2 + 15 + 1 + 8 + 3; /* count, state, wait, blanks */
	struct top_columns c = {.created = 34, .note = width == 0};
	if (width == 0)
		return c;
	c.oldest = width >= 110;
	c.note = width >= 150 ? width / 4 : 0;
	int rest = width - fixed - (c.oldest ? 10 : 0) - (c.note ? c.note + 1 : 0);
	c.created = rest > 20 ? rest * 9 / 20 : 10;
	c.blocked = rest > 20 ? rest - c.created : 10;
	return c;
}

/* Exactly n columns of a text; of "function file:line" what fits, the function first. */
static const char *fit(const char *text, int n, char *buf, size_t size)
{
	const char *place = strrchr(text, ' ');
	size_t left = text_width(text) > n && place ? (size_t)(place - text) : strlen(text);
	size_t at = 0, len;
	int width = 0;
	for (; left > 0; at += len, left -= len) {
		int w = char_width(utf8_decode(text + at, left, &len));
		w = w > 0 ? w : 0;
		if (width + w > n)
			break;
		width += w;
	}
	snprintf(buf, size, "%.*s%*s", (int)at, text, n - width, "");
	return buf;
}

void top_table_head(struct page *p, const struct topdata *d, const struct top_columns *c)
{
	page_line(p, CELL_DIM, "  COUNT  STATE           WAIT p50");
	if (c->oldest)
		page_more(p, "    OLDEST");
	page_more(p, "  %-*s", c->created, "CREATED BY");
	page_more(p, " %-*s", c->note ? c->blocked : 0,
		d->groups.by == BY_WAITING_ON ? "WAITS ON" : "BLOCKED AT");
	if (c->note)
		page_more(p, "%s NOTE", c->blocked ? "" : "  ");
	if (d->groups.by != BY_ALL)
		page_more(p, "   (by %s)", by_names[d->groups.by]);
}

static void wait_text(const struct livegroup *g, int64_t ns, char *buf, size_t size)
{
	bool at_least = g->at_least && ns != GSNAP_UNKNOWN;
	snprintf(buf, size, "%s%s", at_least ? ">" : "", human_time(ns).s);
}

void top_table_row(struct page *p, const struct topdata *d, const struct top_columns *c,
	const struct livegroup *g)
{
	struct row_text t = row_text(d, g);
	char created[512], blocked[512], note[512], median[40], oldest[40];
	int64_t now = d->view.s.when;
	wait_text(g, livegroup_wait(g, now), median, sizeof median);
	wait_text(g, livegroup_oldest(g, now), oldest, sizeof oldest);
	page_line(p, t.trouble ? CELL_TROUBLE : CELL_PLAIN, "%c%6s  %-15.15s %8s",
		t.trouble ? '!' : ' ', human_count(g->n).s, t.state, median);
	if (c->oldest)
		page_more(p, "  %8s", oldest);
	page_more(p, "  %s", fit(t.created, c->created, created, sizeof created));
	page_more(p, " %s",
		c->blocked ? fit(t.blocked, c->blocked, blocked, sizeof blocked) : t.blocked);
	if (t.note[0] && c->note)
		page_more(p, " %s%s", c->blocked ? "" : "  ",
			c->blocked ? fit(t.note, c->note, note, sizeof note) : t.note);
}

bool top_row_matches(const struct topdata *d, const struct livegroup *g, const char *text)
{
	if (!text[0])
		return true;
	struct row_text t = row_text(d, g);
	return strcasestr(t.state, text) || strcasestr(t.created, text) ||
	       strcasestr(t.blocked, text) || strcasestr(t.note, text);
}

static bool undated_calls(const struct topdata *d)
{
	for (uint32_t i = 0; i < d->groups.n; i++) {
		const struct livegroup *g = &d->groups.group[i];
		if (g->n && d->view.s.gs[g->sample].status == GSTATUS_SYSCALL &&
			livegroup_wait(g, d->view.s.when) == GSNAP_UNKNOWN)
			return true;
	}
	return false;
}

void top_reasons(struct page *p, const struct topdata *d)
{
	const struct gsnap_stats *st = &d->now.stats;
	bool go_program = d->view.s.kind == GSNAP_GO;
	bool stopping = go_program && stops_in_all(&d->now.gc) == GSNAP_UNKNOWN &&
			d->now.gc.cpu_gc != GSNAP_UNKNOWN;
	const char *why =
		go_program ? "not found in this program" : "this program does not publish them";
	const struct {
		int64_t value;
		const char *name;
	} all[] = {{st->gomaxprocs, "P"}, {st->idle_m, "idle M"}, {st->runq, "runq"},
		{st->idle_p, "idle P"}, {st->spinning_m, "spinning M"}, {d->now.gc.marked, "live"},
		{st->heap_live, "now"}, {st->heap_goal, "goal"}, {st->gc_percent, "GOGC"},
		{st->mem_limit, "limit"}, {st->heap_inuse, "in use"}, {st->num_gc, "cycles"},
		{st->gc_pause_total_ns, "pauses"}, {st->total_alloc, "alloc"},
		{d->now.gc.allocs, "objects"}, {d->now.gc.cpu_gc, "mark"},
		{d->now.wait.known ? 0 : GSNAP_UNKNOWN, "wait"}, {d->now.mutex_wait, "MUTEX wait"},
		{d->now.preempts, "preempt"},
		{d->now.gc.cycles == 0 || stopping ? 0 : stops_in_all(&d->now.gc), "stop"}};
	const char *sep = "-: ";
	if (st->steals == GSNAP_UNKNOWN)
		page_line(p, CELL_DIM, "-: steals: %s",
			go_program ? "Go's scheduler does not count them" : why);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		if (all[i].value != GSNAP_UNKNOWN)
			continue;
		if (sep[0] == '-')
			page_line(p, CELL_DIM, "%s", "");
		page_more(p, "%s%s", sep, all[i].name);
		sep = ", ";
	}
	if (sep[0] != '-')
		page_more(p, ": %s", why);
	if (d->now.gc.cycles == 0)
		page_line(p, CELL_DIM, "-: mark, stop: no cycle has run yet");
	else if (stopping)
		page_line(p, CELL_DIM, "-: stop: all are just being stopped");
	if (d->rates.wait.known && !gsnap_hist_total(&d->rates.wait))
		page_line(p, CELL_DIM,
			"-: wait: none of those that are measured, one in %s, was due",
			human_count(d->view.s.sched.wait_every).s);
	if (undated_calls(d))
		page_line(
			p, CELL_DIM, "-: WAIT of syscall: the program has not noted when it began");
	if (d->view.s.pause.refused || d->view.s.pause.late)
		page_line(p, CELL_DIM,
			"-: where %s run: not allowed, traced by another, or too late",
			human_count(d->view.s.pause.refused + d->view.s.pause.late).s);
	if (d->notes.chore[CHORE_LEAKS].off)
		page_line(p, CELL_DIM, "-: leaks: %s", d->notes.why);
	if (d->now.ps.cpu_ns == GSNAP_UNKNOWN)
		page_line(p, CELL_DIM, "-: cpu, threads, up: procfs has no stat of the process");
}
