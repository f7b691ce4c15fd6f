/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seed_runtime.c SECTION - as seed.c, the sections about the runtime: scheduling, memory model,
 * collector, leaks, hot paths. seed/runtime/main.go is the same in Go, function by function.
 *
 * What is meant to differ: stacks have a size (go_stack) instead of growing by copies, so the
 * address of a local variable stays what it is (section 1); C has no escape analysis, so what
 * outlives its function is allocated by gort_new (7).
 * The wrong forms are in gotchas.c.
 */
#include <gort/bytes.h>
#include <gort/debug.h>
#include <gort/go.h>
#include <gort/net.h>

typedef slice(int) ints;

/* ---- 1: a million goroutines; stacks grow ---- */

static void one_more(gort_atomic_int64 *n, waitgroup *wg)
{
	gort_atomic_int64_add(n, 1);
	wg_done(wg);
}

static long deeper(const long *p, int depth)
{
	volatile long room[16] = {depth};
	return depth ? deeper(p, depth - 1) + (room[0] != depth) : *p;
}

static void overview(void)
{
	gort_atomic_int64 n = {0};
	waitgroup wg = {0};
	for (int round = 0; round < 100; round++) {
		wg_add(&wg, 10000);
		for (int i = 0; i < 10000; i++)
			go(one_more, &n, &wg);
		wg_wait(&wg);
	}
	println("goroutines: ", gort_atomic_int64_load(&n));
	long x = 42;
	println("below 500 frames: ", deeper(&x, 500));
}

/* ---- 2: system calls, the poller, preemption ---- */

static void blocks_in_read(int fd, chan(int) out)
{
	char c = 0;
	ssize_t n = read(fd, &c, 1);
	chan_send(out, (int)n * c);
}

static void system_call(void)
{
	int fds[2];
	chan(int) out = make_chan(int, 0);
	if (pipe(fds))
		panic("pipe");
	go(blocks_in_read, fds[0], out);
	gort_sleep(1 * ms);
	println("others run while one blocks");
	(void)!write(fds[1], "x", 1);
	println("read ", chan_recv(out));
	close(fds[0]);
	close(fds[1]);
}

static void answer(gort_listener l)
{
	gort_conn c;
	char text[8];
	if (gort_net_accept(l, &c))
		return;
	ssize_t n = gort_conn_read(c, text, sizeof(text));
	gort_conn_write(c, text, (size_t)n);
	gort_conn_close(c);
}

static void poller(void)
{
	gort_listener l;
	gort_conn c;
	char addr[64], text[8];
	if (gort_net_listen("tcp", "127.0.0.1:0", &l) || gort_listener_addr(l, addr, sizeof(addr)))
		panic("listen");
	go(answer, l);
	if (gort_net_dial("tcp", addr, &c))
		panic("dial");
	gort_conn_write(c, "ping", 4);
	ssize_t n = gort_conn_read(c, text, sizeof(text));
	println("echo ", str_make(text, n));
	gort_conn_close(c);
	gort_listener_close(l);
}

static void spin(gort_atomic_bool *stop, chan(int) done)
{
	while (!gort_atomic_bool_load(stop))
		;
	chan_close(done);
}

static void preemption(void)
{
	gort_atomic_bool stop = {false};
	chan(int) done = make_chan(int, 0);
	go(spin, &stop, done);
	gort_sleep(1 * ms);
	gort_atomic_bool_store(&stop, true);
	(void)chan_recv(done);
	println("a loop without calls is preempted");
}

static void scheduler(void)
{
	int before = gort_gomaxprocs(1);
	println("Ps: ", gort_gomaxprocs(0));
	system_call();
	poller();
	preemption();
	gort_gomaxprocs(before);
}

/* ---- 6: memory model ---- */

struct shared {
	ints data;
	mutex mu;
	bool ready;
	gort_atomic_bool published;
};

static ints make_data(void)
{
	return slice_of(ints, 1, 2, 3);
}

static void by_channel(struct shared *s, chan(int) ready)
{
	s->data = make_data();
	chan_close(ready);
}

static void by_mutex(struct shared *s)
{
	mutex_lock(&s->mu);
	s->data = make_data();
	s->ready = true;
	mutex_unlock(&s->mu);
}

