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
	{VAR(mheap_),
		{"runtime.mallocinit", "runtime.(*mcache).refill", "runtime.bgsweep",
			"runtime.sweepone", "runtime.schedinit"},
		gocheck_mheap, 0},
};

#define NVARS (sizeof variables / sizeof *variables)

/* The functions that are looked at, all found in one pass over the table. */
struct known {
	const char *names[NVARS * MAX_FUNCS + 4];
	uint32_t idx[NVARS * MAX_FUNCS + 4];
	size_t n;
};

static void find_functions(const struct gotarget *g, struct known *k)
{
	static const char *const others[] = {
		"runtime.schedinit", "runtime.casgstatus", "runtime.gcStart", "runtime.allgadd"};
	k->n = 0;
	for (size_t i = 0; i < NVARS; i++)
		for (size_t f = 0; f < MAX_FUNCS && variables[i].funcs[f]; f++)
			k->names[k->n++] = variables[i].funcs[f];
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		k->names[k->n++] = others[i];
	pclntab_lookup(&g->tab, k->names, k->idx, k->n);
}

/* What a function of that name refers to. */
static size_t refs_of(
	const struct gotarget *g, const struct known *k, const char *name, struct goref *refs)
{
	for (size_t i = 0; i < k->n; i++)
		if (!strcmp(k->names[i], name))
			return gorefs(g, k->idx[i], refs, GO_MAX_REFS);
	return 0;
}

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

static void locate_by_refs(struct gotarget *g, const struct known *known, struct goref *refs)
{
	for (size_t k = 0; k < NVARS; k++) {
		const struct variable *v = &variables[k];
		for (size_t i = 0; i < MAX_FUNCS && v->funcs[i] && !*field_of(g, v); i++)
			*field_of(g, v) =
				check_refs(g, v, refs, refs_of(g, known, v->funcs[i], refs));
	}
}

/* schedinit stores 10000 into sched.maxmcount; casgstatus must agree on where timeToRun is. */
static void locate_sched(struct gotarget *g, const struct known *known, struct goref *refs)
{
	size_t n = refs_of(g, known, "runtime.schedinit", refs);
	for (size_t i = 0; i < n && !g->glob.sched; i++) {
		uint64_t at = refs[i].at - g->lay->s_maxmcount;
		if (refs[i].opcode == 0xc7 && refs[i].imm == 10000 && gocheck_sched(g, at))
			g->glob.sched = at;
	}
	n = refs_of(g, known, "runtime.casgstatus", refs);
	bool agrees = false;
	for (size_t i = 0; i < n; i++)
		agrees |= refs[i].at == g->glob.sched + g->lay->s_timetorun;
	if (g->guess && !agrees)
		g->glob.sched = 0;
}

/*
 * gcStart uses many members of `work`, so the one address from which most of them are that far away
 * is its own: no value is needed, and before the first cycle there is none.
 */
static void locate_work(struct gotarget *g, const struct known *known, struct goref *refs)
{
	const struct golayout *l = g->lay;
	const uint32_t members[] = {l->w_cycles, l->w_stwprocs, l->w_maxprocs, l->w_sweepterm,
		l->w_pausens, l->w_heap0};
	enum { NMEMBERS = sizeof members / sizeof *members, ENOUGH = 5 };
	size_t n = refs_of(g, known, "runtime.gcStart", refs);
	for (size_t i = 0; i < n && !g->glob.work; i++) {
		uint64_t at = refs[i].at - members[0];
		unsigned seen = 0;
		for (size_t m = 0; m < NMEMBERS; m++) {
			bool found = false;
			for (size_t k = 0; k < n && !found; k++)
				found = refs[k].at == at + members[m];
			seen += found;
		}
		if (seen >= ENOUGH)
			g->glob.work = at;
	}
}

