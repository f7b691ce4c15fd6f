/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - opens a process of either kind and fills one model from it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "core.h"
#include "goleak.h"
#include "gocpu.h"
#include "gortcpu.h"
#include "goheapstat.h"
#include "golocals.h"
#include "goprofile.h"
#include "gortsnap.h"
#include "gotarget.h"
#include "lookslike.h"
#include "mappings.h"
#include "symbolize.h"
#include "view.h"

struct probe {
	struct target t;
	struct procinfo info;
	enum gsnap_kind kind;
	struct gotarget go;    /* kind GSNAP_GO */
	struct modules *ms;    /* of it, opened when they are first wanted */
	struct gortsnap *gort; /* kind GSNAP_GORT */
	int64_t max_pause_ns;
};

/* What is not understood of a core may simply not be in it. */
static int explain_core(struct probe *p, int error, struct gsnap_err *err)
{
	char why[sizeof err->why], what_to_try[sizeof err->tries[0]];
	if (!err->code) {
		err->code = error == -ENOMEM ? 1 : 5;
		snprintf(err->what, sizeof err->what, "cannot read %s (%s)%s%s", p->t.name,
			p->info.comm, error == -ENOMEM ? ": " : "",
			error == -ENOMEM ? "out of memory" : "");
	}
	core_explain(p->t.core, why, sizeof why, what_to_try, sizeof what_to_try);
	if (error == -ENOMEM || !why[0])
		return error;
	memcpy(err->why, why, sizeof why);
	memset(err->tries, 0, sizeof err->tries);
	memcpy(err->tries[0], what_to_try, sizeof what_to_try);
	return error;
}

/* Turns an errno of reading the process into the message that helps. */
static int explain(struct probe *p, int error, struct gsnap_err *err)
{
	struct procinfo now;
	if (p->t.core)
		return explain_core(p, error, err);
	if (err->code)
		return error;
	if (error == -ENOMEM) {
		err->code = 1;
		snprintf(err->what, sizeof err->what, "out of memory");
		return error;
	}
	if (procfs_read(&p->t, &now))
		return lookslike_ended(&p->t, &p->info, err);
	if (now.kernel_thread || now.state == 'Z')
		return lookslike_foreign(&p->t, &now, err);
	if (error == -EPERM || error == -EACCES)
		return lookslike_forbidden(&p->t, &p->info, -error, err);
	if (error == -ESRCH)
		return lookslike_ended(&p->t, &p->info, err);
	err->code = 1;
	snprintf(err->what, sizeof err->what, "cannot read %s (%s): %s", p->t.name, p->info.comm,
		strerror(-error));
	return error;
}

/* Whether its executable is kept from us: a process that is ending has none any more. */
static bool exe_hidden(const struct target *t)
{
	char path[160], exe[8];
	return readlink(target_path(t, "exe", path, sizeof path), exe, sizeof exe) < 0 &&
	       (errno == EACCES || errno == EPERM);
}

static int recognise(struct probe *p, struct gsnap_err *err)
{
	int e = gotarget_open(&p->go, &p->t, err);
	p->kind = GSNAP_GO;
	if (e != -ENOENT)
		return e;
	p->kind = GSNAP_GORT;
	e = gortsnap_open(&p->t, &p->gort, err);
	if (e != -ENOENT)
		return e;
	if (p->info.kernel_thread || p->info.state == 'Z' || p->info.exe[0])
		return lookslike_foreign(&p->t, &p->info, err);
	return exe_hidden(&p->t) ? -EACCES : -ESRCH;
}

static void release(struct probe *p)
{
	modules_close(p->ms);
	if (p->kind == GSNAP_GO)
		gotarget_close(&p->go);
	else
		gortsnap_close(p->gort);
}

/* Stopping takes a pid that means the same to ptrace, and a reader of registers. */
static int may_pause(struct probe *p, struct gsnap_err *err)
{
	const char *why = NULL;
	if (p->t.core)
		why = "a core stands still already";
	else if (p->kind != GSNAP_GO)
		why = "stacks of running goroutines are read by it in Go programs only";
	else if (target_foreign(&p->t))
		why = "the pids of that procfs mean other processes here";
	if (!why)
		return 0;
	release(p);
	err->code = 5;
	snprintf(err->what, sizeof err->what, "--pause does not work on %s (%s)", p->t.name,
		p->info.comm);
	snprintf(err->why, sizeof err->why, "%s", why);
	snprintf(err->tries[0], sizeof err->tries[0], "the same command without --pause");
	return -ENOTSUP;
}

