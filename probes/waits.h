/* SPDX-License-Identifier: BSD-2-Clause */
/* waits.h - collects who waits for what into a snapshot: one object for each address. */
#ifndef GORT_PROBES_WAITS_H
#define GORT_PROBES_WAITS_H

#include "gort/snap.h"
#include "idmap.h"

/* What a wait reason means, the same text in all versions of Go and in libgort. */
struct waitmeaning {
	const char *reason;
	enum gsnap_objkind kind;
	enum gsnap_op op;
	uint8_t inside; /* in Go, the address queued for lies this far into the object */
	bool forever;   /* there is no object */
};

/* NULL: no wait for an object of another goroutine. */
const struct waitmeaning *waits_meaning(const struct gsnap_g *gp);

struct waits {
	struct gsnap *out;
	struct idmap objs; /* address -> index + 1 */
	struct idmap gs;   /* address of a g -> index + 1 */
};

/* False when out of memory. */
bool waits_init(struct waits *w, struct gsnap *out);
void waits_free(struct waits *w);
/* Adds that goroutine g of the snapshot waits for the object at addr, once; NULL: no memory. */
struct gsnap_wait *waits_add(
	struct waits *w, uint32_t g, const struct waitmeaning *m, uint64_t addr);
/* The index of the goroutine whose g is at addr, or GSNAP_NONE. */
uint32_t waits_g(const struct waits *w, uint64_t addr);

#endif
