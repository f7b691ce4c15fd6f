/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * waitfacts.c - facts are read for one goroutine of a group only: those of a hundred thousand take
 * longer than all their stacks.
 */
#include "waitfacts.h"

#include <errno.h>
#include <stdlib.h>

static int begin(struct waitfacts *f, const struct gsnap *s)
{
	*f = (struct waitfacts){.of = calloc(s->ngs + (size_t)1, sizeof(void *))};
	gsnap_init(&f->some, s->kind);
	return f->of ? 0 : -ENOMEM;
}

int waitfacts_all(struct waitfacts *f, struct gsnap *s)
{
	int rc = begin(f, s);
	for (uint32_t i = 0; !rc && i < s->nwaits; i++) {
		const struct gsnap_wait *w = &s->waits[i];
		if (f->of[w->g])
			continue;
		f->of[w->g] = &s->objs[w->obj];
		if (!s->gs[w->g].waiton)
			s->gs[w->g].waiton = s->objs[w->obj].addr;
	}
	return rc;
}

uint64_t common_waiton(const struct gsnap *s, const struct groups *gs, const struct group *g)
{
	uint64_t waiton = s->gs[gs->order[g->first]].waiton;
	for (uint32_t i = 1; i < g->n; i++)
		if (s->gs[gs->order[g->first + i]].waiton != waiton)
			return 0;
	return waiton;
}

int waitfacts_groups(
	struct waitfacts *f, struct probe *p, const struct gsnap *s, const struct groups *gs)
{
	int rc = begin(f, s);
	uint32_t *whose = calloc(gs->n + (size_t)1, sizeof *whose);
	rc = whose ? rc : -ENOMEM;
	for (uint32_t i = 0; !rc && i < gs->n; i++) {
		uint32_t first = gs->order[gs->group[i].first];
		if (!common_waiton(s, gs, &gs->group[i]))
			continue;
		whose[f->some.ngs] = first;
		struct gsnap_g *gp = GSNAP_PUSH(&f->some, gs, cap_gs);
		rc = gp ? 0 : -ENOMEM;
		if (gp)
			*gp = s->gs[first];
	}
	if (!rc)
		rc = probe_waits(p, &f->some);
	for (uint32_t i = 0; !rc && i < f->some.nwaits; i++) {
		const struct gsnap_wait *w = &f->some.waits[i];
		const struct gsnap_obj *o = &f->some.objs[w->obj];
		if (o->addr == f->some.gs[w->g].waiton)
			f->of[whose[w->g]] = o;
	}
	free(whose);
	return rc;
}

void waitfacts_free(struct waitfacts *f)
{
	free(f->of);
	gsnap_free(&f->some);
	*f = (struct waitfacts){0};
}
