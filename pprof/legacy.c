/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * legacy.c - the goroutine profile as text: what runtime/pprof writes for debug=1.
 *
 *	goroutine profile: total 4
 *	2 @ 0x448d31 0x48897d
 *	#	0x48897c	main.worker+0x3c	/src/main.go:12
 *
 * Its columns are those of Go's tabwriter with cells of 8: a cell is padded with tabs to the
 * width of the widest one above and below it, within one stack. One difference: Go gives an
 * inlined call a made-up address of its own, here it has the one of the code it is part of.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pprof/pprof.h"

#define FUNC_MAX 512
#define TAB      8

struct count {
	uint32_t stack; /* gsnap.nstacks: not known */
	uint32_t n;
};

static bool hidden(const char *func)
{
	return !strncmp(func, "runtime.", 8) || !strncmp(func, "internal/runtime/", 17);
}

static uint64_t call_pc(const struct gsnap_loc *loc)
{
	return loc->callsite && loc->pc ? loc->pc - 1 : loc->pc;
}

/* One line of a stack; widths are those of the address and function columns. */
struct row {
	char addr[24], func[FUNC_MAX];
	const struct gsnap_frame *f; /* NULL: a pc in no function */
};

struct rows {
	struct row *row;
	size_t n, cap;
};

static struct row *add_row(struct rows *rows)
{
	if (rows->n == rows->cap) {
		size_t cap = rows->cap ? rows->cap * 2 : 64;
		struct row *bigger = realloc(rows->row, cap * sizeof *bigger);
		if (!bigger)
			return NULL;
		rows->row = bigger;
		rows->cap = cap;
	}
	return &rows->row[rows->n++];
}

static int add_loc(
	struct rows *rows, const struct gsnap *s, const struct gsnap_loc *loc, bool *show)
{
	uint64_t pc = call_pc(loc);
	for (uint32_t i = 0; i < loc->nframes || (i == 0 && !loc->nframes); i++) {
		const struct gsnap_frame *f = loc->nframes ? &s->frames[loc->frame + i] : NULL;
		bool left_out = f && (!strcmp(f->func, "runtime.goexit") || pprof_wrapper(f));
		if (left_out || (f && !*show && hidden(f->func)))
			continue;
		struct row *r = add_row(rows);
		if (!r)
			return -ENOMEM;
		*show = true;
		r->f = f;
		snprintf(r->addr, sizeof r->addr, "%#" PRIx64, pc);
		if (f)
			snprintf(r->func, sizeof r->func, "%s+0x%" PRIx64, f->func,
				loc->entry && pc > loc->entry ? pc - loc->entry : 0);
	}
	return 0;
}

/* The frames a reader wants: the runtime's own at the leaf only when there are no others. */
static int collect(struct rows *rows, const struct gsnap *s, const struct gsnap_stack *k, bool all)
{
	for (int from = all; from < 2 && !rows->n; from++) {
		bool show = from;
		for (uint32_t i = 0; i < k->nlocs; i++)
			if (add_loc(rows, s, &s->locs[s->stack_locs[k->loc + i]], &show))
				return -ENOMEM;
	}
	return 0;
}

static bool only_wrapper(const struct gsnap *s, const struct gsnap_loc *loc)
{
	for (uint32_t i = 0; i < loc->nframes; i++)
		if (!pprof_wrapper(&s->frames[loc->frame + i]))
			return false;
	return loc->nframes > 0;
}

static size_t runes(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void put_cell(struct pprof_text *out, const char *text, size_t widest)
{
	size_t width = (widest + 1 + TAB - 1) / TAB * TAB, len = runes(text);
	pprof_text_add(out, text, strlen(text));
	for (size_t tabs = (width - len + TAB - 1) / TAB; tabs > 0; tabs--)
		pprof_text_add(out, "\t", 1);
}

/* Rows without a function end a block of columns: [from, returned) belong together. */
static size_t put_block(struct pprof_text *out, const struct rows *rows, size_t from)
{
	size_t end = from, addr = 0, func = 0;
	for (; end < rows->n && rows->row[end].f; end++) {
		size_t a = runes(rows->row[end].addr), f = runes(rows->row[end].func);
		addr = a > addr ? a : addr;
		func = f > func ? f : func;
	}
	for (size_t i = from; i < end; i++) {
		const struct row *r = &rows->row[i];
		pprof_text_printf(out, "#\t");
		put_cell(out, r->addr, addr);
		put_cell(out, r->func, func);
		pprof_text_printf(
			out, "%s:%" PRIu32 "\n", r->f->file ? r->f->file : "?", r->f->line);
	}
	return end;
}

int pprof_stack_text(const struct gsnap *s, uint32_t stack, bool all, struct pprof_text *out)
{
	static const struct gsnap_stack unknown;
	const struct gsnap_stack *k = stack < s->nstacks ? &s->stacks[stack] : &unknown;
	struct rows rows = {0};
	int err = collect(&rows, s, k, all);
	pprof_text_printf(out, " @");
	for (uint32_t i = 0; i < k->nlocs; i++) {
		const struct gsnap_loc *loc = &s->locs[s->stack_locs[k->loc + i]];
		if (!only_wrapper(s, loc))
			pprof_text_printf(out, " %#" PRIx64, loc->pc);
	}
	pprof_text_printf(out, "\n");
	for (size_t i = 0; i < rows.n;) {
		i = put_block(out, &rows, i);
		if (i < rows.n)
			pprof_text_printf(out, "#\t%s\n", rows.row[i++].addr);
	}
	pprof_text_printf(out, "\n");
	free(rows.row);
	return err;
}

static int most_first(const void *a, const void *b)
{
	const struct count *x = a, *y = b;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

int pprof_goroutines_text(const struct gsnap *s, enum pprof_kind kind, struct pprof_text *out)
{
	struct count *counts = calloc((size_t)s->nstacks + 1, sizeof *counts);
	uint32_t total = 0;
	int err = counts ? 0 : -ENOMEM;
	for (uint32_t i = 0; counts && i <= s->nstacks; i++)
		counts[i].stack = i;
	for (uint32_t i = 0; counts && i < s->ngs; i++) {
		if (!pprof_counts(&s->gs[i]))
			continue;
		counts[s->gs[i].stack < s->nstacks ? s->gs[i].stack : s->nstacks].n++;
		total++;
	}
	if (counts)
		qsort(counts, (size_t)s->nstacks + 1, sizeof *counts, most_first);
	pprof_text_printf(out, "%s profile: total %" PRIu32 "\n",
		kind == PPROF_GOROUTINE ? "goroutine" : "goroutineleak", total);
	for (uint32_t i = 0; counts && i <= s->nstacks && counts[i].n && !err; i++) {
		pprof_text_printf(out, "%" PRIu32, counts[i].n);
		err = pprof_stack_text(s, counts[i].stack, false, out);
	}
	free(counts);
	return err ? err : out->oom ? -ENOMEM : 0;
}
