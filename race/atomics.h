/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * atomics.h - what an atomic operation of the program means, for every front end.
 *
 *	s = atomic_enter(...); the operation itself; if (s) atomic_loaded(...) or its kin
 *
 * The operation runs under the lock of its address's sync object, so that the order of clocks is
 * the order of values. A read-modify-write without release continues the release sequence of an
 * earlier store (C17 5.1.2.4): it leaves the object's clock alone. A plain store continues that of
 * its own thread and ends those of others: without release it clears a clock that its thread has no
 * part in. (One that others added to as well keeps what they added.)
 */
#ifndef GORT_RACE_ATOMICS_H
#define GORT_RACE_ATOMICS_H

#include "access.h"
#include "sync.h"

/* The object holds the cell, and the operation may be one more of its chain: nothing to record. */
static inline bool atomic_held(
	struct thread *t, struct sync *s, uintptr_t a, uint32_t n, uint64_t weak, uint64_t pc)
{
	uint64_t w = load_acq(&cell_of(a)->w);
	if ((w & ~TAG_MASK) != held_by(s))
		return false;
	if (weak || (w & TAG_MASK) != ((1ull << n) - 1) << (a & 7)) {
		sync_put_back(s);
		return false;
	}
	t->owed = w & TAG_MASK;
	t->owed_ctx = ctx_of(t, pc);
	t->accessed = 1;
	return true;
}

/* Enters the sync object of the n <= 16 bytes at a; NULL: just do the operation. */
static inline struct sync *atomic_enter(
	struct thread *t, uintptr_t a, uint32_t n, uint64_t weak, uint64_t pc)
{
	if (!t->tag || t->ignore_sync || !thread_enter(t))
		return NULL;
	struct sync *s = sync_enter(t, a);
	if (atomic_held(t, s, a, n, weak, pc))
		return s;
	access_inside(t, a, n < 8 ? n : 8, weak | TAG_ATOMIC, pc);
	if (n > 8)
		access_inside(t, a + 8, 8, weak | TAG_ATOMIC, pc);
	return s;
}

/* The operation was none of a chain: what it owes is recorded before the edges that it makes. */
static inline void atomic_alone(struct thread *t, struct sync *s)
{
	if (unlikely(t->owed))
		sync_owed(t, s);
}

static inline void atomic_leave(struct thread *t, struct sync *s, bool step)
{
	sync_leave(s);
	if (step)
		thread_step(t);
	thread_leave(t);
}

static inline void atomic_loaded(struct thread *t, struct sync *s, bool acquires)
{
	atomic_alone(t, s);
	if (acquires)
		sync_take(t, s);
	atomic_leave(t, s, false);
}

static inline void atomic_stored(struct thread *t, struct sync *s, bool releases)
{
	atomic_alone(t, s);
	if (releases)
		sync_give(t, s);
	else if (!clock_get(&s->clock, tag_tid(t->tag)))
		clock_reset(&s->clock);
	atomic_leave(t, s, releases);
}

static inline void atomic_updated(struct thread *t, struct sync *s, bool acquires, bool releases)
{
	bool both = acquires && releases;
	if (!both)
		atomic_alone(t, s);
	if (acquires)
		sync_take(t, s);
	if (both) {
		sync_chain(t, s);
		sync_give(t, s); /* what it held is t's by now */
	} else if (releases) {
		sync_add(t, s);
	}
	atomic_leave(t, s, releases);
}

#endif
