/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_core.c - the input is a core file. Its notes, its memory and, put together from that, its
 * executable are read, its goroutines as those of a Go program and of one on libgort.
 */
#include "probes/core.h"
#include "probes/gortsnap.h"
#include "probes/gotarget.h"
#include "probes/procfs.h"

static void check(const struct gsnap *s)
{
	for (uint32_t i = 0; i < s->ngs; i++)
		if (s->gs[i].stack != GSNAP_NONE && s->gs[i].stack >= s->nstacks)
			__builtin_trap();
}

static void as_go(struct target *t)
{
	struct gotarget g;
	struct gsnap s;
	struct gsnap_err err = {0};
	if (gotarget_open(&g, t, &err))
		return;
	gsnap_init(&s, GSNAP_GO);
	gosnap_stats(&g, &s.stats);
	gosnap_goroutines(&g, PROBE_STACKS | PROBE_ARGS, &s);
	check(&s);
	gsnap_free(&s);
	gotarget_close(&g);
}

static void as_gort(struct target *t)
{
	struct gortsnap *p;
	struct gsnap s;
	struct gsnap_err err = {0};
	if (gortsnap_open(t, &p, &err))
		return;
	gsnap_init(&s, GSNAP_GORT);
	gortsnap_read(p, PROBE_STACKS | PROBE_MAPS, &s, &err);
	check(&s);
	gsnap_free(&s);
	gortsnap_close(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct core c;
	struct procinfo info;
	char why[256], what_to_try[192];
	if (core_parse(&c, data, size))
		return 0;
	struct target t = {
		.pid = c.pid, .core = &c, .mem = {core_readv, &c, core_bytes}, .memfd = -1};
	/* No file of this machine decides what an input does. */
	for (size_t i = 0; i < c.nfiles; i++)
		c.files[i].state = CORE_ABSENT;
	procfs_read(&t, &info);
	as_go(&t);
	as_gort(&t);
	core_explain(&c, why, sizeof why, what_to_try, sizeof what_to_try);
	core_close(&c);
	return 0;
}
