/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sema.c - semaphores by address (Go's sema.go): any 32-bit word, zero at first, is a queue of
 * goroutines, so that a mutex needs 8 bytes.
 *
 * A table of roots, chosen by the hash of the address. Each root is a digital search tree of the
 * addresses that have waiters: a node at depth d sends the addresses below it left or right by bit
 * d of their hash. The nodes are the sudogs in struct g, so waiting allocates nothing:
 *
 *	elem         the address
 *	prev, next   of the first waiter of an address: the children for a 0 and for a 1 bit
 *	waittail     of the first waiter: the last one of its address, NULL when it is alone
 *	next         of the others: a ring in order, in which the last one points to the second
 *
 * Invariants, under the root's lock:
 *  1. A word is read and written only under the lock of its root.
 *  2. It is not 0 only while nobody waits for it.
 *  3. A released unit belongs to the waiter that was taken off: it does not look at the word again,
 *     and nor does the releaser. The waiter may free it (what a mutex promises its users).
 *  4. The hash is a bijection, so two addresses of a root differ in the bits that the tree uses:
 *     no path is longer than these.
 *
 * For the mutex profile (semawatched) each waiter has in struct gcold since when it waits,
 * acquiretime, and the first one of an address how many are behind it. Whoever wakes the first is
 * charged with what all of them have waited since the last was woken: with that of the first, and
 * for each of the others with the mean of the first's and the last's, which are then set to now.
 * Those who queued up before it was switched on have 0, and are not counted. So Go does it, but
 * that it charges the last waiter twice, as if another were behind.
 *
 * Rejected: Go's treap. It needs a parent pointer, a random number and rotations for the same
 * expected depth. Rejected: Go's units that a newcomer may take from the woken waiter. The mutex
 * decides about barging in its own word, and the waiter would have to read the semaphore's again,
 * which by then may be freed.
 */
#include "sync/sema.h"

#include "base/clock.h"
#include "base/noptr.h"
#include "base/throw.h"
#include "sched/proc.h"
#include "sync/blocked.h"

#define SEMROOTBITS 8

/* All sudogs are those of goroutines, whose memory is the runtime's. */
static struct semroot {
	struct mutex lock; /* lockRankSync, which is 0 */
	struct sudog *tree;
} __attribute__((aligned(64))) semtable[1 << SEMROOTBITS] NOPTRBSS;

/* Multiplication by an odd number: bijective, and the upper bits depend on all lower ones. */
static inline uint64_t semhash(const uint32_t *addr)
{
	return (uint64_t)(uintptr_t)addr * 0x9e3779b97f4a7c15;
}

static inline struct semroot *rootfor(const uint32_t *addr)
{
	return &semtable[semhash(addr) >> (64 - SEMROOTBITS)];
}

/* Where the pointer to the first waiter of addr is, or would be. */
static struct sudog **find(struct semroot *root, const uint32_t *addr)
{
	uint64_t bits = semhash(addr) << SEMROOTBITS;
	struct sudog **at = &root->tree;
	for (struct sudog *sg; (sg = *at) && sg->elem != addr; bits <<= 1)
		at = bits >> 63 ? &sg->next : &sg->prev;
	return at;
}

/* Puts sg in the place of a first waiter, whose tail it gets. */
static inline void replace(struct sudog **at, struct sudog *sg, struct sudog *tail)
{
	sg->prev = (*at)->prev;
	sg->next = (*at)->next;
	sg->waittail = tail;
	*at = sg;
}

/* Adds sg to the ring whose last is tail (NULL: there is none yet), as the second of all. */
static inline struct sudog *ringinsert(struct sudog *tail, struct sudog *sg)
{
	if (!tail)
		return sg->next = sg;
	sg->next = tail->next;
	tail->next = sg;
	return tail;
}

static void queue(struct semroot *root, struct sudog *sg, bool lifo)
{
	struct sudog **at = find(root, sg->elem), *first = *at;
	if (!first) {
		sg->prev = sg->next = NULL;
		sg->waittail = NULL;
		*at = sg;
	} else if (lifo) {
		replace(at, sg, NULL);
		sg->waittail = ringinsert(first->waittail, first);
	} else {
		ringinsert(first->waittail, sg);
		first->waittail = sg;
	}
}

/* Takes the node at `at` out of the tree: any leaf below it lies on its path and may stand there.*/
static void cut(struct sudog **at)
{
	struct sudog **leafat = at;
	while ((*leafat)->prev || (*leafat)->next)
		leafat = (*leafat)->prev ? &(*leafat)->prev : &(*leafat)->next;
	struct sudog *leaf = *leafat;
	*leafat = NULL;
	if (leafat != at)
		replace(at, leaf, leaf->waittail);
}

static struct sudog *dequeue(struct semroot *root, const uint32_t *addr)
{
	struct sudog **at = find(root, addr), *first = *at;
	if (!first)
		return NULL;
	struct sudog *tail = first->waittail;
	if (!tail) {
		cut(at);
		return first;
	}
	struct sudog *second = tail->next;
	tail->next = second->next;
	replace(at, second, second == tail ? NULL : tail);
	return first;
}

/* ---- for the block and mutex profiles ---- */

/* Waits for the runtime's own lock before a collection, of which no profile tells: Go's neither. */
static inline bool ofcollector(struct g *gp)
{
	return gcold(gp)->collecting;
}

/* With the lock: notes when sg queues up, and behind whom. */
static void queuewatched(struct semroot *root, struct sudog *sg, bool lifo)
{
	struct sudog *first = *find(root, sg->elem);
	struct gcold *own = gcold(sg->g), *head = first ? gcold(first->g) : NULL;
	own->waiters = 0;
	own->acquiretime = load_rlx(&prof.mutexrate) > 0 ? nanotime() : 0;
	if (head && head->acquiretime && own->acquiretime) {
		if (lifo) {
			own->waiters = head->waiters + 1;
			own->acquiretime = head->acquiretime;
		} else {
			head->waiters++;
		}
	}
	queue(root, sg, lifo);
}

static __attribute__((noinline)) void semacquire1(
	struct semroot *root, struct sudog *sg, bool lifo, waitReason reason)
{
	struct g *gp = sg->g;
	int64_t since = blockbegin(gp);
	queuewatched(root, sg, lifo);
	goparkunlock(&root->lock, reason);
	gcold(gp)->acquiretime = gcold(gp)->waiters = 0;
	blockend(gp, since);
}

/*
 * With the lock: what sg, which was first and is off the queue, and those behind it have waited;
 * negative: not known.
 */
static int64_t charge(struct semroot *root, struct sudog *sg)
{
	struct gcold *first = gcold(sg->g);
	struct sudog *second = *find(root, sg->elem);
	int64_t now = nanotime();
	if (!first->acquiretime)
		return -1;
	int64_t delay = now - first->acquiretime;
	if (!second || !first->waiters)
		return delay;
	struct gcold *head = gcold(second->g);
	struct gcold *tail = second->waittail ? gcold(second->waittail->g) : head;
	int64_t last = tail->acquiretime ? now - tail->acquiretime : 0;
	head->waiters = first->waiters - 1;
	if (head->acquiretime)
		head->acquiretime = now;
	if (tail->acquiretime)
		tail->acquiretime = now;
	return delay + (delay + last) / 2 * first->waiters;
}

static __attribute__((noinline)) void semrelease1(uint32_t *addr, bool yield)
{
	struct semroot *root = rootfor(addr);
	int64_t delay = -1;
	plock(&root->lock);
	struct sudog *sg = dequeue(root, addr);
	if (sg)
		delay = charge(root, sg);
	else
		++*addr;
	unlock(&root->lock);
	if (!sg)
		return;
	if (delay >= 0)
		mutexevent(delay);
	released(sg->g);
	goready(sg->g);
	if (yield)
		gort_gosched();
}

/* ---- */

void semacquire(uint32_t *addr, bool lifo, waitReason reason)
{
	struct g *gp = getgchecked("semacquire");
	struct semroot *root = rootfor(addr);
	plock(&root->lock);
	if (*addr > 0) {
		--*addr;
		unlock(&root->lock);
		return;
	}
	struct sudog *sg = &gp->sudog;
	sg->g = gp;
	sg->c = NULL;
	sg->elem = addr;
	gp->waiting = sg;
	if (unlikely(semawatched) && !ofcollector(gp)) {
		semacquire1(root, sg, lifo, reason);
		return;
	}
	queue(root, sg, lifo);
	goparkunlock(&root->lock, reason);
}

int64_t semacquirelock(uint32_t *addr, bool lifo, waitReason reason, int64_t begin)
{
	semacquire(addr, lifo, reason);
	const struct m *mp = getm();
	int64_t end = nanotime();
	if (likely(!ofcollector(mp->curg)))
		store_rlx(&mp->p->mutexwait, load_rlx(&mp->p->mutexwait) + end - begin);
	return end;
}

void semrelease(uint32_t *addr, bool yield)
{
	struct g *gp = getgchecked("semrelease");
	if (unlikely(semawatched) && !ofcollector(gp)) {
		semrelease1(addr, yield);
		return;
	}
	struct semroot *root = rootfor(addr);
	plock(&root->lock);
	struct sudog *sg = dequeue(root, addr);
	if (!sg)
		++*addr;
	unlock(&root->lock);
	if (!sg)
		return;
	goready(sg->g);
	if (yield)
		gort_gosched();
}
