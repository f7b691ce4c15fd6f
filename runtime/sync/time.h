/* SPDX-License-Identifier: BSD-2-Clause */
/* time.h - timers of the program, and what channels ask of them; see time.c. */
#ifndef GORT_SYNC_TIME_H
#define GORT_SYNC_TIME_H

#include "gort/time.h"
#include "sync/chan.h"

/* timer.kind; 0 is a timer of the runtime, or one that was freed. */
enum { TIMERFUNC = 1, TIMERCHAN, TIMERTICKER };

struct gort_timer {
	struct timer t; /* f is NULL in a TIMERFUNC */
	union {
		struct { /* TIMERFUNC */
			struct gort_call call;
			uintptr_t gopc;
		};
		struct {                      /* the others; guarded by c.lock */
			_Atomic int64_t when; /* deadline, 0: none. Read without the lock too */
			int64_t period;       /* of a ticker, else 0 */
			struct hchan c;
			gort_time value; /* c's buffer */
		};
	};
};

_Static_assert(
	offsetof(struct gort_timer, value) == offsetof(struct gort_timer, c) + sizeof(struct hchan),
	"a channel's buffer lies behind it");

/*
 * For a channel c with c->timer, whose lock is held: puts the value of a timer that is due into the
 * buffer, if nobody waits for it. Before a receive.
 */
void timerchancheck(struct hchan *c);
/* The same without the lock: whether a receive would find a value. */
bool timerchandue(struct hchan *c);
/* A goroutine that is about to park has been put into c->recvq: it may need the clock. */
void timerchanblock(struct hchan *c);
/* A waiter has been taken off c->recvq, other than by a send. */
void timerchanunblock(struct hchan *c);

#endif
