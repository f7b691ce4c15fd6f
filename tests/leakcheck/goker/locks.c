/* SPDX-License-Identifier: BSD-2-Clause */
/* locks.c - GoKer's bugs of a lock that is taken twice, or never released. */
#include "leakcheck/goker/goker.h"

/* What most of them need: a lock, and something under it. */
struct guarded {
	mutex mu;
	rwmutex rw;
	once first, second;
	int n;
	bool closed;
};

/* cockroach584: a loop is left with the lock held. */
static bool gossip_closed(struct guarded *g)
{
	mutex_lock(&g->mu);
	bool closed = g->closed;
	if (!closed || mended)
		mutex_unlock(&g->mu);
	return closed;
}

static void cockroach584(void)
{
	struct guarded *g = gort_new(struct guarded);
	g->closed = true;
	while (!gossip_closed(g)) /* bootstrap */
		;
	look_here();
	while (!gossip_closed(g)) /* manage */
		;
}

/* cockroach9935: an error is logged under the lock that logging takes. */
static void log_entry(struct guarded *log, bool fails)
{
	if (!(fails && mended))
		mutex_lock(&log->mu);
	log->n++;
	if (!fails)
		log_entry(log, true);
	if (!(fails && mended))
		mutex_unlock(&log->mu);
}

static void cockroach9935(void)
{
	look_here();
	log_entry(gort_new(struct guarded), false);
}

/* cockroach16167: a statement reads the configuration twice, and a writer comes in between. */
static void update_config(struct guarded *g)
{
	rwmutex_lock(&g->rw);
	g->n++;
	rwmutex_unlock(&g->rw);
}

static void cockroach16167(void)
{
	struct guarded *config = gort_new(struct guarded);
	rwmutex_rlock(&config->rw);
	go(update_config, config);
	await_writer(&config->rw);
	look_here();
	if (!mended) {
		rwmutex_rlock(&config->rw);
		rwmutex_runlock(&config->rw);
	}
	rwmutex_runlock(&config->rw);
}

/* cockroach18101: a restore is cancelled; who splits ranges for it goes on until nobody reads. */
static void split(chan(int) ready, chan(int) cancelled)
{
	for (int i = 0; i < 8; i++)
		select
		{
			case_send(ready, i)
			{
			}
			if (mended)
				case_done(cancelled)
				{
				}
		}
	chan_close(ready);
}

static void cockroach18101(void)
{
	chan(int) ready = make_chan(int, 6), cancelled = make_chan(int, 0);
	go(split, ready, cancelled);
	(void)chan_recv(ready);
	look_here();
	chan_close(cancelled);
}

/* etcd5509: a closed client is found under the read lock, which stays held. */
static void get_remote(struct guarded *client, chan(int) done)
{
	rwmutex_rlock(&client->rw);
	bool closed = client->closed;
	if (!closed || mended)
		rwmutex_runlock(&client->rw);
	chan_close(done);
}

static void etcd5509(void)
{
	struct guarded *client = gort_new(struct guarded);
	chan(int) done = make_chan(int, 0);
	client->closed = true;
	go(get_remote, client, done);
	(void)chan_recv(done);
	look_here();
	rwmutex_lock(&client->rw);
	rwmutex_unlock(&client->rw);
}

/* etcd6708: the endpoints are set under the lock with which one of them is then asked. */
static void etcd6708(void)
{
	struct guarded *cluster = gort_new(struct guarded);
	rwmutex_lock(&cluster->rw);
	if (mended)
		rwmutex_unlock(&cluster->rw);
	look_here();
	rwmutex_rlock(&cluster->rw);
	rwmutex_runlock(&cluster->rw);
	if (!mended)
		rwmutex_unlock(&cluster->rw);
}

/* etcd10492: a lease is renewed under the lock that its checkpoint takes. */
static void checkpoint(struct guarded *lessor)
{
	rwmutex_lock(&lessor->rw);
	lessor->n++;
	rwmutex_unlock(&lessor->rw);
}

static void etcd10492(void)
{
	struct guarded *lessor = gort_new(struct guarded);
	rwmutex_lock(&lessor->rw);
	if (mended)
		rwmutex_unlock(&lessor->rw);
	look_here();
	checkpoint(lessor);
	if (!mended)
		rwmutex_unlock(&lessor->rw);
}

/* grpc795: a server that is being stopped is stopped again; it locks once more, not unlocks. */
static void graceful_stop(struct guarded *server)
{
	mutex_lock(&server->mu);
	if (server->closed && !mended)
		mutex_lock(&server->mu);
	server->closed = true;
	mutex_unlock(&server->mu);
}

