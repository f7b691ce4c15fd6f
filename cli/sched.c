/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.c - `gort sched`: how long goroutines wait for a P and threads for a CPU, and the Ps.
 *
 * The first is what Go's runtime counts anyway, read twice; the second comes from the kernel's
 * scheduler by eBPF and is left out where that is not allowed. A target that counts nothing itself
 * has only the second, and then its lack is a failure.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "histtext.h"
#include "human.h"
#include "interrupt.h"
#include "json.h"
#include "out.h"
#include "puse.h"
#include "target.h"

#define DEFAULT_NS INT64_C(2000000000)
#define LOOK_NS    INT64_C(10000000) /* between looks at the Ps */

struct latency {
	bool measured;
	struct runqlat_thread *threads;
	size_t n;
	struct runqlat_thread all; /* the sum over the threads */
	int64_t ns;
	struct puse use;
	char why_not[256];
	struct gsnap_err err; /* when it could not be measured; code 0: it was not wanted */
};

static uint64_t waits(const struct runqlat_thread *t)
{
	uint64_t n = 0;
	for (int i = 0; i < RUNQLAT_SLOTS; i++)
		n += t->slots[i];
	return n;
}

/* Upper bound of the wait below which a share of the waits lies; the slots are powers of two. */
static int64_t quantile(const struct runqlat_thread *t, double share)
{
	uint64_t total = waits(t), seen = 0;
	if (total == 0)
		return GSNAP_UNKNOWN;
	for (int i = 0; i < RUNQLAT_SLOTS; i++) {
		seen += t->slots[i];
		if (seen >= share * total && seen > 0) {
			uint64_t end = UINT64_C(2) << i;
			return end < t->wait_max_ns ? end : t->wait_max_ns;
		}
	}
	return t->wait_max_ns;
}

static void merge(struct latency *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct runqlat_thread *t = &l->threads[i];
		l->all.switches += t->switches;
		l->all.wait_total_ns += t->wait_total_ns;
		if (l->all.wait_max_ns < t->wait_max_ns)
			l->all.wait_max_ns = t->wait_max_ns;
		for (int s = 0; s < RUNQLAT_SLOTS; s++)
			l->all.slots[s] += t->slots[s];
	}
}

static int by_total(const void *a, const void *b)
{
	const struct runqlat_thread *x = a, *y = b;
	if (x->wait_total_ns != y->wait_total_ns)
		return x->wait_total_ns > y->wait_total_ns ? -1 : 1;
	return x->tid < y->tid ? -1 : 1;
}

static void not_measured(struct latency *l)
{
	if (l->err.see[0] == '\0')
		err_see(&l->err, "gort help permissions");
	snprintf(l->why_not, sizeof l->why_not, "%s", l->err.what);
}

/* False when it has ended: compare() says so. */
static bool look(struct target *t, struct puse *use)
{
	struct gsnap_err err = {0};
	struct gsnap s;
	bool there = !probe_snapshot(t->probe, PROBE_PS | PROBE_NO_GS, &s, &err);
	if (there)
		puse_look(use, &s);
	gsnap_free(&s);
	return there;
}

/* Looks at the Ps for so long, or until Ctrl-C or the target's end. Returns how long it was. */
static int64_t watch(struct target *t, int64_t ns, struct puse *use)
{
	int64_t start = monotonic_now(), passed = 0, step, slept;
	bool there;
	do {
		step = ns - passed < LOOK_NS ? ns - passed : LOOK_NS;
		slept = interrupt_sleep(step);
		there = look(t, use);
		passed = monotonic_now() - start;
	} while (there && passed < ns && slept >= step);
	return passed;
}

