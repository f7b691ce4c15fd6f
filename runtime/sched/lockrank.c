/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockrank.c - checks the lock order of base/lockrank.h in Debug builds (Go's lockrank_on.go).
 *
 * The record is per thread, which is enough: no lock is held over a switch. Of the channels that
 * select holds, any number, only the count and the highest address are kept. It lies among the
 * collector's roots, so it forgets what is released.
 */
#include "base/lock.h"
#include "base/throw.h"

#ifdef GORT_LOCKRANK

#define MAXHELD 10

static __thread struct {
	uint32_t n;
	struct mutex *lock[MAXHELD];
	uint32_t nchan;
	struct mutex *topchan;
} held;

static void acquirechan(struct mutex *l)
{
	if (held.nchan && held.topchan >= l)
		throw("lockrank: two channels locked out of address order");
	held.nchan++;
	held.topchan = l;
}

void lockrank_acquire(struct mutex *l)
{
	for (uint32_t i = 0; i < held.n; i++)
		if (held.lock[i]->rank >= l->rank)
			throw("lockrank: lock of rank %u taken while one of rank %u is held",
				l->rank, held.lock[i]->rank);
	if (l->rank == lockRankHchan) {
		acquirechan(l);
		return;
	}
	if (held.nchan && l->rank < lockRankHchan)
		throw("lockrank: lock of rank %u taken while a channel is held", l->rank);
	if (held.n == MAXHELD)
		throw("lockrank: %u locks held", held.n);
	held.lock[held.n++] = l;
}

void lockrank_release(struct mutex *l)
{
	if (l->rank == lockRankHchan && held.nchan) {
		if (--held.nchan == 0)
			held.topchan = NULL;
		return;
	}
	for (uint32_t i = held.n; i-- > 0;) {
		if (held.lock[i] != l)
			continue;
		held.lock[i] = held.lock[--held.n];
		held.lock[held.n] = NULL;
		return;
	}
	throw("lockrank: lock of rank %u released but not held", l->rank);
}

#endif
