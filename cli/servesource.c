/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * servesource.c - what `gort serve` can read of a process for each path of /debug/pprof.
 *
 * Goroutines are looked at from outside at any time, and what a program samples of itself
 * (allocations, blocking, mutexes, threads) is read out of its memory. CPU time is sampled by the
 * kernel. An execution trace is written by Go's runtime inside the process when something there
 * asks for it: that path answers with an error that says so, never with an empty trace. gc=1, for
 * which Go collects first, is not heeded: gort changes nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "err.h"
#include "interrupt.h"
#include "profile.h"
#include "serve.h"
#include "stacktext.h"

/* The table of profiles, as the index wants it. */
static const struct pprof_profile *profiles(void)
{
	static struct pprof_profile names[16];
	for (size_t i = 0; profile_kinds[i].name && i + 1 < sizeof names / sizeof *names; i++)
		names[i] = (struct pprof_profile){
			profile_kinds[i].name, profile_kinds[i].description, true};
	return names;
}

static int take(struct serve_target *st, const struct profile_kind *k, unsigned what,
	struct gsnap *s, char *why, size_t size)
{
	struct gsnap_err err = {0};
	int rc = profile_take(st->o, &st->t, k, what, s, &err);
	if (rc)
		snprintf(why, size, "gort cannot read the profile: %s%s%s", err.what,
			err.why[0] ? ": " : "", err.why);
	st->gone |= rc && err.code == CLI_GONE;
	return rc;
}

/* A goroutine that is leaked is proved to be so when that is asked for, not for the index. */
static int count(void *ctx, const char *name)
{
	const struct serve_look *look = ctx;
	const struct profile_kind *k = profile_by_name(name);
	struct gsnap s;
	char why[256];
	if (!k || k->pprof == PPROF_GOROUTINELEAK || take(look->st, k, 0, &s, why, sizeof why))
		return -1;
	int64_t n = profile_count(k, &s);
	gsnap_free(&s);
	return n < INT32_MAX ? (int)n : INT32_MAX;
}

static int unreadable(const struct pprof_request *r, char *why, size_t size)
{
	snprintf(why, size,
		"gort cannot take a %s from outside: only the process itself can start its "
		"recording, and gort changes nothing in it",
		r->name);
	return -ENOTSUP;
}

static int say(struct serve_target *st, int rc, const struct gsnap_err *err, char *why, size_t size)
{
	if (rc)
		snprintf(why, size, "%s%s%s", err->what, err->why[0] ? ": " : "", err->why);
	st->gone |= rc && err->code == CLI_GONE;
	return rc;
}

static int begin_cpu(struct serve_look *look, char *why, size_t size)
{
	struct serve_target *st = look->st;
	struct gsnap_err err = {0};
	look->since = monotonic_now();
	return say(st, profile_cpu_start(st->o, &st->t, &look->cpu, &err), &err, why, size);
}

static int end_cpu(struct serve_look *look, struct pprof_text *body, char *why, size_t size)
{
	struct gsnap_err err = {0};
	struct gsnap s;
	unsigned char *data;
	size_t len;
	int64_t ns = monotonic_now() - look->since;
	int rc = probe_cpu_stop(look->st->t.probe, look->cpu, PROBE_MAPS, &s, &err);
	look->cpu = NULL;
	if (!rc && !(rc = profile_encode_cpu(&s, ns, &data, &len))) {
		pprof_text_add(body, data, len);
		free(data);
	}
	gsnap_free(&s);
	return say(look->st, rc, &err, why, size);
}

static int begin(void *ctx, const struct pprof_request *r, char *why, size_t size)
{
	struct serve_look *look = ctx;
	const struct profile_kind *k = profile_by_name(r->name);
	if (!strcmp(r->name, "profile"))
		return begin_cpu(look, why, size);
	if (!k)
		return unreadable(r, why, size);
	int rc = take(look->st, k, PROBE_MAPS | PROBE_SYMBOLS, &look->before, why, size);
	look->has_before = !rc;
	return rc;
}

