/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * synctest.c - tests in a time of their own (Go's testing/synctest). The goroutine of the test
 * becomes the clock of a bubble: whenever all in it wait, it lets one go on that waits for just
 * that, or else makes it as late as the next timer says.
 */
#include "sched/bubble.h"
#include "testing/internal.h"

#include "gort/synctest.h"

struct synctest {
	struct gort_t *t;
	void (*fn)(struct gort_t *t, void *arg);
	void *arg;
	bool ended, left; /* fn's goroutine has ended, and not by a return */
	struct bubble *bubble;
	gort_atomic_int64 waiting; /* for all others to wait: goroutines that receive from quiet */
	struct gort_chan *quiet;
};

static void body_over(struct synctest *s)
{
	__atomic_store_n(&s->ended, true, __ATOMIC_RELEASE);
}

static void body(struct synctest *s)
{
	defer(body_over, s);
	s->left = true;
	s->fn(s->t, s->arg);
	s->left = false;
}

void gort_synctest_wait(void)
{
	struct bubble *b = bubbleself();
	if (!b)
		gort_panictext("goroutine is not in a bubble");
	struct synctest *s = b->owner;
	gort_atomic_int64_add(&s->waiting, 1);
	(void)gort_chan_recv(s->quiet, NULL);
}

/* One of those that wait for all others to wait; by the clock, while all do. */
static bool wakes(struct synctest *s)
{
	if (gort_atomic_int64_load(&s->waiting) == 0)
		return false;
	gort_atomic_int64_add(&s->waiting, -1);
	gort_chan_send(s->quiet, "");
	return true;
}

/* All wait. False: all that the bubble was for has ended, or will never, which *stuck tells. */
static bool goes_on(struct synctest *s, uint64_t goroutines, const char **stuck)
{
	bool over = __atomic_load_n(&s->ended, __ATOMIC_ACQUIRE);
	if (over && goroutines == 0)
		return false;
	if (bubbleskip(s->bubble, false) || wakes(s) || bubbleskip(s->bubble, true))
		return true;
	*stuck = over ? "deadlock: main bubble goroutine has exited but blocked goroutines remain"
		      : "deadlock: all goroutines in bubble are blocked";
	return false;
}

#define PATIENCE 64 /* turns of others before it sleeps between looks */

/* Less often when the others take long. */
static void pause_for(int turns)
{
	for (int i = 0; i < turns; i++)
		gort_gosched();
	if (turns == PATIENCE)
		gort_sleep(100000);
}

static const char *run(struct synctest *s)
{
	const char *stuck = NULL;
	for (int turns = 1;; turns = turns < PATIENCE ? 2 * turns : PATIENCE) {
		pause_for(turns);
		struct bubblelook look = bubblelook(s->bubble);
		if (!look.quiet)
			continue;
		if (!goes_on(s, look.n, &stuck))
			return stuck;
		turns = 1;
	}
}

static void begin(struct synctest *s)
{
	if (bubbleself())
		gort_panictext("synctest.Run called from within a synctest bubble");
	s->bubble = bubblebegin(s);
	if (!s->bubble)
		gort_panictext("synctest: too many bubbles at once");
	bubbleenter(s->bubble);
	s->quiet = gort_chan_make(1, 0);
	go(body, s);
	bubbleenter(NULL);
}

void gort_synctest_test(struct gort_t *t, void (*fn)(struct gort_t *t, void *arg), void *arg)
{
	struct synctest s = {.t = t, .fn = fn, .arg = arg};
	begin(&s);
	const char *stuck = run(&s);
	bubbleend(s.bubble, stuck != NULL);
	if (stuck)
		gort_panictext(stuck);
	if (s.left)
		leave_test(t);
}
