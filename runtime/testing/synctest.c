/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * synctest.c - tests in a time of their own (Go's testing/synctest). The goroutine of the test
 * becomes the clock: whenever all others wait, it lets one go on that waits for just that, or else
 * makes it as late as the next timer says.
 */
#include "sched/timewarp.h"
#include "testing/internal.h"

#include "gort/synctest.h"

struct bubble {
	struct gort_t *t;
	void (*fn)(struct gort_t *t, void *arg);
	void *arg;
	bool ended, left; /* fn's goroutine has ended, and not by a return */
	gort_isize before;
	gort_mutex mu;
	gort_isize waiting; /* guarded by mu */
	struct gort_chan *quiet;
};

static gort_atomic_pointer current; /* the bubble, for those who wait */

static void body_over(struct bubble *b)
{
	__atomic_store_n(&b->ended, true, __ATOMIC_RELEASE);
}

static void body(struct bubble *b)
{
	defer(body_over, b);
	b->left = true;
	b->fn(b->t, b->arg);
	b->left = false;
}

void gort_synctest_wait(void)
{
	struct bubble *b = gort_atomic_pointer_load(&current);
	if (!b)
		gort_panictext("goroutine is not in a bubble");
	gort_mutex_lock(&b->mu);
	b->waiting++;
	gort_mutex_unlock(&b->mu);
	(void)gort_chan_recv(b->quiet, NULL);
}

/* One of those that wait for all others to wait. */
static bool wakes(struct bubble *b)
{
	gort_mutex_lock(&b->mu);
	bool somebody = b->waiting > 0;
	b->waiting -= somebody;
	gort_mutex_unlock(&b->mu);
	if (somebody)
		gort_chan_send(b->quiet, "");
	return somebody;
}

/* All wait. False: all that the bubble was for has ended, or will never, which *stuck tells. */
static bool goes_on(struct bubble *b, const char **stuck)
{
	bool over = __atomic_load_n(&b->ended, __ATOMIC_ACQUIRE);
	if (over && gort_num_goroutine() <= b->before)
		return false;
	if (timeskip(false) || wakes(b) || timeskip(true))
		return true;
	*stuck = over ? "deadlock: main bubble goroutine has exited but blocked goroutines remain"
		      : "deadlock: all goroutines in bubble are blocked";
	return false;
}

/* Looks less often when the others take long. */
static const char *run(struct bubble *b)
{
	const char *stuck = NULL;
	int pause = 1;
	for (;;) {
		for (int i = 0; i < pause; i++)
			gort_gosched();
		if (!otherswait())
			pause = pause < 64 ? 2 * pause : 64;
		else if (goes_on(b, &stuck))
			pause = 1;
		else
			return stuck;
	}
}

void gort_synctest_test(struct gort_t *t, void (*fn)(struct gort_t *t, void *arg), void *arg)
{
	struct bubble b = {.t = t, .fn = fn, .arg = arg, .quiet = gort_chan_make(1, 0)};
	test_alone(t);
	if (!timefreeze())
		gort_panictext("synctest.Run called from within a synctest bubble");
	limit_stop();
	b.before = gort_num_goroutine();
	gort_atomic_pointer_store(&current, &b);
	go(body, &b);
	const char *stuck = run(&b);
	gort_atomic_pointer_store(&current, NULL);
	timethaw();
	limit_go_on();
	if (stuck)
		gort_panictext(stuck);
	if (b.left)
		leave_test(t);
}
