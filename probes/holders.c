/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holders.c - a lock's address on a stack is the only trace that its holder leaves: an argument, or
 * what a deferred unlock will need. It is no proof: whoever made the lock may have it there too.
 */
#include "holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "idmap.h"

#define MAX_SCAN  (256u << 10) /* bytes of one stack */
#define MAX_HOLDS 16           /* of one lock: that many say nothing any more */

struct search {
	struct gsnap *out;
	struct idmap locks; /* address -> object + 1 */
	struct idmap waits; /* goroutine and object -> 1 */
	uint32_t *found;    /* per object: holders so far */
	bool oom;
};

static uint64_t pair(uint32_t g, uint32_t obj)
{
	return (uint64_t)(obj + 1) << 32 | g;
}

static bool prepare(struct search *s)
{
	struct gsnap *out = s->out;
	s->found = calloc(out->nobjs + 1, sizeof *s->found);
	s->oom = !s->found;
	for (uint32_t i = 0; i < out->nholds && !s->oom; i++) /* are known: no need to search */
		s->found[out->holds[i].obj]++;
	for (uint32_t i = 0; i < out->nobjs && !s->oom; i++) {
		const struct gsnap_obj *o = &out->objs[i];
		bool lock = o->kind == GSNAP_MUTEX || o->kind == GSNAP_RWMUTEX;
		if (lock && (o->set || o->counter > 0) && !o->stranger && !s->found[i])
			s->oom = !idmap_put(&s->locks, o->addr, i + 1);
	}
	for (uint32_t i = 0; i < out->nwaits && s->locks.n && !s->oom; i++)
		s->oom = !idmap_put(&s->waits, pair(out->waits[i].g, out->waits[i].obj), 1);
	return s->locks.n && !s->oom;
}

static void hold(struct search *s, uint32_t g, uint32_t obj)
{
	if (s->found[obj] >= MAX_HOLDS || idmap_get(&s->waits, pair(g, obj)))
		return;
	struct gsnap_hold *h = GSNAP_PUSH(s->out, holds, cap_holds);
	if (!h || !idmap_put(&s->waits, pair(g, obj), 1)) { /* so that it is found once */
		s->oom = true;
		return;
	}
	*h = (struct gsnap_hold){g, obj, false};
	s->found[obj]++;
}

static int by_object(const void *a, const void *b)
{
	const struct gsnap_hold *x = a, *y = b;
	if (x->obj != y->obj)
		return x->obj < y->obj ? -1 : 1;
	return (x->g > y->g) - (x->g < y->g);
}

int holders_find(const struct tmem *mem, struct gsnap *out,
	uint64_t (*stack_end)(void *, const struct gsnap_g *), void *ctx)
{
	struct search s = {.out = out};
	uint64_t *stack = prepare(&s) ? malloc(MAX_SCAN) : NULL;
	s.oom |= s.locks.n && !stack;
	for (uint32_t i = 0; stack && i < out->ngs && !s.oom; i++) {
		const struct gsnap_g *gp = &out->gs[i];
		uint64_t end = gp->sp ? stack_end(ctx, gp) : 0;
		if (end <= gp->sp || gp->sp % 8)
			continue;
		size_t len = end - gp->sp < MAX_SCAN ? (end - gp->sp) & ~7ull : MAX_SCAN;
		if (!tmem_read(mem, (taddr){gp->sp}, stack, len))
			continue;
		for (size_t k = 0; k < len / 8; k++) {
			uint32_t obj = idmap_get(&s.locks, stack[k]);
			if (obj)
				hold(&s, i, obj - 1);
		}
	}
	if (out->nholds)
		qsort(out->holds, out->nholds, sizeof *out->holds, by_object);
	free(stack);
	free(s.found);
	idmap_free(&s.locks);
	idmap_free(&s.waits);
	return s.oom ? -ENOMEM : 0;
}
