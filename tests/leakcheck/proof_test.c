/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * proof_test.c - the collector's proof of leaks (runtime/mem/mgcleak.c): for each kind of wait one
 * that nobody can end, and one as alike as possible that somebody can.
 */
#include <gort/debug.h>
#include <gort/gc.h>

#include "runtime/child.h"
#include "suite.h"

#define SUSPECT "suspect"

/* Something that outlives its goroutine's end of the test: a root. */
static void *volatile global;

static void suspect(void)
{
	gort_set_name(SUSPECT);
}

/* Keeps p, which it points to, and will look at it. */
static void keeper(void *p)
{
	void *volatile held = p;
	gort_sleep(3600 * sec);
	global = held;
}

/* ---- verdicts ---- */

static unsigned waiting(const struct gsnap *s)
{
	unsigned n = 0;
	for (uint32_t i = 0; i < s->ngs; i++)
		n += s->gs[i].name && !strcmp(s->gs[i].name, SUSPECT) &&
		     s->gs[i].status == GSTATUS_WAITING;
	return n;
}

/* Returns once n suspects wait; for ever if they never do, which ends the child (child.h). */
static void settle(unsigned n)
{
	for (unsigned now = 0; now != n; gort_sleep(1 * ms)) {
		struct gsnap s;
		REQUIRE(gort_snapshot_self(&s) == 0);
		now = waiting(&s);
		gsnap_free(&s);
	}
}

/* All n suspects are of that class, and nobody else is of any. */
static void expect_class(unsigned n, unsigned class)
{
	struct gsnap s;
	settle(n);
	REQUIRE(gort_snapshot_leaks(&s) == 0 && waiting(&s) == n);
	for (uint32_t i = 0; i < s.ngs; i++) {
		bool is = s.gs[i].name && !strcmp(s.gs[i].name, SUSPECT);
		if (s.gs[i].leak != (is ? class : GSNAP_LEAK_NONE))
			dprintf(2, "goroutine %lu (%s): class %u, not %u\n",
				(unsigned long)s.gs[i].id, s.gs[i].reason, s.gs[i].leak, class);
		REQUIRE(s.gs[i].leak == (is ? class : GSNAP_LEAK_NONE));
	}
	gsnap_free(&s);
}

static void built(void (*scene)(void), waitgroup *done)
{
	scene();
	wg_done(done);
}

/* On a stack of its own: what it leaves there is nobody's. */
static void build(void (*scene)(void))
{
	waitgroup done = {0};
	wg_add(&done, 1);
	go(built, scene, &done);
	wg_wait(&done);
}

struct scene {
	void (*make)(void);
	unsigned suspects;
	unsigned class;
};

static const struct scene *now;

static int play(int argc, char **argv)
{
	(void)argc, (void)argv;
	build(now->make);
	expect_class(now->suspects, now->class);
	return 0;
}

static void play_all(const struct scene *scenes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		now = &scenes[i];
		struct child *c = run_child(play, i % 2 ? 1 : 4);
		ck_assert_msg(c->code == 0, "scene %zu: exit %d: %s", i, c->code, c->text);
	}
}

#define PLAY(scenes) play_all(scenes, sizeof(scenes) / sizeof(*(scenes)))

enum {
	NONE = GSNAP_LEAK_NONE,
	LEAKED = GSNAP_LEAK_UNREACHABLE,
	LIKELY = GSNAP_LEAK_LIKELY,
	FOREVER = GSNAP_LEAK_FOREVER
};

/* ---- channels ---- */

static void receives(chan(int) c)
{
	suspect();
	(void)chan_recv(c);
}

static void sends(chan(int) c)
{
	suspect();
	chan_send(c, 1);
}

static void receiver(void)
{
	go(receives, make_chan(int, 0));
}

static void sender(void)
{
	go(sends, make_chan(int, 0));
}

static void in_global(void)
{
	chan(int) c = make_chan(int, 0);
	go(receives, c);
	global = c;
}

static void on_stack(void)
{
	chan(int) c = make_chan(int, 0);
	go(sends, c);
	go(keeper, (void *)c);
}

static void in_object(void)
{
	void **box = gort_malloc(64);
	chan(int) c = make_chan(int, 0);
	box[7] = (char *)c + 8; /* into it is enough */
	go(receives, c);
	go(keeper, (void *)box);
}

static void in_buffer(void)
{
	chan(void *) outer = make_chan(void *, 4);
	chan(int) c = make_chan(int, 0);
	chan_send(outer, (void *)c);
	go(receives, c);
	global = outer;
}

static void is_pinned(void)
{
	chan(int) c = make_chan(int, 0);
	gort_pin(c);
	go(receives, c);
}

