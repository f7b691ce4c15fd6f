/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lockrank.h - the lock order of the runtime (Go's lockrank.go).
 *
 * A thread may take a lock only while every lock it holds has a smaller rank. In Debug builds
 * lockrank.c checks it at each lock(); two locks of one rank are never held together, except
 * channels by select, in the order of their addresses.
 *
 * No lock is ever held over a switch: goparkunlock() releases its lock before it leaves the stack.
 */
#ifndef GORT_BASE_LOCKRANK_H
#define GORT_BASE_LOCKRANK_H

enum lockrank {
	lockRankSync = 0, /* wait groups, mutexes: user objects, valid when zeroed */
	lockRankHchan,    /* hchan.lock */
	lockRankSysfd,    /* sysfd.lock */
	lockRankPollDesc, /* pollDesc.lock: deadlines */
	lockRankTimers,   /* p.timers.lock */
	lockRankSched,    /* sched.lock: midle, pidle, the global queue */
	lockRankAllg,     /* allglock: growth of allgs */
	lockRankGFree,    /* sched.gFree.lock: dead Gs not owned by a P */
	lockRankStack,    /* stackpool.lock */
	lockRankRoots,    /* registered roots */
	lockRankWb,       /* wb.lock: full blocks of the write barrier's log */
	lockRankNop,      /* the mcache of threads without a P */
	lockRankSpecial,  /* mspan.speciallock: what is attached to objects */
	lockRankFin,      /* queues of finalizers and cleanups */
	lockRankMcentral, /* mcentral.lock: spans of one class */
	lockRankMheap,    /* mheap.lock: pages, arenas */
	lockRankProf,     /* samples of the heap profile */
	lockRankWork,     /* blocks of words to be marked */
	lockRankLeaf      /* locks under which nothing else is taken */
};

#endif
