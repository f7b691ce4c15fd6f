/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * topui.c - the full screen: which page is shown, what the keys do, when it is refreshed.
 *
 * Pages: the goroutine table; one group in detail; threads; the collector; help. A page is a list
 * of lines (page.h) that scrolls between the header and the footer. Frozen, the numbers stand
 * still and everything else works. When the target ends, the last numbers stay until a key is
 * pressed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "err.h"
#include "group.h"
#include "human.h"
#include "interrupt.h"
#include "record.h"
#include "stacks.h"
#include "stacktext.h"
#include "term.h"
#include "toppage.h"
#include "topthreads.h"
#include "topui.h"

#define REFRESH_NS INT64_C(1000000000)
#define RECORD_NS  INT64_C(10000000000)
#define MIN_COLS   40
#define MIN_ROWS   10
#define WIDE_COLS  140 /* from there on the footer has words */

enum view { VIEW_TABLE, VIEW_GROUP, VIEW_THREADS, VIEW_GC, VIEW_HELP };
enum sort { SORT_COUNT, SORT_WAIT, SORT_STATE, NSORTS };

struct ui {
	const struct opts *o;
	struct topdata *d;
	struct threads threads;
	struct cells screen;
	struct page header, body;
	enum view view;
	enum sort sort;
	uint32_t *list, n; /* groups shown, in order */
	int top, cursor;   /* first line of the body on the screen; selected line */
	uint32_t group;    /* shown in detail */
	char filter[64], message[256];
	bool typing, frozen, gone, quit;
	int64_t next;
	struct probe_cpu *cpu; /* is being recorded, since then; NULL: nothing is */
	int64_t recording;
	int code;
};

static int compare_rows(const void *a, const void *b, void *arg)
{
	const struct ui *u = arg;
	const struct livegroup *g = u->d->groups.group;
	const struct livegroup *x = &g[*(const uint32_t *)a], *y = &g[*(const uint32_t *)b];
	const struct gsnap *s = &u->d->view.s;
	int64_t now = s->when, p = livegroup_wait(x, now), q = livegroup_wait(y, now);
	int order = 0;
	if (u->sort == SORT_WAIT)
		order = p == q ? 0 : p > q ? -1 : 1;
	else if (u->sort == SORT_STATE)
		order = strcmp(gsnap_state(&s->gs[x->sample]), gsnap_state(&s->gs[y->sample]));
	if (!order && x->n != y->n)
		order = x->n > y->n ? -1 : 1;
	return order ? order : x->sample < y->sample ? -1 : x->sample > y->sample;
}

static void make_list(struct ui *u)
{
	uint32_t n, kept = 0;
	free(u->list);
	u->list = topdata_sorted(u->d, &n);
	for (uint32_t i = 0; u->list && i < n; i++)
		if (top_row_matches(u->d, &u->d->groups.group[u->list[i]], u->filter))
			u->list[kept++] = u->list[i];
	u->n = kept;
	if (u->list && u->sort != SORT_COUNT)
		qsort_r(u->list, u->n, sizeof *u->list, compare_rows, u);
}

/* Only the rows that can be seen are made. */
static void table_page(struct ui *u, int rows)
{
	struct top_columns c = top_columns(u->screen.cols);
	make_list(u);
	int most = (int)u->n - 1;
	u->cursor = u->cursor > most ? most : u->cursor;
	u->cursor = u->cursor < 0 ? 0 : u->cursor;
	if (u->cursor < u->top)
		u->top = u->cursor;
	if (u->cursor >= u->top + rows)
		u->top = u->cursor - rows + 1;
	for (int i = u->top; i < (int)u->n && i < u->top + rows; i++) {
		top_table_row(&u->body, u->d, &c, &u->d->groups.group[u->list[i]]);
		if (i == u->cursor)
			u->body.rows[u->body.n - 1].style = CELL_SELECTED;
	}
	if (u->n == 0)
		page_line(&u->body, CELL_DIM, "  no goroutine%s%s", u->filter[0] ? " matches " : "",
			u->filter);
}

