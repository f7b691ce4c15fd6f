/* SPDX-License-Identifier: BSD-2-Clause */
/* gortstack.c - unwinds one goroutine's stack and adds it, symbolized, to a snapshot. */
#include <stdio.h>
#include <string.h>
#include "gortread.h"

#define MAX_FRAMES 512

/* Names: the linker's; without any symbol "module+0x1d20", which addr2line and eu-* understand. */
static const char *frame_name(struct gsnap *out, const struct sym_frame *f, uint64_t pc)
{
	char text[320];
	if (f->func)
		return gsnap_str(out, f->func, strlen(f->func));
	const char *slash = f->module ? strrchr(f->module, '/') : NULL;
	if (f->module)
		snprintf(text, sizeof text, "%s+0x%llx", slash ? slash + 1 : f->module,
			(unsigned long long)f->offset);
	else
		snprintf(text, sizeof text, "0x%llx", (unsigned long long)pc);
	return gsnap_str(out, text, strlen(text));
}

uint32_t gortstack_loc(struct symbolizer *sym, struct gsnap *out, uint64_t pc, bool callsite)
{
	uint32_t loc = gsnap_find_loc(out, pc, callsite);
	if (loc != GSNAP_NONE)
		return loc;
	const struct sym_pc *a = symbolizer_find(sym, pc - callsite);
	if (!a)
		return GSNAP_NONE;
	loc = gsnap_add_loc(out, pc, a->entry, callsite);
	for (uint32_t i = 0; i < a->nframes && loc != GSNAP_NONE; i++) {
		const struct sym_frame *f = &a->frames[i];
		const char *file = f->file ? gsnap_str(out, f->file, strlen(f->file)) : NULL;
		out->has_lines |= f->line > 0;
		out->has_inline_info |= f->line > 0;
		gsnap_add_frame(out, frame_name(out, f, pc), file, f->line, f->inlined);
	}
	return loc;
}

void gortstack_add(struct gortread *r, struct gsnap *out, struct gsnap_g *gp, struct cregs *regs,
	bool callsite, const struct cstack *stack)
{
	struct cframe frames[MAX_FRAMES];
	uint32_t locs[MAX_FRAMES];
	size_t n;
	enum cunwind_end end =
		cunwind_stack(r->unwind, regs, callsite, stack, frames, MAX_FRAMES, &n);
	for (size_t i = 0; i < n; i++) {
		locs[i] = gortstack_loc(r->sym, out, frames[i].pc, frames[i].callsite);
		if (locs[i] == GSNAP_NONE)
			return;
	}
	if (end != CUNWIND_OUTERMOST)
		gp->flags |= GSNAP_G_TRUNCATED;
	gp->stack = gsnap_add_stack(out, locs, (uint32_t)n);
}
