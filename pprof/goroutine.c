/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goroutine.c - the goroutine profile of a snapshot.
 *
 * What runtime/pprof counts, counts here: every goroutine that the program started, none that the
 * runtime started for itself, none that is dead. A goroutine that moved while it was read has no
 * stack; it is counted under one made-up frame, so that totals are true.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "pprof/pprof.h"

enum { LINES_MAX = 64, STACK_MAX = 512 };

static const char no_stack[] = "[stack not read]";

static bool counted(const struct gsnap_g *gp)
{
	return !(gp->flags & GSNAP_G_SYSTEM) && gp->status != GSTATUS_IDLE &&
	       gp->status != GSTATUS_DEAD && gp->status != GSTATUS_DEADEXTRA;
}

static uint64_t add_location(struct pprof *p, const struct gsnap *s, uint32_t i)
{
	const struct gsnap_loc *loc = &s->locs[i];
	struct pprof_line lines[LINES_MAX];
	size_t n = 0;
	for (; n < loc->nframes && n < LINES_MAX; n++) {
		const struct gsnap_frame *f = &s->frames[loc->frame + n];
		lines[n] = (struct pprof_line){f->func, f->file, f->line};
	}
	return pprof_location(p, loc->callsite && loc->pc ? loc->pc - 1 : loc->pc, lines, n);
}

/* Counts goroutines on one stack; a stack beyond the bound loses its outermost frames. */
static void add_sample(struct pprof *p, const struct gsnap *s, uint32_t stack, int64_t goroutines,
	const char *name)
{
	uint64_t locs[STACK_MAX];
	size_t n = 0;
	if (stack < s->nstacks) {
		const struct gsnap_stack *k = &s->stacks[stack];
		for (; n < k->nlocs && n < STACK_MAX; n++)
			locs[n] = add_location(p, s, s->stack_locs[k->loc + n]);
	}
	if (n == 0)
		locs[n++] = pprof_location(p, 0, &(struct pprof_line){no_stack, NULL, 0}, 1);
	pprof_sample(p, locs, n, &goroutines, name ? "name" : NULL, name);
}

/*
 * Goroutines without a name are first counted per stack of the snapshot, so that a million of them
 * on 70 stacks cost 70 samples; the last count is of those that have no stack.
 */
static int add_goroutines(struct pprof *p, const struct gsnap *s)
{
	int64_t *unnamed = calloc((size_t)s->nstacks + 1, sizeof *unnamed);
	if (!unnamed)
		return -ENOMEM;
	for (uint32_t i = 0; i < s->ngs; i++) {
		const struct gsnap_g *gp = &s->gs[i];
		uint32_t stack = gp->stack < s->nstacks ? gp->stack : s->nstacks;
		if (!counted(gp))
			continue;
		if (gp->name)
			add_sample(p, s, stack, 1, gp->name);
		else
			unnamed[stack]++;
	}
	for (uint32_t k = 0; k <= s->nstacks; k++)
		if (unnamed[k])
			add_sample(p, s, k, unnamed[k], NULL);
	free(unnamed);
	return 0;
}

static int64_t now_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int pprof_goroutines(const struct gsnap *s, unsigned char **out, size_t *len)
{
	struct pprof *p = pprof_new(PPROF_GOROUTINE, 1);
	if (!p)
		return -ENOMEM;
	int64_t age = s->when ? now_ns(CLOCK_MONOTONIC) - s->when : 0;
	pprof_set_time(p, now_ns(CLOCK_REALTIME) - age, 0);
	for (uint32_t i = 0; i < s->nmaps; i++)
		pprof_add_mapping(p, &s->maps[i]);
	int err = add_goroutines(p, s);
	if (!err)
		err = pprof_encode(p, out, len);
	pprof_free(p);
	return err;
}