/* allgptr and allglen are what atomicAllG reads without a lock; allgadd keeps them beside allgs. */
static void locate_allgptr(struct gotarget *g, const struct known *known, struct goref *refs)
{
	uint64_t slice[2];
	if (!g->glob.allgs || !target_read(g->t, g->glob.allgs, slice, sizeof slice))
		return;
	size_t n = refs_of(g, known, "runtime.allgadd", refs);
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

/*
 * A range of the target, copied piece by piece: a damaged module may claim gigabytes that are not
 * there. A piece goes on into the next one by OVERLAP, for what begins near its end.
 */
enum { PIECE = 1 << 20, OVERLAP = 1024 };

struct piece {
	uint64_t at, next; /* next: where the following one starts */
	size_t len;
	uint8_t *bytes;
};

/* The next piece that can be read; false at the end, with p->bytes freed. */
static bool next_piece(const struct gotarget *g, struct range r, struct piece *p)
{
	if (!p->bytes)
		*p = (struct piece){.next = r.lo, .bytes = malloc(PIECE + OVERLAP)};
	while (p->bytes && p->next < r.hi) {
		uint64_t rest = r.hi - p->next;
		p->at = p->next;
		p->next += PIECE;
		p->len = rest < PIECE + OVERLAP ? rest : PIECE + OVERLAP;
		if (target_read(g->t, p->at, p->bytes, p->len))
			return true;
		p->len = rest < PIECE ? rest : PIECE;
		if (target_read(g->t, p->at, p->bytes, p->len))
			return true;
	}
	free(p->bytes);
	p->bytes = NULL;
	return false;
}

/* A cheap look before the check proper: slices, pointers and small numbers all have a low top. */
static bool worth_checking(const uint8_t *p)
{
	uint64_t w[2];
	memcpy(w, p, sizeof w);
	return w[0] && w[0] < 1ull << 47 && w[1] && w[1] < 1ull << 63;
}

static void check_all(struct gotarget *g, uint64_t at)
{
	for (size_t k = 0; k < NVARS; k++)
		if (!*field_of(g, &variables[k]) && variables[k].check != gocheck_memstats &&
			variables[k].check(g, at))
			*field_of(g, &variables[k]) = at;
}

static void locate_by_scan(struct gotarget *g)
{
	struct piece p = {0};
	while (next_piece(g, g->md.data, &p))
		for (size_t off = 0; off < PIECE && off + 24 <= p.len; off += 8)
			if (worth_checking(p.bytes + off))
				check_all(g, p.at + off);
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

/* A dbgVar of the runtime is its name, an int32 pointer, a pointer to an atomic.Int32. */
static uint64_t label_switch(const struct gotarget *g, const uint8_t *p)
{
	static const char name[] = "tracebacklabels";
	uint64_t w[4];
	size_t avail;
	memcpy(w, p, sizeof w);
	if (w[1] != sizeof name - 1 || w[2])
		return 0;
	const uint8_t *text = elf_at(&g->elf, w[0] - g->bias, &avail);
	return text && avail >= w[1] && !memcmp(text, name, w[1]) ? w[3] : 0;
}

/* What is found by its content in the initialised data. */
static void locate_by_content(struct gotarget *g)
{
	struct piece p = {0};
	while (next_piece(g, g->md.sections[GO_SECTION_DATA], &p)) {
		for (size_t off = 0; off < PIECE && off + 32 <= p.len; off += 8) {
			if (!g->glob.waitreasons && is_reason_table(g, p.bytes + off)) {
				g->glob.waitreasons = p.at + off;
				read_reasons(g, p.bytes + off, p.len - off);
			}
			if (!g->glob.tracebacklabels)
				g->glob.tracebacklabels = label_switch(g, p.bytes + off);
		}
	}
}

static int by_pid(const void *a, const void *b)
{
	return *(const pid_t *)a - *(const pid_t *)b;
}

int golocate(struct gotarget *g)
{
	struct known known;
	struct goref *refs = malloc(GO_MAX_REFS * sizeof *refs);
	if (!refs)
		return -ENOMEM;
	g->ntids = target_threads(g->t, &g->tids);
	if (g->ntids)
		qsort(g->tids, g->ntids, sizeof *g->tids, by_pid);
	find_functions(g, &known);
	locate_by_refs(g, &known, refs);
	locate_sched(g, &known, refs);
	locate_work(g, &known, refs);
	if (!g->glob.allgs || !g->glob.allm || !g->glob.allp)
		locate_by_scan(g);
	locate_allgptr(g, &known, refs);
	locate_by_content(g);
	free(refs);
	free(g->tids);
	g->tids = NULL;
	g->ntids = 0;
	bool proven = !g->guess || (g->glob.sched && g->glob.allm && g->glob.allp);
	return g->glob.allgs && proven ? 0 : -EPROTO;
}