/* Next to one that is alive, which has no buffer: where that would be the lost one begins. */
static void beside(void)
{
	chan(int) a = make_chan(int, 0), b = make_chan(int, 0);
	REQUIRE((char *)b - (char *)a <= 128);
	global = a;
	go(receives, b);
}

static void receives_nil(void)
{
	chan(int) c = nil;
	suspect();
	(void)chan_recv(c);
}

static void sends_nil(void)
{
	chan(int) c = nil;
	suspect();
	chan_send(c, 1);
}

static void nil_channels(void)
{
	go(receives_nil);
	go(sends_nil);
}

START_TEST(test_channels)
{
	static const struct scene scenes[] = {
		{receiver, 1, LEAKED},
		{sender, 1, LEAKED},
		{in_global, 1, NONE},
		{on_stack, 1, NONE},
		{in_object, 1, NONE},
		{in_buffer, 1, NONE},
		{is_pinned, 1, NONE},
		{beside, 1, LEAKED},
		{nil_channels, 2, FOREVER},
	};
	PLAY(scenes);
}
END_TEST

/* ---- select ---- */

static void selects(chan(int) a, chan(int) b)
{
	suspect();
	select
	{
		case_recv(a, v)
		{
			(void)v;
		}
		case_send(b, 1)
		{
		}
	}
}

static void two_lost(void)
{
	go(selects, make_chan(int, 0), make_chan(int, 0));
}

static void one_kept(void)
{
	chan(int) b = make_chan(int, 0);
	go(selects, make_chan(int, 0), b);
	global = b;
}

static void with_nil(void)
{
	go(selects, (chan(int))nil, make_chan(int, 0));
}

static void selects_timed(chan(int) a)
{
	suspect();
	select
	{
		case_recv(a, v)
		{
			(void)v;
		}
		case_after(3600 * sec)
		{
		}
	}
}

static void timeout(void)
{
	go(selects_timed, make_chan(int, 0));
}

static void selects_nothing(void)
{
	suspect();
	gort_select(NULL, 0, true);
}

static void no_cases(void)
{
	go(selects_nothing);
}

/* More cases than the select statement has room for: they lie in the heap. */
enum { MANY = 20 };

static void selects_many(struct gort_chan **channels)
{
	struct gort_case *cases = gort_new_array(struct gort_case, MANY);
	for (int i = 0; i < MANY; i++)
		cases[i] = (struct gort_case){.c = channels[i], .kind = GORT_CASE_RECV};
	suspect();
	gort_select(cases, MANY, true);
}

static struct gort_chan **many_channels(void)
{
	struct gort_chan **channels = gort_new_array(struct gort_chan *, MANY);
	for (int i = 0; i < MANY; i++)
		channels[i] = (struct gort_chan *)make_chan(int, 0);
	return channels;
}

static void many_lost(void)
{
	go(selects_many, many_channels());
}

static void many_kept(void)
{
	struct gort_chan **channels = many_channels();
	global = channels[MANY - 1];
	go(selects_many, channels);
}

START_TEST(test_selects)
{
	static const struct scene scenes[] = {
		{two_lost, 1, LEAKED},
		{one_kept, 1, NONE},
		{with_nil, 1, LEAKED},
		{timeout, 1, NONE},
		{no_cases, 1, FOREVER},
		{many_lost, 1, LEAKED},
		{many_kept, 1, NONE},
	};
	PLAY(scenes);
}
END_TEST

/* ---- locks ---- */

struct locks {
	mutex mu;
	rwmutex rw;
	cond cv;
	waitgroup wg;
	semaphore sem;
};

static void locks_twice(mutex *m)
{
	mutex_lock(m);
	suspect();
	mutex_lock(m);
}

static void writes_twice(rwmutex *rw)
{
	rwmutex_lock(rw);
	suspect();
	rwmutex_lock(rw);
}

static void reads_written(rwmutex *rw)
{
	rwmutex_lock(rw);
	suspect();
	rwmutex_rlock(rw);
}

static void writes_read(rwmutex *rw)
{
	rwmutex_rlock(rw);
	suspect();
	rwmutex_lock(rw);
}

static void waits_condition(struct locks *l)
{
	mutex_lock(&l->mu);
	suspect();
	cond_wait(&l->cv, &l->mu);
}

static void waits_group(waitgroup *wg)
{
	wg_add(wg, 1);
	suspect();
	wg_wait(wg);
}

static void acquires(semaphore *s)
{
	suspect();
	sem_acquire(s, 1);
}

static struct locks *newlocks(void)
{
	return gort_new(struct locks);
}

static void lost_locks(void)
{
	go(locks_twice, gort_new(mutex));
	go(writes_twice, gort_new(rwmutex));
	go(reads_written, gort_new(rwmutex));
	go(writes_read, gort_new(rwmutex));
	go(waits_condition, newlocks());
	go(waits_group, gort_new(waitgroup));
	go(acquires, gort_new(semaphore));
}

