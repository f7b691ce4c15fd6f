/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.c - a target is a pid or the name of a process, or the path of a core file.
 *
 * A word with a slash that names a file is a core, one without only if the file is one: in the
 * folder of its executable `gort stacks checkout` means the process.
 *
 * A name is compared with what gort could look into first. Only when nothing there matches are all
 * processes searched, so that `gort stacks postgres` says what postgres is, not that it is missing.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "err.h"
#include "human.h"
#include "target.h"

const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static struct probe_opts probe_opts(const struct opts *o)
{
	return (struct probe_opts){.proc = o->host_proc,
		.exe = o->exe,
		.max_pause_ns = o->pause ? o->max_pause_ns : 0};
}

static bool all_digits(const char *s)
{
	size_t n = strspn(s, "0123456789");
	return n > 0 && !s[n];
}

static bool has_name(const struct probe_proc *p, const char *name)
{
	return !strcmp(p->comm, name) || (p->exe[0] && !strcmp(base_name(p->exe), name));
}

/* First process of any kind with this name, 0 when there is none. */
static pid_t find_any(const char *proc, const char *name)
{
	DIR *d = opendir(proc);
	pid_t found = 0;
	for (struct dirent *e; d && !found && (e = readdir(d));) {
		if (!all_digits(e->d_name))
			continue;
		char path[512], comm[64] = "";
		snprintf(path, sizeof path, "%s/%s/comm", proc, e->d_name);
		FILE *f = fopen(path, "re");
		if (f && fgets(comm, sizeof comm, f)) {
			comm[strcspn(comm, "\n")] = '\0';
			if (!strncmp(comm, name, 15) && strlen(comm) == strnlen(name, 15))
				found = atoi(e->d_name);
		}
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return found;
}

static void several(const char *name, const struct probe_proc *ps, size_t n, struct gsnap_err *err)
{
	size_t at = 0, count = 0;
	err_what(err, CLI_USAGE, "several processes are called '%s'", name);
	char *why = err->why;
	for (size_t i = 0; i < n; i++) {
		if (!has_name(&ps[i], name))
			continue;
		if (count++ == 0)
			err_try(err, "one of the pids, e.g. %d", (int)ps[i].pid);
		int len = at < sizeof err->why - 64
				  ? snprintf(why + at, sizeof err->why - at, "%s%d (up %s)",
					    at ? ", " : "pids ", (int)ps[i].pid,
					    human_time(ps[i].uptime_ns).s)
				  : 0;
		at += len;
	}
	err_see(err, "gort ps");
}

static void none(const char *name, const struct probe_proc *ps, size_t n, struct gsnap_err *err)
{
	const char *near = NULL;
	unsigned nearest = 3;
	bool file = strchr(name, '/');
	err_what(err, CLI_GONE, "no %sprocess is called '%s'", file ? "file and no " : "", name);
	err_why(err, "a target is a pid, the name of a process, or the path of a core file");
	for (size_t i = 0; name[0] && i < n; i++) {
		unsigned d = edit_distance(name, ps[i].comm);
		if (d < nearest) {
			nearest = d;
			near = ps[i].comm;
		}
	}
	if (near)
		err_try(err, "%s      (did you mean that?)", near);
	err_try(err, "gort ps      (the processes that can be looked into)");
}

static int by_name(const struct opts *o, const char *name, pid_t *pid, struct gsnap_err *err)
{
	struct probe_opts po = probe_opts(o);
	struct probe_proc *ps = NULL;
	size_t n = 0, matches = 0;
	int rc = probe_list(&po, &ps, &n);
	if (rc) {
		err_what(err, CLI_FAIL, "cannot list processes: %s", strerror(-rc));
		return rc;
	}
	*pid = 0;
	for (size_t i = 0; i < n; i++)
		if (has_name(&ps[i], name) && matches++ == 0)
			*pid = ps[i].pid;
	if (matches == 0)
		*pid = find_any(o->host_proc ? o->host_proc : "/proc", name);
	if (matches > 1)
		several(name, ps, n, err);
	else if (*pid == 0)
		none(name, ps, n, err);
	free(ps);
	return matches > 1 || *pid == 0 ? -ESRCH : 0;
}

static int by_pid(const char *word, pid_t *pid, struct gsnap_err *err)
{
	errno = 0;
	unsigned long long v = strtoull(word, NULL, 10);
	if (errno || v == 0 || v > INT32_MAX) {
		err_what(err, CLI_GONE, "no process has pid %s", word);
		err_try(err, "gort ps      (the processes that can be looked into)");
		return -ESRCH;
	}
	*pid = (pid_t)v;
	return 0;
}

static bool names_file(const char *word)
{
	struct stat st;
	if (word[0] == '/' || word[0] == '.')
		return true;
	if (strchr(word, '/') && !stat(word, &st))
		return true;
	return !all_digits(word) && probe_is_core(word);
}

static int open_core(const struct opts *o, struct target *t, struct gsnap_err *err)
{
	struct probe_opts po = probe_opts(o);
	char remark[256];
	t->core = true;
	if (!o->cores) {
		err_what(err, CLI_UNSUPPORTED,
			"this command looks at a process that runs, not at %s", o->args[0]);
		err_try(err, "gort stacks %s      (also gc, heap, chans, leaks, record, ps)",
			o->args[0]);
		return -ENOTSUP;
	}
	int rc = probe_open_core(o->args[0], &po, &t->probe, err);
	if (rc)
		return rc;
	probe_remark(t->probe, remark, sizeof remark);
	if (remark[0])
		note(o, "%s", remark);
	return 0;
}

static void no_procfs(const char *dir, int error, struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	err_what(err, CLI_USAGE, "cannot look into %s: %s", dir, strerror(error));
	err_why(err, "--host-proc names a procfs: that of the host, as this container has it");
	err_try(err,
		"docker run -v /proc:/host/proc:ro ...      (and then --host-proc /host/proc)");
}

int target_open(const struct opts *o, struct target *t, struct gsnap_err *err)
{
	const char *word = o->args[0];
	struct probe_opts po = probe_opts(o);
	*t = (struct target){0};
	if (names_file(word))
		return open_core(o, t, err);
	if (o->exe) {
		err_what(err, CLI_USAGE, "--exe goes with a core file, and %s is none", word);
		err_why(err, "the executable of a process is known: it is /proc/PID/exe");
		return -EINVAL;
	}
	int rc = all_digits(word) ? by_pid(word, &t->pid, err) : by_name(o, word, &t->pid, err);
	if (!rc)
		rc = probe_open(t->pid, &po, &t->probe, err);
	if (rc && o->host_proc && access(o->host_proc, X_OK))
		no_procfs(o->host_proc, errno, err);
	return rc;
}

void target_close(struct target *t)
{
	if (t->probe)
		probe_close(t->probe);
	t->probe = NULL;
}

static int64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void tell_newer(const struct opts *o, const struct gsnap *s)
{
	char as[32] = "by its own DWARF";
	if (!s->by_dwarf)
		snprintf(as, sizeof as, "as Go 1.%d", s->assumed_minor);
	note(o, "%s is newer than gort knows: read %s, every check passed%s", s->version, as,
		s->has_inline_info ? "" : "; inlined calls and arguments are unknown");
}

/* What --pause cost, and what it could not get. */
static void tell_pause(const struct opts *o, const struct gsnap_pause *p)
{
	if (!p->threads && !p->late && !p->refused) {
		note(o, "stopped no thread: none was on a CPU");
		return;
	}
	note(o, "stopped %s thread%s one after the other, longest %s, %s in all",
		human_count(p->threads).s, p->threads == 1 ? "" : "s", human_time(p->longest_ns).s,
		human_time(p->total_ns).s);
	if (p->late)
		note(o, "%s went on unread: it stood for %s before it could be, or did not stop",
			human_count(p->late).s, human_time(p->max_ns).s);
	if (p->refused)
		note(o, "%s could not be stopped: not allowed, traced by another, or ended",
			human_count(p->refused).s);
}

int target_snapshot(const struct opts *o, struct target *t, unsigned what, struct gsnap *s,
	struct gsnap_err *err)
{
	int64_t start = now();
	int rc = probe_snapshot(t->probe, what, s, err);
	if (!rc && s->oom) {
		rc = -ENOMEM;
		err_what(err, CLI_FAIL, "not enough memory for the goroutines of %s", o->args[0]);
	}
	if (rc) {
		gsnap_free(s);
		return rc;
	}
	if (s->assumed_minor || s->by_dwarf)
		tell_newer(o, s);
	if (o->verbose)
		note(o, "read %s goroutines, %s stacks, %s locations in %s%s",
			human_count(s->ngs).s, human_count(s->nstacks).s, human_count(s->nlocs).s,
			human_time(now() - start).s,
			o->pause || t->core ? "" : ", target not stopped");
	if (o->pause && s->pause.max_ns)
		tell_pause(o, &s->pause);
	return 0;
}

int target_read(const struct opts *o, unsigned what, struct gsnap *s, struct gsnap_err *err)
{
	struct target t;
	int rc = target_open(o, &t, err);
	if (rc)
		return rc;
	rc = target_snapshot(o, &t, what, s, err);
	target_close(&t);
	return rc;
}

struct target_text target_name(const struct gsnap *s)
{
	struct target_text t;
	if (s->core)
		snprintf(t.s, sizeof t.s, "%.200s", base_name(s->core));
	else
		snprintf(t.s, sizeof t.s, "pid %d", s->pid);
	return t;
}

struct target_text target_word(const struct gsnap *s)
{
	struct target_text t;
	if (s->core)
		snprintf(t.s, sizeof t.s, "%s", s->core);
	else
		snprintf(t.s, sizeof t.s, "%d", s->pid);
	return t;
}

void json_target(struct json *j, const struct gsnap *s)
{
	jw_int(j, "pid", s->pid);
	if (s->core)
		jw_str(j, "core", s->core);
}

void json_pause(struct json *j, const struct gsnap_pause *p)
{
	if (!p->max_ns)
		return;
	jw_object(j, "pause");
	jw_uint(j, "threads", p->threads);
	jw_int(j, "longest_ns", p->longest_ns);
	jw_int(j, "total_ns", p->total_ns);
	jw_uint(j, "late", p->late);
	jw_uint(j, "refused", p->refused);
	jw_close_object(j);
}

void print_title(struct out *out, const char *command, const struct gsnap *s)
{
	out_style(out, STYLE_ACCENT);
	out_printf(out, "gort %s  %s (%spid %d)", command, base_name(s->exe),
		s->core ? "core of " : "", s->pid);
	out_style(out, STYLE_PLAIN);
	out_printf(out, "  %s%s", s->version, s->stripped ? "  stripped" : "");
}
