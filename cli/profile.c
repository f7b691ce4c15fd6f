/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile.c - from what was read of a target to profiles as Go's runtime/pprof writes them.
 *
 * Delays are kept in nanoseconds; where Go's text has ticks of the CPU's counter, a tick is 1 ns
 * here.
 */
#include "profile.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include "err.h"

#define GOROUTINES (-1)
#define LEAK_LOOKS 3
#define LEAK_PAUSE INT64_C(250000000)

const struct profile_kind profile_kinds[] = {
	{"allocs", "alloc", PPROF_ALLOCS, PROBE_PROFILE_HEAP,
		"A sampling of all past memory allocations", "no allocation was sampled yet"},
	{"block", NULL, PPROF_CONTENTION, PROBE_PROFILE_BLOCK,
		"Stack traces that led to blocking on synchronization primitives",
		"Go records it only after runtime.SetBlockProfileRate"},
	{"goroutine", NULL, PPROF_GOROUTINE, GOROUTINES,
		"Stack traces of all current goroutines. Use debug=2 as a query parameter to "
		"export in the same format as an unrecovered panic.",
		"it has no goroutine"},
	{"goroutineleak", NULL, PPROF_GOROUTINELEAK, GOROUTINES,
		"Goroutines that can never go on, as `gort leaks` proves it",
		"no goroutine is leaked"},
	{"heap", NULL, PPROF_HEAP, PROBE_PROFILE_HEAP,
		"A sampling of memory allocations of live objects, as of the last collection",
		"no allocation was sampled yet"},
	{"mutex", NULL, PPROF_CONTENTION, PROBE_PROFILE_MUTEX,
		"Stack traces of holders of contended mutexes",
		"Go records it only after runtime.SetMutexProfileFraction"},
	{"threadcreate", NULL, PPROF_THREADCREATE, PROBE_PROFILE_THREADCREATE,
		"Stack traces that led to the creation of new OS threads", "it has no thread"},
	{0},
};

const struct profile_kind *profile_by_name(const char *name)
{
	for (const struct profile_kind *k = profile_kinds; k->name; k++)
		if (!strcmp(k->name, name))
			return k;
	return NULL;
}

const struct profile_kind *profile_by_event(const char *event)
{
	for (const struct profile_kind *k = profile_kinds; k->name; k++)
		if (!strcmp(k->event ? k->event : k->name, event))
			return k;
	return NULL;
}

/* ---- reading ---- */

int profile_cpu_start(
	const struct opts *o, struct target *t, struct probe_cpu **out, struct gsnap_err *err)
{
	if (!(o->without & FEATURE_PERF))
		return probe_cpu_start(t->probe, PROFILE_CPU_HZ, out, err);
	err_what(err, CLI_UNSUPPORTED, "cannot take a CPU profile of pid %d", (int)t->pid);
	err_why(err, "perf_event is switched off (--without perf)");
	return -ENOTSUP;
}

/* A snapshot in which only the leaked goroutines have not ended. */
static int take_leaked(const struct opts *o, struct target *t, unsigned what, struct gsnap *s,
	struct gsnap_err *err)
{
	const struct probe_leaks_how how = {.looks = LEAK_LOOKS, .pause_ns = LEAK_PAUSE};
	struct probe_leaks leaks;
	int rc = probe_leaks(t->probe, &how, &leaks, err);
	if (rc)
		return rc;
	rc = target_snapshot(o, t, PROBE_STACKS | what, s, err);
	for (uint32_t i = 0; !rc && i < s->ngs; i++)
		if (!probe_leaks_find(&leaks, s->gs[i].id))
			s->gs[i].status = GSTATUS_DEAD;
	probe_leaks_free(&leaks);
	return rc;
}

int profile_take(const struct opts *o, struct target *t, const struct profile_kind *k,
	unsigned what, struct gsnap *s, struct gsnap_err *err)
{
	if (k->pprof == PPROF_GOROUTINELEAK)
		return take_leaked(o, t, what, s, err);
	if (k->recorded == GOROUTINES)
		return target_snapshot(o, t, PROBE_STACKS | what, s, err);
	int rc = probe_profile(t->probe, (enum probe_profile_kind)k->recorded, what, s, err);
	if (rc)
		gsnap_free(s);
	return rc;
}

