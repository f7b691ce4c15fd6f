/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proclist.c - the processes `gort ps` shows: everything under /proc that the readers recognise.
 *
 * Kernel threads and executables of other machines are passed over by their first bytes. A Go
 * program of another user is still listed, with what its file tells and the reason for the rest;
 * when not even the file may be read, nothing says that it is Go, so it is left out.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "gortsnap.h"
#include "gotarget.h"
#include "lookslike.h"
#include "procfs.h"

static void note_from(struct probe_proc *row, int error, const struct gsnap_err *err)
{
	if (error == -EPERM || error == -EACCES)
		snprintf(row->note, sizeof row->note, "no permission to read its memory");
	else
		snprintf(row->note, sizeof row->note, "%.90s", err->what[0] ? err->what : "gone");
}

/* True: a Go program, and row says all that can be had of it. */
static bool try_go(struct target *t, struct probe_proc *row)
{
	struct gotarget g = {0};
	struct gsnap_err err = {0};
	struct goversion version;
	struct elf e;
	if (target_exe(t, &e))
		return false;
	bool is_go = gobuild_version(&e, &version);
	row->stripped = !elf_section(&e, ".symtab");
	row->pie = e.eh.e_type == ET_DYN;
	elf_close(&e);
	if (!is_go)
		return false;
	row->kind = GSNAP_GO;
	snprintf(row->version, sizeof row->version, "%.47s", version.text);
	row->goroutines = GSNAP_UNKNOWN;
	int error = gotarget_open(&g, t, &err);
	if (!error) {
		row->goroutines = gosnap_count(&g);
		gotarget_close(&g);
	} else {
		note_from(row, error, &err);
	}
	return true;
}

static bool try_gort(struct target *t, struct probe_proc *row)
{
	struct gortsnap *s;
	struct gsnap_err err = {0};
	int error = gortsnap_open(t, &s, &err);
	if (error == -ENOENT || (error && !err.code))
		return false;
	row->kind = GSNAP_GORT;
	row->goroutines = GSNAP_UNKNOWN;
	if (error) {
		note_from(row, error, &err);
		return true;
	}
	snprintf(row->version, sizeof row->version, "%s", gortsnap_version(s));
	row->goroutines = gortsnap_count(s);
	row->stripped = gortsnap_stripped(s);
	row->pie = gortsnap_pie(s);
	gortsnap_close(s);
	return true;
}

static bool describe(struct target *t, struct probe_proc *row)
{
	struct procinfo info;
	if (procfs_read(t, &info) || info.kernel_thread || info.state == 'Z')
		return false;
	*row = (struct probe_proc){.pid = t->pid,
		.uid = info.uid,
		.rss = info.rss,
		.uptime_ns = info.uptime_ns,
		.container = info.container};
	memcpy(row->comm, info.comm, sizeof row->comm);
	memcpy(row->exe, info.exe, sizeof row->exe);
	return try_go(t, row) || try_gort(t, row);
}

static bool describe_pid(pid_t pid, const char *proc, struct probe_proc *row)
{
	struct target t;
	target_init(&t, pid, proc);
	bool known = describe(&t, row);
	target_fini(&t);
	return known;
}

int probe_list_core(const char *path, const struct probe_opts *opts, struct probe_proc *out,
	struct gsnap_err *err)
{
	struct probe *p;
	struct target t;
	int e = probe_open_core(path, opts, &p, err); /* says why not better than a row can */
	if (e)
		return e;
	probe_close(p);
	e = target_init_core(&t, path, opts ? opts->exe : NULL);
	if (e)
		return lookslike_no_core(path, e, err);
	describe(&t, out);
	target_fini(&t);
	return 0;
}

int probe_list(const struct probe_opts *opts, struct probe_proc **out, size_t *n)
{
	const char *proc = opts && opts->proc ? opts->proc : "/proc";
	DIR *dir = opendir(proc);
	size_t cap = 0;
	*out = NULL;
	*n = 0;
	if (!dir)
		return -errno;
	for (struct dirent *d; (d = readdir(dir));) {
		struct probe_proc row;
		pid_t pid = atoi(d->d_name);
		if (pid <= 0 || !describe_pid(pid, proc, &row))
			continue;
		if (*n == cap) {
			cap = cap ? cap * 2 : 32;
			struct probe_proc *bigger = realloc(*out, cap * sizeof **out);
			if (!bigger)
				break;
			*out = bigger;
		}
		(*out)[(*n)++] = row;
	}
	closedir(dir);
	return 0;
}
