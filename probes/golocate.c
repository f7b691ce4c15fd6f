/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golocate.c - finds the variables of Go's runtime in a process that may be stripped.
 *
 * Data symbols are not in pclntab, functions are: for each variable there is a list of functions
 * known to use it, whose references (gorefs.c) are checked against live memory (gocheck.c) in turn.
 * A function can be inlined or dropped by the linker (runtime.readmemstats_m in terraform), hence a
 * list; where all fail, every word of the module's data is checked instead. Wait reasons are read
 * from the target itself: their numbers moved in 1.24, 1.25 and 1.26.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gotarget.h"

#define MAX_FUNCS 5

struct variable {
	const char *name;
	size_t field; /* in struct goglobals */
	const char *funcs[MAX_FUNCS];
	bool (*check)(const struct gotarget *, uint64_t);
	unsigned back; /* code may address the middle of it: try this many bytes before, too */
};

#define VAR(v) .name = "runtime." #v, .field = offsetof(struct goglobals, v)

static const struct variable variables[] = {
	{VAR(allgs), {"runtime.allgadd", "runtime.forEachG", "runtime.schedinit"}, gocheck_allgs,
		0},
	{VAR(allp), {"runtime.procresize", "runtime.schedinit", "runtime.retake"}, gocheck_allp,
		16},
	{VAR(allm), {"runtime.mcommoninit", "runtime.checkdead", "runtime.allocm"}, gocheck_allm,
		0},
	{VAR(gccontroller),
		{"runtime.gcinit", "runtime.gcControllerCommit", "runtime.schedinit",
			"runtime.gcStart"},
		gocheck_gccontroller, 0},
	{VAR(memstats),
		{"runtime.readmemstats_m", "runtime.gcMarkTermination",
			"runtime.gcMarkTermination.func1", "runtime.(*mheap).allocSpan",
			"runtime.main"},
		gocheck_memstats, 0},
};

#define NVARS (sizeof variables / sizeof *variables)

static uint64_t *field_of(struct gotarget *g, const struct variable *v)
{
	return (uint64_t *)((char *)&g->glob + v->field);
}

static uint64_t check_refs(
	const struct gotarget *g, const struct variable *v, const struct goref *refs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (unsigned back = 0; back <= v->back; back += 8)
			if (v->check(g, refs[i].at - back))
				return refs[i].at - back;
	return 0;
}

static void locate_by_refs(struct gotarget *g, struct goref *refs)
{
	for (size_t k = 0; k < NVARS; k++) {
		const struct variable *v = &variables[k];
		uint32_t idx[MAX_FUNCS];
		const char *names[MAX_FUNCS];
		size_t n = 0;
		while (n < MAX_FUNCS && v->funcs[n]) {
			names[n] = v->funcs[n];
			n++;
		}
		pclntab_lookup(&g->tab, names, idx, n);
		for (size_t i = 0; i < n && !*field_of(g, v); i++)
			*field_of(g, v) =
				check_refs(g, v, refs, gorefs(g, idx[i], refs, GO_MAX_REFS));
	}
}

/* schedinit stores 10000 into sched.maxmcount; casgstatus must agree on where timeToRun is. */
static void locate_sched(struct gotarget *g, struct goref *refs)
{
	static const char *const names[] = {"runtime.schedinit", "runtime.casgstatus"};
	uint32_t idx[2];
	pclntab_lookup(&g->tab, names, idx, 2);
	size_t n = gorefs(g, idx[0], refs, GO_MAX_REFS);
	for (size_t i = 0; i < n && !g->glob.sched; i++) {
		uint64_t at = refs[i].at - g->lay->s_maxmcount;
		if (refs[i].opcode == 0xc7 && refs[i].imm == 10000 && gocheck_sched(g, at))
			g->glob.sched = at;
	}
	n = gorefs(g, idx[1], refs, GO_MAX_REFS);
	bool agrees = false;
	for (size_t i = 0; i < n; i++)
		agrees |= refs[i].at == g->glob.sched + g->lay->s_timetorun;
	if (g->guess && !agrees)
		g->glob.sched = 0;
}

/* allgptr and allglen are what atomicAllG reads without a lock; allgadd keeps them beside allgs. */
static void locate_allgptr(struct gotarget *g, struct goref *refs)
{
	static const char *const name = "runtime.allgadd";
	uint32_t idx;
	uint64_t slice[2];
	if (!g->glob.allgs || !target_read(g->t, g->glob.allgs, slice, sizeof slice))
		return;
	pclntab_lookup(&g->tab, &name, &idx, 1);
	size_t n = gorefs(g, idx, refs, GO_MAX_REFS);
	for (size_t i = 0; i < n; i++) {
		uint64_t at = refs[i].at;
		if (at >= g->glob.allgs && at < g->glob.allgs + 24)
			continue;
		uint64_t v = target_word(g->t, at);
		if (v == slice[0])
			g->glob.allgptr = at;
		else if (v == slice[1])
			g->glob.allglen = at;
	}
}