/* Recognises what p->t is of; p is freed when that fails. */
static int finish_open(struct probe *p, struct probe **out, struct gsnap_err *err)
{
	int e = procfs_read(&p->t, &p->info);
	e = e ? lookslike_gone(&p->t, err) : recognise(p, err);
	if (!e && p->max_pause_ns)
		e = may_pause(p, err);
	if (e) {
		e = explain(p, e, err);
		target_fini(&p->t);
		free(p);
		return e;
	}
	*out = p;
	return 0;
}

int probe_open(pid_t pid, const struct probe_opts *opts, struct probe **out, struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	struct probe *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	target_init(&p->t, pid, opts ? opts->proc : NULL);
	p->max_pause_ns = opts ? opts->max_pause_ns : 0;
	return finish_open(p, out, err);
}

int probe_open_core(
	const char *path, const struct probe_opts *opts, struct probe **out, struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	struct probe *p = calloc(1, sizeof *p);
	if (!p)
		return -ENOMEM;
	int e = target_init_core(&p->t, path, opts ? opts->exe : NULL);
	if (e) {
		free(p);
		return lookslike_no_core(path, e, err);
	}
	p->max_pause_ns = opts ? opts->max_pause_ns : 0;
	return finish_open(p, out, err);
}

bool probe_is_core(const char *path)
{
	struct elf e;
	bool is = !elf_open_core(&e, path);
	if (is)
		elf_close(&e);
	return is;
}

void probe_remark(const struct probe *p, char *text, size_t size)
{
	text[0] = '\0';
	if (p->t.core && p->t.core->cut)
		snprintf(text, size,
			"%s is cut off, %" PRIu64 " of %" PRIu64
			" bytes are there: what lay in the rest is missing",
			p->t.name, p->t.core->size - p->t.core->cut, p->t.core->size);
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	release(p);
	target_fini(&p->t);
	free(p);
}

static void describe_go(struct probe *p, struct gsnap *out)
{
	const char *version = p->go.version.text;
	out->version = gsnap_str(out, version, strlen(version));
	out->stripped = !elf_section(&p->go.elf, ".symtab");
	out->pie = p->go.elf.eh.e_type == ET_DYN;
	out->has_lines = true;
	out->has_inline_info = p->go.md.gofunc != 0;
	out->by_dwarf = p->go.lay == &p->go.own;
	out->assumed_minor = p->go.guess && !out->by_dwarf ? golayout_newest() : 0;
	out->tells_labels =
		p->go.glob.tracebacklabels && target_u32(&p->t, p->go.glob.tracebacklabels) == 1;
}

static void add_maps(const struct probe *p, struct gsnap *out)
{
	struct modules *ms = modules_open(&p->t);
	if (!ms)
		return;
	mappings_add(ms, out);
	modules_close(ms);
}

static int snapshot_go(struct probe *p, unsigned what, struct gsnap *out)
{
	describe_go(p, out);
	gosnap_stats(&p->go, &out->stats);
	if (what & PROBE_GC)
		gosnap_gc(&p->go, &out->gc);
	if (what & PROBE_SCHED)
		gosnap_sched(&p->go, out);
	else if (what & PROBE_PS)
		gosnap_ps(&p->go, out);
	int e = what & PROBE_NO_GS ? 0 : gosnap_goroutines(&p->go, what, out);
	if (!e && what & PROBE_WAITS)
		e = gosnap_waits(&p->go, out);
	if (!e && what & PROBE_MAPS)
		add_maps(p, out);
	return e;
}

int probe_waits(struct probe *p, struct gsnap *s)
{
	return p->kind == GSNAP_GO ? gosnap_waits(&p->go, s) : gortsnap_waits(p->gort, s);
}

static int64_t now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * INT64_C(1000000000) + ts.tv_nsec;
}

static void begin(struct probe *p, struct gsnap *out)
{
	gsnap_init(out, p->kind);
	out->pid = p->t.pid;
	out->core = p->t.core ? gsnap_str(out, p->t.core->path, strlen(p->t.core->path)) : NULL;
	out->when = now();
	out->exe = gsnap_str(out, p->info.exe, strlen(p->info.exe));
	out->pause.max_ns = p->max_pause_ns;
	p->t.read_errno = 0;
	if (p->t.core)
		p->t.core->lack = CORE_NOTHING;
}