static void group_page(struct ui *u)
{
	static struct out out;
	const struct gsnap *s = &u->d->view.s;
	const struct livegroup *g = &u->d->groups.group[u->group];
	const struct gsnap_g *gp = &s->gs[g->sample];
	char *text;
	size_t len;
	page_line(&u->body, CELL_ACCENT, "%s goroutine%s [%s]", human_count(g->n).s,
		g->n == 1 ? "" : "s", gsnap_state(gp));
	page_more(&u->body, "  wait %s%s median, %s oldest", g->at_least ? ">" : "",
		human_time(livegroup_wait(g, s->when)).s,
		human_time(livegroup_oldest(g, s->when)).s);
	char note[160];
	topnotes_text(topnotes_of(&u->d->notes, u->d, g), u->d, g, note, sizeof note);
	if (note[0])
		page_more(&u->body, "   %s", note);
	page_line(&u->body, CELL_DIM, "ids");
	for (uint32_t i = 0; i < u->d->groups.nof; i++)
		if (u->d->groups.of[i] == u->group && text_width(u->body.rows[1].text) < 70)
			page_more(&u->body, " %" PRIu64, s->gs[i].id);
	page_line(&u->body, CELL_PLAIN, "%s", "");
	out_memory(&out);
	print_stack(&out, s, gp->stack, false);
	print_created(&out, s, gp->created, g->n == 1 ? gp->parent : 0);
	if (out_take(&out, &text, &len) == 0) {
		page_text(&u->body, text, len);
		free(text);
	}
	if (gp->stack == GSNAP_NONE)
		page_line(&u->body, CELL_DIM, "%s",
			gp->flags & GSNAP_G_MOVING || gp->status == GSTATUS_RUNNING
				? "runs, or ran while it was read: no stack"
				: "stack not available");
}

static void gc_row(struct ui *u, const char *name, struct human value, enum series series)
{
	const struct topdata *d = u->d;
	page_line(&u->body, CELL_PLAIN, "%-18s %12s", name, value.s);
	if (series < NSERIES && d->nhistory > 1)
		page_spark(&u->body, d->history[series], d->nhistory, u->screen.cols - 36);
}

static void gc_page(struct ui *u)
{
	const struct gsnap_stats *st = &u->d->now.stats;
	const struct rates *r = &u->d->rates;
	struct human none = {"none"}, off = {"off"};
	gc_row(u, "live heap", human_bytes(u->d->now.gc.marked), NSERIES);
	gc_row(u, "now", human_bytes(st->heap_live), SERIES_LIVE);
	gc_row(u, "goal", human_bytes(st->heap_goal), NSERIES);
	gc_row(u, "GOGC", st->gc_percent == -1 ? off : human_count(st->gc_percent), NSERIES);
	gc_row(u, "limit", st->mem_limit == INT64_MAX ? none : human_bytes(st->mem_limit), NSERIES);
	gc_row(u, "in use", human_bytes(st->heap_inuse), NSERIES);
	gc_row(u, "cycles", human_count(st->num_gc), NSERIES);
	gc_row(u, "cycles a second", human_rate(r->gc, r->ns), SERIES_GC);
	gc_row(u, "cpu of the cycles", top_gc_percent(u->d), NSERIES);
	gc_row(u, "stops of the last cycle", top_stops(u->d), NSERIES);
	gc_row(u, "pauses in all", human_time(st->gc_pause_total_ns), NSERIES);
	gc_row(u, "allocated in all", human_bytes(st->total_alloc), NSERIES);
	gc_row(u, "allocation", human_byte_rate(r->alloc, r->ns), SERIES_ALLOC);
	gc_row(u, "goroutines", human_count(u->d->now.total), SERIES_GOROUTINES);
	page_line(&u->body, CELL_PLAIN, "%s", "");
	top_reasons(&u->body, u->d);
}

static void help_page(struct ui *u)
{
	static const char text[] =
		"enter      stacks of the selected group; esc goes back\n"
		"up down    select; also k j, page up, page down, home, end\n"
		"/          show only rows that contain a text; empty: all rows\n"
		"s          sort by count, by wait, by state\n"
		"g          group by all, state, stack, creator, what is waited on\n"
		"t          threads: CPU, state, goroutine that runs there\n"
		"c          channels and locks: goroutines by what they wait on\n"
		"m          the collector (memory), with its recent past\n"
		"l          leaks: look now for goroutines that can never go on\n"
		"r          record a CPU profile for 10 s, or until r, for go tool pprof; one of\n"
		"           the goroutines where perf_event is refused\n"
		"f, space   freeze and go on\n"
		"w          write: the goroutines with their stacks as JSON, for gort diff\n"
		"q, ctrl-C  quit\n"
		"\n"
		"-          a number that cannot be had; m says why\n"
		">          a wait of at least that long\n"
		"!          trouble: more than 16 runnable goroutines a P, or in the queue of "
		"one;\n"
		"           heap over 95 % of its limit; goroutines that can never go on\n";
	page_text(&u->body, text, sizeof text - 1);
}

