/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - opens a process of either kind and fills one model from it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "gortsnap.h"
#include "gotarget.h"
#include "lookslike.h"
#include "mappings.h"

struct probe {
	struct target t;
	struct procinfo info;
	enum gsnap_kind kind;
	struct gotarget go;    /* kind GSNAP_GO */
	struct gortsnap *gort; /* kind GSNAP_GORT */
};

/* Turns an errno of reading the process into the message that helps. */
static int explain(struct probe *p, int error, struct gsnap_err *err)
{
	struct procinfo now;
	if (err->code)
		return error;
	if (error == -ENOMEM) {
		err->code = 1;
		snprintf(err->what, sizeof err->what, "out of memory");
		return error;
	}
	if (procfs_read(&p->t, &now))
		return lookslike_gone(&p->t, err);
	if (error == -EPERM || error == -EACCES)
		return lookslike_forbidden(&p->t, &p->info, -error, err);
	if (now.kernel_thread || now.state == 'Z')
		return lookslike_foreign(&p->t, &now, err);
	if (error == -ESRCH)
		return lookslike_gone(&p->t, err);
	err->code = 1;
	snprintf(err->what, sizeof err->what, "cannot read pid %d (%s): %s", p->t.pid, p->info.comm,
		strerror(-error));
	return error;
}

static int recognise(struct probe *p, struct gsnap_err *err)
{
	int e = gotarget_open(&p->go, &p->t, err);
	p->kind = GSNAP_GO;
	if (e != -ENOENT)
		return e;
	p->kind = GSNAP_GORT;
	e = gortsnap_open(p->t.proc, p->t.pid, &p->t.mem, &p->gort, err);
	if (e != -ENOENT)
		return e;
	if (p->info.kernel_thread || p->info.state == 'Z' || p->info.exe[0])
		return lookslike_foreign(&p->t, &p->info, err);
	return -EACCES;
}

int probe_open(pid_t pid, const struct probe_opts *opts, struct probe **out, struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	struct probe *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	target_init(&p->t, pid, opts ? opts->proc : NULL);
	int e = procfs_read(&p->t, &p->info);
	e = e ? lookslike_gone(&p->t, err) : recognise(p, err);
	if (e) {
		e = explain(p, e, err);
		free(p);
		return e;
	}
	*out = p;
	return 0;
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	if (p->kind == GSNAP_GO)
		gotarget_close(&p->go);
	else
		gortsnap_close(p->gort);
	free(p);
}

static int snapshot_go(struct probe *p, unsigned what, struct gsnap *out)
{
	const char *version = p->go
	.version.text;
	out->version = gsnap_str(out, version, strlen(version));
	out->stripped = !elf_section(&p->go.elf, ".symtab");
	out->pie = p->go
	.elf.eh.e_type == ET_DYN;
	out->has_inline_info = out->has_lines = true;
	gosnap_stats(&p->go, &out->stats);
	int e = gosnap_goroutines(&p->go, what, out);
	struct modules *ms = !e && (what & PROBE_MAPS) ? modules_open(p->t.proc, p->t.pid) : NULL;
	if (ms) {
		mappings_add(ms, out);
		modules_close(ms);
	}
	return e;
}

int probe_snapshot(struct probe *p, unsigned what, struct gsnap *out, struct gsnap_err *err)
{
	struct timespec now;
	*err = (struct gsnap_err){0};
	gsnap_init(out, p->kind);
	clock_gettime(CLOCK_MONOTONIC, &now);
	out->pid = p->t.pid;
	out->when = now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
	out->exe = gsnap_str(out, p->info.exe, strlen(p->info.exe));
	p->t.read_errno = 0;
	int e = p->kind == GSNAP_GO ? snapshot_go(p, what, out)
				    : gortsnap_read(p->gort, what, out, err);
	return e ? explain(p, e, err) : 0;
}
