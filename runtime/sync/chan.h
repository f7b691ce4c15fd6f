/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chan.h - the channel's layout (Go's chan.go), for the debugger's table, and its wait queues and
 * operations, for select.
 */
#ifndef GORT_SYNC_CHAN_H
#define GORT_SYNC_CHAN_H

#include <string.h>

#include "sched/runtime2.h"

struct waitq {
	struct sudog *first;
	struct sudog *last;
};

/* All fields are guarded by lock; qcount and closed may be read without it as a hint. */
struct hchan {
	struct mutex lock;
	uint32_t closed;
	uint32_t elemsize;
	uint64_t qcount;   /* elements in the buffer */
	uint64_t dataqsiz; /* its capacity */
	uint64_t sendx;
	uint64_t recvx;
	struct waitq recvq;
	struct waitq sendq;
	char *buf; /* dataqsiz elements, just behind this structure */
};

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
	if (!cas_acqrel(&gp->selectDone, &open, 1))
		return false;
	gp->selected = sg;
	return true;
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
		if (likely(!sg->isSelect) || selectclaim(sg->g, sg))
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

/* ---- data ---- */

static inline void copyelem(uint32_t size, void *dst, const void *src)
{
	if (likely(size == 8))
		memcpy(dst, src, 8);
	else if (size == 4)
		memcpy(dst, src, 4);
	else
		memcpy(dst, src, size);
}

/* Where the data of a waiter is: its sudog for small elements, else where it points. */
static inline void *sudogdata(struct hchan *c, struct sudog *sg)
{
	return c->elemsize <= sizeof(sg->val) ? (void *)&sg->val : sg->elem;
}

#endif