/* Waits for the time asked for, or until Ctrl-C, and counts meanwhile if it can. */
static void measure(const struct opts *o, struct target *t, struct latency *l)
{
	struct runqlat *r = NULL;
	if (o->without & FEATURE_BPF)
		strcpy(l->why_not, "switched off (--without bpf)");
	else if (runqlat_start(t->pid, &r, &l->err))
		not_measured(l);
	interrupt_catch();
	l->ns = watch(t, o->duration_ns >= 0 ? o->duration_ns : DEFAULT_NS, &l->use);
	if (interrupted())
		note(o, "interrupted after %s", human_time(l->ns).s);
	if (!r)
		return;
	int rc = runqlat_stop(r, &l->threads, &l->n);
	if (rc < 0) {
		err_what(&l->err, CLI_FAIL, "cannot read what was counted: %s", strerror(-rc));
		not_measured(l);
		return;
	}
	l->measured = true;
	merge(l);
	if (l->n > 0)
		qsort(l->threads, l->n, sizeof *l->threads, by_total);
}

static void print_histogram(struct out *out, const struct runqlat_thread *t)
{
	int first = 0, last = RUNQLAT_SLOTS - 1;
	uint64_t most = 1;
	while (first < RUNQLAT_SLOTS && !t->slots[first])
		first++;
	while (last > first && !t->slots[last])
		last--;
	for (int i = first; i <= last && i < RUNQLAT_SLOTS; i++)
		most = most < t->slots[i] ? t->slots[i] : most;
	out_printf(out, "\n%19s  %10s\n", "wait for a CPU", "count");
	for (int i = first; i <= last && i < RUNQLAT_SLOTS; i++)
		print_bar(out, INT64_C(1) << i, INT64_C(2) << i, t->slots[i], most);
}

static void print_thread(struct out *out, const struct runqlat_thread *t)
{
	out_printf(out, "%8d  %-15s %10s %10s %8s %8s %8s %8s\n", (int)t->tid, t->comm,
		human_count(t->switches).s, human_time(t->wait_total_ns).s,
		human_time(quantile(t, 0.5)).s, human_time(quantile(t, 0.9)).s,
		human_time(quantile(t, 0.99)).s, human_time(t->wait_max_ns).s);
}

static void print_latency(struct out *out, const struct latency *l)
{
	const struct runqlat_thread *t = &l->all;
	if (!l->measured) {
		out_printf(out, "CPU   p50 -  p90 -  p99 -  max -\n");
		return;
	}
	out_printf(out, "CPU   p50 %s  p90 %s  p99 %s  max %s   %s waits of %zu thread%s in %s\n",
		human_time(quantile(t, 0.5)).s, human_time(quantile(t, 0.9)).s,
		human_time(quantile(t, 0.99)).s, waits(t) ? human_time(t->wait_max_ns).s : "-",
		human_count(waits(t)).s, l->n, l->n == 1 ? "" : "s", human_time(l->ns).s);
}

static void print_threads(struct out *out, const struct latency *l)
{
	const struct runqlat_thread *t = &l->all;
	if (l->n == 0)
		return;
	print_histogram(out, t);
	out_printf(out, "\n%8s  %-15s %10s %10s %8s %8s %8s %8s\n", "TID", "THREAD", "SWITCHES",
		"WAITED", "p50", "p90", "p99", "max");
	for (size_t i = 0; i < l->n; i++)
		print_thread(out, &l->threads[i]);
}

static const char *p_status(const struct gsnap_p *p)
{
	static const char *const names[] = {"idle", "running", "syscall", "gcstop", "dead"};
	return p->status < sizeof names / sizeof names[0] ? names[p->status] : "?";
}

/* The counters are 32 bits wide in Go and may have turned over. */
static int64_t ticks(int64_t before, int64_t after)
{
	if (before == GSNAP_UNKNOWN || after == GSNAP_UNKNOWN)
		return GSNAP_UNKNOWN;
	return (uint32_t)((uint64_t)after - (uint64_t)before);
}

static const struct gsnap_p *same_p(const struct gsnap *s, int32_t id)
{
	for (uint32_t i = 0; i < s->nps; i++)
		if (s->ps[i].id == id)
			return &s->ps[i];
	return NULL;
}

static void print_use(struct out *out, const struct puse *use, int32_t id)
{
	double percent = puse_percent(use, id);
	if (percent < 0)
		out_printf(out, " %6s", "-");
	else
		out_printf(out, " %5.0f%%", percent);
}

