/* SPDX-License-Identifier: BSD-2-Clause */
/* mixed.c - GoKer's bugs of conditions, and of channels together with locks or wait groups. */
#include "leakcheck/goker/goker.h"

/* moby30408: a plugin whose activation fails wakes nobody who waits for it to become active. */
struct plugin {
	mutex mu;
	cond activated;
	bool active, failed;
	waitgroup waits;
};

static void wait_active(struct plugin *p, chan(int) done)
{
	mutex_lock(&p->mu);
	wg_done(&p->waits);
	while (!p->active && !(mended && p->failed))
		cond_wait(&p->activated, &p->mu);
	mutex_unlock(&p->mu);
	chan_close(done);
}

static void moby30408(void)
{
	struct plugin *p = gort_new(struct plugin);
	chan(int) done = make_chan(int, 0);
	wg_add(&p->waits, 1);
	go(wait_active, p, done);
	wg_wait(&p->waits);
	mutex_lock(&p->mu);
	p->failed = true;
	mutex_unlock(&p->mu);
	look_here();
	if (mended)
		cond_broadcast(&p->activated);
	(void)chan_recv(done);
}

/* kubernetes11298: the signal for a waiter comes before it waits, and is lost. */
struct notifier {
	mutex mu;
	cond c;
	bool signalled;
};

static void await_signal(struct notifier *n, chan(int) done)
{
	mutex_lock(&n->mu);
	while (!(mended && n->signalled))
		cond_wait(&n->c, &n->mu);
	mutex_unlock(&n->mu);
	chan_close(done);
}

static void kubernetes11298(void)
{
	struct notifier *n = gort_new(struct notifier);
	chan(int) done = make_chan(int, 0);
	mutex_lock(&n->mu);
	n->signalled = true;
	cond_signal(&n->c);
	mutex_unlock(&n->mu);
	go(await_signal, n, done);
	look_here();
	(void)chan_recv(done);
}

/*
 * moby27782: a file watcher is removed after its loop has ended, the only one who would have told
 * that it is gone; the logger is closed meanwhile, and waits for the lock of who removes it.
 */
struct logger {
	mutex mu, watched;
	cond removed;
	bool gone;
	chan(int) events, closed;
	waitgroup reads;
};

static void read_events(struct logger *l)
{
	select
	{
		case_send(l->events, 1)
		{
		}
		case_done(l->closed)
		{
		}
	}
	mutex_lock(&l->watched);
	l->gone = true;
	if (mended)
		cond_broadcast(&l->removed);
	mutex_unlock(&l->watched);
}

static void follow_logs(struct logger *l)
{
	mutex_lock(&l->mu);
	wg_done(&l->reads);
	(void)chan_recv(l->closed);
	mutex_lock(&l->watched);
	while (!(mended && l->gone))
		cond_wait(&l->removed, &l->watched);
	mutex_unlock(&l->watched);
	mutex_unlock(&l->mu);
}

static void moby27782(void)
{
	struct logger *l = gort_new(struct logger);
	l->events = make_chan(int, 0);
	l->closed = make_chan(int, 0);
	wg_add(&l->reads, 1);
	go(read_events, l);
	go(follow_logs, l);
	wg_wait(&l->reads);
	look_here();
	chan_close(l->closed);
	mutex_lock(&l->mu);
	mutex_unlock(&l->mu);
}

/* etcd6873: stop waits for the broadcaster with the lock that the broadcaster needs. */
struct broadcasts {
	mutex mu;
	chan(int) updates, done;
};

static void coalesce(struct broadcasts *b)
{
	int update;
	while (chan_recv_ok(b->updates, &update)) {
		look_here();
		mutex_lock(&b->mu);
		mutex_unlock(&b->mu);
	}
	chan_close(b->done);
}

static void etcd6873(void)
{
	struct broadcasts *b = gort_new(struct broadcasts);
	b->updates = make_chan(int, 1);
	b->done = make_chan(int, 0);
	mutex_lock(&b->mu);
	chan_send(b->updates, 1);
	go(coalesce, b);
	chan_close(b->updates);
	if (mended)
		mutex_unlock(&b->mu);
	(void)chan_recv(b->done);
	if (!mended)
		mutex_unlock(&b->mu);
}

/* etcd7492: tokens are handed over under the lock that their keeper takes to delete some. */
struct tokens {
	rwmutex mu;
	chan(int) added, stop;
	waitgroup both;
};