static void threads_page(struct ui *u)
{
	page_line(&u->body, CELL_DIM, "%8s  %-16s %6s  %-5s  %s", "TID", "NAME", "CPU", "STATE",
		"GOROUTINE");
	threads_lines(&u->threads, &u->d->view.s, &u->body);
}

static void footer(const struct ui *u, char *buf, size_t size)
{
	static const char *const sorts[NSORTS] = {"count", "wait", "state"};
	static const char *const names[] = {"all", "state", "stack", "creator", "object"};
	if (u->typing)
		snprintf(buf, size, " /%s_   enter: keep   esc: all rows", u->filter);
	else if (u->message[0])
		snprintf(buf, size, " %s", u->message);
	else if (u->view == VIEW_TABLE && u->screen.cols >= WIDE_COLS)
		snprintf(buf, size,
			" enter stacks  / filter  s sort:%s  g group by:%s  t threads  c channels  "
			"m gc  l leaks  r %s  %s  w write json  ? help  q quit",
			sorts[u->sort], names[u->d->groups.by],
			u->cpu ? "stop recording" : "record 10s",
			u->frozen ? "f FROZEN" : "f freeze");
	else if (u->view == VIEW_TABLE)
		snprintf(buf, size,
			" enter / s:%s g:%s t:threads c:chans m:gc l:leaks r:%s %s w:json ? q",
			sorts[u->sort], names[u->d->groups.by], u->cpu ? "STOP" : "rec",
			u->frozen ? "f:FROZEN" : "f:freeze");
	else
		snprintf(buf, size, " esc back  up/down scroll  %s? help  q quit",
			u->frozen ? "FROZEN  " : "");
}

static void fill_body(struct ui *u, int rows)
{
	page_reset(&u->body, u->screen.cols);
	switch (u->view) {
	case VIEW_TABLE:
		table_page(u, rows);
		return;
	case VIEW_GROUP:
		group_page(u);
		break;
	case VIEW_THREADS:
		threads_page(u);
		break;
	case VIEW_GC:
		gc_page(u);
		break;
	case VIEW_HELP:
		help_page(u);
		break;
	}
	int last = u->body.n - rows;
	u->top = u->top > last ? last : u->top;
	u->top = u->top < 0 ? 0 : u->top;
}

static void put_page(struct cells *screen, int row, const struct page *p, int from, int rows)
{
	for (int i = from; i < p->n && i < from + rows; i++, row++) {
		const struct page_row *r = &p->rows[i];
		if (r->style == CELL_SELECTED)
			cells_fill(screen, row, 0, CELL_SELECTED);
		cells_put(screen, row, 0, r->style, r->text);
	}
}

static void compose(struct ui *u)
{
	char line[512];
	struct cells *screen = &u->screen;
	struct top_columns c = top_columns(screen->cols);
	cells_clear(screen);
	if (screen->cols < MIN_COLS || screen->rows < MIN_ROWS) {
		snprintf(line, sizeof line, "gort top needs %dx%d", MIN_COLS, MIN_ROWS);
		cells_put(screen, 0, 0, CELL_PLAIN, line);
		return;
	}
	page_reset(&u->header, screen->cols);
	top_header(&u->header, u->d, u->gone ? "ENDED" : u->frozen ? "FROZEN" : NULL);
	page_line(&u->header, CELL_PLAIN, "%s", "");
	if (u->view == VIEW_TABLE)
		top_table_head(&u->header, u->d, &c);
	int rows = screen->rows - u->header.n - 1;
	fill_body(u, rows);
	put_page(screen, 0, &u->header, 0, u->header.n);
	put_page(screen, u->header.n, &u->body, u->view == VIEW_TABLE ? 0 : u->top, rows);
	footer(u, line, sizeof line);
	cells_fill(screen, screen->rows - 1, 0, CELL_SELECTED);
	cells_put(screen, screen->rows - 1, 0, CELL_SELECTED, line);
}

static void draw(struct ui *u)
{
	int cols, rows;
	term_size(&cols, &rows);
	if ((cols != u->screen.cols || rows != u->screen.rows) &&
		!cells_resize(&u->screen, cols, rows)) {
		u->quit = true;
		u->code = CLI_FAIL;
		return;
	}
	compose(u);
	if (term_draw(&u->screen))
		u->quit = true;
}