static void print_ps(
	struct out *out, const struct gsnap *a, const struct gsnap *b, const struct puse *use)
{
	int64_t ns = b->when - a->when;
	if (b->nps)
		out_printf(out, "\n%5s  %-8s %6s %8s %6s %5s %8s %12s %12s\n", "P", "STATE", "RUNS",
			"TID", "RUNQ", "NEXT", "TIMERS", "SWITCHES", "SYSCALLS");
	for (uint32_t i = 0; i < b->nps; i++) {
		const struct gsnap_p *p = &b->ps[i], *was = same_p(a, p->id);
		out_printf(out, "%5d  %-8s", p->id, p_status(p));
		print_use(out, use, p->id);
		out_printf(out, " %8s %6s %5s %8s %12s %12s\n", human_id(p->tid).s,
			human_count(p->runq).s, p->next ? "1" : "0", human_count(p->timers).s,
			human_rate(was ? ticks(was->schedtick, p->schedtick) : GSNAP_UNKNOWN, ns).s,
			human_rate(
				was ? ticks(was->syscalltick, p->syscalltick) : GSNAP_UNKNOWN, ns)
				.s);
	}
}

/* The waits counted in the window, or all since the start when that had none. */
static void print_ready(struct out *out, const struct gsnap *a, const struct gsnap *b)
{
	struct gsnap_hist since = gsnap_hist_since(&a->sched.wait, &b->sched.wait);
	const struct gsnap_hist *all = &b->sched.wait;
	out_printf(out, "READY ");
	print_quantiles(out, &since);
	if (since.known)
		out_printf(out, "   %s waits for a P in %s, one in %s counted",
			human_count((int64_t)gsnap_hist_total(&since)).s,
			human_time(b->when - a->when).s, human_count(b->sched.wait_every).s);
	out_printf(out, "\nSTART ");
	print_quantiles(out, all);
	if (all->known)
		out_printf(out, "   %s since start", human_count((int64_t)gsnap_hist_total(all)).s);
	out_printf(out, "\n");
}

static void print_stops(struct out *out, const struct gsnap *a, const struct gsnap *b)
{
	const struct gsnap_sched *x = &a->sched, *y = &b->sched;
	out_printf(out,
		"STOP  gc p99 %s max %s  other p99 %s max %s   mutex wait %s   C calls %s\n",
		human_time(gsnap_hist_quantile(&y->stop_gc, 0.99)).s,
		human_time(gsnap_hist_quantile(&y->stop_gc, 1)).s,
		human_time(gsnap_hist_quantile(&y->stw_other, 0.99)).s,
		human_time(gsnap_hist_quantile(&y->stw_other, 1)).s,
		human_time_rate(figure_delta(x->mutex_wait_ns, y->mutex_wait_ns), b->when - a->when)
			.s,
		human_rate(figure_delta(x->cgo_calls, y->cgo_calls), b->when - a->when).s);
}

/* Why figures are missing: each reason once, for all it covers. */
static void print_missing(struct out *out, const struct gsnap *s, const struct latency *l)
{
	const struct gsnap_stats *st = &s->stats;
	bool go_program = s->kind == GSNAP_GO;
	const char *why =
		go_program ? "not found in this program" : "this program does not publish them";
	const struct {
		int64_t value;
		const char *name;
	} all[] = {{st->gomaxprocs, "P"}, {st->idle_p, "idle P"}, {st->threads, "M"},
		{st->idle_m, "idle M"}, {st->spinning_m, "spinning M"}, {st->runq, "runq"},
		{s->sched.preempts, "preempts"}, {go_program ? 0 : st->steals, "steals"},
		{s->sched.wait.known ? 0 : GSNAP_UNKNOWN, "waits for a P, stops"},
		{s->sched.mutex_wait_ns, "mutex wait"}, {s->sched.cgo_calls, "C calls"}};
	const char *sep = "-: ";
	if (go_program && st->steals == GSNAP_UNKNOWN)
		out_printf(out, "-: steals: Go's scheduler does not count them\n");
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (all[i].value == GSNAP_UNKNOWN) {
			out_printf(out, "%s%s", sep, all[i].name);
			sep = ", ";
		}
	if (sep[0] == ',')
		out_printf(out, ": %s\n", why);
	if (!l->measured)
		out_printf(out, "-: waits for a CPU: %s\n", l->why_not);
}

