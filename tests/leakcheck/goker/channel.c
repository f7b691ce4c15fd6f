/* SPDX-License-Identifier: BSD-2-Clause */
/* channel.c - GoKer's bugs of channels alone. */
#include "leakcheck/goker/goker.h"

/*
 * cockroach2448: the raft loop sends events to the store, whose answer goes back over a second
 * channel. Each sends, and neither receives.
 */
struct raft {
	chan(int) events, answers, stop;
};

static void raft_store(struct raft *r)
{
	for (;;)
		select
		{
			case_recv(r->events, e)
			{
				look_here();
				select
				{
					case_send(r->answers, e)
					{
					}
					case_done(r->stop)
					{
						return;
					}
				}
			}
			case_done(r->stop)
			{
				return;
			}
		}
}

static void raft_loop(struct raft *r)
{
	chan(int) answers = mended ? r->answers : nil;
	for (int sent = 0, got = 0; got < 2;)
		select
		{
			case_send(sent < 2 ? r->events : (chan(int))nil, sent)
			{
				sent++;
			}
			case_recv(answers)
			{
				got++;
			}
			case_done(r->stop)
			{
				return;
			}
		}
	chan_close(r->stop);
}

static void cockroach2448(void)
{
	struct raft *r = gort_new(struct raft);
	r->events = make_chan(int, 0);
	r->answers = make_chan(int, 0);
	r->stop = make_chan(int, 0);
	go(raft_store, r);
	go(raft_loop, r);
}

/* cockroach24808: a second token for a channel with room for one, before its worker exists. */
static void compact(chan(int) tokens)
{
	(void)chan_recv(tokens);
	look_here();
	(void)chan_recv(tokens);
}

static void cockroach24808(void)
{
	chan(int) tokens = make_chan(int, 1);
	chan_send(tokens, 1);
	if (mended)
		go(compact, tokens);
	chan_send(tokens, 1);
	if (!mended)
		go(compact, tokens);
}

/* cockroach25456: the queue waits for its store to quiesce, which a test never asks for. */
static void quiesce(chan(int) quiescer)
{
	look_here();
	chan_close(quiescer);
}

static void cockroach25456(void)
{
	chan(int) quiescer = make_chan(int, 0);
	if (mended)
		go(quiesce, quiescer);
	(void)chan_recv(quiescer);
}

/* cockroach35073: the consumer ends without a word; rows go on being pushed into a full buffer. */
static void push_row(chan(int) rows)
{
	chan_send(rows, 1);
}

static void outbox(chan(int) rows, waitgroup *started)
{
	wg_done(started);
	look_here();
	for (int i = 0; mended && i < 4; i++)
		(void)chan_recv(rows);
}

static void cockroach35073(void)
{
	chan(int) rows = make_chan(int, 2);
	waitgroup *started = gort_new(waitgroup);
	chan_send(rows, 1);
	chan_send(rows, 1);
	go(push_row, rows);
	wg_add(started, 1);
	go(outbox, rows, started);
	wg_wait(started);
	chan_send(rows, 1);
}

/* cockroach35931: cancelling a flow tells all receivers, the full ones too, one after the other. */
static void cockroach35931(void)
{
	chan(int) receivers[2] = {make_chan(int, 1), make_chan(int, 1)};
	chan_send(receivers[0], 1);
	look_here();
	for (int i = 0; i < 2; i++)
		select
		{
			case_send(receivers[i], 2)
			{
			}
			if (mended)
				case_default
				{
				}
		}
}

/* etcd6857: who asks a node for its status does not notice that the node has stopped. */
struct node {
	chan(int) status, stop, done;
};

static void node_run(struct node *n)
{
	select
	{
		case_recv(n->status)
		{
		}
		case_recv(n->stop)
		{
		}
	}
	chan_close(n->done);
}

static void node_status(struct node *n)
{
	(void)chan_recv(n->done);
	look_here();
	select
	{
		case_send(n->status, 1)
		{
		}
		if (mended)
			case_done(n->done)
			{
			}
	}
}

static void etcd6857(void)
{
	struct node *n = gort_new(struct node);
	n->status = make_chan(int, 0);
	n->stop = make_chan(int, 0);
	n->done = make_chan(int, 0);
	go(node_run, n);
	go(node_status, n);
	chan_send(n->stop, 1);
}

/* grpc660: the benchmark is told to stop while a call is under way, which then has no receiver. */
static void unary_call(chan(int) done)
{
	look_here();
	chan_send(done, 1);
}

static void stop_benchmark(chan(int) stop)
{
	chan_send(stop, 1);
}

static void grpc660(void)
{
	chan(int) done = make_chan(int, mended), stop = make_chan(int, 0);
	go(stop_benchmark, stop);
	(void)chan_recv(stop);
	go(unary_call, done);
}

/* grpc1275: closing a stream does not wake who reads from it; the test only waits for so long. */
static void read_stream(chan(int) received, chan(int) donec)
{
	(void)chan_recv(received);
	chan_close(donec);
}

static void grpc1275(void)
{
	chan(int) received = make_chan(int, 0), donec = make_chan(int, 0);
	go(read_stream, received, donec);
	look_here();
	if (mended)
		chan_close(received);
	select
	{
		case_done(donec)
		{
		}
		if (!mended)
			case_default
			{
			}
	}
}

