/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * chan.c - channels (Go's chan.go).
 *
 * Invariants, under the lock:
 *  1. At least one of sendq and recvq is empty, unless one goroutine both sends and receives on
 *     it in a select.
 *  2. Buffered: qcount > 0 implies recvq is empty; qcount < dataqsiz implies sendq is empty.
 *  3. A waiter is woken with its data already handed over: it does not look at the channel again.
 *  4. unlock is the last access to the channel by a sender that found a receiver: the receiver
 *     may free it.
 *
 * Elements of at most 8 bytes travel in the waiter's sudog, which lies in struct g, so that a waker
 * does not touch the parked stack.
 */
#include "sync/chan.h"

#include <string.h>

#include "base/throw.h"
#include "mem/malloc.h"
#include "sched/proc.h"

#define MAXELEM 65535 /* Go's limit too */

struct gort_chan *gort_chan_make(size_t elemsize, gort_isize cap)
{
	size_t bytes;
	if (elemsize > MAXELEM)
		throw("makechan: invalid channel element type");
	if (cap < 0 || __builtin_mul_overflow(elemsize, (size_t)cap, &bytes) ||
		bytes > PTRDIFF_MAX - sizeof(struct hchan))
		gopanic_text("makechan: size out of range");
	struct hchan *c = mallocgc(sizeof(*c) + bytes);
	lockinit(&c->lock, lockRankHchan);
	c->elemsize = (uint32_t)elemsize;
	c->dataqsiz = (uint64_t)cap;
	c->buf = (char *)(c + 1);
	return (struct gort_chan *)c;
}

/* ---- data ---- */

static inline char *chanbuf(struct hchan *c, uint64_t i)
{
	return c->buf + i * c->elemsize;
}

static inline void bufput(struct hchan *c, const void *elem)
{
	copyelem(c->elemsize, chanbuf(c, c->sendx), elem);
	if (++c->sendx == c->dataqsiz)
		c->sendx = 0;
}

static inline void bufget(struct hchan *c, void *elem)
{
	if (elem)
		copyelem(c->elemsize, elem, chanbuf(c, c->recvx));
	if (++c->recvx == c->dataqsiz)
		c->recvx = 0;
}

/* The caller's own sudog, ready to be enqueued. */
static inline struct sudog *mysudog(struct g *gp, struct hchan *c, void *elem)
{
	struct sudog *sg = &gp->sudog;
	sg->g = gp;
	sg->c = c;
	sg->elem = elem;
	sg->isSelect = false;
	sg->success = false;
	gp->waiting = sg;
	return sg;
}

/* ---- send, receive, close ---- */

/* Sends if that needs no waiting. Called with the lock; releases it when it returns true. */
static inline bool trysend(struct hchan *c, const void *elem)
{
	struct sudog *sg = dequeue(&c->recvq);
	if (sg) {
		struct g *gp = sg->g;
		copyelem(c->elemsize, sudogdata(c, sg), elem);
		sg->success = true;
		unlock(&c->lock);
		goready(gp);
		return true;
	}
	if (c->qcount >= c->dataqsiz)
		return false;
	bufput(c, elem);
	c->qcount++;
	unlock(&c->lock);
	return true;
}

bool chantrysend(struct hchan *c, const void *elem)
{
	return trysend(c, elem);
}

void gort_chan_send(struct gort_chan *gc, const void *elem)
{
	struct hchan *c = (struct hchan *)gc;
	struct g *gp = getgchecked("chan send");
	if (unlikely(!c))
		goparkforever(waitReasonChanSendNilChan);
	lock(&c->lock);
	if (unlikely(c->closed)) {
		unlock(&c->lock);
		gopanic_text("send on closed channel");
	}
	if (trysend(c, elem))
		return;
	struct sudog *sg = mysudog(gp, c, (void *)(uintptr_t)elem);
	if (c->elemsize <= sizeof(sg->val))
		copyelem(c->elemsize, &sg->val, elem);
	enqueue(&c->sendq, sg);
	goparkunlock(&c->lock, waitReasonChanSend);
	if (unlikely(!sg->success))
		gopanic_text("send on closed channel");
}

/* Receives if that needs no waiting. Called with the lock; releases it when it returns true. */
static inline bool tryrecv(struct hchan *c, void *elem)
{
	struct sudog *sg = dequeue(&c->sendq);
	if (c->qcount == 0 && !sg)
		return false;
	if (c->qcount == 0) {
		if (elem)
			copyelem(c->elemsize, elem, sudogdata(c, sg));
	} else {
		bufget(c, elem);
		if (sg)
			bufput(c, sudogdata(c, sg)); /* the buffer was full and stays so */
		else
			c->qcount--;
	}
	if (!sg) {
		unlock(&c->lock);
		return true;
	}
	struct g *gp = sg->g;
	sg->success = true;
	unlock(&c->lock);
	goready(gp);
	return true;
}

bool chantryrecv(struct hchan *c, void *elem)
{
	return tryrecv(c, elem);
}

bool gort_chan_recv(struct gort_chan *gc, void *elem)
{
	struct hchan *c = (struct hchan *)gc;
	struct g *gp = getgchecked("chan receive");
	if (unlikely(!c))
		goparkforever(waitReasonChanReceiveNilChan);
	lock(&c->lock);
	if (tryrecv(c, elem))
		return true;
	uint32_t size = c->elemsize;
	if (c->closed) {
		unlock(&c->lock);
		if (elem)
			memset(elem, 0, size);
		return false;
	}
	struct sudog *sg = mysudog(gp, c, elem);
	sg->val = 0;
	enqueue(&c->recvq, sg);
	goparkunlock(&c->lock, waitReasonChanReceive);
	/* The channel may be gone: only our own sudog is looked at. */
	if (elem && size <= sizeof(sg->val))
		copyelem(size, elem, &sg->val);
	return sg->success;
}

/*
 * Takes all waiters off q. Receivers get the zero value, senders will panic: success stays false.
 */
static void collect(struct hchan *c, struct waitq *q, bool receivers, struct gQueue *list)
{
	for (struct sudog *sg; (sg = dequeue(q));) {
		if (receivers && sg->elem && c->elemsize > sizeof(sg->val))
			memset(sg->elem, 0, c->elemsize);
		LIST_PUSH_BACK(list, sg->g, schedlink);
	}
}

void gort_chan_close(struct gort_chan *gc)
{
	struct hchan *c = (struct hchan *)gc;
	struct gQueue list = {0};
	getgchecked("close");
	if (unlikely(!c))
		gopanic_text("close of nil channel");
	lock(&c->lock);
	if (unlikely(c->closed)) {
		unlock(&c->lock);
		gopanic_text("close of closed channel");
	}
	c->closed = 1;
	collect(c, &c->recvq, true, &list);
	collect(c, &c->sendq, false, &list);
	unlock(&c->lock);
	for (struct g *gp; (gp = LIST_POP(&list, schedlink));)
		goready(gp);
}

/* One word read without the lock: a value that was right at some moment of the call. */
gort_isize gort_chan_len(struct gort_chan *gc)
{
	struct hchan *c = (struct hchan *)gc;
	return c ? (gort_isize) * (volatile uint64_t *)&c->qcount : 0;
}

gort_isize gort_chan_cap(struct gort_chan *gc)
{
	struct hchan *c = (struct hchan *)gc;
	return c ? (gort_isize)c->dataqsiz : 0;
}
