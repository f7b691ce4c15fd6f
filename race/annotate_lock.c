/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * annotate_lock.c - locks that the program made itself, and told of: the annotations of Valgrind,
 * those of sanitizer/tsan_interface.h, and Java's monitors.
 *
 * Unlike libc's they cannot be asked who holds them: the lock's sync object remembers it, also
 * while nothing is recorded yet. What they do inside is not looked at.
 */
#include "builtins.h"

#include "annotations.h"
#include "front.h"

enum {
	MUTEX_LINKER_INIT = 1 << 0,
	MUTEX_WRITE_REENTRANT = 1 << 1,
	MUTEX_READ = 1 << 3,
	MUTEX_TRY = 1 << 4,
	MUTEX_TRY_FAILED = 1 << 5,
	MUTEX_NOT_STATIC = 1 << 8,
};

static uint32_t my_owner(void)
{
	return me.life->past->uid + 1;
}

/* Changes the owner; returns the finding that this is, or 0. */
static uint32_t change_owner(uintptr_t m, bool lock, bool reader, bool reentrant)
{
	if (!thread_enter(&me))
		return 0;
	struct sync *s = sync_enter(&me, m);
	uint32_t owner = s->owner, bug = 0;
	bool mine = owner == my_owner();
	if (reader && owner)
		bug = lock ? GORT_FINDING_READ_LOCK : GORT_FINDING_READ_UNLOCK;
	else if (!reader && lock && owner &&
		 !(mine && (reentrant || s->made & MUTEX_WRITE_REENTRANT)))
		bug = GORT_FINDING_DOUBLE_LOCK;
	else if (!reader && !lock && !mine)
		bug = GORT_FINDING_UNLOCK;
	if (!reader && lock && !owner)
		s->owner = my_owner();
	if (!bug && !reader)
		s->holds += lock ? 1 : -1u;
	if (!lock && mine && !s->holds)
		s->owner = 0;
	sync_leave(s);
	thread_leave(&me);
	return bug;
}

static void known(uintptr_t m, uint64_t pc)
{
	if (!lock_origin(m))
		lock_new(&me, m, pc);
}

static void lock_taken_by_hand(uintptr_t m, bool reader, bool reentrant, uint64_t pc)
{
	sync_acquire(&me, m);
	if (!watched())
		return;
	known(m, pc);
	uint32_t bug = change_owner(m, true, reader, reentrant);
	if (bug)
		bug_lock(&me, bug, m, pc);
	lock_taken(&me, m, pc, reader);
}

static void lock_given_by_hand(uintptr_t m, bool reader, uint64_t pc)
{
	if (watched()) {
		known(m, pc);
		uint32_t bug = change_owner(m, false, reader, false);
		if (bug)
			bug_lock(&me, bug, m, pc);
	}
	if (reader)
		sync_merge(&me, m);
	else
		sync_release(&me, m);
	if (watched())
		lock_given(&me, m);
}

static void note_made(uintptr_t m, unsigned flags)
{
	if (!flags || !thread_enter(&me))
		return;
	struct sync *s = sync_enter(&me, m);
	s->made = flags;
	sync_leave(s);
	thread_leave(&me);
}

static void lock_made_by_hand(uintptr_t m, unsigned flags, uint64_t pc)
{
	if (!(flags & MUTEX_LINKER_INIT))
		sync_forget(m, 1);
	if (!watched())
		return;
	if (flags & MUTEX_LINKER_INIT) {
		known(m, pc);
	} else {
		locks_forget(m, 1);
		lock_new(&me, m, pc);
	}
	note_made(m, flags);
}

/*
 * The end of a static lock is none: exit() destroys it, for which nobody waits, and others go on.
 * Whoever says NOT_STATIC at the end must have said so at the start.
 */
static bool ends(const struct sync *s, unsigned flags)
{
	return !((flags | s->made) & MUTEX_LINKER_INIT) && !(flags & ~s->made & MUTEX_NOT_STATIC);
}

static void lock_gone_by_hand(uintptr_t m, unsigned flags, uint64_t pc)
{
	bool owned = false, gone = true;
	if (watched() && thread_enter(&me)) {
		struct sync *s = sync_enter(&me, m);
		owned = s->owner;
		gone = ends(s, flags);
		sync_leave(s);
		thread_leave(&me);
	}
	if (!gone)
		return;
	if (watched()) {
		if (owned)
			bug_lock(&me, GORT_FINDING_DESTROY_LOCKED, m, pc);
		lock_given(&me, m);
		locks_forget(m, 1);
	}
	sync_forget(m, 1);
}

