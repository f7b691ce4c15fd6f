/* SPDX-License-Identifier: BSD-2-Clause */
#include "dwlayout.h"
#include "gotarget.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

static int refuse(struct gsnap_err *err, const char *fmt, const char *version)
{
	err->code = 5;
	snprintf(err->what, sizeof err->what, fmt, version);
	return -ENOTSUP;
}

/* A version that is newer than the tables is read as its own DWARF says, if it has one. */
static int own_layout(struct gotarget *g, struct gsnap_err *err)
{
	const char *member = "";
	struct modules *ms = modules_open(g->t);
	enum dwlayout found = ms ? dwlayout_read(ms, &g->own, &member) : DWLAYOUT_NONE;
	modules_close(ms);
	if (found == DWLAYOUT_OTHER) {
		snprintf(err->why, sizeof err->why,
			"its DWARF has no runtime.%s, or not where gort could read it", member);
		snprintf(err->tries[0], sizeof err->tries[0],
			"a newer gort: this one knows Go 1.%d to 1.%d", golayout_oldest(),
			golayout_newest());
		return refuse(err, "unknown %s layout", g->version.text);
	}
	if (found == DWLAYOUT_READ) {
		g->own.minor = g->version.minor;
		g->lay = &g->own;
	}
	return 0;
}

static int check_version(struct gotarget *g, struct gsnap_err *err)
{
	g->lay = golayout_for(g->version.minor, g->version.patch, &g->guess);
	if (g->lay)
		return g->guess ? own_layout(g, err) : 0;
	snprintf(err->why, sizeof err->why, "gort knows the runtime of Go 1.%d to 1.%d",
		golayout_oldest(), golayout_newest());
	snprintf(err->tries[0], sizeof err->tries[0],
		"build the program with Go 1.%d or newer; nothing else has to change",
		golayout_oldest());
	return refuse(err, "%s is too old to look into", g->version.text);
}

/* A PIE is loaded anywhere: where its program headers are tells by how much it moved. */
static uint64_t load_bias(const struct gotarget *g)
{
	if (g->elf.eh.e_type != ET_DYN)
		return 0;
	uint64_t phdr = target_auxv(g->t, AT_PHDR);
	return phdr ? phdr - elf_phdr_vaddr(&g->elf) : 0;
}

static int locate_failed(struct gotarget *g, struct gsnap_err *err, const char *what)
{
	if (g->t->read_errno)
		return -g->t->read_errno;
	snprintf(err->why, sizeof err->why, "%s", what);
	if (g->guess) {
		snprintf(err->tries[0], sizeof err->tries[0],
			"a newer gort: this one knows Go 1.%d to 1.%d, and wrong numbers would be "
			"worse than none",
			golayout_oldest(), golayout_newest());
		return refuse(err, "unknown %s layout", g->version.text);
	}
	snprintf(err->tries[0], sizeof err->tries[0],
		"a program just started may not be ready yet: try again");
	return refuse(err, "cannot find the runtime of this %s program", g->version.text);
}

int gotarget_open(struct gotarget *g, struct target *t, struct gsnap_err *err)
{
	*g = (struct gotarget){.t = t};
	int e = target_exe(t, &g->elf);
	if (e == -ENOEXEC)
		return -ENOENT;
	if (e)
		return e;
	if (!gobuild_version(&g->elf, &g->version))
		e = -ENOENT;
	else
		e = check_version(g, err);
	if (e)
		goto out;
	g->bias = load_bias(g);
	e = moduledata_find(g);
	if (e == -EPROTO)
		e = locate_failed(g, err, "its table of functions is missing or damaged");
	if (!e && (e = golocate(g)) == -EPROTO)
		e = locate_failed(g, err, "no list of goroutines passes the checks");
out:
	if (e)
		gotarget_close(g);
	return e;
}

void gotarget_close(struct gotarget *g)
{
	elf_close(&g->elf);
	free(g->tids);
	g->tids = NULL;
}
