/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortcpu.c - CPU profiles of programs on libgort: samples of perfsample.c, unwound by the call
 * frame information of the mapped files (cunwind.c), which stripped programs have too.
 *
 * While samples come only addresses are kept; they are named at the end, since the first look into
 * the debug information of a large program takes longer than a ring lasts. The files are opened at
 * the start, so that a program that ends meanwhile is no different. All of it is this profile's
 * own: other requests of `gort serve` go on in another thread.
 *
 * A stack that is deeper than the copy in a sample ends there. Its rest is not read from the
 * process: that has gone on, and would be another stack's. Nor does the kernel walk it along frame
 * pointers, as for Go: most C code has none.
 */
#include "gortcpu.h"

#include <asm/perf_regs.h>
#include <errno.h>
#include <stdlib.h>
#include "cunwind.h"
#include "gortread.h"
#include "mappings.h"
#include "perfsample.h"

#define STACK_COPY 16384u /* a ring then lasts for 0.3 s of a busy CPU */
#define MAX_FRAMES 512

/* In a sample in the order of their numbers. */
#define BIT(reg) (UINT64_C(1) << PERF_REG_X86_##reg)
#define REGS_MASK \
	(BIT(BX) | BIT(BP) | BIT(SP) | BIT(IP) | BIT(R12) | BIT(R13) | BIT(R14) | BIT(R15))
static const uint8_t sampled[] = {
	CREG_RBX, CREG_RBP, CREG_RSP, CREG_RA, CREG_R12, CREG_R12 + 1, CREG_R12 + 2, CREG_R12 + 3};

struct gortcpu {
	struct gsnap samples; /* locations have no names yet */
	struct modules *ms;
	struct cunwind *unwind;
	struct symbolizer *sym;
	struct perfsample *events;
};

static uint32_t add_stack(struct gsnap *s, const struct cframe *frames, size_t n)
{
	uint32_t locs[MAX_FRAMES];
	for (size_t i = 0; i < n; i++) {
		locs[i] = gsnap_find_loc(s, frames[i].pc, frames[i].callsite);
		if (locs[i] == GSNAP_NONE)
			locs[i] = gsnap_add_loc(s, frames[i].pc, 0, frames[i].callsite);
		if (locs[i] == GSNAP_NONE)
			return GSNAP_NONE;
	}
	return gsnap_add_stack(s, locs, (uint32_t)n);
}

static struct perfsample_found look(void *ctx, const struct perfsample_at *at)
{
	struct gortcpu *c = ctx;
	struct cframe frames[MAX_FRAMES];
	struct cregs regs = {.known = 0};
	size_t n;
	for (size_t i = 0; i < sizeof sampled; i++) {
		regs.r[sampled[i]] = at->regs[i];
		regs.known |= 1u << sampled[i];
	}
	uint64_t sp = regs.r[CREG_RSP];
	struct cstack stack = {
		.lo = sp, .hi = sp + at->len, .base = sp, .copy = at->stack, .len = at->len};
	if (!modules_at(c->ms, regs.r[CREG_RA]))
		modules_refresh(c->ms); /* a library may have been loaded since */
	cunwind_stack(c->unwind, &regs, false, &stack, frames, MAX_FRAMES, &n);
	return (struct perfsample_found){.stack = add_stack(&c->samples, frames, n)};
}

static void release(struct gortcpu *c)
{
	symbolizer_close(c->sym);
	cunwind_free(c->unwind);
	modules_close(c->ms);
	gsnap_free(&c->samples);
	free(c);
}

static bool open_files(struct gortcpu *c, const struct target *t)
{
	c->ms = modules_open(t);
	c->unwind = c->ms ? cunwind_new(c->ms) : NULL;
	c->sym = c->ms ? symbolizer_over(c->ms) : NULL;
	for (size_t i = 0; c->ms && i < modules_count(c->ms); i++)
		module_elf(modules_get(c->ms, i));
	return c->unwind && c->sym;
}

int gortcpu_start(const struct target *t, unsigned hz, struct gortcpu **out)
{
	struct gortcpu *c = calloc(1, sizeof *c);
	if (!c)
		return -ENOMEM;
	struct perfsample_how how = {.hz = hz,
		.regs = REGS_MASK,
		.stack = STACK_COPY,
		.samples = &c->samples,
		.look = look,
		.ctx = c};
	gsnap_init(&c->samples, GSNAP_GORT);
	int err = open_files(c, t) ? perfsample_start(t, &how, &c->events) : -ENOMEM;
	if (err)
		release(c);
	else
		*out = c;
	return err;
}

/* The stack of a sample, with names. */
static uint32_t named(struct gortcpu *c, struct gsnap *out, uint32_t stack)
{
	const struct gsnap *s = &c->samples;
	const struct gsnap_stack *k = &s->stacks[stack];
	uint32_t locs[MAX_FRAMES];
	for (uint32_t i = 0; i < k->nlocs; i++) {
		const struct gsnap_loc *loc = &s->locs[s->stack_locs[k->loc + i]];
		locs[i] = gortstack_loc(c->sym, out, loc->pc, loc->callsite);
	}
	return gsnap_add_stack(out, locs, k->nlocs);
}

int gortcpu_stop(struct gortcpu *c, unsigned what, struct gsnap *out, uint64_t *lost)
{
	*lost = perfsample_stop(c->events);
	gsnap_init(out, GSNAP_GORT);
	out->oom = c->samples.oom;
	for (uint32_t i = 0; i < c->samples.nsamples; i++) {
		struct gsnap_sample *s = GSNAP_PUSH(out, samples, cap_samples);
		if (!s)
			break;
		*s = c->samples.samples[i];
		s->stack = s->visible = named(c, out, s->stack);
	}
	if (what & PROBE_MAPS)
		mappings_add(c->ms, out);
	int err = out->oom ? -ENOMEM : 0;
	release(c);
	return err;
}
