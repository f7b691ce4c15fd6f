/* SPDX-License-Identifier: BSD-2-Clause */
/* ps.c - `gort ps`: the processes that gort can look into. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "json.h"
#include "out.h"
#include "probes/probes.h"

#define COLUMNS 8

struct row {
	char cell[COLUMNS][64];
};

static const char *const titles[COLUMNS] = {
	"PID", "USER", "VERSION", "GOROUTINES", "RSS", "UPTIME", "FLAGS", "COMMAND"};
static const bool right[COLUMNS] = {[0] = true, [3] = true, [4] = true, [5] = true};

/*
 * The passwd file is read directly: getpwuid may load name service modules, which a static gort
 * cannot. A user that only a directory service knows is shown by number.
 */
static void user_name(uid_t uid, char *buf, size_t size)
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *pw;
	snprintf(buf, size, "%u", (unsigned)uid);
	while (f && (pw = fgetpwent(f)))
		if (pw->pw_uid == uid) {
			snprintf(buf, size, "%s", pw->pw_name);
			break;
		}
	if (f)
		fclose(f);
}

static void flags(const struct probe_proc *p, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", p->stripped ? ",stripped" : "", p->pie ? ",pie" : "",
		p->container ? ",container" : "");
	if (buf[0])
		memmove(buf, buf + 1, strlen(buf));
	else
		strcpy(buf, "-");
}

static struct row make_row(const struct probe_proc *p)
{
	struct row r;
	size_t size = sizeof r.cell[0];
	snprintf(r.cell[0], size, "%d", (int)p->pid);
	user_name(p->uid, r.cell[1], size);
	snprintf(r.cell[2], size, "%s", p->version[0] ? p->version : "-");
	snprintf(r.cell[3], size, "%s", human_count(p->goroutines).s);
	snprintf(r.cell[4], size, "%s", human_bytes(p->rss).s);
	snprintf(r.cell[5], size, "%s", human_time(p->uptime_ns).s);
	flags(p, r.cell[6], size);
	snprintf(r.cell[7], size, "%s", p->comm);
	return r;
}

static void print_row(struct out *out, const struct row *r, const int *width)
{
	for (int c = 0; c < COLUMNS - 1; c++)
		out_printf(out, "%*s  ", right[c] ? width[c] : -width[c], r->cell[c]);
	out_printf(out, "%s", r->cell[COLUMNS - 1]);
}

static int print_text(struct out *out, const struct probe_proc *ps, size_t n)
{
	struct row *rows = calloc(n + 1, sizeof *rows);
	int width[COLUMNS] = {0};
	if (!rows)
		return -ENOMEM;
	for (int c = 0; c < COLUMNS; c++)
		strcpy(rows[0].cell[c], titles[c]);
	for (size_t i = 0; i < n; i++)
		rows[i + 1] = make_row(&ps[i]);
	for (size_t i = 0; i <= n; i++)
		for (int c = 0; c < COLUMNS; c++)
			if (width[c] < (int)strlen(rows[i].cell[c]))
				width[c] = strlen(rows[i].cell[c]);
	for (size_t i = 0; i <= n; i++) {
		if (i == 0)
			out_style(out, STYLE_ACCENT);
		print_row(out, &rows[i], width);
		if (i == 0)
			out_style(out, STYLE_PLAIN);
		out_printf(out, "\n");
	}
	for (size_t i = 0; i < n; i++)
		if (ps[i].note[0])
			out_printf(out, "-: %d: %s\n", (int)ps[i].pid, ps[i].note);
	free(rows);
	return 0;
}

