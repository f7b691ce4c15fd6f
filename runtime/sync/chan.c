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
#include "debug/usdt.h"
#include "mem/malloc.h"
#include "sched/park.h"
#include "sched/proc.h"
#include "sync/chanpark.h"
#include "sync/time.h"

#define MAXELEM 65535 /* Go's limit too */

struct gort_chan *gort_chan_make(size_t elemsize, gort_isize cap)
{
	size_t bytes;
	if (elemsize > MAXELEM)
		throw("makechan: invalid channel element type");
	if (cap < 0 || __builtin_mul_overflow(elemsize, (size_t)cap, &bytes) ||
		bytes > PTRDIFF_MAX - sizeof(struct hchan))
		gopanic_text("makechan: size out of range");
	if (unlikely(raceenabled))
		bytes += 8 + (size_t)cap * sizeof(*raceslots(NULL));
	struct hchan *c = mallocgc(sizeof(*c) + bytes);
	chaninit(c, (uint32_t)elemsize, (uint64_t)cap);
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

_Static_assert(offsetof(struct g, sudog.elem) == G_SUDOG_ELEM &&
		       offsetof(struct g, sudog.val) == G_SUDOG_VAL &&
		       offsetof(struct g, sudog.success) == G_SUDOG_SUCCESS &&
		       offsetof(struct g, sudog.elemsize) == G_SUDOG_SIZE,
	"chan_amd64.S knows the offsets");

/* AddressSanitizer must be told of each switch: there the functions of C switch themselves. */
#ifdef GORT_ASAN
#define PARKASM false
#else
#define PARKASM true
#endif

/* The caller's own sudog, ready to be enqueued. */
static inline struct sudog *mysudog(struct g *gp, struct hchan *c, void *elem)
{
	struct sudog *sg = &gp->sudog;
	sg->g = gp;
	sg->c = c;
	sg->elem = elem;
	sg->isSelect = false;
	sg->success = false;
	sg->elemsize = c->elemsize;
	gp->waiting = sg;
	return sg;
}

/* ---- for race detectors: chan.h ---- */

void raceslot(struct hchan *c, uint64_t i, const struct g *waiting)
{
	if (c->timer)
		return;
	const void **slot = &raceslots(c)[i];
	raceacquirekey(slot);
	if (*slot)
		raceacquirekey(*slot);
	racereleasekey(slot);
	*slot = waiting ? raceout(waiting) : NULL;
}

void racefound(struct hchan *c, const struct g *waiting, bool send)
{
	if (c->timer)
		return;
	if (c->dataqsiz == 0) {
		raceacquirekey(raceout(waiting));
	} else if (!send) {
		raceslot(c, c->recvx, waiting); /* full: the element goes where one was taken */
	} else {
		/* Empty: as if it had gone through the next slot. */
		raceslot(c, c->recvx, NULL);
		raceslots(c)[c->recvx] = raceout(waiting);
		c->recvx = c->recvx + 1 == c->dataqsiz ? 0 : c->recvx + 1;
		c->sendx = c->recvx;
	}
	racereleasekey(racein(waiting));
}

/* ---- send, receive, close ---- */

/*
 * At one P: takes the first waiter of q, for 8 bytes and not in a select, if it can be made to run
 * next without a call; else NULL, with nothing done. So the two below need no stack frame either.
 */
static inline struct sudog *takewaiter8(struct hchan *c, struct waitq *q)
{
	struct sudog *sg = q->first;
	if (!sg || sg->isSelect || c->elemsize != 8)
		return NULL;
	if (!canreadyfast())
		return NULL;
	q->first = sg->next;
	if (sg->next)
		sg->next->prev = NULL;
	else
		q->last = NULL;
	sg->next = NULL;
	sg->success = true;
	return sg;
}

static inline bool handsend8(struct hchan *c, const void *elem)
{
	struct sudog *sg = takewaiter8(c, &c->recvq);
	if (!sg)
		return false;
	memcpy(&sg->val, elem, 8);
	goreadyfast(sg->g);
	return true;
}

/* Of an unbuffered channel. */
static inline bool handrecv8(struct hchan *c, void *elem)
{
	bool slow = c->dataqsiz || !elem || wbenabled();
	struct sudog *sg = slow ? NULL : takewaiter8(c, &c->sendq);
	if (!sg)
		return false;
	memcpy(elem, &sg->val, 8);
	goreadyfast(sg->g);
	return true;
}

/* Sends if that needs no waiting. Called with the lock; releases it when it returns true. */
static inline bool trysend(struct hchan *c, const void *elem)
{
	struct sudog *sg = dequeue(&c->recvq);
	if (sg) {
		struct g *gp = sg->g;
		if (unlikely(raceenabled))
			racefound(c, gp, true);
		copyelem(c->elemsize, sudogdata(c, sg), elem);
		sg->success = true;
		unlock(&c->lock);
		prefetchframe(gp);
		goready(gp);
		return true;
	}
	if (c->qcount >= c->dataqsiz)
		return false;
	if (unlikely(raceenabled))
		raceslot(c, c->sendx, NULL);
	bufput(c, elem);
	c->qcount++;
	unlock(&c->lock);
	return true;
}

bool chantrysend(struct hchan *c, const void *elem)
{
	return trysend(c, elem);
}

void chansent(struct g *gp)
{
	if (unlikely(!gp->sudog.success))
		gopanic_text("send on closed channel");
}

static __attribute__((noinline)) void chansend(struct hchan *c, const void *elem)
{
	struct g *gp = getgchecked("chan send");
	if (unlikely(!c))
		goparkforever(waitReasonChanSendNilChan);
	plock(&c->lock);
	if (lockedfast() && bufsend8(c, elem)) {
		unlock(&c->lock);
		return;
	}
	if (unlikely(c->closed)) {
		unlock(&c->lock);
		gopanic_text("send on closed channel");
	}
	if ((c->recvq.first || c->qcount < c->dataqsiz) && trysend(c, elem))
		return;
	struct sudog *sg = mysudog(gp, c, (void *)(uintptr_t)elem);
	if (c->elemsize <= sizeof(sg->val))
		copyelem(c->elemsize, &sg->val, elem);
	enqueue(&c->sendq, sg);
	racerelease(raceout(gp));
	struct g *next = goparkchoose(gp, &c->lock, waitReasonChanSend);
	if (PARKASM && next != gp && likely(!raceenabled)) {
		gort_chan_send_park(&gp->sched, &next->sched);
		return;
	}
	if (next != gp)
		mresume(gp, next);
	raceacquire(racein(gp));
	chansent(gp);
}

void gort_chan_send(struct gort_chan *gc, const void *elem)
{
	struct hchan *c = (struct hchan *)gc;
	usdt_chan_send(c, elem);
	if (gort_elide == GORT_OWNER && likely(c) && (bufsend8(c, elem) || handsend8(c, elem)))
		return;
	chansend(c, elem);
}

/* Receives if that needs no waiting. Called with the lock; releases it when it returns true. */
static inline bool tryrecv(struct hchan *c, void *elem)
{
	struct sudog *sg = dequeue(&c->sendq);
	if (c->qcount == 0 && !sg)
		return false;
	if (unlikely(raceenabled)) {
		if (c->qcount)
			raceslot(c, c->recvx, NULL);
		if (sg)
			racefound(c, sg->g, false);
	}
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
	prefetchframe(gp);
	goready(gp);
	return true;
}

bool chantryrecv(struct hchan *c, void *elem)
{
	if (unlikely(c->timer))
		timerchancheck(c);
	return tryrecv(c, elem);
}

/* The end in assembly stores without a barrier. */
static inline bool recvpark(const struct g *gp, const void *elem, uint32_t size)
{
	return PARKASM && likely(!raceenabled) && (size == 8 || size == 4) &&
	       (uintptr_t)elem - gp->stack.lo < gp->stack.hi - gp->stack.lo;
}

static __attribute__((noinline)) bool chanrecv(struct hchan *c, void *elem)
{
	struct g *gp = getgchecked("chan receive");
	if (unlikely(!c))
		goparkforever(waitReasonChanReceiveNilChan);
	plock(&c->lock);
	if (lockedfast() && bufrecv8(c, elem)) {
		unlock(&c->lock);
		return true;
	}
	if ((c->sendq.first || c->qcount || c->timer) && chantryrecv(c, elem))
		return true;
	uint32_t size = c->elemsize;
	if (c->closed) {
		raceacquire(&c->closed);
		unlock(&c->lock);
		if (elem)
			zeroelem(size, elem);
		return false;
	}
	struct sudog *sg = mysudog(gp, c, elem);
	sg->val = 0;
	enqueue(&c->recvq, sg);
	if (unlikely(c->timer))
		timerchanblock(c);
	racerelease(raceout(gp));
	struct g *next = goparkchoose(gp, &c->lock, waitReasonChanReceive);
	if (next != gp && recvpark(gp, elem, size))
		return gort_chan_recv_park(&gp->sched, &next->sched);
	if (next != gp)
		mresume(gp, next);
	raceacquire(racein(gp));
	/* The channel may be gone: only our own sudog is looked at. */
	if (elem && size <= sizeof(sg->val))
		copyelem(size, elem, &sg->val);
	return sg->success;
}

bool gort_chan_recv(struct gort_chan *gc, void *elem)
{
	struct hchan *c = (struct hchan *)gc;
	usdt_chan_recv(c, elem);
	if (gort_elide == GORT_OWNER && likely(c) && (bufrecv8(c, elem) || handrecv8(c, elem)))
		return true;
	return chanrecv(c, elem);
}

/*
 * Takes all waiters off q. Receivers get the zero value, senders will panic: success stays false.
 */
static void collect(struct hchan *c, struct waitq *q, bool receivers, struct gQueue *list)
{
	for (struct sudog *sg; (sg = dequeue(q));) {
		if (receivers && sg->elem && c->elemsize > sizeof(sg->val))
			zeroelem(c->elemsize, sg->elem);
		racerelease(racein(sg->g));
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
	plock(&c->lock);
	if (unlikely(c->closed)) {
		unlock(&c->lock);
		gopanic_text("close of closed channel");
	}
	racerelease(&c->closed);
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
	return c && !c->timer ? (gort_isize) * (volatile uint64_t *)&c->qcount : 0;
}

gort_isize gort_chan_cap(struct gort_chan *gc)
{
	struct hchan *c = (struct hchan *)gc;
	return c && !c->timer ? (gort_isize)c->dataqsiz : 0;
}