static struct locks *kept(void)
{
	struct locks *l = newlocks();
	go(keeper, (void *)l);
	return l;
}

static void kept_locks(void)
{
	go(locks_twice, &kept()->mu);
	go(writes_twice, &kept()->rw);
	go(reads_written, &kept()->rw);
	go(writes_read, &kept()->rw);
	go(waits_condition, kept());
	go(waits_group, &kept()->wg);
	go(acquires, &kept()->sem);
}

static void static_locks(void)
{
	static struct locks l[4];
	go(locks_twice, &l[0].mu);
	go(waits_condition, &l[1]);
	go(waits_group, &l[2].wg);
	go(reads_written, &l[3].rw);
}

/* Each has what the other wants. */
static void takes_both(mutex *mine, mutex *other, waitgroup *both)
{
	mutex_lock(mine);
	wg_done(both);
	wg_wait(both);
	suspect();
	mutex_lock(other);
}

static void crossed(void)
{
	mutex *a = gort_new(mutex), *b = gort_new(mutex);
	waitgroup *both = gort_new(waitgroup);
	wg_add(both, 2);
	go(takes_both, a, b, both);
	go(takes_both, b, a, both);
}

START_TEST(test_locks)
{
	static const struct scene scenes[] = {
		{lost_locks, 7, LEAKED},
		{kept_locks, 7, NONE},
		{static_locks, 4, NONE},
		{crossed, 2, LEAKED},
	};
	PLAY(scenes);
}
END_TEST

/* ---- stacks ---- */

static void stack_group(void (*with)(void *))
{
	waitgroup wg = {0};
	wg_add(&wg, 1);
	if (with)
		go(with, (void *)&wg);
	suspect();
	wg_wait(&wg);
}

static void own_stack(void)
{
	go(stack_group, (void (*)(void *))nil);
}

static void stack_kept(void)
{
	go(stack_group, keeper);
}

/* A child that waits for its parent's lock, which the parent holds and will never release. */
static void locks_parents(mutex *m)
{
	suspect();
	mutex_lock(m);
}

static void parent(chan(int) c)
{
	mutex m = {0};
	mutex_lock(&m);
	go(locks_parents, &m);
	suspect();
	(void)chan_recv(c);
	mutex_unlock(&m);
}

static void parent_kept(void)
{
	chan(int) c = make_chan(int, 0);
	global = c;
	go(parent, c);
}

static void stack_pair(waitgroup *other)
{
	waitgroup wg = {0};
	wg_add(&wg, 1);
	if (!other)
		go(stack_pair, &wg);
	suspect();
	wg_wait(other ? other : &wg);
}

static void parent_lost(void)
{
	go(stack_pair, (waitgroup *)nil);
}

START_TEST(test_stacks)
{
	static const struct scene scenes[] = {
		{own_stack, 1, LIKELY},
		{stack_kept, 1, NONE},
		{parent_kept, 2, NONE},
		{parent_lost, 2, LIKELY},
	};
	PLAY(scenes);
}
END_TEST

/* ---- who wakes whom ---- */

/* Waits for `in`, then wakes who waits for `out`. */
static void passes_on(chan(int) in, chan(int) out)
{
	suspect();
	(void)chan_recv(in);
	chan_send(out, 1);
}

enum { LINKS = 300 };

static chan(int) chain(void)
{
	chan(int) last = make_chan(int, 0), first = last;
	for (int i = 0; i < LINKS; i++) {
		chan(int) c = make_chan(int, 0);
		go(passes_on, c, first);
		first = c;
	}
	return first;
}

static void chain_lost(void)
{
	(void)chain();
}

static void chain_kept(void)
{
	global = chain();
}

/* By a timer only. */
static void closes(chan(int) c)
{
	chan_close(c);
}

static void func_timer(void)
{
	chan(int) c = make_chan(int, 0);
	go(receives, c);
	(void)time_after_func(3600 * sec, closes, c);
}

static void receives_time(int stop)
{
	gort_timer *t = gort_timer_new(3600 * sec);
	struct gort_chan *c = gort_timer_chan(t);
	gort_time at;
	if (stop)
		gort_timer_stop(t);
	suspect();
	gort_chan_recv(c, &at);
}

static void timer_runs(void)
{
	go(receives_time, 0);
}

static void timer_stopped(void)
{
	go(receives_time, 1);
}

static void waits_done(context ctx)
{
	suspect();
	(void)chan_recv(ctx_done(ctx));
}

static void deadline(void)
{
	struct gort_cancel *cancel;
	go(waits_done, ctx_with_timeout(ctx_background(), 3600 * sec, &cancel));
}

