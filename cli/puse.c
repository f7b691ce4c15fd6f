/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * puse.c - neither Go nor libgort counts the time for which a P runs. A P that runs has a thread,
 * which may be looking for work.
 */
#include "puse.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PS 65536

static bool grow(struct puse *u, uint32_t n)
{
	uint32_t *more = n <= MAX_PS ? realloc(u->running, n * sizeof *more) : NULL;
	if (!more)
		return false;
	memset(more + u->n, 0, (n - u->n) * sizeof *more);
	u->running = more;
	u->n = n;
	return true;
}

void puse_look(struct puse *u, const struct gsnap *s)
{
	for (uint32_t i = 0; i < s->nps; i++) {
		int32_t id = s->ps[i].id;
		if (id >= 0 && (uint32_t)id >= u->n && !grow(u, (uint32_t)id + 1))
			return;
	}
	for (uint32_t i = 0; i < s->nps; i++)
		if (s->ps[i].id >= 0)
			u->running[s->ps[i].id] += s->ps[i].status == PSTATUS_RUNNING;
	u->looks += s->nps != 0;
}

double puse_percent(const struct puse *u, int32_t id)
{
	if (u->looks == 0 || id < 0 || (uint32_t)id >= u->n)
		return -1;
	return 100.0 * u->running[id] / u->looks;
}

void puse_free(struct puse *u)
{
	free(u->running);
	*u = (struct puse){0};
}