static int dump(const struct gsnap *s, struct pprof_text *body)
{
	static struct out out;
	char *text;
	size_t len;
	bool first = true;
	out_memory(&out);
	for (uint32_t i = 0; i < s->ngs; i++) {
		if (!pprof_counts(&s->gs[i]))
			continue;
		if (!first)
			out_text(&out, "\n");
		first = false;
		print_goroutine(&out, s, &s->gs[i], false);
	}
	if (out_take(&out, &text, &len))
		return -ENOMEM;
	pprof_text_add(body, text, len);
	free(text);
	return 0;
}

static int encode(const struct serve_look *look, const struct profile_kind *k,
	const struct gsnap *s, struct pprof_text *body)
{
	unsigned char *data;
	size_t len;
	int rc = profile_encode(k, look->has_before ? &look->before : NULL, s, &data, &len);
	if (rc)
		return rc;
	pprof_text_add(body, data, len);
	free(data);
	return 0;
}

/* debug=2 is a dump of goroutines where Go has one, and else as debug=1. */
static int profile(const struct serve_look *look, const struct profile_kind *k,
	const struct pprof_request *r, struct pprof_text *body, char *why, size_t size)
{
	struct gsnap s;
	unsigned what = r->debug == 0   ? PROBE_MAPS | PROBE_SYMBOLS
			: r->debug == 1 ? 0
					: PROBE_ARGS | PROBE_LABELS;
	int rc = take(look->st, k, what, &s, why, size);
	if (rc)
		return rc;
	if (r->debug >= 2 && k->recorded < 0)
		rc = dump(&s, body);
	else if (r->debug)
		rc = profile_text(k, &s, body);
	else
		rc = encode(look, k, &s, body);
	gsnap_free(&s);
	return rc;
}

/* The arguments with NULs between them, as the kernel keeps them but for the last one. */
static int cmdline(const struct serve_look *look, struct pprof_text *body)
{
	const char *proc = look->st->o->host_proc;
	char path[512], buf[4096];
	snprintf(path, sizeof path, "%s/%d/cmdline", proc ? proc : "/proc", look->st->t.pid);
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;)
		pprof_text_add(body, buf, n);
	fclose(f);
	if (body->len && !body->data[body->len - 1])
		body->len--;
	return 0;
}

/* "0x401000+0x402000" as the raw query. Only whether there are symbols matters of the number. */
static int symbol(const struct serve_look *look, const char *query, struct pprof_text *body)
{
	char name[1024];
	pprof_text_printf(body, "num_symbols: 1\n");
	for (const char *p = query; *p; p += *p == '+') {
		uint64_t pc = strtoull(p, NULL, 0);
		if (pc && probe_symbol(look->st->t.probe, pc, name, sizeof name))
			pprof_text_printf(body, "%#" PRIx64 " %s\n", pc, name);
		p += strcspn(p, "+");
	}
	return 0;
}

static int end(
	void *ctx, const struct pprof_request *r, struct pprof_text *body, char *why, size_t size)
{
	struct serve_look *look = ctx;
	const struct profile_kind *k = profile_by_name(r->name);
	if (k)
		return profile(look, k, r, body, why, size);
	if (look->cpu)
		return end_cpu(look, body, why, size);
	if (!strcmp(r->name, "cmdline"))
		return cmdline(look, body);
	if (!strcmp(r->name, "symbol"))
		return symbol(look, r->query, body);
	return unreadable(r, why, size);
}

static int metrics(void *ctx, struct pprof_text *body)
{
	return serve_metrics(((struct serve_look *)ctx)->st, body);
}

struct pprof_source serve_source(struct serve_look *look)
{
	return (struct pprof_source){.ctx = look,
		.profiles = profiles(),
		.count = count,
		.begin = begin,
		.end = end,
		.metrics = metrics};
}

void serve_look_free(struct serve_look *look)
{
	struct gsnap_err err;
	struct gsnap s;
	if (look->has_before)
		gsnap_free(&look->before);
	if (look->cpu) { /* nobody wants it any more */
		probe_cpu_stop(look->st->t.probe, look->cpu, 0, &s, &err);
		gsnap_free(&s);
	}
	look->has_before = false;
	look->cpu = NULL;
}

void serve_open(struct serve_target *st, const struct opts *o)
{
	st->o = o;
	topdata_init(&st->top, o, &st->t);
}

void serve_close(struct serve_target *st)
{
	topdata_free(&st->top);
	target_close(&st->t);
}
