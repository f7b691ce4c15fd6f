/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockrank.c - checks the lock order of base/lockrank.h in Debug builds (Go's lockrank_on.go).
 *
 * The record is per thread, which is enough: no lock is held over a switch.
 */
#include "base/lock.h"
#include "base/throw.h"

#ifdef GORT_LOCKRANK

#define MAXHELD 10

static __thread struct {
	uint32_t n;
	struct mutex *lock[MAXHELD];
} held;

void lockrank_acquire(struct mutex *l)
{
	for (uint32_t i = 0; i < held.n; i++)
		if (held.lock[i]->rank >= l->rank)
			throw("lockrank: lock of rank %u taken while one of rank %u is held",
				l->rank, held.lock[i]->rank);
	if (held.n == MAXHELD)
		throw("lockrank: %u locks held", held.n);
	held.lock[held.n++] = l;
}

void lockrank_release(struct mutex *l)
{
	for (uint32_t i = held.n; i-- > 0;) {
		if (held.lock[i] != l)
			continue;
		held.lock[i] = held.lock[--held.n];
		return;
	}
	throw("lockrank: lock of rank %u released but not held", l->rank);
}

#endif