static void json_members(struct json *j, const struct probe_proc *p)
{
	char user[64];
	user_name(p->uid, user, sizeof user);
	jw_int(j, "pid", p->pid);
	jw_str(j, "user", user);
	jw_uint(j, "uid", p->uid);
	jw_str(j, "kind", p->kind == GSNAP_GORT ? "gort" : "go");
	jw_str(j, "version", p->version[0] ? p->version : NULL);
	jw_int(j, "goroutines", p->goroutines);
	jw_int(j, "rss_bytes", p->rss);
	jw_int(j, "uptime_ns", p->uptime_ns);
	jw_bool(j, "stripped", p->stripped);
	jw_bool(j, "pie", p->pie);
	jw_bool(j, "container", p->container);
	jw_str(j, "command", p->comm);
	jw_str(j, "exe", p->exe[0] ? p->exe : NULL);
	jw_str(j, "note", p->note[0] ? p->note : NULL);
}

static void print_json(struct out *out, const struct probe_proc *ps, size_t n)
{
	struct json j;
	jw_begin(&j, out, "gort.ps/1");
	jw_lines(&j, "processes");
	for (size_t i = 0; i < n; i++) {
		jw_object(&j, NULL);
		json_members(&j, &ps[i]);
		jw_close_object(&j);
	}
	jw_close_array(&j);
	jw_end(&j);
}

static void print_ndjson(struct out *out, const struct probe_proc *ps, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct json j;
		jw_begin(&j, out, "gort.ps/1");
		json_members(&j, &ps[i]);
		jw_end(&j);
	}
}

static int print_all(const struct opts *o, const struct probe_proc *ps, size_t n)
{
	static struct out out;
	struct gsnap_err err;
	if (out_open(&out, o, STDOUT_FILENO, &err))
		return err_print(&err);
	if (o->format == FORMAT_JSON)
		print_json(&out, ps, n);
	else if (o->format == FORMAT_NDJSON)
		print_ndjson(&out, ps, n);
	else if (print_text(&out, ps, n))
		out.error = ENOMEM;
	return out_close(&out);
}

/* Nothing found is 1 with the reason, but JSON readers still get their document. */
static int nothing(const struct opts *o)
{
	struct gsnap_err err;
	int code = o->format == FORMAT_JSON ? print_all(o, NULL, 0) : CLI_OK;
	if (code)
		return code;
	err_what(&err, CLI_FAIL, "no Go process and no program on libgort is running");
	if (geteuid() != 0)
		err_why(&err, "those of other users may be hidden from this user");
	if (geteuid() != 0)
		err_try(&err, "sudo gort ps");
	return err_print(&err);
}

/* One line: what kind of program a core is of. */
static int list_core(const struct opts *o)
{
	struct probe_opts po = {.exe = o->exe};
	struct probe_proc row;
	struct gsnap_err err;
	if (!probe_list_core(o->args[0], &po, &row, &err))
		return print_all(o, &row, 1);
	if (err.code == CLI_GONE) {
		err_why(&err, "ps takes the path of a core file, to say what it is of");
		err_try(&err, "gort stacks %s", o->args[0]);
	}
	return err_print(&err);
}

static int run_ps(const struct opts *o)
{
	struct probe_opts po = {.proc = o->host_proc};
	struct probe_proc *ps = NULL;
	size_t n = 0;
	if (o->nargs)
		return list_core(o);
	int rc = probe_list(&po, &ps, &n);
	if (rc) {
		struct gsnap_err err;
		err_what(&err, CLI_FAIL, "cannot list processes: %s", strerror(-rc));
		err_try(&err, "--host-proc DIR      (when /proc is mounted elsewhere)");
		return err_print(&err);
	}
	int code = n ? print_all(o, ps, n) : nothing(o);
	free(ps);
	return code;
}

const struct command cmd_ps = {
	.name = "ps",
	.synopsis = "[options] [CORE]",
	.summary = "list the Go processes and the programs on libgort",
	.examples = "gort ps              # what can be looked into\n"
		    "gort ps --json       # the same for scripts\n"
		    "gort ps core.4121    # what a core file is of\n",
	.notes = "A - is a number that could not be read; the line under the table says why.",
	.common = TAKES_OUTPUT | TAKES_FORMAT | TAKES_COLOR | TAKES_PROC | TAKES_CORE,
	.max_args = 1,
	.args = ARGS_FILES,
	.run = run_ps,
};
