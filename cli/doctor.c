/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor.c - `gort doctor`: what works here and why not, with the fix for each line.
 *
 * Without a target it looks at the machine; with one it also tries, as any command would, to open
 * and read it. Exit code 1 when something that every command needs does not work.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "doctor.h"
#include "err.h"
#include "human.h"
#include "json.h"
#include "launch.h"
#include "target.h"

static int read_int(const char *proc, const char *name)
{
	char path[512];
	int v;
	snprintf(path, sizeof path, "%s/%s", proc, name);
	FILE *f = fopen(path, "re");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &v) != 1)
		v = -1;
	fclose(f);
	return v;
}

/* CapEff and Seccomp of this process. */
static void read_status(const char *proc, struct machine *m)
{
	char path[512], line[256];
	unsigned mode = 0;
	snprintf(path, sizeof path, "%s/self/status", proc);
	FILE *f = fopen(path, "re");
	m->procfs = f != NULL;
	while (f && fgets(line, sizeof line, f)) {
		sscanf(line, "CapEff: %" SCNx64, &m->caps);
		if (sscanf(line, "Seccomp: %u", &mode) == 1)
			m->seccomp = mode == 2;
	}
	if (f)
		fclose(f);
}

static int read_hidepid(const char *proc)
{
	static const struct {
		const char *text;
		int value;
	} modes[] = {{"hidepid=invisible", 2}, {"hidepid=noaccess", 1}, {"hidepid=ptraceable", 4},
		{"hidepid=1", 1}, {"hidepid=2", 2}, {"hidepid=4", 4}};
	char path[512], line[1024];
	int found = 0;
	snprintf(path, sizeof path, "%s/self/mounts", proc);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		for (size_t i = 0; strstr(line, " /proc proc ") && i < sizeof modes / sizeof *modes;
			i++)
			if (strstr(line, modes[i].text))
				found = modes[i].value;
	if (f)
		fclose(f);
	return found;
}

static bool in_path(const char *name)
{
	const char *path = getenv("PATH");
	char full[512];
	for (; path && *path; path += strcspn(path, ":"), path += *path == ':') {
		snprintf(full, sizeof full, "%.*s/%s", (int)strcspn(path, ":"), path, name);
		if (access(full, X_OK) == 0)
			return true;
	}
	return false;
}

static void examine(const struct opts *o, struct machine *m)
{
	const char *proc = o->host_proc ? o->host_proc : "/proc";
	struct utsname u;
	char library[512];
	*m = (struct machine){.root = geteuid() == 0};
	if (!uname(&u))
		sscanf(u.release, "%d.%d", &m->kernel_major, &m->kernel_minor);
	read_status(proc, m);
	m->ptrace_scope = read_int(proc, "sys/kernel/yama/ptrace_scope");
	m->unprivileged_bpf = read_int(proc, "sys/kernel/unprivileged_bpf_disabled");
	m->perf_paranoid = read_int(proc, "sys/kernel/perf_event_paranoid");
	m->hidepid = read_hidepid(proc);
	m->btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	m->container = access("/.dockerenv", F_OK) == 0 ||
		       access("/run/.containerenv", F_OK) == 0 || getenv("KUBERNETES_SERVICE_HOST");
	m->race_library = launch_library("libgort-race.so", library, sizeof library);
	m->go_tool = in_path("go");
}

/* What gort was told of a target that cannot be opened or read, as a finding. */
static void failed(struct finding *f, const struct gsnap_err *err)
{
	f->verdict = VERDICT_FAIL;
	snprintf(f->text, sizeof f->text, "%.150s%s%.100s", err->what, err->why[0] ? ": " : "",
		err->why);
	snprintf(f->fix, sizeof f->fix, "%s", err->tries[0]);
}

/* The pid it has for itself, when it lives in a pid namespace of its own, else 0. */
static int inner_pid(const char *proc, int32_t pid)
{
	char path[512], line[256];
	int outer = 0, inner = 0, n = 0;
	snprintf(path, sizeof path, "%s/%d/status", proc ? proc : "/proc", pid);
	FILE *f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "NSpid:", 6))
			for (char *p = line + 6, *end; (outer = (int)strtol(p, &end, 10), end > p);
				p = end, n++)
				inner = outer;
	if (f)
		fclose(f);
	return n > 1 ? inner : 0;
}

