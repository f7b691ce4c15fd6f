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
#include "sched/proc.h"
#include "sync/blocked.h"
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
	sg->special = 0;
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

bool claimwatched(struct sudog *sg)
{
	if (sg->isSelect && !selectclaim(sg->g, sg))
		return false;
	released(sg->g);
	return true;
}

/* The first waiter of q, if it is for 8 bytes and not special. */
static inline struct sudog *waiter8(const struct hchan *c, const struct waitq *q)
{
	struct sudog *sg = q->first;
	return sg && !sg->special && c->elemsize == 8 ? sg : NULL;
}

static inline void takefirst(struct waitq *q, struct sudog *sg)
{
	q->first = sg->next;
	if (sg->next)
		sg->next->prev = NULL;
	else
		q->last = NULL;
	sg->next = NULL;
	sg->success = true;
}

/*
 * At one P: takes the first waiter of q, for 8 bytes and not special, if it can be made to run
 * next without a call; else NULL, with nothing done. So the two below need no stack frame either.
 */
static inline struct sudog *takewaiter8(struct hchan *c, struct waitq *q)
{
	struct sudog *sg = waiter8(c, q);
	if (!sg || !canreadyfast())
		return NULL;
	takefirst(q, sg);
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

/*
 * At several Ps, 8 bytes over an unbuffered channel: whoever finds a counterpart that waits passes
 * it the data, and who finds none waits, without a call or a stack frame, which would be a sixth
 * of what a value costs. Only if nothing more is to be done: the counterpart may go to runnext, or
 * what runs next is there.
 *
 * The M of the calling goroutine, if so far nothing is against it.
 */
static inline struct m *fastm(const struct hchan *c)
{
	if (!PARKASM || !c || c->dataqsiz || gort_elide.mode != GORT_ATOMIC || c->elemsize != 8)
		return NULL;
	struct m *mp = getm();
	if (!mp || !mp->curg || load_rlx(&mp->gate) != GATE_OPEN)
		return NULL;
	return likely(!blockwatched) ? mp : NULL;
}

/*
 * Locks c, and runnext if nobody seems to wait in other: then *next is what runs when this
 * goroutine waits. False, with nothing done, if there is none, or somebody else has the lock.
 */
static inline __attribute__((always_inline)) bool lockfast(
	struct m *mp, struct hchan *c, const struct waitq *other, struct g **next)
{
	*next = NULL;
	if (!*(struct sudog *const volatile *)&other->first && !(*next = nextbegin(mp)))
		return false;
	if (trylock(&c->lock))
		return true;
	if (*next)
		nextcancel(mp);
	return false;
}

/* Whether this goroutine must wait, as it seemed; else runnext is not locked any more. */
static inline bool maywait(struct m *mp, const struct hchan *c, const struct waitq *other)
{
	if (likely(!other->first && !c->closed && !c->timer))
		return true;
	nextcancel(mp);
	return false;
}

/* Queues up the calling goroutine, whose sudog is ready, and releases both locks. */
static inline void waitfast(
	struct m *mp, struct hchan *c, struct waitq *q, waitReason reason, struct g *next)
{
	struct g *gp = mp->curg;
	enqueue(q, &gp->sudog);
	markwaiting(gp, reason);
	unlock(&c->lock);
	nextend(mp, gp, next);
}

/* After takefirst. Invariant 4: others find the goroutine of sg after the unlock only. */
static inline void passed(struct m *mp, struct hchan *c, const struct sudog *sg)
{
	struct g *gp = sg->g;
	unlock(&c->lock);
	readyend(mp->p, gp);
}

/* With the lock, which they release if they return true; else they have done nothing. */
static inline bool passsend8(struct m *mp, struct hchan *c, const void *elem)
{
	struct sudog *sg = waiter8(c, &c->recvq);
	if (!sg || !readybegin(mp->p))
		return false;
	takefirst(&c->recvq, sg);
	prefetchframe(sg->g);
	memcpy(&sg->val, elem, 8);
	passed(mp, c, sg);
	return true;
}

static inline bool passrecv8(struct m *mp, struct hchan *c, void *elem)
{
	struct sudog *sg = waiter8(c, &c->sendq);
	if (!sg || !readybegin(mp->p))
		return false;
	takefirst(&c->sendq, sg);
	prefetchframe(sg->g);
	memcpy(elem, &sg->val, 8);
	passed(mp, c, sg);
	return true;
}

void chansent(struct g *gp)
{
	if (unlikely(!gp->sudog.success))
		gopanic_text("send on closed channel");
}

/* Waits in the own sudog, which is on a queue of c. With the lock. */
static __attribute__((noinline)) void chanparkwatched(
	struct g *gp, struct hchan *c, waitReason reason)
{
	racerelease(raceout(gp));
	goparkwatched(&c->lock, reason);
	raceacquire(racein(gp));
}

/* The rest of a send, with the lock. */
static inline __attribute__((always_inline)) void sendrest(
	struct g *gp, struct hchan *c, const void *elem)
{
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
	if (unlikely(blockwatched)) {
		chanparkwatched(gp, c, waitReasonChanSend);
		chansent(gp);
		return;
	}
	struct g *next = goparkchoose(gp, &c->lock, waitReasonChanSend);
	if (PARKASM && next != gp) {
		gort_chan_send_park(&gp->sched, &next->sched);
		return;
	}
	if (next != gp)
		mresume(gp, next);
	chansent(gp);
}

static __attribute__((noinline)) void sendlocked(struct hchan *c, const void *elem)
{
	sendrest(getg(), c, elem);
}

static __attribute__((noinline)) void chansend(struct hchan *c, const void *elem)
{
	struct g *gp = getgchecked("chan send");
	if (unlikely(!c))
		goparkforever(waitReasonChanSendNilChan);
	plock(&c->lock);
	sendrest(gp, c, elem);
}

static __attribute__((noinline)) void unbufsend(struct hchan *c, const void *elem)
{
	struct m *mp = fastm(c);
	struct g *gp, *next;
	if (!mp || !lockfast(mp, c, &c->recvq, &next)) {
		chansend(c, elem);
	} else if (!next) {
		if (!passsend8(mp, c, elem))
			sendlocked(c, elem);
	} else if (maywait(mp, c, &c->recvq)) {
		gp = mp->curg;
		memcpy(&mysudog(gp, c, (void *)(uintptr_t)elem)->val, elem, 8);
		waitfast(mp, c, &c->sendq, waitReasonChanSend, next);
		gort_chan_send_park(&gp->sched, &next->sched);
	} else {
		sendlocked(c, elem);
	}
}

void gort_chan_send(struct gort_chan *gc, const void *elem)
{
	struct hchan *c = (struct hchan *)gc;
	usdt_chan_send(c, elem);
	if (gort_elide.mode == GORT_OWNER && likely(c) && (bufsend8(c, elem) || handsend8(c, elem)))
		return;
	unbufsend(c, elem);
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
	return PARKASM && (size == 8 || size == 4) &&
	       (uintptr_t)elem - gp->stack.lo < gp->stack.hi - gp->stack.lo;
}

/* After the wait: the channel may be gone, and only our own sudog is looked at. */
static inline bool received(struct g *gp, void *elem, uint32_t size)
{
	struct sudog *sg = &gp->sudog;
	if (elem && size <= sizeof(sg->val))
		copyelem(size, elem, &sg->val);
	return sg->success;
}

/* The rest of a receive, with the lock. */
static inline __attribute__((always_inline)) bool recvrest(
	struct g *gp, struct hchan *c, void *elem)
{
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
	if (unlikely(blockwatched)) {
		chanparkwatched(gp, c, waitReasonChanReceive);
		return received(gp, elem, size);
	}
	struct g *next = goparkchoose(gp, &c->lock, waitReasonChanReceive);
	if (next != gp && recvpark(gp, elem, size))
		return gort_chan_recv_park(&gp->sched, &next->sched);
	if (next != gp)
		mresume(gp, next);
	return received(gp, elem, size);
}

static __attribute__((noinline)) bool recvlocked(struct hchan *c, void *elem)
{
	return recvrest(getg(), c, elem);
}

static __attribute__((noinline)) bool chanrecv(struct hchan *c, void *elem)
{
	struct g *gp = getgchecked("chan receive");
	if (unlikely(!c))
		goparkforever(waitReasonChanReceiveNilChan);
	plock(&c->lock);
	return recvrest(gp, c, elem);
}

static __attribute__((noinline)) bool unbufrecv(struct hchan *c, void *elem)
{
	struct m *mp = fastm(c);
	struct g *gp = mp ? mp->curg : NULL, *next;
	if (!mp || !recvpark(gp, elem, 8) || wbenabled() || !lockfast(mp, c, &c->sendq, &next))
		return chanrecv(c, elem);
	if (!next)
		return passrecv8(mp, c, elem) || recvlocked(c, elem);
	if (!maywait(mp, c, &c->sendq))
		return recvlocked(c, elem);
	mysudog(gp, c, elem)->val = 0;
	waitfast(mp, c, &c->recvq, waitReasonChanReceive, next);
	return gort_chan_recv_park(&gp->sched, &next->sched);
}

bool gort_chan_recv(struct gort_chan *gc, void *elem)
{
	struct hchan *c = (struct hchan *)gc;
	usdt_chan_recv(c, elem);
	if (gort_elide.mode == GORT_OWNER && likely(c) && (bufrecv8(c, elem) || handrecv8(c, elem)))
		return true;
	return unbufrecv(c, elem);
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
