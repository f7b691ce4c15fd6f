/* SPDX-License-Identifier: BSD-2-Clause */
/* stw.h - stopping the world, and another number of Ps (Go's stopTheWorld, procresize). */
#ifndef GORT_SCHED_STW_H
#define GORT_SCHED_STW_H

#include "sched/runtime2.h"

/*
 * The collector's way: goroutines that compute stop in the signal handler, where they stand.
 * Otherwise like stopTheWorld, and ended by startTheWorld. Returns when it began to ask others.
 */
int64_t stopTheWorldGC(void);
/* Somebody had no CPU to stop on: who stands must not keep the one that others may need. */
extern _Atomic bool stopcrowded;
/*
 * In that handler, on an M whose goroutine was interrupted in the program's text: true when its P
 * has been stopped. It must then wait until the turn, of which *turn is told, has changed.
 */
bool gcstandp(struct m *mp, uint32_t *turn);

/*
 * Returns when no other goroutine runs: each P but the caller's is in _Pgcstop. Blocks until then;
 * only one goroutine at a time is through. Until startTheWorld the caller must not park, and
 * threads without a P may run, also in system calls.
 */
void stopTheWorld(void);
/*
 * Lets the others run again, on procs Ps. The caller may continue with another P. Returns when they
 * could run, on whichever CPU they get.
 */
int64_t startTheWorld(int32_t procs);

/* With sched.lock held: pp, which is on no list, stops. */
void gcstopp(struct p *pp);
/*
 * On g0: while the world is being stopped, gives up the P of mp; or, for the collector, keeps it
 * and returns when the world goes on.
 */
void gcstopm(struct m *mp);

#endif
