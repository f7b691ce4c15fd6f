/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * canned.h - builds snapshots for tests from function names, without any process.
 *
 * Each function gets a pc of its own inside the mapping [CANNED_BASE, CANNED_LIMIT): the same name
 * is always the same location, and file and line follow from the name. In a libgort snapshot a name
 * may have its folder before it: "runtime/sched/gopark".
 */
#ifndef GORT_TESTS_CANNED_H
#define GORT_TESTS_CANNED_H

#include <stdio.h>
#include "gort/snap.h"

#define CANNED_BASE  0x400000u
#define CANNED_LIMIT 0x500000u
#define STACK(...)   ((const char *const[]){__VA_ARGS__, NULL})

static inline uint32_t canned_loc(struct gsnap *s, const char *func)
{
	uint64_t hash = 0;
	for (const char *c = func; *c; c++)
		hash = gsnap_mix(hash + (unsigned char)*c);
	uint64_t pc = CANNED_BASE + 1 + hash % (CANNED_LIMIT - CANNED_BASE - 1);
	uint32_t i = gsnap_find_loc(s, pc, true);
	if (i != GSNAP_NONE)
		return i;
	bool go = s->kind == GSNAP_GO;
	const char *slash = strrchr(func, '/'), *name = go || !slash ? func : slash + 1;
	char file[128];
	int len = snprintf(file, sizeof file, "/src/%s.%s", func, go ? "go" : "c");
	i = gsnap_add_loc(s, pc, pc - 1, true);
	gsnap_add_frame(s, gsnap_str(s, name, strlen(name)), gsnap_str(s, file, (size_t)len),
		(uint32_t)(hash % 900 + 1), false);
	return i;
}

/* A goroutine with this stack (leaf first, NULL-terminated, or NULL for none) and creator. */
static inline struct gsnap_g *canned_g(struct gsnap *s, uint64_t id, enum gstatus status,
	const char *reason, const char *const *funcs, const char *creator)
{
	uint32_t locs[32], n = 0;
	while (funcs && funcs[n] && n < 32) {
		locs[n] = canned_loc(s, funcs[n]);
		n++;
	}
	uint32_t created = creator ? canned_loc(s, creator) : GSNAP_NONE;
	uint32_t stack = n ? gsnap_add_stack(s, locs, n) : GSNAP_NONE;
	struct gsnap_g *gp = gsnap_add_g(s);
	gp->id = id;
	gp->status = status;
	gp->reason = reason;
	gp->stack = stack;
	gp->created = created;
	return gp;
}

static inline void canned_map(struct gsnap *s, const char *file)
{
	struct gsnap_map *m = gsnap_add_map(s);
	*m = (struct gsnap_map){CANNED_BASE, CANNED_LIMIT, 0, file, "c0ffee"};
}

#endif
