/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_gosnap.c - the input is a Go program: its file and, as the same bytes at GOIMAGE_BASE, its
 * memory. Module, globals, goroutines, stacks and statistics are read from it, once and as a view.
 */
#include "probes/gotarget.h"
#include "probes/view.h"
#include "tests/probes/goimage.h"

static void read_snapshot(struct gotarget *g)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GO);
	gosnap_stats(g, &s.stats);
	gosnap_gc(g, &s.gc);
	gosnap_sched(g, &s);
	gosnap_goroutines(g, PROBE_STACKS | PROBE_ARGS | PROBE_LABELS, &s);
	gosnap_waits(g, &s);
	for (uint32_t i = 0; i < s.ngs; i++)
		if (s.gs[i].stack != GSNAP_NONE && s.gs[i].stack >= s.nstacks)
			__builtin_trap();
	gsnap_free(&s);
}

/* The same as a view; with so few stacks allowed it also starts over. */
static void refresh_view(struct gotarget *g)
{
	struct gsnap s;
	struct probe_view out;
	gsnap_init(&s, GSNAP_GO);
	struct liveview *v = goview_open(g, &s, 1);
	for (int i = 0; v && i < 3 && !view_refresh(v, &out); i++)
		for (uint32_t k = 0; k < out.nchanged; k++)
			if (out.changed[k] >= s.ngs)
				__builtin_trap();
	view_close(v);
	gsnap_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gomemory memory = {data, size};
	struct target t;
	struct gotarget g = {.t = &t};
	target_init(&t, 1, "/nonexistent");
	t.mem = (struct tmem){gomemory_readv, &memory, gomemory_size};
	if (elf_parse(&g.elf, data, size))
		return 0;
	if (gobuild_version(&g.elf, &g.version))
		g.lay = golayout_for(g.version.minor, g.version.patch, &g.guess);
	if (g.lay && !moduledata_find(&g) && !golocate(&g)) {
		read_snapshot(&g);
		refresh_view(&g);
	}
	gotarget_close(&g);
	return 0;
}
