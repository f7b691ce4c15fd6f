/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goview.c - what a view has to know of a Go process.
 *
 * The signature holds trackingSeq, which the runtime counts up whenever a goroutine stops running:
 * a worker that is found waiting at the same place again is known to have run meanwhile. That makes
 * the time since which it was seen there a wait, where the runtime itself notes none (it does so
 * only when its collector runs).
 */
#include <string.h>
#include "goread.h"
#include "view.h"

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static void sign(const void *ctx, const uint8_t *raw, struct viewsign *sig)
{
	const struct golayout *l = ((const struct gotarget *)ctx)->lay;
	*sig = (struct viewsign){.goid = word(raw, l->g_goid),
		.sp = word(raw, G_SCHEDSP),
		.pc = word(raw, G_SCHEDPC),
		.ran = raw[l->g_trackingseq],
		.reason = raw[l->g_waitreason]};
	memcpy(&sig->status, raw + l->g_atomicstatus, sizeof sig->status);
	sig->status &= ~G_SCAN;
}

static uint64_t *addrs(void *ctx, size_t from, size_t *n)
{
	return goread_allgs(ctx, from, n);
}

static void *open_reader(void *ctx, struct gsnap *s)
{
	return goreader_open(ctx, s, PROBE_STACKS);
}

static void close_reader(void *rd)
{
	goreader_close(rd);
}

static size_t read_some(void *rd, const uint64_t *at, const uint32_t *slots, size_t n)
{
	goreader_read(rd, at, slots, n);
	goreader_running(rd);
	return 0;
}

struct liveview *goview_open(struct gotarget *g, struct gsnap *s, uint32_t stacks)
{
	struct viewsource src = {.t = g->t,
		.ctx = g,
		.g_len = g->lay->g_size,
		.sign = sign,
		.addrs = addrs,
		.open = open_reader,
		.close = close_reader,
		.read = read_some};
	return view_open(&src, s, stacks);
}
