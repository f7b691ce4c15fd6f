/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gocpu.c - CPU profiles of Go processes: samples of perfsample.c, unwound by the tables of Go's
 * runtime as a parked goroutine's stack is. Where that is deeper than the copy in a sample, the
 * kernel's walk along frame pointers has the rest, of 127 frames in all (perf_event_max_stack): all
 * that Go's own profiles have are 128.
 */
#include "gocpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "perfsample.h"

#define STACK_COPY 8192u

/* PERF_REG_X86_BP, SP and IP (asm/perf_regs.h): in a sample in this order. */
enum { REG_BP, REG_SP, REG_IP };
#define REGS_MASK (1u << 6 | 1u << 7 | 1u << 8)

struct gocpu {
	struct gsnap samples;
	struct gounwind unwind;
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

static uint32_t stack_of(void *ctx, const struct perfsample_at *at)
{
	struct gocpu *c = ctx;
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

static void release(struct gocpu *c)
{
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
		.stack_of = stack_of,
		.ctx = c};
	gsnap_init(&c->samples, GSNAP_GO);
	gounwind_init(&c->unwind, g, &c->samples);
	c->unwind.symbols = true;
	int err = perfsample_start(g->t, &how, &c->events);
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
