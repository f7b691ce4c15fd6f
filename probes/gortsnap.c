/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortsnap.c - a process on libgort as a whole: its mapped files, its table and the reader over
 * both, kept open between snapshots so that symbols and unwind rules are found once.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <gelf.h>
#include "gortfind.h"
#include "gortheap.h"
#include "gortlocals.h"
#include "gortprofile.h"
#include "gortread.h"
#include "gortsched.h"
#include "gortsnap.h"
#include "mappings.h"
#include "procfs.h"
#include "view.h"

struct gortsnap {
	struct target *t;
	struct modules *ms;
	struct gortread read;
	bool open; /* read is */
};

#define SAY(buf, ...) snprintf((buf), sizeof(buf), __VA_ARGS__)

static int fail(struct gsnap_err *err, int error, const struct target *t, const char *why)
{
	memset(err, 0, sizeof *err);
	err->code = error == -ENOMEM ? 1 : 5;
	SAY(err->what, "cannot read the goroutines of %s", t->name);
	SAY(err->why, "%s", why);
	return error;
}

/* The table was found but cannot be used. */
static int bad_table(struct gsnap_err *err, int error, const struct target *t, const char *missing)
{
	char why[160];
	if (error == -ENOMEM)
		return fail(err, error, t, "out of memory");
	if (error == -EPROTONOSUPPORT)
		SAY(why, "its libgort describes itself in a way that this gort does not know");
	else if (missing)
		SAY(why, "its libgort does not publish %s", missing);
	else
		SAY(why, "the table by which libgort describes itself is damaged");
	fail(err, error, t, why);
	SAY(err->tries[0], "a gort of the same version as the program's libgort");
	return error;
}

static int open_reader(struct gortsnap *s, struct gsnap_err *err)
{
	const struct tmem *mem = &s->t->mem;
	struct gortabi abi;
	const char *missing = NULL;
	int error = gortfind_table(s->ms, mem, &abi);
	if (error == -ENOENT)
		return error;
	if (!error)
		error = gortread_open(&s->read, mem, s->ms, &abi, &missing);
	s->open = !error;
	s->read.core = s->t->core;
	s->read.t = s->t;
	return error ? bad_table(err, error, s->t, missing) : 0;
}

int gortsnap_open(struct target *t, struct gortsnap **out, struct gsnap_err *err)
{
	struct gortsnap *s = calloc(1, sizeof *s);
	*out = NULL;
	if (s)
		s->ms = modules_open(t);
	if (!s || !s->ms) {
		free(s);
		return fail(err, -ENOMEM, t, "out of memory");
	}
	s->t = t;
	int error = open_reader(s, err);
	if (error)
		gortsnap_close(s);
	else
		*out = s;
	return error;
}

void gortsnap_close(struct gortsnap *s)
{
	if (!s)
		return;
	if (s->open)
		gortread_close(&s->read);
	modules_close(s->ms);
	free(s);
}

const struct gortread *gortsnap_reader(const struct gortsnap *s)
{
	return &s->read;
}

struct modules *gortsnap_modules(struct gortsnap *s)
{
	return s->ms;
}

void gortsnap_locals(struct gortsnap *s, struct locals *l, const struct gsnap_g *gp)
{
	gortlocals_read(&s->read, l, gp);
}

const char *gortsnap_version(const struct gortsnap *s)
{
	return s->read.version;
}

int64_t gortsnap_count(struct gortsnap *s)
{
	return gortread_count(&s->read);
}

static Elf *main_elf(struct gortsnap *s)
{
	GElf_Addr bias;
	struct module *m = modules_main(s->ms);
	return m && module_elf(m) ? dwfl_module_getelf(m->dw, &bias) : NULL;
}

bool gortsnap_pie(struct gortsnap *s)
{
	GElf_Ehdr eh;
	Elf *elf = main_elf(s);
	return elf && gelf_getehdr(elf, &eh) && eh.e_type == ET_DYN;
}

bool gortsnap_stripped(struct gortsnap *s)
{
	Elf *elf = main_elf(s);
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	while (elf && (scn = elf_nextscn(elf, scn)))
		if (gelf_getshdr(scn, &sh) && sh.sh_type == SHT_SYMTAB)
			return false;
	return elf != NULL;
}