/* Copies a range of the target; holes read as zeros. NULL when out of memory. */
static uint8_t *copy_range(const struct gotarget *g, struct range r, size_t *len)
{
	enum { PIECE = 1 << 20 };
	*len = r.hi > r.lo ? r.hi - r.lo : 0;
	uint8_t *copy = calloc(*len + 1, 1);
	for (size_t off = 0; copy && off < *len; off += PIECE) {
		size_t n = *len - off < PIECE ? *len - off : PIECE;
		if (!target_read(g->t, r.lo + off, copy + off, n))
			memset(copy + off, 0, n);
	}
	return copy;
}

/* A cheap look before the check proper: slices, pointers and small numbers all have a low top. */
static bool worth_checking(const uint8_t *p)
{
	uint64_t w[2];
	memcpy(w, p, sizeof w);
	return w[0] && w[0] < 1ull << 47 && w[1] && w[1] < 1ull << 63;
}

static void locate_by_scan(struct gotarget *g)
{
	size_t len;
	uint64_t lo = g->md.data.lo;
	uint8_t *copy = copy_range(g, g->md.data, &len);
	for (size_t off = 0; copy && off + 24 <= len; off += 8) {
		if (!worth_checking(copy + off))
			continue;
		for (size_t k = 0; k < NVARS; k++)
			if (!*field_of(g, &variables[k]) &&
				variables[k].check != gocheck_memstats &&
				variables[k].check(g, lo + off))
				*field_of(g, &variables[k]) = lo + off;
	}
	free(copy);
}

/* The table of names starts {"", 0}, {"GC assist marking", 17}. */
static bool is_reason_table(const struct gotarget *g, const uint8_t *p)
{
	static const char second[] = "GC assist marking";
	uint64_t w[4];
	char text[sizeof second];
	memcpy(w, p, sizeof w);
	return !w[1] && w[3] == sizeof second - 1 && w[2] > 4096 &&
	       target_read(g->t, w[2], text, sizeof second - 1) &&
	       !memcmp(text, second, sizeof second - 1);
}

static bool read_reason(struct gotarget *g, const uint8_t *p, char *out, size_t size)
{
	uint64_t w[2];
	memcpy(w, p, sizeof w);
	out[0] = '\0';
	if (!w[1])
		return true;
	if (w[1] >= size || !target_read(g->t, w[0], out, w[1]))
		return false;
	out[w[1]] = '\0';
	for (size_t i = 0; i < w[1]; i++)
		if (out[i] < ' ' || out[i] > '~')
			return false;
	return true;
}

static void read_reasons(struct gotarget *g, const uint8_t *table, size_t len)
{
	while (g->nreasons < GO_MAX_REASONS && (g->nreasons + 1) * 16 <= len) {
		char *out = g->reasons[g->nreasons];
		const uint8_t *p = table + g->nreasons * 16;
		if (!read_reason(g, p, out, sizeof *g->reasons) || (g->nreasons && !out[0]))
			break;
		g->nreasons++;
	}
	if (g->nreasons < GO_MAX_REASONS)
		g->reasons[g->nreasons][0] = '\0';
}

static void locate_reasons(struct gotarget *g)
{
	size_t len;
	struct range data = g->md.sections[GO_SECTION_DATA];
	uint8_t *copy = copy_range(g, data, &len);
	for (size_t off = 0; copy && off + 32 <= len && !g->glob.waitreasons; off += 8) {
		if (is_reason_table(g, copy + off)) {
			g->glob.waitreasons = data.lo + off;
			read_reasons(g, copy + off, len - off);
		}
	}
	free(copy);
}

static int by_pid(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

int golocate(struct gotarget *g)
{
	struct goref *refs = malloc(GO_MAX_REFS * sizeof *refs);
	if (!refs)
		return -ENOMEM;
	g->ntids = target_threads(g->t, &g->tids);
	qsort(g->tids, g->ntids, sizeof *g->tids, by_pid);
	locate_by_refs(g, refs);
	locate_sched(g, refs);
	if (!g->glob.allgs || !g->glob.allm || !g->glob.allp)
		locate_by_scan(g);
	locate_allgptr(g, refs);
	locate_reasons(g);
	free(refs);
	free(g->tids);
	g->tids = NULL;
	g->ntids = 0;
	bool proven = !g->guess || (g->glob.sched && g->glob.allm && g->glob.allp);
	return g->glob.allgs && proven ? 0 : -EPROTO;
}