static void describe(const struct opts *o, struct finding *f, const struct gsnap *s)
{
	char inside[48] = "";
	int inner = inner_pid(o->host_proc, s->pid);
	if (inner)
		snprintf(inside, sizeof inside, ", %d inside its container", inner);
	uint32_t moving = 0, lost = 0;
	for (uint32_t i = 0; i < s->ngs; i++) {
		moving += (s->gs[i].flags & GSNAP_G_MOVING) != 0;
		lost += (s->gs[i].flags & GSNAP_G_TRUNCATED) != 0;
	}
	snprintf(f->text, sizeof f->text,
		"%.80s (pid %d%s), %s%s%s: %s goroutines, %s stacks, %s cut short, %s ran "
		"meanwhile",
		base_name(s->exe), s->pid, inside, s->version, s->stripped ? ", stripped" : "",
		s->pie ? ", PIE" : "", human_count(s->ngs).s, human_count(s->nstacks).s,
		human_count(lost).s, human_count(moving).s);
}

/* Figures that this program's runtime does not give. */
static void missing(struct finding *f, const struct gsnap_stats *st)
{
	const struct {
		int64_t value;
		const char *name;
	} all[] = {{st->gomaxprocs, "P"}, {st->idle_m, "M"}, {st->runq, "run queues"},
		{st->heap_live, "heap"}, {st->num_gc, "collections"}};
	size_t at = 0;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (all[i].value == GSNAP_UNKNOWN)
			at += (size_t)snprintf(f->text + at, sizeof f->text - at, "%s%s",
				at ? ", " : "not to be had: ", all[i].name);
	if (at == 0) {
		snprintf(f->text, sizeof f->text, "all figures of scheduler and collector found");
		return;
	}
	f->verdict = VERDICT_WARN;
	snprintf(f->fix, sizeof f->fix, "nothing: gort shows - for them");
}

static size_t examine_target(const struct opts *o, struct finding *out, size_t n)
{
	struct gsnap_err err = {0};
	struct gsnap s;
	struct finding *f = &out[n++];
	*f = (struct finding){.name = "target"};
	if (target_read(o, PROBE_STACKS, &s, &err)) {
		failed(f, &err);
		return n;
	}
	describe(o, f, &s);
	out[n] = (struct finding){.name = "figures"};
	missing(&out[n++], &s.stats);
	gsnap_free(&s);
	return n;
}

static const char *const words[] = {
	[VERDICT_OK] = "ok", [VERDICT_WARN] = "warn", [VERDICT_FAIL] = "FAIL"};

static void print_text(struct out *out, const struct finding *fs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bool fail = fs[i].verdict == VERDICT_FAIL;
		out_style(out, fail ? STYLE_TROUBLE : STYLE_PLAIN);
		out_printf(out, "%-4s", words[fs[i].verdict]);
		out_style(out, STYLE_PLAIN);
		out_printf(out, "  %-9s %s\n", fs[i].name, fs[i].text);
		if (fs[i].fix[0])
			out_printf(out, "      %-9s fix: %s\n", "", fs[i].fix);
	}
}

static void print_json(struct out *out, const struct finding *fs, size_t n)
{
	static const char *const verdicts[] = {"ok", "warn", "fail"};
	struct json j;
	jw_begin(&j, out, "gort.doctor/1");
	jw_lines(&j, "findings");
	for (size_t i = 0; i < n; i++) {
		jw_object(&j, NULL);
		jw_str(&j, "name", fs[i].name);
		jw_str(&j, "verdict", verdicts[fs[i].verdict]);
		jw_str(&j, "text", fs[i].text);
		jw_str(&j, "fix", fs[i].fix[0] ? fs[i].fix : NULL);
		jw_close_object(&j);
	}
	jw_close_array(&j);
	jw_end(&j);
}

static int run_doctor(const struct opts *o)
{
	static struct out out;
	struct finding findings[MAX_FINDINGS];
	struct machine m;
	struct gsnap_err err = {0};
	examine(o, &m);
	size_t n = doctor_findings(&m, findings);
	if (o->nargs)
		n = examine_target(o, findings, n);
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	if (o->format == FORMAT_TEXT)
		print_text(&out, findings, n);
	else
		print_json(&out, findings, n);
	int code = out_close(&out);
	for (size_t i = 0; i < n && !code; i++)
		if (findings[i].verdict == VERDICT_FAIL)
			code = CLI_FAIL;
	return code;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.synopsis = "[options] [target]",
	.summary = "what works here, why not, and what mends it",
	.examples = "gort doctor          # this machine and this user\n"
		    "gort doctor 4121     # and one process\n"
		    "gort doctor --json   # for a script\n",
	.notes = "Exits with 1 when a line says FAIL.",
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PROC,
	.max_args = 1,
	.run = run_doctor,
};