/* A core has no clock: it is as late as the latest moment that the runtime has noted in it. */
static int64_t last_noted(struct probe *p, const struct gsnap *s)
{
	int64_t last = p->kind == GSNAP_GO ? gosnap_noted(&p->go) : 0;
	for (uint32_t i = 0; i < s->ngs; i++)
		if (s->gs[i].waitsince > last)
			last = s->gs[i].waitsince;
	return last;
}

int probe_snapshot(struct probe *p, unsigned what, struct gsnap *out, struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	begin(p, out);
	int e = p->kind == GSNAP_GO ? snapshot_go(p, what, out)
				    : gortsnap_read(p->gort, what, out, err);
	if (!e && p->t.core)
		out->when = last_noted(p, out);
	else if (!e && p->t.read_errno) /* figures alone would all be unknown, and no failure */
		e = -p->t.read_errno;
	return e ? explain(p, e, err) : 0;
}

/* Memory profiling is on from the start, unless nothing in the program can read it. */
static int no_heap_profile(const struct probe *p, struct gsnap_err *err)
{
	err->code = 5;
	snprintf(err->what, sizeof err->what, "%s (%s) records no allocations", p->t.name,
		p->info.comm);
	snprintf(err->tries[1], sizeof err->tries[1],
		"gort heap instead      (what fills the heap, by type and size)");
	if (p->kind == GSNAP_GORT) {
		snprintf(err->why, sizeof err->why,
			"GORT_DEBUG=memprofilerate=0 or gort_memprofile_rate(0) has switched it "
			"off");
		snprintf(err->tries[0], sizeof err->tries[0],
			"the program without it, or with gort_memprofile_rate(524288)");
		return -ENOTSUP;
	}
	snprintf(err->why, sizeof err->why,
		"runtime.MemProfileRate is 0: Go's linker sets it so when nothing in the program "
		"reads the memory profile");
	snprintf(err->tries[0], sizeof err->tries[0],
		"import _ \"net/http/pprof\" in the program, or use runtime/pprof");
	return -ENOTSUP;
}

static int profile_failed(const struct probe *p, struct gsnap_err *err)
{
	err->code = 5;
	snprintf(err->what, sizeof err->what, "no profile of %s (%s)", p->t.name, p->info.comm);
	snprintf(err->why, sizeof err->why,
		"the runtime's records of it are not to be found or make no sense");
	return -ENOTSUP;
}

static int go_profile(struct probe *p, enum probe_profile_kind kind, unsigned what,
	struct gsnap *out, struct gsnap_err *err)
{
	describe_go(p, out);
	gosnap_stats(&p->go, &out->stats);
	int e = goprofile_read(&p->go, kind, what & PROBE_SYMBOLS, out);
	if (e == -EPROTO && !p->t.read_errno)
		return profile_failed(p, err);
	if (!e && what & PROBE_MAPS)
		add_maps(p, out);
	return e ? explain(p, e, err) : 0;
}

int probe_profile(struct probe *p, enum probe_profile_kind kind, unsigned what, struct gsnap *out,
	struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	begin(p, out);
	int e = p->kind == GSNAP_GO ? go_profile(p, kind, what, out, err)
				    : gortsnap_profile(p->gort, kind, what, out, err);
	if (!e && kind == PROBE_PROFILE_HEAP && !out->nsamples && !out->sample_rate)
		return no_heap_profile(p, err);
	return e;
}

/* perf_event wants a live process, and its pid in gort's own namespace. */
static int may_sample(struct probe *p, struct gsnap_err *err)
{
	const char *why = NULL;
	if (p->t.core)
		why = "a core uses no CPU";
	else if (target_foreign(&p->t))
		why = "the pids of that procfs mean other processes here";
	if (!why)
		return 0;
	err->code = 5;
	snprintf(err->what, sizeof err->what, "cannot take a CPU profile of %s (%s)", p->t.name,
		p->info.comm);
	snprintf(err->why, sizeof err->why, "%s", why);
	return -ENOTSUP;
}

