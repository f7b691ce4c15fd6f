/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * seed.c SECTION - the examples of a guide to Go's runtime, section by section, as programs on
 * libgort; seed/main.go is the same in Go, function by function, and prints the same.
 *
 * Those about data are in ../lang/seed.
 *
 * What is meant to differ: a deferred call belongs to a scope, so a loop that defers does not
 * accumulate (section 17); a loop's goroutine gets its variable as an argument, as C has no
 * closures, so there is no capture to go wrong (17); a panic that is recovered resumes after the
 * protect (12).
 */
#include <gort/go.h>

/* ---- 3: fan-out ---- */

static void fetch(chan(int) results, int url)
{
	chan_send(results, url * url);
}

static void fanout(void)
{
	chan(int) results = make_chan(int, 10);
	int sum = 0;
	for (int u = 0; u < 10; u++)
		go(fetch, results, u);
	for (int u = 0; u < 10; u++)
		sum += chan_recv(results);
	println("fetched ", sum);
}

/* ---- 4: channels ---- */

static void closes(chan(int) c)
{
	chan_close(c);
}

static void sends(chan(int) c)
{
	chan_send(c, 3);
}

static void channels(void)
{
	chan(int) ch = make_chan(int, 2), never = nil;
	int v;
	chan_send(ch, 1);
	chan_send(ch, 2);
	chan_close(ch);
	chan_range (x, ch)
		println(x);
	bool ok = chan_recv_ok(ch, &v);
	println(v, " ", ok);
	select
	{
		case_recv(never, x)
		{
			println("never ", x);
		}
		case_recv(ch, x, open)
		{
			println("closed ", x, " ", open);
		}
	}
	select
	{
		case_recv(never)
		{
			println("never");
		}
		case_after(1 * ms)
		{
			println("timeout");
		}
	}
	println(protect(sends, ch));
	println(protect(closes, ch));
	println(protect(closes, never));
}

/* ---- 5: sync primitives ---- */

struct counter {
	mutex mu;
	int n;
};

static void increment(struct counter *c)
{
	mutex_lock(&c->mu);
	defer(gort_mutex_unlock, &c->mu);
	c->n++;
}

static void sync_primitives(void)
{
	struct counter c = {0};
	waitgroup wg = {0};
	for (int i = 0; i < 100; i++)
		wg_go(&wg, increment, &c);
	wg_wait(&wg);
	println("counted ", c.n);
}

/* ---- 11: interfaces ---- */

#define reader_methods(SELF) int (*read)(SELF *, int)
GORT_INTERFACE(reader);

typedef struct file {
	int fd;
} file;

static int file_read(file *f, int n)
{
	return f ? n + f->fd : -1;
}

GORT_DYNTYPE(file);
GORT_IMPL(reader, file, file_read);

static reader might_fail(bool trap)
{
	file *none = NULL;
	return trap ? as_iface(reader, file, none) : (reader){0};
}

static void what(any x)
{
	type_switch(x)
	{
		case_type(int, v)
		{
			println("int ", *v);
		}
		case_type(string, v)
		{
			println("string ", *v);
		}
		case_nil
		{
			println("nil");
		}
		case_other
		{
			println("other");
		}
	}
}

static void asserts(any *x)
{
	println(*assert_type(int, *x));
}

static void interfaces(void)
{
	file f = {3};
	string *s;
	any x = any_of(S("text"));
	println(iface_nil(might_fail(true)), " ", iface_nil(might_fail(false)));
	println(call_method(might_fail(true), read, 4), " ",
		call_method(as_iface(reader, file, &f), read, 4));
	what(any_of(1));
	what(x);
	what(any_of(1.5));
	what((any){0});
	println(assert_ok(string, x, &s), " ", *s);
	println(protect(asserts, &x));
}

/* ---- 12: errors ---- */

GORT_SENTINEL(err_not_found, "not found");

struct path_error {
	struct gort_errorobj base;
	const char *path;
};

static const char *path_text(error err)
{
	return ((const struct path_error *)err)->path;
}

GORT_ERROR_TYPE(path_error, .text = path_text);

static void recovered(void)
{
	error r = gort_recover();
	println("recovered: ", r);
}

static void panics(void)
{
	defer(recovered);
	panic("programmer bug");
}

static void errors(void)
{
	error err = error_wrap(err_not_found, "operation failed");
	println(err);
	println((bool)(err == err_not_found), " ", error_is(err, err_not_found));
	err = error_wrap(error_make(struct path_error, path_error, .path = "/etc"), "open");
	println(error_as(err, struct path_error, path_error)->path);
	println(error_join(err_not_found, err));
	println(protect(panics));
}

/* ---- 13: defer ---- */

static void say(int i)
{
	println("deferred ", i);
}

static void defers(void)
{
	int i = 1;
	defer(say, i);
	i = 2;
	defer(say, i);
	println("body ", i);
}

/* ---- 14: context ---- */

static error wait_for(context ctx, chan(int) work)
{
	select
	{
		case_done(ctx_done(ctx))
		{
			return ctx_err(ctx);
		}
		case_recv(work, v)
		{
			println("work ", v);
		}
	}
	return nil;
}

static void contexts(void)
{
	struct gort_cancel *cancel, *inner;
	context ctx = ctx_with_cancel(ctx_background(), &cancel);
	defer(ctx_release, ctx);
	context child = ctx_with_timeout(ctx, 3600 * sec, &inner);
	defer(ctx_release, child);
	defer(cancel_now, inner);
	chan(int) work = make_chan(int, 1);
	chan_send(work, 5);
	println(wait_for(child, work));
	cancel_now(cancel);
	println(wait_for(child, work));
	struct gort_cancel *late;
	context past = ctx_with_timeout(ctx_background(), 0, &late);
	defer(ctx_release, past);
	println(wait_for(past, work));
	cancel_now(late);
}

/* ---- 17: gotchas ---- */

static void process(chan(int) out, int v)
{
	chan_send(out, v);
}

static int closed_count(int n, int *open)
{
	*open -= 1;
	return n;
}

static void gotchas(void)
{
	chan(int) out = make_chan(int, 3);
	int sum = 0, open = 0;
	for (int v = 1; v <= 3; v++)
		go(process, out, v);
	for (int i = 0; i < 3; i++)
		sum += chan_recv(out);
	println("each its own: ", sum);
	for (int i = 0; i < 100; i++) {
		open++;
		defer(closed_count, i, &open);
	}
	println("left open: ", open);
	println("integer division: ", protect(gort_panicdivide));
}

static const struct {
	const char *section;
	void (*run)(void);
} sections[] = {{"3", fanout}, {"4", channels}, {"5", sync_primitives}, {"11", interfaces},
	{"12", errors}, {"13", defers}, {"14", contexts}, {"17", gotchas}};

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