static void keep_tokens(struct tokens *t)
{
	meet(&t->both);
	for (;;) {
		rwmutex_lock(&t->mu); /* some are old */
		rwmutex_unlock(&t->mu);
		look_here();
		select
		{
			case_recv(t->added)
			{
			}
			case_done(t->stop)
			{
				return;
			}
		}
	}
}

static void assign_token(struct tokens *t, waitgroup *assigned)
{
	rwmutex_lock(&t->mu);
	meet(&t->both);
	if (mended)
		rwmutex_unlock(&t->mu);
	chan_send(t->added, 1);
	if (!mended)
		rwmutex_unlock(&t->mu);
	wg_done(assigned);
}

static void etcd7492(void)
{
	struct tokens *t = gort_new(struct tokens);
	waitgroup *assigned = gort_new(waitgroup);
	t->added = make_chan(int, 0);
	t->stop = make_chan(int, 0);
	wg_add(&t->both, 2);
	wg_add(assigned, 1);
	go(keep_tokens, t);
	go(assign_token, t, assigned);
	wg_wait(assigned);
	chan_close(t->stop);
}

/* etcd7902: followers wait for the next round with the lock that the leader needs to begin it. */
struct election {
	mutex mu;
	chan(int) next;
	waitgroup both, over;
};

static void follow(struct election *e)
{
	mutex_lock(&e->mu);
	meet(&e->both);
	if (mended)
		mutex_unlock(&e->mu);
	(void)chan_recv(e->next);
	if (!mended)
		mutex_unlock(&e->mu);
	wg_done(&e->over);
}

static void lead(struct election *e)
{
	meet(&e->both);
	look_here();
	mutex_lock(&e->mu);
	chan_close(e->next);
	mutex_unlock(&e->mu);
	wg_done(&e->over);
}

static void etcd7902(void)
{
	struct election *e = gort_new(struct election);
	e->next = make_chan(int, 0);
	wg_add(&e->both, 2);
	wg_add(&e->over, 2);
	go(follow, e);
	go(lead, e);
	wg_wait(&e->over);
}

/* grpc1460: the keepalive sleeps with the lock that a new stream, which would wake it, needs. */
struct transport {
	mutex mu;
	chan(int) awake;
	waitgroup both;
};

static void keepalive(struct transport *t)
{
	mutex_lock(&t->mu);
	meet(&t->both);
	if (mended)
		mutex_unlock(&t->mu);
	(void)chan_recv(t->awake);
	if (!mended)
		mutex_unlock(&t->mu);
}

static void grpc1460(void)
{
	struct transport *t = gort_new(struct transport);
	t->awake = make_chan(int, 0);
	wg_add(&t->both, 2);
	go(keepalive, t);
	meet(&t->both);
	look_here();
	mutex_lock(&t->mu);
	chan_send(t->awake, 1);
	mutex_unlock(&t->mu);
}

/* istio16224: an event is reported under a lock, which the reader takes before it reads. */
struct monitor {
	mutex mu;
	chan(int) done;
	waitgroup both;
};

static void handle_event(struct monitor *m)
{
	mutex_lock(&m->mu);
	meet(&m->both);
	chan_send(m->done, 1);
	mutex_unlock(&m->mu);
}

static void istio16224(void)
{
	struct monitor *m = gort_new(struct monitor);
	m->done = make_chan(int, 0);
	wg_add(&m->both, 2);
	go(handle_event, m);
	meet(&m->both);
	look_here();
	if (mended)
		(void)chan_recv(m->done);
	mutex_lock(&m->mu);
	mutex_unlock(&m->mu);
	if (!mended)
		(void)chan_recv(m->done);
}

/* kubernetes1321: events are sent under the lock that a watcher takes to stop watching. */
struct mux {
	mutex mu;
	chan(int) result, stopped;
	waitgroup both;
};

static void distribute(struct mux *m)
{
	mutex_lock(&m->mu);
	meet(&m->both);
	select
	{
		case_send(m->result, 1)
		{
		}
		if (mended)
			case_done(m->stopped)
			{
			}
	}
	mutex_unlock(&m->mu);
}

static void kubernetes1321(void)
{
	struct mux *m = gort_new(struct mux);
	m->result = make_chan(int, 0);
	m->stopped = make_chan(int, 0);
	wg_add(&m->both, 2);
	go(distribute, m);
	meet(&m->both);
	look_here();
	chan_close(m->stopped);
	mutex_lock(&m->mu);
	chan_close(m->result);
	mutex_unlock(&m->mu);
}

