/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chan.h - the channel's layout (Go's chan.go), for the debugger's table, and its wait queues and
 * operations, for select.
 */
#ifndef GORT_SYNC_CHAN_H
#define GORT_SYNC_CHAN_H

#include <string.h>

#include "mem/mbarrier.h"
#include "sched/bubble.h"
#include "sched/race.h"
#include "sched/runtime2.h"

struct waitq {
	struct sudog *first;
	struct sudog *last;
};

/* All fields are guarded by lock; qcount and closed may be read without it as a hint. */
struct hchan {
	struct mutex lock;
	uint16_t closed;
	uint16_t bubble; /* of the goroutine that made it */
	uint32_t elemsize;
	uint64_t qcount;   /* elements in the buffer */
	uint64_t dataqsiz; /* its capacity */
	uint64_t sendx;
	uint64_t recvx;
	struct waitq recvq;
	struct waitq sendq;
	char *buf;                /* dataqsiz elements, just behind this structure, if any */
	struct gort_timer *timer; /* whose channel it is, see time.c; or NULL */
};

/*
 * A zeroed channel becomes one for cap elements, the room for which lies behind it. Where there is
 * none, the next object begins there, which the collector would take the pointer for.
 */
static inline void chaninit(struct hchan *c, uint32_t elemsize, uint64_t cap)
{
	lockinit(&c->lock, lockRankHchan);
	c->bubble = bubblenow();
	c->elemsize = elemsize;
	c->dataqsiz = cap;
	c->buf = (char *)(c + ((elemsize && cap) || raceenabled));
}

/*
 * Send or receive if that needs no waiting. Called with the lock; release it when they return true.
 * chantrysend must not be called when the channel is closed.
 */
bool chantrysend(struct hchan *c, const void *elem);
bool chantryrecv(struct hchan *c, void *elem);

/* ---- wait queues, with the lock ---- */

static inline void enqueue(struct waitq *q, struct sudog *sg)
{
	sg->next = NULL;
	sg->prev = q->last;
	if (q->last)
		q->last->next = sg;
	else
		q->first = sg;
	q->last = sg;
}

/*
 * Decides gp's select in favour of sg. False when somebody else did. Whoever gets true must wake
 * gp. The stores to gp before it parked are visible through the lock under which sg was found.
 */
static inline bool selectclaim(struct g *gp, struct sudog *sg)
{
	uint32_t open = 0;
	if (!pcas(&gcold(gp)->selectDone, &open, 1))
		return false;
	gcold(gp)->selected = sg;
	return true;
}

/* claim of one that is watched. */
bool claimwatched(struct sudog *sg);

/* Of a waiter that is special and was taken off: whether it may be served. */
static inline bool claim(struct sudog *sg)
{
	return likely(sg->special == SUDOG_SELECT) ? selectclaim(sg->g, sg) : claimwatched(sg);
}

/* The first waiter, taken off; of a select only if it could be decided for this case. */
static inline struct sudog *dequeue(struct waitq *q)
{
	for (struct sudog *sg; (sg = q->first);) {
		q->first = sg->next;
		if (q->first)
			q->first->prev = NULL;
		else
			q->last = NULL;
		sg->next = NULL;
		if (likely(!sg->special) || claim(sg))
			return sg;
	}
	return NULL;
}

/* Takes sg off, which need not be on it any more. */
static inline void dequeueSudoG(struct waitq *q, struct sudog *sg)
{
	if (!sg->prev && q->first != sg)
		return;
	if (sg->prev)
		sg->prev->next = sg->next;
	else
		q->first = sg->next;
	if (sg->next)
		sg->next->prev = sg->prev;
	else
		q->last = sg->prev;
}

/*
 * ---- for race detectors ----
 *
 * Buffered: a slot of the buffer is a key; who puts or takes an element acquires and releases it.
 * So the receive of an element comes after its send, and that send after the receive which made
 * room for it, and no more. Who hands an element over to a goroutine that waits, or takes one from
 * it, does so for both: the slot's second key is then what the waiter released before it waited.
 * Unbuffered: the two meet. What a timer sends makes no edge.
 */

/* Behind the buffer. The address of each is the slot's first key, its value the second, or NULL. */
static inline const void **raceslots(struct hchan *c)
{
	return (const void **)(c->buf + ((c->dataqsiz * c->elemsize + 7) & ~UINT64_C(7)));
}

/* The element of slot i passes through the hands of the caller. waiting: see above, or NULL. */
void raceslot(struct hchan *c, uint64_t i, const struct g *waiting);
/* The caller found waiting, who is going to be woken. send: it got an element. */
void racefound(struct hchan *c, const struct g *waiting, bool send);

/* ---- data ---- */

/* dst is in a buffer, in a sudog, or where the program wants it, which may be in the heap. */
static inline void copyelem(uint32_t size, void *dst, const void *src)
{
	if (wbenabled())
		gort_wbrange(dst, size);
	if (likely(size == 8))
		memcpy(dst, src, 8);
	else if (size == 4)
		memcpy(dst, src, 4);
	else if (likely(!raceenabled))
		memcpy(dst, src, size);
	else
		copyunseen(dst, src, size);
}

/* Where the data of a waiter is: its sudog for small elements, else where it points. */
static inline void *sudogdata(struct hchan *c, struct sudog *sg)
{
	return c->elemsize <= sizeof(sg->val) ? (void *)&sg->val : sg->elem;
}

/* The zero value, for a receive from a closed channel. */
static inline void zeroelem(uint32_t size, void *dst)
{
	gort_wbrange(dst, size);
	zerounseen(dst, size);
}

/* Whether the two below serve several Ps, with the lock: they tell no race detector. */
static inline bool lockedfast(void)
{
	return !single && likely(!raceenabled);
}

/*
 * The buffered operations on 8 bytes that neither wait nor wake, apart so that they need no stack
 * frame. With the lock. False, with nothing done, in every other case, and while the barrier is on.
 */
static inline bool bufsend8(struct hchan *c, const void *elem)
{
	uint64_t x = c->sendx;
	if (c->qcount >= c->dataqsiz || c->recvq.first || c->closed || c->elemsize != 8 ||
		wbenabled())
		return false;
	memcpy(c->buf + x * 8, elem, 8);
	c->sendx = x + 1 == c->dataqsiz ? 0 : x + 1;
	c->qcount++;
	return true;
}

static inline bool bufrecv8(struct hchan *c, void *elem)
{
	uint64_t x = c->recvx;
	if (c->qcount == 0 || c->sendq.first || c->elemsize != 8 || !elem || wbenabled())
		return false;
	memcpy(elem, c->buf + x * 8, 8);
	c->recvx = x + 1 == c->dataqsiz ? 0 : x + 1;
	c->qcount--;
	return true;
}

#endif