const char *profile_empty(const struct profile_kind *k, const struct gsnap *s)
{
	if (s->kind != GSNAP_GORT || k->pprof != PPROF_CONTENTION)
		return k->empty;
	if (s->sample_rate)
		return "nothing was recorded since it was switched on";
	return k->recorded == PROBE_PROFILE_BLOCK
		       ? "libgort records it only after gort_blockprofile_rate, or when the "
			 "program is started with GORT_DEBUG=blockprofilerate=N"
		       : "libgort records it only after gort_mutexprofile_fraction, or when the "
			 "program is started with GORT_DEBUG=mutexprofilefraction=N";
}

int64_t profile_count(const struct profile_kind *k, const struct gsnap *s)
{
	int64_t n = 0;
	if (k->recorded != GOROUTINES)
		return s->nsamples;
	for (uint32_t i = 0; i < s->ngs; i++)
		n += pprof_counts(&s->gs[i]);
	return n;
}

/* ---- profile.proto ---- */

/*
 * As scaleHeapSample of runtime/pprof: an allocation of so many bytes is recorded with the
 * probability 1 - exp(-size/rate).
 */
static void scale(int64_t count, int64_t size, int64_t rate, int64_t values[2])
{
	values[0] = count;
	values[1] = count * size;
	if (!count || !size || rate <= 1)
		return;
	double factor = 1 / (1 - exp(-(double)size / (double)rate));
	values[0] = (int64_t)((double)values[0] * factor);
	values[1] = (int64_t)((double)values[1] * factor);
}

static void add_samples(
	struct pprof *p, const struct profile_kind *k, const struct gsnap *s, int64_t sign)
{
	for (uint32_t i = 0; i < s->nsamples; i++) {
		const struct gsnap_sample *it = &s->samples[i];
		int64_t v[4] = {it->count, it->delay_ns};
		if (k->recorded == PROBE_PROFILE_HEAP) {
			scale(it->count, it->size, s->sample_rate, v);
			scale(it->count - it->freed, it->size, s->sample_rate, v + 2);
		}
		for (int j = 0; j < 4; j++)
			v[j] *= sign;
		pprof_snap_sample(p, s, it->visible, v, it->size);
	}
}

int profile_encode(const struct profile_kind *k, const struct gsnap *before, const struct gsnap *s,
	unsigned char **data, size_t *len)
{
	if (k->recorded == GOROUTINES)
		return before ? pprof_goroutines_delta(before, s, k->pprof, data, len)
			      : pprof_goroutines(s, k->pprof, data, len);
	bool heap = k->recorded == PROBE_PROFILE_HEAP;
	struct pprof *p = pprof_new(k->pprof, heap ? s->sample_rate : 1);
	if (!p)
		return -ENOMEM;
	pprof_set_time(p, pprof_taken_at(s), before ? s->when - before->when : 0);
	for (uint32_t i = 0; i < s->nmaps; i++)
		pprof_add_mapping(p, &s->maps[i]);
	if (before)
		add_samples(p, k, before, -1);
	add_samples(p, k, s, 1);
	int rc = pprof_encode(p, data, len);
	pprof_free(p);
	return rc;
}

int profile_encode_cpu(const struct gsnap *s, int64_t ns, unsigned char **data, size_t *len)
{
	const int64_t period = INT64_C(1000000000) / PROFILE_CPU_HZ;
	struct pprof *p = pprof_new(PPROF_CPU, period);
	if (!p)
		return -ENOMEM;
	pprof_set_time(p, pprof_taken_at(s) - ns, ns);
	for (uint32_t i = 0; i < s->nmaps; i++)
		pprof_add_mapping(p, &s->maps[i]);
	for (uint32_t i = 0; i < s->nsamples; i++) {
		const int64_t v[] = {s->samples[i].count, s->samples[i].count * period};
		pprof_snap_labelled(p, s, &s->samples[i], v);
	}
	int rc = pprof_encode(p, data, len);
	pprof_free(p);
	return rc;
}

/* ---- text ---- */

static int64_t in_use(const struct gsnap_sample *s)
{
	return (s->count - s->freed) * s->size;
}

static int by_in_use(const void *a, const void *b)
{
	int64_t x = in_use(a), y = in_use(b);
	return (x > y) - (x < y);
}