START_TEST(test_chains)
{
	static const struct scene scenes[] = {
		{chain_lost, LINKS, LEAKED},
		{chain_kept, LINKS, NONE},
		{func_timer, 1, NONE},
		{timer_runs, 1, NONE},
		{timer_stopped, 1, LEAKED},
		{deadline, 1, NONE},
	};
	PLAY(scenes);
}
END_TEST

/* ---- what a verdict does ---- */

static uintptr_t hidden;
static _Atomic bool seen;

static void receives_hidden(chan(long) c, long *box)
{
	suspect();
	long got = chan_recv(c);
	seen = got == 7 && *box == 42;
}

static void hide(void)
{
	long *box = gort_new(long);
	chan(long) c = make_chan(long, 0);
	*box = 42;
	hidden = ~(uintptr_t)c;
	go(receives_hidden, c, box);
}

/*
 * A pointer that the collector does not see wakes a leaked goroutine after all: it finds what it
 * had, and the program goes on, where Go's ends with "bad g->status in ready".
 */
static int comes_back(int argc, char **argv)
{
	(void)argc, (void)argv;
	build(hide);
	expect_class(1, GSNAP_LEAK_UNREACHABLE);
	for (int i = 0; i < 1000; i++)
		(void)gort_new(long);
	gort_gc();
	chan_send((chan(long)) ~hidden, 7);
	while (!seen)
		gort_sleep(1 * ms);
	return 0;
}

static void looks(chan(int) done)
{
	struct gsnap s;
	REQUIRE(gort_snapshot_leaks(&s) == 0);
	for (uint32_t i = 0; i < s.ngs; i++)
		REQUIRE(s.gs[i].leak == GSNAP_LEAK_NONE);
	gsnap_free(&s);
	chan_close(done);
}

/* The main goroutine waits for what the one that looks has. */
static int main_waits(int argc, char **argv)
{
	(void)argc, (void)argv;
	chan(int) done = make_chan(int, 0);
	go(looks, done);
	(void)chan_recv(done);
	return 0;
}

/* ---- gort_leak_find_with ---- */

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static int found_with(struct gort_leak_options o)
{
	static char text[4096];
	o.patience = o.patience ? o.patience : -1;
	int found = gort_leak_find_with(&o, text, sizeof(text));
	REQUIRE((found != 0) == (strstr(text, "found unexpected") != NULL));
	return found;
}

static void ends_soon(void)
{
	gort_sleep(600 * ms);
}

/* What nobody has to be asked about is proved at once. */
static int classes(int argc, char **argv)
{
	(void)argc, (void)argv;
	no_cases();
	settle(1);
	REQUIRE(found_with((struct gort_leak_options){.classes = GORT_LEAK_FOREVER}) == 1);
	REQUIRE(found_with((struct gort_leak_options){.classes = GORT_LEAK_EXTRA}) == 1);
	REQUIRE(found_with((struct gort_leak_options){
			.classes = GORT_LEAK_UNREACHABLE | GORT_LEAK_LIKELY}) == 0);
	return 0;
}

static int options(int argc, char **argv)
{
	(void)argc, (void)argv;
	build(receiver);
	settle(1);
	REQUIRE(found_with((struct gort_leak_options){0}) == 1);
	REQUIRE(found_with((struct gort_leak_options){.ignore_top = NAMES("sends")}) == 1);
	REQUIRE(found_with((struct gort_leak_options){.ignore_top = NAMES("receives")}) == 0);
	REQUIRE(found_with((struct gort_leak_options){.ignore_any = NAMES("receives")}) == 0);
	REQUIRE(found_with((struct gort_leak_options){.ignore_created = NAMES("receives")}) == 1);
	REQUIRE(found_with((struct gort_leak_options){.ignore_created = NAMES("receiver")}) == 0);
	struct gort_leak_options before = {0};
	before.current = gort_leak_current(&before.ncurrent);
	REQUIRE(before.ncurrent == 2 && before.current[0] == 1 && found_with(before) == 0);
	go(ends_soon);
	REQUIRE(found_with(before) == 1);
	before.patience = 30 * sec;
	REQUIRE(found_with(before) == 0);
	free((void *)(uintptr_t)before.current);
	return 0;
}

START_TEST(test_options)
{
	expect_code(options, 0);
	expect_code(classes, 0);
}
END_TEST

START_TEST(test_verdicts)
{
	expect_code(comes_back, 0);
	expect_code(main_waits, 0);
}
END_TEST

static Suite *test_suite(void)
{
	setenv("GORT_DEBUG", "gccheckmark=1,clobberfree=1", 1);
	return suite_of(&(struct units){"leak_proof", .seconds = 120,
		.units = {
			{"channels", test_channels},
			{"selects", test_selects},
			{"locks", test_locks},
			{"stacks", test_stacks},
			{"chains", test_chains},
			{"verdicts", test_verdicts},
			{"options", test_options},
		}});
}

#include "check_main.h"