static void by_atomic(struct shared *s)
{
	s->data = make_data();
	gort_atomic_bool_store(&s->published, true);
}

static bool is_ready(struct shared *s)
{
	mutex_lock(&s->mu);
	defer(gort_mutex_unlock, &s->mu);
	return s->ready;
}

static void memory_model(void)
{
	static struct shared a, b, c;
	chan(int) ready = make_chan(int, 0);
	go(by_channel, &a, ready);
	(void)chan_recv(ready);
	println("channel ", a.data.len);
	go(by_mutex, &b);
	while (!is_ready(&b))
		gort_gosched();
	println("mutex ", b.data.len);
	go(by_atomic, &c);
	while (!gort_atomic_bool_load(&c.published))
		gort_gosched();
	println("atomic ", c.data.len);
}

/* ---- 7: collector ---- */

static int *escapes(void)
{
	int *x = gort_new(int);
	*x = 1;
	return x;
}

static void collector(void)
{
	int *p = escapes();
	uintptr_t before = (uintptr_t)p;
	gort_gc();
	println("kept ", *p, ", not moved ", (bool)((uintptr_t)p == before));
	println("GOGC was ", gort_set_gc_percent(50), ", ", gort_set_gc_percent(100));
	gort_set_gc_percent(-1);
	println("off ", gort_set_gc_percent(100));
}

/* ---- 15: leaks ---- */

static void sends(chan(int) out)
{
	chan_send(out, 42);
}

static void sends_unless_done(chan(int) out, context ctx)
{
	select
	{
		case_send(out, 42)
		{
		}
		case_done(ctx_done(ctx))
		{
		}
	}
}

static void few_again(isize n)
{
	while (gort_num_goroutine() > n)
		gort_sleep(1 * ms);
	println("none is left");
}

static void leaks(void)
{
	isize n = gort_num_goroutine();
	for (int i = 0; i < 10; i++)
		go(sends, make_chan(int, 1)); /* nobody receives, and nobody has to */
	few_again(n);
	struct gort_cancel *cancel;
	context ctx = ctx_with_cancel(ctx_background(), &cancel);
	defer(ctx_release, ctx);
	for (int i = 0; i < 10; i++)
		go(sends_unless_done, make_chan(int, 0), ctx);
	println("waiting: ", gort_num_goroutine() - n);
	cancel_now(cancel);
	few_again(n);
}

/* ---- 18: hot paths ---- */

static int growths(ints s)
{
	int n = 0;
	for (int i = 0; i < 1000; i++) {
		isize before = s.cap;
		append(&s, i);
		n += s.cap != before;
	}
	return n;
}

static void *new_buffer(void *arg)
{
	(void)arg;
	return gort_new(gort_buffer);
}

static string with_buffer(sync_pool *pool, string name)
{
	gort_buffer *b = pool_get(pool);
	gort_buffer_string(b, S("hello "));
	gort_buffer_string(b, name);
	string text = gort_buffer_text(b);
	gort_buffer_reset(b);
	pool_put(pool, b);
	return text;
}

static void hot_paths(void)
{
	static sync_pool pool = {.make = new_buffer};
	println("growths ", growths((ints){0}), " ", growths(make_slice(ints, 0, 1000)));
	map(int, int) m = make_map(int, int, 1000);
	for (int i = 0; i < 1000; i++)
		map_at(m, i) = i;
	println("entries ", map_len(m));
	println(with_buffer(&pool, S("pool")), ", ", with_buffer(&pool, S("again")));
	builder b = {0};
	builder_grow(&b, 3000);
	for (int i = 0; i < 1000; i++)
		builder_string(&b, S("abc"));
	println("built ", builder_result(&b).len);
}

static const struct {
	const char *section;
	void (*run)(void);
} sections[] = {{"1", overview}, {"2", scheduler}, {"6", memory_model}, {"7", collector},
	{"15", leaks}, {"18", hot_paths}};

int gort_main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++) {
		if (argc > 1 && strcmp(argv[1], sections[i].section))
			continue;
		println("== ", sections[i].section);
		sections[i].run();
	}
	return 0;
}