static int by_delay(const void *a, const void *b)
{
	const struct gsnap_sample *x = a, *y = b;
	return (x->delay_ns < y->delay_ns) - (x->delay_ns > y->delay_ns);
}

static void heap_numbers(
	struct pprof_text *out, int64_t live, int64_t live_bytes, int64_t count, int64_t bytes)
{
	pprof_text_printf(out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "]", live,
		live_bytes, count, bytes);
}

/* A total of all equal to that in use would be read as a profile of two columns. */
static void heap_head(const struct gsnap *s, struct pprof_text *out)
{
	int64_t live = 0, live_bytes = 0, count = 0, bytes = 0;
	for (uint32_t i = 0; i < s->nsamples; i++) {
		const struct gsnap_sample *it = &s->samples[i];
		live += it->count - it->freed;
		live_bytes += in_use(it);
		count += it->count;
		bytes += it->count * it->size;
	}
	pprof_text_printf(out, "heap profile: ");
	heap_numbers(out, live, live_bytes, count, bytes + (bytes == live_bytes));
	pprof_text_printf(out, " @ heap/%" PRId64 "\n", 2 * s->sample_rate);
}

static void one_stat(struct pprof_text *out, const char *name, int64_t value)
{
	if (value != GSNAP_UNKNOWN)
		pprof_text_printf(out, "# %s = %" PRId64 "\n", name, value);
}

static void heap_tail(const struct gsnap *s, struct pprof_text *out)
{
	pprof_text_printf(out, "\n# runtime.MemStats\n");
	one_stat(out, "TotalAlloc", s->stats.total_alloc);
	one_stat(out, "HeapInuse", s->stats.heap_inuse);
	one_stat(out, "NextGC", s->stats.heap_goal);
	one_stat(out, "PauseTotalNs", s->stats.gc_pause_total_ns);
	one_stat(out, "NumGC", s->stats.num_gc);
}

/* What Go samples of mutexes is not known from outside. */
static void contention_head(
	const struct profile_kind *k, const struct gsnap *s, struct pprof_text *out)
{
	bool mutex = k->recorded == PROBE_PROFILE_MUTEX;
	pprof_text_printf(
		out, "--- %s:\ncycles/second=1000000000\n", mutex ? "mutex" : "contention");
	if (mutex && s->kind == GSNAP_GORT)
		pprof_text_printf(out, "sampling period=%" PRId64 "\n", s->sample_rate);
}

static int samples_text(const struct profile_kind *k, const struct gsnap *s,
	struct gsnap_sample *sorted, struct pprof_text *out)
{
	bool heap = k->recorded == PROBE_PROFILE_HEAP;
	if (heap)
		heap_head(s, out);
	else if (k->pprof == PPROF_CONTENTION)
		contention_head(k, s, out);
	else
		pprof_text_printf(out, "threadcreate profile: total %" PRIu32 "\n", s->nsamples);
	qsort(sorted, s->nsamples, sizeof *sorted, heap ? by_in_use : by_delay);
	int rc = 0;
	for (uint32_t i = 0; i < s->nsamples && !rc; i++) {
		const struct gsnap_sample *it = &sorted[i];
		if (heap)
			heap_numbers(out, it->count - it->freed, in_use(it), it->count,
				it->count * it->size);
		else if (k->pprof == PPROF_CONTENTION)
			pprof_text_printf(out, "%" PRId64 " %" PRId64, it->delay_ns, it->count);
		else
			pprof_text_printf(out, "%" PRId64, it->count);
		rc = pprof_stack_text(s, it->stack, k->pprof == PPROF_CONTENTION, out);
	}
	if (heap)
		heap_tail(s, out);
	return rc;
}

int profile_text(const struct profile_kind *k, const struct gsnap *s, struct pprof_text *out)
{
	if (k->recorded == GOROUTINES)
		return pprof_goroutines_text(s, k->pprof, out);
	struct gsnap_sample *sorted = calloc(s->nsamples + 1, sizeof *sorted);
	if (!sorted)
		return -ENOMEM;
	if (s->nsamples)
		memcpy(sorted, s->samples, s->nsamples * sizeof *sorted);
	int rc = samples_text(k, s, sorted, out);
	free(sorted);
	return rc ? rc : out->oom ? -ENOMEM : 0;
}
