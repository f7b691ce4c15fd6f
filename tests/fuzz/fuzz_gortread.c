/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_gortread.c - the input is the memory of a program on libgort from BASE on, its table at the
 * start: table, goroutines, stacks (by frame pointer, there are no modules), statistics and
 * profiles.
 */
#include <stdlib.h>
#include <string.h>
#include "probes/goheapstat.h"
#include "probes/gortheap.h"
#include "probes/gortprofile.h"
#include "probes/gortsched.h"
#include "probes/view.h"

#define BASE 0x400000u

struct image {
	const uint8_t *data;
	size_t size;
};

static bool read_image(const struct image *im, struct tmem_read_at *r)
{
	if (r->at.v < BASE || r->at.v - BASE > im->size || r->len > im->size - (r->at.v - BASE))
		return false;
	memcpy(r->buf, im->data + (r->at.v - BASE), r->len);
	return true;
}

static void readv_image(void *ctx, struct tmem_read_at *reads, size_t n)
{
	for (size_t i = 0; i < n; i++)
		reads[i].ok = read_image(ctx, &reads[i]);
}

static void read_heap(const struct gortread *r)
{
	struct probe_heap heap = {0};
	struct goleaker l;
	gortleaker_init(&l, r, NULL);
	goheapstat_read(&l, &heap);
	goleaker_free(&l);
	for (size_t i = 0; i < heap.n; i++)
		free(heap.v[i].type);
	free(heap.v);
}

/* The goroutines once more as a view; with so few stacks allowed it also starts over. */
static void refresh_view(struct gortread *r, struct target *t)
{
	struct gsnap s;
	struct probe_view out;
	gsnap_init(&s, GSNAP_GORT);
	struct liveview *v = gortview_open(r, t, &s, 1);
	for (int i = 0; v && i < 3 && !view_refresh(v, &out); i++)
		for (uint32_t k = 0; k < out.nchanged; k++)
			if (out.changed[k] >= s.ngs)
				__builtin_trap();
	view_close(v);
	gsnap_free(&s);
}

static void read_profile(struct gortread *r, enum probe_profile_kind kind)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GORT);
	if (!gortprofile_read(r, kind, &s))
		for (uint32_t i = 0; i < s.nsamples; i++)
			if (s.samples[i].stack >= s.nstacks || s.samples[i].visible >= s.nstacks)
				__builtin_trap();
	gsnap_free(&s);
}

static void read_program(const struct tmem *mem, struct gortabi *abi)
{
	static struct modules *none;
	static struct target nobody;
	struct gortread r;
	struct gsnap snap;
	const char *missing;
	if (!none) {
		target_init(&nobody, 1, "/nonexistent");
		none = modules_open(&nobody);
	}
	if (gortread_open(&r, mem, none, abi, &missing))
		return;
	gsnap_init(&snap, GSNAP_GORT);
	gortsched_stats(&r, &snap.stats);
	gortsched_read(&r, &snap);
	gortread_goroutines(&r, PROBE_STACKS, &snap);
	gortheap_gc(&r, &snap.gc);
	read_heap(&r);
	gortread_waits(&r, &snap);
	for (uint32_t i = 0; i < snap.ngs; i++)
		if (snap.gs[i].stack != GSNAP_NONE && snap.gs[i].stack >= snap.nstacks)
			__builtin_trap();
	gsnap_free(&snap);
	nobody.mem = *mem;
	refresh_view(&r, &nobody);
	read_profile(&r, PROBE_PROFILE_HEAP);
	read_profile(&r, PROBE_PROFILE_BLOCK);
	read_profile(&r, PROBE_PROFILE_MUTEX);
	gortread_close(&r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct image im = {data, size};
	struct tmem mem = {.readv = readv_image, .ctx = &im};
	struct gortabi abi;
	if (gortabi_read(&mem, (taddr){BASE}, &abi) == 0)
		read_program(&mem, &abi);
	if (gortabi_scan(&mem, (taddr){BASE}, (taddr){BASE + size}, &abi) == 0)
		gortabi_free(&abi);
	return 0;
}