static int not_allowed(struct probe *p, int error, struct gsnap_err *err)
{
	err->code = 4;
	snprintf(err->what, sizeof err->what, "cannot take a CPU profile of %s (%s): %s", p->t.name,
		p->info.comm, strerror(-error));
	snprintf(err->why, sizeof err->why,
		"perf_event_open is refused: kernel.perf_event_paranoid, a seccomp filter, or "
		"another user's process");
	snprintf(err->tries[0], sizeof err->tries[0], "sudo sysctl kernel.perf_event_paranoid=2");
	snprintf(err->tries[1], sizeof err->tries[1], "sudo gort ..., or with CAP_PERFMON");
	return error;
}

/* One of them. */
struct probe_cpu {
	struct gocpu *go;
	struct gortcpu *gort;
};

int probe_cpu_start(struct probe *p, unsigned hz, struct probe_cpu **out, struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	int e = may_sample(p, err);
	if (e)
		return e;
	struct probe_cpu *c = calloc(1, sizeof *c);
	if (!c)
		return explain(p, -ENOMEM, err);
	e = p->kind == GSNAP_GO ? gocpu_start(&p->go, hz, &c->go)
				: gortcpu_start(&p->t, hz, &c->gort);
	if (!e) {
		*out = c;
		return 0;
	}
	free(c);
	return e == -EPERM || e == -EACCES || e == -ENOSYS ? not_allowed(p, e, err)
							   : explain(p, e, err);
}

static uint64_t samples_of(const struct gsnap *s)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < s->nsamples; i++)
		n += (uint64_t)s->samples[i].count;
	return n;
}

int probe_cpu_stop(struct probe *p, struct probe_cpu *c, unsigned what, struct gsnap *out,
	struct gsnap_err *err)
{
	uint64_t lost;
	*err = (struct gsnap_err){0};
	int e = c->go ? gocpu_stop(c->go, out, &lost) : gortcpu_stop(c->gort, what, out, &lost);
	free(c);
	out->pid = p->t.pid;
	out->when = now();
	if (p->kind == GSNAP_GO)
		describe_go(p, out);
	if (!e && lost > samples_of(out)) {
		snprintf(err->what, sizeof err->what, "%llu samples were lost: gort got no CPU",
			(unsigned long long)lost);
		err->code = 1;
		return -EIO;
	}
	if (!e && what & PROBE_MAPS && p->kind == GSNAP_GO)
		add_maps(p, out);
	return e ? explain(p, e, err) : 0;
}

static int refresh_gort(struct probe *p, struct probe_view *v, struct gsnap_err *err)
{
	if (!v->live) {
		begin(p, &v->s);
		v->live = gortsnap_view(p->gort, &v->s);
	}
	return v->live ? gortsnap_refresh(p->gort, v, err) : -ENOMEM;
}

static int refresh_go(struct probe *p, struct probe_view *v)
{
	if (!v->live) {
		begin(p, &v->s);
		describe_go(p, &v->s);
		v->live = goview_open(&p->go, &v->s, VIEW_STACKS);
	}
	if (!v->live)
		return -ENOMEM;
	v->s.when = now();
	v->s.pause = (struct gsnap_pause){.max_ns = p->max_pause_ns};
	gosnap_stats(&p->go, &v->s.stats);
	gosnap_counters(&p->go, &v->s.sched);
	gsnap_init_gc(&v->s.gc);
	gosnap_gc(&p->go, &v->s.gc);
	return view_refresh(v->live, v);
}

int probe_refresh(struct probe *p, struct probe_view *v, struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	v->renewed = false;
	int e = p->kind == GSNAP_GO ? refresh_go(p, v) : refresh_gort(p, v, err);
	return e ? explain(p, e, err) : 0;
}

void probe_view_free(struct probe_view *v)
{
	view_close(v->live);
	gsnap_free(&v->s);
	*v = (struct probe_view){0};
}

static void pause_for(int64_t ns, unsigned look)
{
	ns += ns / 8 * (look % 3); /* not in step with what the process does */
	struct timespec ts = {ns / INT64_C(1000000000), ns % INT64_C(1000000000)};
	while (nanosleep(&ts, &ts) && errno == EINTR)
		;
}

/* A look that makes no sense may have met the process in the middle of changes: it is repeated. */
static int one_look(struct goleaker *l, struct probe_leaks *out, const char **why)
{
	int e = goleaker_pass(l, out, why);
	for (unsigned i = 0; e == -EPROTO && i < 3; i++) {
		pause_for(20000000, i);
		e = goleaker_pass(l, out, why);
	}
	return e;
}

