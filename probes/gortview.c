/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortview.c - what a view has to know of a program on libgort.
 *
 * A goroutine notes when it began to wait, 10 ms at most off: one that waits at the same place for
 * the same thing since the same time either stood still or ran for less than that.
 */
#include "gortread.h"
#include "view.h"

static void sign(const void *ctx, const uint8_t *raw, struct viewsign *sig)
{
	const struct glayout *lay = &((const struct gortread *)ctx)->lay;
	*sig = (struct viewsign){.goid = member_get(raw, lay->g_lo, lay->g[G_GOID]),
		.sp = member_get(raw, lay->g_lo, lay->g[G_SP]),
		.pc = member_get(raw, lay->g_lo, lay->g[G_WAITON]),
		.ran = member_get(raw, lay->g_lo, lay->g[G_WAITSINCE]),
		.status = (uint32_t)member_get(raw, lay->g_lo, lay->g[G_STATUS]),
		.reason = (uint8_t)member_get(raw, lay->g_lo, lay->g[G_WAITREASON])};
}

static uint64_t *addrs(void *ctx, size_t from, size_t *n)
{
	return gortread_allgs(ctx, from, n);
}

static void *open_reader(void *ctx, struct gsnap *s)
{
	return gortreader_open(ctx, s, PROBE_STACKS);
}

static void close_reader(void *rd)
{
	gortreader_close(rd);
}

static size_t read_some(void *rd, const uint64_t *at, const uint32_t *slots, size_t n)
{
	return gortreader_read(rd, at, slots, n);
}

struct liveview *gortview_open(
	struct gortread *r, struct target *t, struct gsnap *s, uint32_t stacks)
{
	struct viewsource src = {.t = t,
		.ctx = r,
		.g_from = r->lay.g_lo,
		.g_len = r->lay.g_len,
		.sign = sign,
		.addrs = addrs,
		.open = open_reader,
		.close = close_reader,
		.read = read_some};
	return view_open(&src, s, stacks);
}
