/* SPDX-License-Identifier: BSD-2-Clause */
/* order.c - GoKer's bugs of locks that are taken in two orders. */
#include "leakcheck/goker/goker.h"

/* Two locks, and a meeting of who has one of them and who has the other. */
struct locks {
	mutex a, b;
	rwmutex rw;
	cond c;
	waitgroup both, first;
	bool done;
};

static struct locks *new_locks(void)
{
	struct locks *l = gort_new(struct locks);
	wg_add(&l->both, 2);
	return l;
}

/* Where the two orders cross. Mended, all take them in one order, and nobody waits here. */
static void cross(struct locks *l)
{
	look_here();
	if (!mended)
		meet(&l->both);
}

static void a_then_b(struct locks *l)
{
	mutex_lock(&l->a);
	cross(l);
	mutex_lock(&l->b);
	mutex_unlock(&l->b);
	mutex_unlock(&l->a);
}

static void b_then_a(struct locks *l)
{
	if (mended) {
		a_then_b(l);
		return;
	}
	mutex_lock(&l->b);
	cross(l);
	mutex_lock(&l->a);
	mutex_unlock(&l->a);
	mutex_unlock(&l->b);
}

/* cockroach7504: a is the cache of names, b one of its leases. Who releases that takes b first. */
static void cockroach7504(void)
{
	struct locks *l = new_locks();
	go(a_then_b, l);
	go(b_then_a, l);
}

/* cockroach10214: a is of the heartbeats of a store, b of a replica whose tick sends some. */
static void cockroach10214(void)
{
	struct locks *l = new_locks();
	go(b_then_a, l);
	a_then_b(l);
}

/* kubernetes13135: a is the cacher, which replaces a cache, b the cache, which tells the cacher. */
static void replace_cache(struct locks *l)
{
	a_then_b(l);
	l->done = true;
}

static void kubernetes13135(void)
{
	struct locks *l = new_locks();
	go(replace_cache, l);
	b_then_a(l);
}

/*
 * kubernetes30872: a is the federated informer, which asks its queue, b the queue, whose handler
 * adds a cluster to the informer. A third wants to stop the informer.
 */
static void stop_informer(struct locks *l)
{
	wg_wait(&l->both);
	mutex_lock(&l->a);
	l->done = true;
	mutex_unlock(&l->a);
}

static void kubernetes30872(void)
{
	struct locks *l = new_locks();
	if (mended)
		wg_add(&l->both, -2);
	go(a_then_b, l);
	go(b_then_a, l);
	go(stop_informer, l);
}

/* moby4951: a device is removed with its lock b held, and that of the set given up for a while. */
static void delete_device(struct locks *set)
{
	mutex_lock(&set->a);
	mutex_lock(&set->b);
	wg_done(&set->first);
	if (!mended)
		mutex_unlock(&set->a);
	cross(set);
	if (!mended)
		mutex_lock(&set->a);
	mutex_unlock(&set->b);
	mutex_unlock(&set->a);
}

static void moby4951(void)
{
	struct locks *set = new_locks();
	wg_add(&set->first, 1);
	go(delete_device, set);
	wg_wait(&set->first);
	a_then_b(set);
}

/* ---- a reader reads again, and a writer came in between ---- */

static void writes(struct locks *l)
{
	rwmutex_lock(&l->rw);
	l->done = true;
	rwmutex_unlock(&l->rw);
}

static void reads_twice(struct locks *l)
{
	rwmutex_rlock(&l->rw);
	go(writes, l);
	await_writer(&l->rw);
	look_here();
	if (mended)
		rwmutex_runlock(&l->rw);
	rwmutex_rlock(&l->rw);
	rwmutex_runlock(&l->rw);
	if (!mended)
		rwmutex_runlock(&l->rw);
}

/* cockroach3710: the raft log is scanned under the read lock that its status takes. */
static void cockroach3710(void)
{
	reads_twice(new_locks());
}

/* cockroach6181: a cache of ranges prints itself while it is looked through; others wait for it. */
static void look_up(struct locks *l, waitgroup *over)
{
	reads_twice(l);
	wg_done(over);
}

static void cockroach6181(void)
{
	waitgroup *over = gort_new(waitgroup);
	wg_add(over, 1);
	go(look_up, new_locks(), over);
	wg_wait(over);
}

/* hugo3251: a lock is awaited under the one that its owner needs, as a reader, to release it. */
static void lock_url(struct locks *l)
{
	rwmutex_lock(&l->rw);
	if (mended)
		rwmutex_unlock(&l->rw);
	wg_done(&l->both);
	mutex_lock(&l->a);
	if (!mended)
		rwmutex_unlock(&l->rw);
	mutex_unlock(&l->a);
}

static void hugo3251(void)
{
	struct locks *l = new_locks();
	wg_add(&l->both, -1);
	mutex_lock(&l->a);
	go(lock_url, l);
	wg_wait(&l->both);
	look_here();
	rwmutex_rlock(&l->rw);
	mutex_unlock(&l->a);
	rwmutex_runlock(&l->rw);
}

/* kubernetes58107: workers wait for work with the read lock; between them and the others a sync. */
static void get_work(struct locks *l)
{
	rwmutex_rlock(&l->rw);
	mutex_lock(&l->a);
	wg_done(&l->both);
	while (!l->done)
		cond_wait(&l->c, &l->a);
	mutex_unlock(&l->a);
	rwmutex_runlock(&l->rw);
}

static void sync_quota(struct locks *l)
{
	rwmutex_lock(&l->rw);
	rwmutex_unlock(&l->rw);
}

static void add_work(struct locks *l)
{
	if (!mended)
		rwmutex_rlock(&l->rw);
	mutex_lock(&l->a);
	l->done = true;
	cond_broadcast(&l->c);
	mutex_unlock(&l->a);
	if (!mended)
		rwmutex_runlock(&l->rw);
}

static void kubernetes58107(void)
{
	struct locks *l = new_locks();
	wg_add(&l->both, -1);
	go(get_work, l);
	wg_wait(&l->both);
	rwmutex_rlock(&l->rw);
	go(sync_quota, l);
	await_writer(&l->rw);
	rwmutex_runlock(&l->rw);
	look_here();
	go(add_work, l);
}

/* kubernetes62464: a set of CPUs is looked up twice, and a container is removed in between. */
static void kubernetes62464(void)
{
	go(reads_twice, new_locks());
}

const struct pattern order_patterns[] = {
	{"cockroach7504", cockroach7504, 2},
	{"cockroach10214", cockroach10214, 2},
	{"kubernetes13135", kubernetes13135, 2},
	{"kubernetes30872", kubernetes30872, 3},
	{"moby4951", moby4951, 2},
	{"cockroach3710", cockroach3710, 2},
	{"cockroach6181", cockroach6181, 3},
	{"hugo3251", hugo3251, 2},
	{"kubernetes58107", kubernetes58107, 3},
	{"kubernetes62464", kubernetes62464, 2},
	{NULL, NULL, 0},
};