/* gort-NAME-PID-TIME.SUFFIX in the current directory; the name is the target's to choose. */
static void file_name(const struct ui *u, const char *suffix, char *buf, size_t size)
{
	char name[33], clock[16];
	time_t t = time(NULL);
	struct tm tm;
	snprintf(name, sizeof name, "%s", base_name(u->d->view.s.exe));
	for (char *p = name; *p; p++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", *p))
			*p = '_';
	strftime(clock, sizeof clock, "%H%M%S", localtime_r(&t, &tm));
	snprintf(buf, size, "gort-%s-%d-%s.%s", name, u->d->view.s.pid, clock, suffix);
}

static void report(
	struct ui *u, int rc, const char *path, const char *then, const struct gsnap_err *err)
{
	if (rc)
		snprintf(u->message, sizeof u->message, "%.200s", err->what);
	else
		snprintf(u->message, sizeof u->message, "wrote %s: %s", path, then);
}

static void write_json(struct ui *u)
{
	char path[128];
	struct gsnap_err err = {0};
	file_name(u, "json", path, sizeof path);
	report(u, stacks_save(&u->d->view.s, path, &err), path, "gort diff compares two", &err);
}

/* Ends the CPU profile and writes what it has. */
static void end_recording(struct ui *u)
{
	char path[128];
	struct gsnap_err err = {0};
	struct gsnap s;
	int64_t ns = monotonic_now() - u->recording;
	file_name(u, "pb.gz", path, sizeof path);
	int rc = probe_cpu_stop(u->d->t->probe, u->cpu, PROBE_MAPS, &s, &err);
	u->cpu = NULL;
	if (!rc)
		rc = record_save_cpu(&s, ns, path, &err);
	gsnap_free(&s);
	report(u, rc, path, "where CPU time went, for go tool pprof", &err);
}

/* Where there is no CPU profile to be had, one of the goroutines as they are now. */
static void record(struct ui *u)
{
	char path[128];
	struct gsnap_err err = {0};
	if (u->cpu) {
		end_recording(u);
	} else if (!profile_cpu_start(u->o, u->d->t, &u->cpu, &err)) {
		u->recording = monotonic_now();
		snprintf(u->message, sizeof u->message,
			"records for %s where CPU time goes; r ends it", human_time(RECORD_NS).s);
	} else {
		u->cpu = NULL;
		file_name(u, "pb.gz", path, sizeof path);
		report(u, record_save(u->d->t, path, &err), path, "goroutines, no CPU profile here",
			&err);
	}
}

static void refresh(struct ui *u)
{
	struct gsnap_err err = {0};
	char written[112] = "";
	if (u->frozen || u->gone)
		return;
	if (topdata_refresh(u->d, &err)) {
		u->gone = true;
		u->code = err.code ? err.code : CLI_FAIL;
		if (u->cpu) {
			end_recording(u);
			snprintf(written, sizeof written, "; %.100s", u->message);
		}
		snprintf(u->message, sizeof u->message, "%.120s (q quits)%s", err.what, written);
		return;
	}
	if (u->view == VIEW_THREADS)
		threads_refresh(&u->threads, u->o->host_proc, u->d->t->pid);
}

static void show(struct ui *u, enum view view)
{
	u->view = u->view == view ? VIEW_TABLE : view;
	u->top = 0;
	if (u->view == VIEW_THREADS)
		threads_refresh(&u->threads, u->o->host_proc, u->d->t->pid);
}

static void group_by(struct ui *u, enum group_by by)
{
	livegroups_by(&u->d->groups, by);
	livegroups_update(&u->d->groups, &u->d->view);
	topnotes_group(&u->d->notes, u->d);
	u->view = VIEW_TABLE;
	u->top = u->cursor = 0;
}

static void open_group(struct ui *u)
{
	if (u->view != VIEW_TABLE || u->cursor >= (int)u->n || !u->list)
		return;
	u->group = u->list[u->cursor];
	show(u, VIEW_GROUP);
}

static void scroll(struct ui *u, int by)
{
	int *what = u->view == VIEW_TABLE ? &u->cursor : &u->top;
	int64_t to = (int64_t)*what + by;
	*what = to < 0 ? 0 : to > INT32_MAX / 2 ? INT32_MAX / 2 : (int)to;
}

static void stop_typing(struct ui *u)
{
	u->typing = false;
	u->filter[0] = '\0';
}

static void type(struct ui *u, int key)
{
	size_t n = strlen(u->filter);
	if (key == KEY_ENTER)
		u->typing = false;
	else if (key == KEY_ESC)
		stop_typing(u);
	else if (key == KEY_BACKSPACE && n > 0)
		u->filter[n - 1] = '\0';
	else if (key >= ' ' && key < 256 && key != KEY_BACKSPACE && n + 1 < sizeof u->filter)
		u->filter[n] = (char)key;
}

static void move(struct ui *u, int key)
{
	int pages = u->screen.rows > 12 ? u->screen.rows - 10 : 2;
	switch (key) {
	case KEY_UP:
	case 'k':
		scroll(u, -1);
		break;
	case KEY_DOWN:
	case 'j':
		scroll(u, 1);
		break;
	case KEY_PAGE_UP:
		scroll(u, -pages);
		break;
	case KEY_PAGE_DOWN:
		scroll(u, pages);
		break;
	case KEY_HOME:
		scroll(u, -INT32_MAX);
		break;
	case KEY_END:
		scroll(u, u->view == VIEW_TABLE ? (int)u->n : u->body.n);
		break;
	}
}

static void press(struct ui *u, int key)
{
	switch (key) {
	case 'q':
		u->quit = true;
		break;
	case KEY_ENTER:
	case KEY_RIGHT:
		open_group(u);
		break;
	case KEY_ESC:
	case KEY_LEFT:
		show(u, VIEW_TABLE);
		u->view = VIEW_TABLE;
		break;
	case '/':
		u->view = VIEW_TABLE;
		u->typing = true;
		break;
	case 's':
		u->sort = (u->sort + 1) % NSORTS;
		break;
	case 'g':
		group_by(u, (u->d->groups.by + 1) % (BY_WAITING_ON + 1));
		break;
	case 'c':
		group_by(u, u->d->groups.by == BY_WAITING_ON ? BY_ALL : BY_WAITING_ON);
		break;
	case 't':
		show(u, VIEW_THREADS);
		break;
	case 'm':
		show(u, VIEW_GC);
		break;
	case 'l':
		topnotes_ask(&u->d->notes);
		u->next = 0;
		snprintf(u->message, sizeof u->message, "looking for leaks: twice");
		break;
	case '?':
	case 'h':
		show(u, VIEW_HELP);
		break;
	case 'f':
	case ' ':
		u->frozen = !u->frozen;
		u->next = 0;
		break;
	case 'r':
		record(u);
		break;
	case 'w':
		write_json(u);
		break;
	default:
		move(u, key);
	}
}

static void on_key(struct ui *u, int key)
{
	if (key == KEY_QUIT) {
		u->quit = true;
		return;
	}
	if (key == KEY_NONE || key == KEY_RESIZE)
		return;
	if (!u->gone)
		u->message[0] = '\0';
	if (u->typing)
		type(u, key);
	else
		press(u, key);
}

static void run(struct ui *u)
{
	int64_t every = u->o->duration_ns > 0 ? u->o->duration_ns : REFRESH_NS, shown = 0;
	while (!u->quit) {
		int64_t now = monotonic_now();
		if (now >= u->next) {
			refresh(u);
			shown++;
			bool asked = u->d->notes.chore[CHORE_LEAKS].now;
			u->next = now + (asked && every > REFRESH_NS ? REFRESH_NS : every);
		}
		int64_t recorded = u->recording + RECORD_NS;
		if (u->cpu && now >= recorded)
			end_recording(u);
		draw(u);
		if (shown == u->o->count + 1 && u->o->count >= 0)
			break;
		int64_t until = u->cpu && recorded < u->next ? recorded : u->next;
		int64_t left = until - monotonic_now();
		if (!u->quit)
			on_key(u, term_key(left > 0 ? left : 0));
	}
}

int top_screen(const struct opts *o, struct topdata *d)
{
	static struct ui u;
	struct gsnap_err err = {0};
	if (topdata_refresh(d, &err))
		return err_print(&err);
	u.o = o;
	u.d = d;
	int rc = term_open(color_wanted(o->color, STDOUT_FILENO));
	if (rc) {
		err_what(&err, CLI_FAIL, "cannot use the terminal: %s", strerror(-rc));
		err_try(&err, "gort top --once %d", (int)d->t->pid);
		return err_print(&err);
	}
	u.next = monotonic_now() + REFRESH_NS / 5;
	run(&u);
	bool written = u.cpu != NULL;
	if (written)
		end_recording(&u);
	term_close();
	if (written)
		note(o, "%.200s", u.message);
	if (u.gone && u.message[0])
		fprintf(stderr, "gort: %.200s\n", u.message);
	cells_free(&u.screen);
	page_free(&u.header);
	page_free(&u.body);
	threads_free(&u.threads);
	free(u.list);
	return u.gone ? u.code : CLI_OK;
}
