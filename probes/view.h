/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.h - a snapshot of a process that is kept up to date by reading what changed; of a Go process
 * (goview.c) or one on libgort (gortview.c).
 */
#ifndef GORT_PROBES_VIEW_H
#define GORT_PROBES_VIEW_H

#include "gotarget.h"

struct gortread;
struct liveview;

/*
 * What differs whenever a goroutine has run. ran: what the program itself changes then, so that one
 * that waits again at the same place is known to have run meanwhile.
 */
struct viewsign {
	uint64_t goid, sp, pc, ran;
	uint32_t status;
	uint8_t reason;
};

/* Where goroutines come from. */
struct viewsource {
	struct target *t;
	void *ctx;
	/* The part of a g structure that sign() wants to see: from g_from, g_len bytes. */
	uint32_t g_from, g_len;
	void (*sign)(const void *ctx, const uint8_t *raw, struct viewsign *sig);
	/* As goread_allgs. */
	uint64_t *(*addrs)(void *ctx, size_t from, size_t *n);
	/* A reader of goroutines into s; NULL when out of memory. */
	void *(*open)(void *ctx, struct gsnap *s);
	void (*close)(void *rd);
	/* As goreader_read with slots. Bytes of names that s has gained. */
	size_t (*read)(void *rd, const uint64_t *addrs, const uint32_t *slots, size_t n);
};

/*
 * Of an initialised snapshot; NULL when out of memory. Stacks that no goroutine has any more are
 * dropped when there are more than `stacks` different ones.
 */
#define VIEW_STACKS 65536
struct liveview *view_open(const struct viewsource *src, struct gsnap *s, uint32_t stacks);
struct liveview *goview_open(struct gotarget *g, struct gsnap *s, uint32_t stacks);
struct liveview *gortview_open(
	struct gortread *r, struct target *t, struct gsnap *s, uint32_t stacks);
void view_close(struct liveview *v);

/* Brings the snapshot up to s->when and says in `out` what changed. 0 or an errno. */
int view_refresh(struct liveview *v, struct probe_view *out);

/* For readers: the entry of slot, as gsnap_add_g leaves a new one, but dead. */
struct gsnap_g *view_slot(struct gsnap *s, uint32_t slot);

#endif