static void print_text(
	struct out *out, const struct gsnap *a, const struct gsnap *b, const struct latency *l)
{
	const struct gsnap_stats *st = &b->stats;
	struct gsnap_hist since = gsnap_hist_since(&a->sched.wait, &b->sched.wait);
	print_title(out, "sched", b);
	out_printf(out,
		"\nP     %s (%s idle)   M %s (%s idle, %s spinning)   runq %s (%s global)   "
		"steals %s   preempts %s\n",
		human_count(st->gomaxprocs).s, human_count(st->idle_p).s,
		human_count(st->threads).s, human_count(st->idle_m).s,
		human_count(st->spinning_m).s, human_count(st->runq).s,
		human_count(b->sched.runq_global).s, human_count(st->steals).s,
		human_rate(figure_delta(a->sched.preempts, b->sched.preempts), b->when - a->when)
			.s);
	print_ready(out, a, b);
	print_stops(out, a, b);
	print_latency(out, l);
	if (b->sched.wait.known)
		print_hist(out, "wait for a P", gsnap_hist_total(&since) ? &since : &b->sched.wait);
	print_ps(out, a, b, &l->use);
	if (l->measured)
		print_threads(out, l);
	print_missing(out, b, l);
}

static void json_thread(struct json *j, const struct runqlat_thread *t)
{
	jw_uint(j, "switches", t->switches);
	jw_uint(j, "waits", waits(t));
	jw_uint(j, "wait_total_ns", t->wait_total_ns);
	jw_uint(j, "wait_max_ns", t->wait_max_ns);
	jw_int(j, "p50_ns", quantile(t, 0.5));
	jw_int(j, "p90_ns", quantile(t, 0.9));
	jw_int(j, "p99_ns", quantile(t, 0.99));
	jw_array(j, "log2_ns");
	for (int i = 0; i < RUNQLAT_SLOTS; i++)
		jw_uint(j, NULL, t->slots[i]);
	jw_close_array(j);
}

static void json_latency(struct json *j, const struct latency *l)
{
	if (!l->measured) {
		jw_str(j, "latency", NULL);
		return;
	}
	jw_object(j, "latency");
	jw_int(j, "window_ns", l->ns);
	json_thread(j, &l->all);
	jw_lines(j, "threads");
	for (size_t i = 0; i < l->n; i++) {
		jw_object(j, NULL);
		jw_int(j, "tid", l->threads[i].tid);
		jw_str(j, "comm", l->threads[i].comm);
		json_thread(j, &l->threads[i]);
		jw_close_object(j);
	}
	jw_close_array(j);
	jw_close_object(j);
}

static void json_use(struct json *j, double percent)
{
	if (percent < 0)
		jw_str(j, "runs_percent", NULL);
	else
		jw_num(j, "runs_percent", percent);
}

static void json_ps(struct json *j, const struct gsnap *s, const struct puse *use)
{
	jw_lines(j, "ps");
	for (uint32_t i = 0; i < s->nps; i++) {
		const struct gsnap_p *p = &s->ps[i];
		jw_object(j, NULL);
		jw_int(j, "id", p->id);
		jw_str(j, "state", p_status(p));
		json_use(j, puse_percent(use, p->id));
		jw_int(j, "tid", p->tid ? p->tid : GSNAP_UNKNOWN);
		jw_int(j, "runq", p->runq);
		jw_bool(j, "next", p->next);
		jw_int(j, "timers", p->timers);
		jw_int(j, "schedtick", p->schedtick);
		jw_int(j, "syscalltick", p->syscalltick);
		jw_int(j, "steals", p->steals);
		jw_close_object(j);
	}
	jw_close_array(j);
}