/* Another look; keeps what it has in common with what was found so far. */
static int look_again(struct goleaker *l, struct probe_leaks *out, const char **why)
{
	struct probe_leaks again;
	int e = one_look(l, &again, why);
	if (e)
		return e;
	goleaks_intersect(out, &again);
	probe_leaks_free(&again);
	out->held_ns += l->held_ns;
	return 0;
}

/*
 * What moves fast is missed by chance, so a few milliseconds make a look that knows nothing of the
 * one before; what moves slowly takes the long pause. Hence pairs of looks. (A map that is built
 * anew every 10 us: one look in six names all who wait on what is in it; of 3 pairs one in 10^5.)
 */
#define BREATH_NS 30000000

static void leaker_init(struct probe *p, struct goleaker *l)
{
	if (p->kind == GSNAP_GO)
		goleaker_init(l, &p->go);
	else
		gortleaker_init(l, gortsnap_reader(p->gort), &p->t);
}

static int look_for_leaks(struct probe *p, const struct probe_leaks_how *how,
	struct probe_leaks *out, const char **why)
{
	struct goleaker l;
	leaker_init(p, &l);
	l.sp = how->sp;
	int e = one_look(&l, out, why);
	unsigned looks = how->looks > 1 && !p->t.core ? 2 * how->looks : 1;
	for (unsigned i = 1; i < looks && !e && out->n; i++) {
		pause_for(i % 2 ? BREATH_NS : how->pause_ns, i);
		e = look_again(&l, out, why);
	}
	l.freeze = how->freeze;
	if (how->freeze && !e && out->n)
		e = look_again(&l, out, why);
	goleaker_free(&l);
	return e;
}

static int may_freeze(struct probe *p, struct gsnap_err *err)
{
	if (!target_foreign(&p->t) && !p->t.core)
		return 0;
	err->code = 5;
	snprintf(err->what, sizeof err->what, "--freeze does not work on %s (%s)", p->t.name,
		p->info.comm);
	snprintf(err->why, sizeof err->why, "%s",
		p->t.core ? "a core stands still already"
			  : "the pids of that procfs mean other processes here");
	snprintf(err->tries[0], sizeof err->tries[0], "the same command without --freeze");
	return -ENOTSUP;
}

/* Says why there is no verdict. */
static int explain_look(struct probe *p, int e, const char *why, struct gsnap_err *err)
{
	if (e == -ENOTSUP) {
		why = "its libgort does not publish what a proof takes";
		snprintf(err->tries[0], sizeof err->tries[0],
			"a libgort of the same version as this gort");
		e = -EPROTO;
	}
	if (e == -EPROTO || (e == -EFAULT && !p->t.read_errno)) {
		err->code = 5;
		snprintf(err->what, sizeof err->what, "no verdict on %s (%s)", p->t.name,
			p->info.comm);
		snprintf(err->why, sizeof err->why, "%s", why);
		if (p->t.core)
			snprintf(err->tries[0], sizeof err->tries[0],
				"a core that the kernel wrote: gdb's gcore leaves memory out");
	}
	return e ? explain(p, e, err) : 0;
}

int probe_leaks(struct probe *p, const struct probe_leaks_how *how, struct probe_leaks *out,
	struct gsnap_err *err)
{
	const char *why = NULL;
	*err = (struct gsnap_err){0};
	*out = (struct probe_leaks){0};
	int e = how->freeze ? may_freeze(p, err) : 0;
	if (e)
		return e;
	p->t.read_errno = 0;
	e = look_for_leaks(p, how, out, &why);
	if (e)
		probe_leaks_free(out);
	return explain_look(p, e, why, err);
}

#define MAX_CHAIN 64

static int copy_chain(const struct golook *look, struct probe_held *of)
{
	struct probe_hold chain[MAX_CHAIN];
	size_t n = goheld_chain(look, of->goid, chain, MAX_CHAIN);
	of->v = n ? malloc(n * sizeof *of->v) : NULL;
	if (n && !of->v)
		return -ENOMEM;
	if (n)
		memcpy(of->v, chain, n * sizeof *of->v);
	of->n = n;
	return 0;
}

int probe_held_by(struct probe *p, struct probe_held *of, size_t n, struct gsnap_err *err)
{
	struct goleaker l;
	struct golook look;
	const char *why = NULL;
	*err = (struct gsnap_err){0};
	p->t.read_errno = 0;
	leaker_init(p, &l);
	l.holders = true;
	int e = golook_at(&look, &l, &why);
	for (size_t i = 0; i < n && !e; i++)
		e = copy_chain(&look, &of[i]);
	golook_free(&look);
	goleaker_free(&l);
	return explain_look(p, e, why, err);
}

