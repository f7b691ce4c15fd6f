/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gocpu.c - CPU profiles of Go processes: samples of perfsample.c, unwound by the tables of Go's
 * runtime as a parked goroutine's stack is. Where that is deeper than the copy in a sample, the
 * kernel's walk along frame pointers has the rest, of 127 frames in all (perf_event_max_stack): all
 * that Go's own profiles have are 128.
 *
 * Labels are those that the goroutine has when the sample is read, which wakes gort: a moment
 * later, so that a goroutine that has just been given others counts for those. Go code has its g in
 * R14, and the process's memory must agree that this g, or the one that it works for, runs there.
 */
#include "gocpu.h"
#include "golabels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "perfsample.h"

#define STACK_COPY 8192u

/* PERF_REG_X86_BP, SP, IP and R14 (asm/perf_regs.h): in a sample in this order. */
enum { REG_BP, REG_SP, REG_IP, REG_G };
#define REGS_MASK (1u << 6 | 1u << 7 | 1u << 8 | 1u << 22)
#define M_G0      0

struct gocpu {
	struct gsnap samples;
	struct gounwind unwind;
	struct target own; /* the sampling thread's way to read memory: others read meanwhile */
	struct gotarget reader;
	struct golabels *labels;
	struct perfsample *events;
};

/* C code, the vDSO, the kernel: as in Go's own profiles. */
static uint32_t external(struct gocpu *c)
{
	static const char name[] = "runtime._ExternalCode";
	uint32_t loc = gsnap_find_loc(&c->samples, 1, false);
	if (loc != GSNAP_NONE)
		return loc;
	loc = gsnap_add_loc(&c->samples, 1, 1, false);
	if (loc != GSNAP_NONE)
		gsnap_add_frame(
			&c->samples, gsnap_str(&c->samples, name, sizeof name - 1), NULL, 0, false);
	return loc;
}

/* 1: the stack ends in goexit, which Go's profiles leave out. */
static uint32_t outermost(const struct gocpu *c, const struct goframes *fr)
{
	const struct gsnap_loc *loc = &c->samples.locs[fr->locs[fr->n - 1]];
	const char *name = loc->nframes ? c->samples.frames[loc->frame].func : "";
	return fr->n > 1 && !strcmp(name, "runtime.goexit");
}

/*
 * How many entries of the chain the frames that are known cover, 0 if it is not theirs. Without its
 * own frame yet, or at all, the leaf has hidden its caller from the kernel.
 */
static size_t covered(const struct gocpu *c, const struct perfsample_at *at)
{
	const struct goframes *fr = &c->unwind.frames;
	for (uint32_t hidden = 0; hidden < 2 && hidden < fr->n; hidden++) {
		uint32_t i = 1 + hidden;
		if (fr->n - hidden > at->nchain)
			continue;
		while (i < fr->n && c->samples.locs[fr->locs[i]].pc == at->chain[i - hidden])
			i++;
		if (i == fr->n)
			return fr->n - hidden;
	}
	return 0;
}

/*
 * The goroutine that the code runs for: g itself, if only on g0's stack for a call of the vDSO, or
 * that of g0's thread. The two point to each other, as nothing does that is no g and m.
 */
static uint64_t running(const struct gotarget *g, uint64_t gp)
{
	uint64_t m = gp % 8 ? 0 : target_word(g->t, gp + G_M);
	uint64_t curg = m ? target_word(g->t, m + g->lay->m_curg) : 0;
	bool works =
		curg && target_word(g->t, m + M_G0) == gp && target_word(g->t, curg + G_M) == m;
	return curg == gp || works ? curg : 0;
}

static void find_labels(struct gocpu *c, const struct perfsample_at *at, struct perfsample_found *f)
{
	const struct gotarget *g = &c->reader;
	uint64_t gp = running(g, at->regs[REG_G]);
	uint64_t labels = gp ? target_word(g->t, gp + g->lay->g_labels) : 0;
	if (labels)
		f->set = golabels_now(c->labels, labels, &f->labels, &f->nlabels);
}

static uint32_t stack_of(struct gocpu *c, const struct perfsample_at *at)
{
	struct gostack stack = {.pc = at->regs[REG_IP],
		.sp = at->regs[REG_SP],
		.mem = at->stack,
		.len = at->len,
		.trap = true};
	gounwind_stack(&c->unwind, &stack);
	const struct goframes *fr = &c->unwind.frames;
	size_t from = fr->cut && !fr->elided ? covered(c, at) : 0;
	if (from)
		gounwind_append(&c->unwind, at->chain + from, at->nchain - from);
	if (fr->n)
		return gsnap_add_stack(&c->samples, fr->locs, fr->n - outermost(c, fr));
	uint32_t loc = external(c);
	return loc == GSNAP_NONE ? loc : gsnap_add_stack(&c->samples, &loc, 1);
}

static struct perfsample_found look(void *ctx, const struct perfsample_at *at)
{
	struct gocpu *c = ctx;
	struct perfsample_found found = {0};
	find_labels(c, at, &found); /* first: they may change */
	found.stack = stack_of(c, at);
	return found;
}

static void release(struct gocpu *c)
{
	golabels_close(c->labels);
	target_fini(&c->own);
	gounwind_free(&c->unwind);
	gsnap_free(&c->samples);
	free(c);
}

int gocpu_start(const struct gotarget *g, unsigned hz, struct gocpu **out)
{
	struct gocpu *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	struct perfsample_how how = {.hz = hz,
		.regs = REGS_MASK,
		.stack = STACK_COPY,
		.chain = true,
		.samples = &c->samples,
		.look = look,
		.ctx = c};
	gsnap_init(&c->samples, GSNAP_GO);
	gounwind_init(&c->unwind, g, &c->samples);
	c->unwind.symbols = true;
	target_init(&c->own, g->t->pid, g->t->proc);
	c->reader = *g;
	c->reader.t = &c->own;
	c->labels = golabels_open(&c->reader, &c->samples);
	int err = c->labels ? perfsample_start(g->t, &how, &c->events) : -ENOMEM;
	if (err)
		release(c);
	else
		*out = c;
	return err;
}

int gocpu_stop(struct gocpu *c, struct gsnap *out, uint64_t *lost)
{
	*lost = perfsample_stop(c->events);
	int err = c->samples.oom ? -ENOMEM : 0;
	*out = c->samples;
	gsnap_init(&c->samples, GSNAP_GO);
	release(c);
	return err;
}