static void print_json(
	struct out *out, const struct gsnap *a, const struct gsnap *b, const struct latency *l)
{
	const struct gsnap_stats *st = &b->stats;
	struct gsnap_hist since = gsnap_hist_since(&a->sched.wait, &b->sched.wait);
	struct json j;
	jw_begin(&j, out, "gort.sched/1");
	jw_int(&j, "pid", b->pid);
	jw_str(&j, "exe", b->exe);
	jw_str(&j, "version", b->version);
	jw_int(&j, "gomaxprocs", st->gomaxprocs);
	jw_int(&j, "idle_p", st->idle_p);
	jw_int(&j, "threads", st->threads);
	jw_int(&j, "idle_m", st->idle_m);
	jw_int(&j, "spinning_m", st->spinning_m);
	jw_int(&j, "runq", st->runq);
	jw_int(&j, "runq_global", b->sched.runq_global);
	jw_int(&j, "steals", st->steals);
	jw_int(&j, "window_ns", b->when - a->when);
	jw_int(&j, "mutex_wait_ns", b->sched.mutex_wait_ns);
	jw_int(&j, "cgo_calls", b->sched.cgo_calls);
	jw_int(&j, "preempts", b->sched.preempts);
	jw_int(&j, "ready_one_in", b->sched.wait_every);
	json_hist(&j, "ready", &b->sched.wait);
	json_hist(&j, "ready_in_window", &since);
	json_hist(&j, "stop_gc", &b->sched.stop_gc);
	json_hist(&j, "stop_other", &b->sched.stop_other);
	json_hist(&j, "stw_other", &b->sched.stw_other);
	json_ps(&j, b, &l->use);
	json_latency(&j, l);
	jw_end(&j);
}

static int report(
	const struct opts *o, const struct gsnap *a, const struct gsnap *b, const struct latency *l)
{
	static struct out out;
	struct gsnap_err err;
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	if (o->format == FORMAT_TEXT)
		print_text(&out, a, b, l);
	else
		print_json(&out, a, b, l);
	return out_close(&out);
}

/* An idle process gives no histogram: like every empty result that is 1, with the reason. */
static int nothing(pid_t pid, const struct latency *l)
{
	struct gsnap_err err;
	err_what(&err, CLI_FAIL, "no thread of pid %d waited for a CPU in %s", (int)pid,
		human_time(l->ns).s);
	err_why(&err, "none was woken or preempted meanwhile");
	err_try(&err, "gort sched -d 30s %d", (int)pid);
	return err_print(&err);
}

/* What the exit code says once all that could be had is printed. */
static int verdict(const struct gsnap *s, const struct latency *l)
{
	if (s->sched.wait.known)
		return CLI_OK;
	if (l->measured)
		return waits(&l->all) ? CLI_OK : nothing(s->pid, l);
	return l->err.code ? err_print(&l->err) : CLI_OK;
}

static int compare(const struct opts *o, struct target *t, struct latency *l)
{
	struct gsnap_err err = {0};
	struct gsnap before, now;
	if (target_snapshot(o, t, PROBE_SCHED | PROBE_NO_GS, &before, &err))
		return err_print(&err);
	measure(o, t, l);
	int code;
	if (target_snapshot(o, t, PROBE_SCHED | PROBE_NO_GS, &now, &err)) {
		code = err_print(&err);
	} else {
		code = report(o, &before, &now, l);
		code = code ? code : verdict(&now, l);
		gsnap_free(&now);
	}
	gsnap_free(&before);
	return code;
}

static int run_sched(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct latency l = {0};
	struct target t;
	if (target_open(o, &t, &err))
		return err_print(&err);
	int code = compare(o, &t, &l);
	free(l.threads);
	puse_free(&l.use);
	target_close(&t);
	return code;
}

const struct command cmd_sched = {
	.name = "sched",
	.synopsis = "[options] <target>",
	.summary = "how long goroutines wait for a P and threads for a CPU",
	.examples = "sudo gort sched 4121              # both, over 2 s\n"
		    "gort sched --without bpf 4121     # only what needs no privileges\n",
	.notes = "RUNS: in how many of a hundred looks a second the P was running.\n"
		 "READY is the time from runnable to running, from the Go runtime's own counters.\n"
		 "CPU is the time from a thread's wake-up, or from losing the CPU, to running,\n"
		 "counted by eBPF: root, or CAP_BPF and CAP_PERFMON (gort help permissions).",
	.common = TAKES_DURATION | TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PROC |
		  TAKES_WITHOUT | TAKES_START,
	.min_args = 1,
	.max_args = 1,
	.run = run_sched,
};