static void serve(struct guarded *server)
{
	mutex_lock(&server->mu);
	mutex_unlock(&server->mu);
}

static void grpc795(void)
{
	struct guarded *server = gort_new(struct guarded);
	for (int i = 0; i < 3; i++) {
		graceful_stop(server);
		look_here();
	}
	serve(server);
}

/*
 * hugo5379: content is rendered under a lock; a shortcode in it asks for the number of words, for
 * which the same page is initialized, under the lock. A second renderer waits for that.
 */
static void init_plain(void *arg)
{
	struct guarded *page = arg;
	if (!mended)
		mutex_lock(&page->mu);
	page->n++;
	if (!mended)
		mutex_unlock(&page->mu);
}

static void render(struct guarded *page)
{
	mutex_lock(&page->mu);
	once_do(&page->second, init_plain, page);
	mutex_unlock(&page->mu);
}

static void hugo5379(void)
{
	struct guarded *page = gort_new(struct guarded);
	go(render, page);
	look_here();
	go(render, page);
}

/* moby7559: a connection fails, and the loop goes on with the lock that it takes. */
static void moby7559(void)
{
	struct guarded *proxy = gort_new(struct guarded);
	for (int i = 0; i < 2; i++) {
		mutex_lock(&proxy->mu);
		look_here();
		bool dialled = i == 1;
		if (!dialled && mended)
			mutex_unlock(&proxy->mu);
	}
	mutex_unlock(&proxy->mu);
}

/* moby17176: nothing to clean up, and the lock stays held. */
static void clean_up(struct guarded *devices)
{
	mutex_lock(&devices->mu);
	if (devices->n == 0 && !mended)
		return;
	mutex_unlock(&devices->mu);
}

static void moby17176(void)
{
	struct guarded *devices = gort_new(struct guarded);
	clean_up(devices);
	look_here();
	go(serve, devices);
}

/* moby36114: disks that cannot be added are removed under the lock that removing takes. */
static void hot_remove(struct guarded *vm)
{
	if (!mended)
		mutex_lock(&vm->mu);
	vm->n--;
	if (!mended)
		mutex_unlock(&vm->mu);
}

static void moby36114(void)
{
	struct guarded *vm = gort_new(struct guarded);
	mutex_lock(&vm->mu);
	vm->n++;
	look_here();
	hot_remove(vm);
	mutex_unlock(&vm->mu);
}

/* syncthing4829: addresses are cleared with the lock that telling of it takes as a reader. */
static void syncthing4829(void)
{
	struct guarded *mapping = gort_new(struct guarded);
	rwmutex_lock(&mapping->rw);
	mapping->n = 0;
	if (mended)
		rwmutex_unlock(&mapping->rw);
	look_here();
	rwmutex_rlock(&mapping->rw);
	rwmutex_runlock(&mapping->rw);
	if (!mended)
		rwmutex_unlock(&mapping->rw);
}

/* grpc3017: the deletion of a connection is given up without unlocking. */
static void delete_connection(struct guarded *cache, waitgroup *timer)
{
	mutex_lock(&cache->mu);
	wg_done(timer);
	if (cache->closed && !mended)
		return;
	cache->n--;
	mutex_unlock(&cache->mu);
}

static void reconnect(struct guarded *cache, chan(int) done)
{
	mutex_lock(&cache->mu);
	cache->n++;
	mutex_unlock(&cache->mu);
	chan_close(done);
}

static void grpc3017(void)
{
	struct guarded *cache = gort_new(struct guarded);
	waitgroup *timer = gort_new(waitgroup);
	chan(int) done = make_chan(int, 0);
	cache->closed = true;
	wg_add(timer, 1);
	go(delete_connection, cache, timer);
	wg_wait(timer);
	look_here();
	go(reconnect, cache, done);
	(void)chan_recv(done);
}

const struct pattern lock_patterns[] = {
	{"cockroach584", cockroach584, 1},
	{"cockroach9935", cockroach9935, 1},
	{"cockroach16167", cockroach16167, 2},
	{"cockroach18101", cockroach18101, 1},
	{"etcd5509", etcd5509, 1},
	{"etcd6708", etcd6708, 1},
	{"etcd10492", etcd10492, 1},
	{"grpc795", grpc795, 1},
	{"hugo5379", hugo5379, 2},
	{"moby7559", moby7559, 1},
	{"moby17176", moby17176, 1},
	{"moby36114", moby36114, 1},
	{"syncthing4829", syncthing4829, 1},
	{"grpc3017", grpc3017, 2},
	{NULL, NULL, 0},
};
