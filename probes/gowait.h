/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gowait.h - what each waiting goroutine of a Go process waits for: the objects of which one must
 * be reached by somebody for it ever to go on.
 */
#ifndef GORT_PROBES_GOWAIT_H
#define GORT_PROBES_GOWAIT_H

#include "gocopy.h"
#include "gostackmap.h"

/* runtime.semtable of Go up to 1.25, copied: GO_SEMROOTS roots of GO_SEMWORDS words. */
enum { GO_SEMROOTS = 251, GO_SEMWORDS = 8, GO_SEMTREAP = 1 };
bool gowait_semtable(const struct gotarget *g, uint64_t *table);

/* How a wait for this reason, a text of the runtime, ends. */
enum gowait gowait_of(const char *text);
/* Fills in how they wait. */
void gowait_kinds(const struct gotarget *g, struct gocopies *gs);

struct gowaitkey {
	uint64_t addr; /* of the channel, the semaphore or the Cond */
	uint32_t next; /* index + 1 of the goroutine's next one */
	uint32_t gi;   /* whose it is: an index in gs */
	uint32_t same; /* index + 1 of the next one that lies in the same thing */
};

struct gowaits {
	const struct gocopies *gs;
	struct idmap by_addr; /* g -> index in gs + 1 */
	uint32_t *first;      /* per goroutine: index + 1 of its first key, 0: none is known */
	struct gowaitkey *keys;
	size_t n, cap;
	struct idmap things; /* the marker's name of what keys lie in -> index + 1 of one */
	bool oom;
};

/*
 * Finds the keys of all goroutines that wait so. Their sudogs become opaque to the marker: a
 * waiter keeps nothing alive. 0 or -ENOMEM.
 */
int gowaits_find(
	struct gowaits *w, const struct gocopies *gs, struct gomark *m, struct gostackmap *stacks);
void gowaits_free(struct gowaits *w);

/* Once all keys are there: sorts them by the things they lie in; name: of that at an address, 0. */
void gowaits_index(struct gowaits *w, uint64_t (*name)(void *ctx, uint64_t addr), void *ctx);

/* Makes w ready for keys, and adds them one by one. */
bool gowaits_init(struct gowaits *w, const struct gocopies *gs);
void gowaits_add(struct gowaits *w, size_t gi, uint64_t addr);

#endif
