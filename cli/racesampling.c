/* SPDX-License-Identifier: BSD-2-Clause */
/* racesampling.c - see racesampling.h. */
#include <stddef.h>
#include <string.h>
#include "probes/racesample.h"
#include "racesampling.h"

static void fill_stack(
	struct gort_finding_stack *st, uint32_t role, const struct race_access *a, pid_t pid)
{
	st->role = role;
	st->id = a->tid == pid ? 0 : (uint64_t)a->tid;
	st->tid = a->tid;
	st->addr = a->addr;
	st->size = a->size;
	st->access = a->write ? GORT_ACCESS_WRITE : GORT_ACCESS_READ;
	memcpy(st->name, a->name, sizeof st->name);
	st->npcs = a->npcs;
	memcpy(st->pcs, a->pcs, a->npcs * sizeof *a->pcs);
}

int race_sampling_possible(void)
{
	return race_sampler_possible();
}

size_t race_sampling_try(struct race_sampling *s, pid_t pid, struct gort_finding *f)
{
	struct race_access held, other;
	if (!s->sampler && !s->error)
		s->error = race_sampler_open(&s->sampler, pid);
	if (s->error || !race_sampler_try(s->sampler, &held, &other))
		return 0;
	*f = (struct gort_finding){.magic = GORT_FINDING_MAGIC,
		.size = offsetof(struct gort_finding, stacks[2]),
		.kind = GORT_FINDING_RACE,
		.nstacks = 2,
		.pid = pid,
		.seen = 1};
	fill_stack(&f->stacks[0], GORT_STACK_ACCESS, &held, pid);
	fill_stack(&f->stacks[1], GORT_STACK_PREVIOUS, &other, pid);
	return f->size;
}

void race_sampling_end(struct race_sampling *s)
{
	if (s->sampler)
		s->addresses = race_sampler_addresses(s->sampler);
	race_sampler_close(s->sampler);
	s->sampler = NULL;
}