/* kubernetes6632: a frame is announced under the lock that the monitor, its reader, now wants. */
struct framer {
	mutex writing;
	chan(int) reset, closed;
	waitgroup both;
};

static void read_resets(chan(int) reset)
{
	int reason;
	while (chan_recv_ok(reset, &reason))
		;
}

static void monitor_idle(struct framer *f)
{
	(void)chan_recv(f->closed);
	wg_wait(&f->both);
	look_here();
	if (mended)
		go(read_resets, f->reset);
	mutex_lock(&f->writing);
	chan_close(f->reset);
	mutex_unlock(&f->writing);
}

static void write_frame(struct framer *f)
{
	mutex_lock(&f->writing);
	wg_done(&f->both);
	chan_send(f->reset, 1);
	mutex_unlock(&f->writing);
}

static void kubernetes6632(void)
{
	struct framer *f = gort_new(struct framer);
	f->reset = make_chan(int, 0);
	f->closed = make_chan(int, 0);
	wg_add(&f->both, 1);
	go(monitor_idle, f);
	go(write_frame, f);
	chan_send(f->closed, 1);
}

/* kubernetes10182: a status is sent under the lock that its reader takes for the one before. */
struct statuses {
	rwmutex mu;
	chan(int) changed;
	waitgroup both;
};

static void sync_batch(struct statuses *s)
{
	(void)chan_recv(s->changed);
	wg_wait(&s->both);
	look_here();
	rwmutex_lock(&s->mu);
	rwmutex_unlock(&s->mu);
	if (mended)
		(void)chan_recv(s->changed);
}

static void set_status(struct statuses *s)
{
	rwmutex_lock(&s->mu);
	wg_done(&s->both);
	if (mended)
		rwmutex_unlock(&s->mu);
	chan_send(s->changed, 1);
	if (!mended)
		rwmutex_unlock(&s->mu);
}

static void kubernetes10182(void)
{
	struct statuses *s = gort_new(struct statuses);
	s->changed = make_chan(int, 0);
	wg_add(&s->both, 2);
	go(sync_batch, s);
	go(set_status, s);
	go(set_status, s);
}

/* kubernetes26980: notifications are awaited with the lock that is needed to stop waiting. */
struct listener {
	rwmutex mu;
	chan(int) stop, result;
	waitgroup both;
};

static void pop(struct listener *l)
{
	rwmutex_lock(&l->mu);
	meet(&l->both);
	if (mended)
		rwmutex_unlock(&l->mu);
	(void)chan_recv(l->stop);
	if (!mended)
		rwmutex_unlock(&l->mu);
}

static void look_at_listener(struct listener *l)
{
	meet(&l->both);
	rwmutex_lock(&l->mu);
	chan_close(l->result);
}

static void kubernetes26980(void)
{
	struct listener *l = gort_new(struct listener);
	l->stop = make_chan(int, 0);
	l->result = make_chan(int, 0);
	wg_add(&l->both, 2);
	go(pop, l);
	go(look_at_listener, l);
	(void)chan_recv(l->result);
	look_here();
	rwmutex_unlock(&l->mu);
	chan_close(l->stop);
}

/* moby28462: the health monitor is told to stop under the lock that each of its probes takes. */
struct container {
	mutex mu;
	chan(int) stop;
	waitgroup both;
};

static void monitor_health(struct container *c)
{
	meet(&c->both);
	for (;;) {
		mutex_lock(&c->mu);
		mutex_unlock(&c->mu);
		select
		{
			case_done(c->stop)
			{
				return;
			}
			case_default
			{
			}
		}
	}
}

static void moby28462(void)
{
	struct container *c = gort_new(struct container);
	c->stop = make_chan(int, 0);
	wg_add(&c->both, 2);
	go(monitor_health, c);
	mutex_lock(&c->mu);
	meet(&c->both);
	look_here();
	if (mended)
		chan_close(c->stop);
	else
		chan_send(c->stop, 1);
	mutex_unlock(&c->mu);
}

/*
 * serving2137: two requests, one of which may be served at a time. They are let go in the order in
 * which they came, and the second is the one that is being served.
 */
struct request {
	mutex mu;
	chan(int) accepted;
};