static int64_t monotonic_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void fill_process(struct gortsnap *s, struct gsnap *out)
{
	struct module *exe = modules_main(s->ms);
	out->pid = s->t->pid;
	out->when = monotonic_ns();
	out->exe = exe ? gsnap_str(out, exe->path, procfs_path_len(exe->path)) : "";
	out->version = gsnap_str(out, s->read.version, strlen(s->read.version));
	out->stripped = gortsnap_stripped(s);
	out->pie = gortsnap_pie(s);
}

int gortsnap_waits(struct gortsnap *s, struct gsnap *out)
{
	return gortread_waits(&s->read, out);
}

/* What failed, in words; error of a read that does not say so by itself. */
static int tell(struct gortsnap *s, int error, struct gsnap_err *err)
{
	if (error == -EFAULT && !modules_alive(s->ms))
		return -ESRCH;
	if (error == -EFAULT)
		return fail(err, error, s->t, "its list of goroutines is not readable");
	return error ? fail(err, error, s->t, "out of memory") : 0;
}

static void read_stats(struct gortsnap *s, struct gsnap_stats *st)
{
	gortsched_stats(&s->read, st);
	st->threads = target_nthreads(s->t);
}

int gortsnap_read(struct gortsnap *s, unsigned what, struct gsnap *out, struct gsnap_err *err)
{
	fill_process(s, out);
	modules_refresh(s->ms);
	read_stats(s, &out->stats);
	if (what & PROBE_GC)
		gortheap_gc(&s->read, &out->gc);
	if (what & PROBE_SCHED)
		gortsched_read(&s->read, out);
	else if (what & PROBE_PS)
		gortsched_ps(&s->read, out);
	int error = what & PROBE_NO_GS ? 0 : gortread_goroutines(&s->read, what, out);
	if (!error && what & PROBE_WAITS)
		error = gortsnap_waits(s, out);
	if (what & PROBE_MAPS)
		mappings_add(s->ms, out);
	return tell(s, error, err);
}

static int no_profile(
	struct gortsnap *s, int error, enum probe_profile_kind kind, struct gsnap_err *err)
{
	static const char *const kinds[] = {"allocations", "blocking", "mutexes", "threads"};
	if (error == -EFAULT && !modules_alive(s->ms))
		return tell(s, error, err);
	memset(err, 0, sizeof *err);
	err->code = error == -ENOMEM ? 1 : 5;
	SAY(err->what, "no profile of the %s of %s", kinds[kind], s->t->name);
	if (error == -ENOTSUP) {
		SAY(err->why, "its libgort (%s) records none, or does not publish it",
			s->read.version);
		SAY(err->tries[0], "gort chans      (who waits for what, and who holds it)");
		SAY(err->tries[1], "gort sched      (how long goroutines waited for mutexes)");
	} else {
		SAY(err->why, "%s",
			error == -ENOMEM ? "out of memory" : "the records of it make no sense");
	}
	return error;
}

int gortsnap_profile(struct gortsnap *s, enum probe_profile_kind kind, unsigned what,
	struct gsnap *out, struct gsnap_err *err)
{
	fill_process(s, out);
	modules_refresh(s->ms);
	read_stats(s, &out->stats);
	int error = gortprofile_read(&s->read, kind, out);
	if (!error && what & PROBE_MAPS)
		mappings_add(s->ms, out);
	return error ? no_profile(s, error, kind, err) : 0;
}

struct liveview *gortsnap_view(struct gortsnap *s, struct gsnap *out)
{
	fill_process(s, out);
	return gortview_open(&s->read, s->t, out, VIEW_STACKS);
}

int gortsnap_refresh(struct gortsnap *s, struct probe_view *v, struct gsnap_err *err)
{
	v->s.when = monotonic_ns();
	modules_refresh(s->ms);
	read_stats(s, &v->s.stats);
	v->s.nps = 0;
	gortsched_read(&s->read, &v->s);
	gsnap_init_gc(&v->s.gc);
	gortheap_counters(&s->read, &v->s.gc);
	int error = view_refresh(v->live, v);
	return error == -EFAULT || error == -ENOMEM ? tell(s, error, err) : error;
}
