/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sched.c - `gort sched`: how long the threads of a process wait for a CPU, and its Ps and Ms.
 *
 * The waits come from the kernel's scheduler by eBPF; the P and M numbers from the target's memory.
 * Without eBPF the second part is still printed; the exit code then says what the first one lacks.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "interrupt.h"
#include "json.h"
#include "out.h"
#include "target.h"

#define DEFAULT_NS INT64_C(2000000000)
#define BAR_WIDTH  40

struct latency {
	bool measured;
	struct runqlat_thread *threads;
	size_t n;
	struct runqlat_thread all; /* the sum over the threads */
	int64_t ns;
	char why_not[64];
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

/* Counts for the time asked for, or until Ctrl-C. 0, or an exit code after saying why. */
static int measure(const struct opts *o, pid_t pid, struct latency *l)
{
	struct gsnap_err err = {0};
	struct runqlat *r;
	int64_t ns = o->duration_ns >= 0 ? o->duration_ns : DEFAULT_NS;
	if (o->without & FEATURE_BPF) {
		strcpy(l->why_not, "switched off (--without bpf)");
		return CLI_OK;
	}
	if (runqlat_start(pid, &r, &err)) {
		strcpy(l->why_not, "see the error");
		if (err.see[0] == '\0')
			err_see(&err, "gort help permissions");
		return err_print(&err);
	}
	interrupt_catch();
	l->ns = interrupt_sleep(ns);
	if (interrupted())
		note(o, "interrupted after %s", human_time(l->ns).s);
	int rc = runqlat_stop(r, &l->threads, &l->n);
	if (rc) {
		strcpy(l->why_not, "see the error");
		err_what(&err, CLI_FAIL, "cannot read what was counted: %s", strerror(-rc));
		return err_print(&err);
	}
	l->measured = true;
	merge(l);
	if (l->n > 0)
		qsort(l->threads, l->n, sizeof *l->threads, by_total);
	return CLI_OK;
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
	out_printf(out, "\n%19s  %10s\n", "wait", "count");
	for (int i = first; i <= last && i < RUNQLAT_SLOTS; i++) {
		int fill = (int)((t->slots[i] * BAR_WIDTH + most - 1) / most);
		out_printf(out, "%8s - %8s  %10s%s%.*s\n", human_time(INT64_C(1) << i).s,
			human_time(INT64_C(2) << i).s, human_count(t->slots[i]).s, fill ? "  " : "",
			fill, "||||||||||||||||||||||||||||||||||||||||");
	}
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
		out_printf(out, "WAIT  p50 -  p90 -  p99 -  max -\n");
		out_printf(out, "-: waits for a CPU: %s\n", l->why_not);
		return;
	}
	out_printf(out, "WAIT  p50 %s  p90 %s  p99 %s  max %s   %s waits of %zu thread%s in %s\n",
		human_time(quantile(t, 0.5)).s, human_time(quantile(t, 0.9)).s,
		human_time(quantile(t, 0.99)).s, waits(t) ? human_time(t->wait_max_ns).s : "-",
		human_count(waits(t)).s, l->n, l->n == 1 ? "" : "s", human_time(l->ns).s);
	if (l->n == 0)
		return;
	print_histogram(out, t);
	out_printf(out, "\n%8s  %-15s %10s %10s %8s %8s %8s %8s\n", "TID", "THREAD", "SWITCHES",
		"WAITED", "p50", "p90", "p99", "max");
	for (size_t i = 0; i < l->n; i++)
		print_thread(out, &l->threads[i]);
}

static void print_text(struct out *out, const struct gsnap *s, const struct latency *l)
{
	const struct gsnap_stats *st = &s->stats;
	print_title(out, "sched", s);
	out_printf(out,
		"\nP     %s (%s idle)   M %s (%s idle, %s spinning)   runq %s   steals %s\n",
		human_count(st->gomaxprocs).s, human_count(st->idle_p).s,
		human_count(st->threads).s, human_count(st->idle_m).s,
		human_count(st->spinning_m).s, human_count(st->runq).s, human_count(st->steals).s);
	print_latency(out, l);
	if (st->steals == GSNAP_UNKNOWN)
		out_printf(out, "-: steals: %s\n",
			s->kind == GSNAP_GO ? "Go's scheduler does not count them"
					    : "this program does not publish them");
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

static void print_json(struct out *out, const struct gsnap *s, const struct latency *l)
{
	const struct gsnap_stats *st = &s->stats;
	struct json j;
	jw_begin(&j, out, "gort.sched/1");
	jw_int(&j, "pid", s->pid);
	jw_str(&j, "exe", s->exe);
	jw_str(&j, "version", s->version);
	jw_int(&j, "gomaxprocs", st->gomaxprocs);
	jw_int(&j, "idle_p", st->idle_p);
	jw_int(&j, "threads", st->threads);
	jw_int(&j, "idle_m", st->idle_m);
	jw_int(&j, "spinning_m", st->spinning_m);
	jw_int(&j, "runq", st->runq);
	jw_int(&j, "steals", st->steals);
	json_latency(&j, l);
	jw_end(&j);
}

static int report(const struct opts *o, const struct gsnap *s, const struct latency *l)
{
	static struct out out;
	struct gsnap_err err;
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	if (o->format == FORMAT_TEXT)
		print_text(&out, s, l);
	else
		print_json(&out, s, l);
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

static int run_sched(const struct opts *o)
{
	struct gsnap_err err = {0};
	struct latency l = {0};
	struct target t;
	struct gsnap s;
	if (target_open(o, &t, &err))
		return err_print(&err);
	int code = measure(o, t.pid, &l);
	int printed;
	if (target_snapshot(o, &t, 0, &s, &err)) {
		printed = err_print(&err);
	} else {
		printed = report(o, &s, &l);
		gsnap_free(&s);
	}
	if (!code && !printed && l.measured && waits(&l.all) == 0)
		code = nothing(t.pid, &l);
	free(l.threads);
	target_close(&t);
	return code ? code : printed;
}

const struct command cmd_sched = {
	.name = "sched",
	.synopsis = "[options] <target>",
	.summary = "how long its threads wait for a CPU; its Ps and Ms",
	.examples = "sudo gort sched 4121              # run-queue latency over 2 s\n"
		    "gort sched --without bpf 4121     # only what needs no privileges\n",
	.notes = "Latency is the time from wake-up, or from losing the CPU, to running. It is\n"
		 "counted by eBPF: root, or CAP_BPF and CAP_PERFMON (gort help permissions).",
	.common = TAKES_DURATION | TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PROC |
		  TAKES_WITHOUT,
	.min_args = 1,
	.max_args = 1,
	.run = run_sched,
};