ANNOTATE(AnnotateRWLockCreate, ARGS, uintptr_t lock)
{
	HERE;
	enter(PC);
	lock_made_by_hand(lock, 0, OWN_PC);
	leave();
}

ANNOTATE(AnnotateRWLockCreateStatic, ARGS, uintptr_t lock)
{
	HERE;
	enter(PC);
	lock_made_by_hand(lock, MUTEX_LINKER_INIT, OWN_PC);
	leave();
}

ANNOTATE(AnnotateRWLockDestroy, ARGS, uintptr_t lock)
{
	HERE;
	enter(PC);
	lock_gone_by_hand(lock, 0, OWN_PC);
	leave();
}

ANNOTATE(AnnotateRWLockAcquired, ARGS, uintptr_t lock, uintptr_t writer)
{
	HERE;
	enter(PC);
	lock_taken_by_hand(lock, !writer, false, OWN_PC);
	leave();
}

ANNOTATE(AnnotateRWLockReleased, ARGS, uintptr_t lock, uintptr_t writer)
{
	HERE;
	enter(PC);
	lock_given_by_hand(lock, !writer, OWN_PC);
	leave();
}

static void inside_mutex(int by)
{
	me.ignore_accesses += (uint32_t)by;
	me.ignore_sync += (uint32_t)by;
}

ANNOTATE(__tsan_mutex_create, uintptr_t m, unsigned flags)
{
	enter(PC);
	lock_made_by_hand(m, flags, OWN_PC);
	leave();
}

ANNOTATE(__tsan_mutex_destroy, uintptr_t m, unsigned flags)
{
	enter(PC);
	lock_gone_by_hand(m, flags, OWN_PC);
	leave();
}

ANNOTATE(__tsan_mutex_pre_lock, uintptr_t m, unsigned flags)
{
	enter(PC);
	if (watched() && !(flags & MUTEX_TRY))
		lock_wanted(&me, m, OWN_PC);
	leave();
	inside_mutex(1);
}

ANNOTATE(__tsan_mutex_post_lock, uintptr_t m, unsigned flags, int recursion)
{
	(void)recursion;
	inside_mutex(-1);
	enter(PC);
	if (!(flags & MUTEX_TRY_FAILED))
		lock_taken_by_hand(m, flags & MUTEX_READ, flags & MUTEX_WRITE_REENTRANT, OWN_PC);
	leave();
}

EXPORT int __tsan_mutex_pre_unlock(uintptr_t m, unsigned flags);

EXPORT int __tsan_mutex_pre_unlock(uintptr_t m, unsigned flags)
{
	enter(PC);
	lock_given_by_hand(m, flags & MUTEX_READ, OWN_PC);
	leave();
	inside_mutex(1);
	return 1;
}

ANNOTATE(__tsan_mutex_post_unlock, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(-1);
}

ANNOTATE(__tsan_mutex_pre_signal, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(1);
}

ANNOTATE(__tsan_mutex_post_signal, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(-1);
}

ANNOTATE(__tsan_mutex_pre_divert, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(-1);
}

ANNOTATE(__tsan_mutex_post_divert, uintptr_t m, unsigned flags)
{
	(void)m;
	(void)flags;
	inside_mutex(1);
}

/* Returns how often the lock was held before. */
static int change_depth(uintptr_t m, int by)
{
	if (!me.tag || !thread_enter(&me))
		return 1;
	struct sync *s = sync_enter(&me, m);
	int depth = s->depth;
	s->depth = depth + by > 0 ? depth + by : 0;
	sync_leave(s);
	thread_leave(&me);
	return depth;
}

ANNOTATE(__tsan_java_mutex_lock, uintptr_t m)
{
	sync_acquire(&me, m);
	change_depth(m, 1);
}

ANNOTATE(__tsan_java_mutex_unlock, uintptr_t m)
{
	if (change_depth(m, -1) <= 1)
		sync_release(&me, m);
}

ANNOTATE(__tsan_java_mutex_read_lock, uintptr_t m)
{
	sync_acquire(&me, m);
}

ANNOTATE(__tsan_java_mutex_read_unlock, uintptr_t m)
{
	sync_merge(&me, m);
}

ANNOTATE(__tsan_java_mutex_lock_rec, uintptr_t m, int depth)
{
	sync_acquire(&me, m);
	change_depth(m, depth);
}

EXPORT int __tsan_java_mutex_unlock_rec(uintptr_t m);

EXPORT int __tsan_java_mutex_unlock_rec(uintptr_t m)
{
	int depth = change_depth(m, INT32_MIN / 2);
	sync_release(&me, m);
	return depth;
}