static void serve(struct request *r, chan(int) active, chan(int) turn)
{
	chan_send(active, 1);
	if (turn)
		chan_close(turn);
	mutex_lock(&r->mu);
	mutex_unlock(&r->mu);
	(void)chan_recv(active);
	chan_send(r->accepted, 1);
}

static void serving2137(void)
{
	struct request *r[2];
	chan(int) active = make_chan(int, 1), turn = make_chan(int, 0);
	for (int i = 0; i < 2; i++) {
		r[i] = gort_new(struct request);
		r[i]->accepted = make_chan(int, 1);
		mutex_lock(&r[i]->mu);
	}
	go(serve, r[1], active, turn);
	(void)chan_recv(turn);
	go(serve, r[0], active, (chan(int))nil);
	look_here();
	for (int i = 0; mended && i < 2; i++)
		mutex_unlock(&r[i]->mu);
	for (int i = 0; i < 2; i++) {
		if (!mended)
			mutex_unlock(&r[i]->mu);
		(void)chan_recv(r[i]->accepted);
	}
}

/* cockroach1055: a stopper waits for a task to end that only ends once it has stopped. */
struct stopper {
	mutex mu;
	cond drained;
	waitgroup tasks, workers;
	chan(int) stop, events;
	int ntasks;
};

static struct stopper *new_stopper(void)
{
	struct stopper *s = gort_new(struct stopper);
	s->stop = make_chan(int, 0);
	s->events = make_chan(int, 0);
	return s;
}

static void work(struct stopper *s)
{
	if (mended)
		wg_done(&s->tasks);
	(void)chan_recv(s->stop);
	wg_done(&s->workers);
}

static void quiesce(struct stopper *s, chan(int) done)
{
	mutex_lock(&s->mu);
	wg_wait(&s->tasks);
	look_here();
	chan_close(s->stop);
	wg_wait(&s->workers);
	mutex_unlock(&s->mu);
	chan_close(done);
}

static void cockroach1055(void)
{
	struct stopper *s = new_stopper();
	chan(int) done = make_chan(int, 0);
	wg_add(&s->workers, 1);
	wg_add(&s->tasks, 1);
	go(work, s);
	go(quiesce, s, done);
	(void)chan_recv(done);
}

/* cockroach1462: a worker sends events without asking whether it should stop. */
static void send_events(struct stopper *s)
{
	for (bool stopped = false; !stopped;)
		select
		{
			case_send(s->events, 1)
			{
			}
			if (mended)
				case_done(s->stop)
				{
					stopped = true;
				}
		}
	wg_done(&s->workers);
}

static void process_events(struct stopper *s)
{
	for (bool stopped = false; !stopped;)
		select
		{
			case_recv(s->events)
			{
			}
			case_done(s->stop)
			{
				stopped = true;
			}
		}
	wg_done(&s->workers);
}

static void cockroach1462(void)
{
	struct stopper *s = new_stopper();
	wg_add(&s->workers, 2);
	go(send_events, s);
	go(process_events, s);
	look_here();
	chan_close(s->stop);
	wg_wait(&s->workers);
}

/* moby25384: all of the plugins are awaited before the second of them has been started. */
static void start_plugin(waitgroup *all)
{
	wg_done(all);
}

static void moby25384(void)
{
	waitgroup *all = gort_new(waitgroup);
	wg_add(all, 2);
	for (int i = 0; i < 2; i++) {
		go(start_plugin, all);
		if (!mended)
			wg_wait(all);
	}
	look_here();
	wg_wait(all);
}

const struct pattern mixed_patterns[] = {
	{"moby30408", moby30408, 2},
	{"kubernetes11298", kubernetes11298, 2},
	{"moby27782", moby27782, 2},
	{"etcd6873", etcd6873, 2},
	{"etcd7492", etcd7492, 3},
	{"etcd7902", etcd7902, 3},
	{"grpc1460", grpc1460, 2},
	{"istio16224", istio16224, 2},
	{"kubernetes1321", kubernetes1321, 2},
	{"kubernetes6632", kubernetes6632, 2},
	{"kubernetes10182", kubernetes10182, 2},
	{"kubernetes26980", kubernetes26980, 3},
	{"moby28462", moby28462, 2},
	{"serving2137", serving2137, 3},
	{"cockroach1055", cockroach1055, 3},
	{"cockroach1462", cockroach1462, 2},
	{"moby25384", moby25384, 1},
	{NULL, NULL, 0},
};