void probe_held_free(struct probe_held *of, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(of[i].v);
	free(of);
}

static int no_heap(const struct probe *p, struct gsnap_err *err)
{
	err->code = 5;
	snprintf(err->what, sizeof err->what, "no heap of %s (%s)", p->t.name, p->info.comm);
	snprintf(err->why, sizeof err->why, "its libgort publishes nothing of it");
	return -ENOTSUP;
}

int probe_heap(struct probe *p, struct probe_heap *out, struct gsnap_err *err)
{
	*err = (struct gsnap_err){0};
	*out = (struct probe_heap){0};
	p->t.read_errno = 0;
	struct goleaker l;
	leaker_init(p, &l);
	int e = goheapstat_read(&l, out);
	goleaker_free(&l);
	if (e == -ENOTSUP)
		e = no_heap(p, err);
	if (e)
		probe_heap_free(out);
	return explain_look(p, e, "its heap cannot be found or makes no sense", err);
}

void probe_heap_free(struct probe_heap *heap)
{
	for (size_t i = 0; i < heap->n; i++)
		free(heap->v[i].type);
	free(heap->v);
	*heap = (struct probe_heap){0};
}

/* Its mapped files, with debug information; NULL when out of memory. */
static struct modules *modules_of(struct probe *p)
{
	if (p->kind == GSNAP_GORT)
		return gortsnap_modules(p->gort);
	if (!p->ms)
		p->ms = modules_open(&p->t);
	return p->ms;
}

static int no_variables(struct probe *p, struct gsnap_err *err)
{
	err->code = 5;
	snprintf(err->what, sizeof err->what, "cannot show the variables of %s (%s)", p->t.name,
		p->info.comm);
	snprintf(err->why, sizeof err->why, "its executable has no debug information (DWARF)%s",
		p->kind == GSNAP_GO ? ": it was built with -ldflags=-s or -w, or stripped" : "");
	snprintf(err->tries[0], sizeof err->tries[0], "%s",
		p->kind == GSNAP_GO ? "gort stacks --go, which has the words of the arguments"
				    : "the same program built with -g");
	return -ENODATA;
}

int probe_locals(struct probe *p, const struct gsnap *s, const struct gsnap_g *gp,
	struct probe_locals *out, struct gsnap_err *err)
{
	struct modules *ms = modules_of(p);
	struct locals l = {.mem = &p->t.mem, .s = s, .out = out, .oom = !ms};
	*err = (struct gsnap_err){0};
	*out = (struct probe_locals){0};
	if (ms && !locals_known(ms))
		return no_variables(p, err);
	if (ms && gp->stack != GSNAP_NONE && p->kind == GSNAP_GO)
		golocals_read(&p->go, ms, &l, gp);
	else if (ms && gp->stack != GSNAP_NONE)
		gortsnap_locals(p->gort, &l, gp);
	if (!l.oom)
		return 0;
	probe_locals_free(out);
	return explain(p, -ENOMEM, err);
}

void probe_locals_free(struct probe_locals *locals)
{
	for (size_t i = 0; i < locals->n; i++)
		free((char *)locals->v[i].name); /* the other texts are in its block */
	free(locals->v);
	*locals = (struct probe_locals){0};
}

void probe_leaks_free(struct probe_leaks *leaks)
{
	free(leaks->v);
	leaks->v = NULL;
	leaks->n = 0;
}

bool probe_symbol(struct probe *p, uint64_t pc, char *name, size_t size)
{
	struct gofunc f;
	struct sym_frame frames[16];
	if (p->kind == GSNAP_GO) {
		uint64_t text = p->go.md.text;
		if (pc < text || pc >= p->go.md.etext ||
			!pclntab_find(&p->go.tab, (uint32_t)(pc - text), &f))
			return false;
		snprintf(name, size, "%s", f.name);
		return true;
	}
	struct modules *ms = modules_open(&p->t);
	struct symbolizer *s = ms ? symbolizer_over(ms) : NULL;
	size_t n = s ? symbolizer_pc(s, pc, frames, 16) : 0;
	bool found = n > 0 && frames[n - 1].func;
	if (found)
		snprintf(name, size, "%s", frames[n - 1].func);
	symbolizer_close(s);
	modules_close(ms);
	return found;
}