/* grpc1424: the balancer closes its channel, and nobody tells the one who waits for the first. */
static void watch_balancer(chan(int) addresses, chan(int) done)
{
	(void)chan_recv(addresses);
	look_here();
	if (mended)
		chan_close(done);
}

static void grpc1424(void)
{
	chan(int) addresses = make_chan(int, 0), done = make_chan(int, 0);
	go(watch_balancer, addresses, done);
	chan_close(addresses);
	(void)chan_recv(done);
}

/* istio17860: a proxy that has exited reports to an agent that does not run any more. */
static void run_wait(chan(int) status, chan(int) stopped)
{
	look_here();
	select
	{
		case_send(status, 1)
		{
		}
		if (mended)
			case_done(stopped)
			{
			}
	}
}

static void run_agent(chan(int) status, chan(int) stopped)
{
	select
	{
		case_recv(status)
		{
		}
		case_done(stopped)
		{
		}
	}
}

static void istio17860(void)
{
	chan(int) status = make_chan(int, 0), stopped = make_chan(int, 0);
	chan_close(stopped);
	run_agent(status, stopped);
	go(run_wait, status, stopped);
	go(run_wait, status, stopped);
}

/* kubernetes5316: a request times out, and its answer finds no receiver. */
static void handle(chan(int) answer, chan(int) failure)
{
	look_here();
	chan_send(failure, 1);
	if (mended)
		chan_send(answer, 1);
}

static void kubernetes5316(void)
{
	go(handle, make_chan(int, mended), make_chan(int, mended));
}

/* kubernetes38669: a watcher is stopped while its first events wait for somebody to read them. */
struct watcher {
	chan(int) input, result;
};

static void process_events(struct watcher *w)
{
	for (int i = 0; i < 2; i++)
		select
		{
			case_send(w->result, i)
			{
			}
			if (mended)
				case_done(w->input)
				{
				}
		}
	(void)chan_recv(w->input);
	chan_close(w->result);
}

static void kubernetes38669(void)
{
	struct watcher *w = gort_new(struct watcher);
	w->input = make_chan(int, 0);
	w->result = make_chan(int, 0);
	go(process_events, w);
	look_here();
	chan_close(w->input);
}

/* kubernetes70277: who waits for a condition tells the poller that it is done, too late. */
static void poller(chan(int) ticks, chan(int) done)
{
	for (int i = 0;; i++)
		select
		{
			case_send(ticks, i)
			{
			}
			case_done(done)
			{
				return;
			}
		}
}

static void kubernetes70277(void)
{
	chan(int) ticks = make_chan(int, 0), done = make_chan(int, 0);
	go(poller, ticks, done);
	(void)chan_recv(ticks);
	look_here();
	if (mended)
		chan_close(done);
	(void)chan_recv(done);
	if (!mended)
		chan_close(done);
}

/* moby21233: the reader of the progress leaves after the first report; the others still report. */
static void transfer(chan(int) progress, chan(int) running)
{
	look_here();
	chan_send(progress, 1);
	chan_close(running);
}

static void read_progress(chan(int) progress, chan(int) done)
{
	for (int i = 0; i < (mended ? 3 : 1); i++)
		(void)chan_recv(progress);
	if (mended)
		chan_close(done);
}

static void moby21233(void)
{
	chan(int) progress = make_chan(int, 0), done = make_chan(int, 0), running[3];
	go(read_progress, progress, done);
	for (int i = 0; i < 3; i++)
		go(transfer, progress, running[i] = make_chan(int, 0));
	for (int i = 0; i < 3; i++)
		(void)chan_recv(running[i]);
	(void)chan_recv(done);
}

/* syncthing5795: a connection is closed by its own dispatcher, which waits for itself to end. */
struct connection {
	chan(int) inbox, closed, stopped;
};

static void close_connection(struct connection *c)
{
	chan_close(c->closed);
	if (!mended)
		(void)chan_recv(c->stopped);
}

static void dispatch(struct connection *c)
{
	for (bool over = false; !over;)
		select
		{
			case_recv(c->inbox)
			{
				close_connection(c);
			}
			case_done(c->closed)
			{
				over = true;
			}
		}
	look_here();
	chan_close(c->stopped);
}

static void syncthing5795(void)
{
	struct connection *c = gort_new(struct connection);
	c->inbox = make_chan(int, 0);
	c->closed = make_chan(int, 0);
	c->stopped = make_chan(int, 0);
	go(dispatch, c);
	chan_send(c->inbox, 1);
	(void)chan_recv(c->stopped);
}

const struct pattern channel_patterns[] = {
	{"cockroach2448", cockroach2448, 2},
	{"cockroach24808", cockroach24808, 1},
	{"cockroach25456", cockroach25456, 1},
	{"cockroach35073", cockroach35073, 2},
	{"cockroach35931", cockroach35931, 1},
	{"etcd6857", etcd6857, 1},
	{"grpc660", grpc660, 1},
	{"grpc1275", grpc1275, 1},
	{"grpc1424", grpc1424, 1},
	{"istio17860", istio17860, 2},
	{"kubernetes5316", kubernetes5316, 1},
	{"kubernetes38669", kubernetes38669, 1},
	{"kubernetes70277", kubernetes70277, 2},
	{"moby21233", moby21233, 3},
	{"syncthing5795", syncthing5795, 2},
	{NULL, NULL, 0},
};
