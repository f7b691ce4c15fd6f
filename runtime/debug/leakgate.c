/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakgate.c - no goroutine may be left when the program ends: goleak's rule and schedule, from
 * inside. The rule itself is leakcheck/, the proof that one will never end mem/mgcleak.c; here are
 * the looks, the waits between them and the exit code.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/throw.h"
#include "gort/debug.h"
#include "gort/gort.h"
#include "leakcheck/leakcheck.h"
#include "gview.h"
#include "options.h"
#include "print.h"
#include "sched/proc.h"
#include "snapshot.h"

#define MESSAGE_SIZE (1u << 20)
#define FIRST_PROOF  12 /* look; 4 ms after the first one */
#define MOST_PATIENT 19 /* after which goleak looks no more */

_Static_assert(GORT_LEAK_UNREACHABLE == 1 << GSNAP_LEAK_UNREACHABLE &&
		       GORT_LEAK_LIKELY == 1 << GSNAP_LEAK_LIKELY &&
		       GORT_LEAK_FOREVER == 1 << GSNAP_LEAK_FOREVER,
	"classes are bits of proofs");

static const struct gort_leak_options plain; /* none */

/* What a call wants, and who calls. */
struct gate {
	char *buf; /* for the message, of size bytes */
	size_t size;
	const struct gort_leak_options *options;
	const char *test; /* that asks, or NULL */
	bool parallel;    /* others run meanwhile */
	const struct regs *self;
};

/* Only what is proved counts. */
static bool proofs_only(const struct gate *g)
{
	return g->options->classes && !(g->options->classes & GORT_LEAK_EXTRA);
}

/* Where no proof is to be had, none is found: who wants nothing else gets an error. */
static int take(const struct gate *g, bool prove, struct gsnap *s)
{
	int err = prove ? snap_leaks(s, g->self) : -EPERM;
	if ((err != -EPERM && err != -EAGAIN) || (prove && proofs_only(g)))
		return err;
	if (prove)
		gsnap_free(s);
	return snap_take(s, g->self);
}

static bool certain(const struct gsnap *s, const uint32_t *leaked, int n)
{
	for (int i = 0; i < n; i++) {
		uint8_t leak = s->gs[leaked[i]].leak;
		if (leak != GSNAP_LEAK_UNREACHABLE && leak != GSNAP_LEAK_FOREVER)
			return false;
	}
	return true;
}

/* Those of the classes that count. */
static size_t of_classes(const struct gate *g, const struct gsnap *s, uint32_t *leaked, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (g->options->classes & 1u << s->gs[leaked[i]].leak)
			leaked[kept++] = leaked[i];
	return kept;
}

/* One look: how many leak, with the message about them. *final: none of them will ever end. */
static int look(const struct gate *g, bool prove, bool *final)
{
	/* Of a test: the main goroutine, and those of tests, which subtest() of testing/ starts. */
	static const uint64_t maing[] = {1};
	static const char *const tests[] = {"subtest", NULL};
	struct gsnap s;
	int found = take(g, prove, &s);
	uint32_t *leaked = found ? NULL : malloc((s.ngs + 1) * sizeof *leaked);
	struct g *me = getg();
	struct leak_filter filter = {.self = me ? me->goid : 0,
		.ignore_top = g->options->ignore_top,
		.ignore_any = g->options->ignore_any,
		.ignore_creator = g->options->ignore_created,
		.current = g->options->current,
		.ncurrent = g->options->ncurrent,
		.test = g->test,
		.among_others = g->parallel};
	if (g->test) {
		filter.ignore_creator = tests;
		filter.current = maing;
		filter.ncurrent = 1;
	}
	if (!found && !leaked)
		found = -ENOMEM;
	if (leaked) {
		size_t n = leakcheck_find(&s, &filter, leaked);
		if (prove && proofs_only(g))
			n = of_classes(g, &s, leaked, n);
		found = (int)n;
		*final = certain(&s, leaked, found);
		if (found && g->size)
			leakcheck_format(&s, leaked, (size_t)found, g->buf, g->size);
	}
	free(leaked);
	gsnap_free(&s);
	return found;
}

static void wait_us(int64_t us)
{
	if (getg())
		gort_sleep(us * 1000);
	else
		usleep((useconds_t)us);
}

/* goleak's schedule, up to its end or that of the patience; -1: no more. */
static int64_t next_wait_us(const struct gate *g, int attempt, int64_t *waited)
{
	int64_t us = leakcheck_backoff_us(attempt), most = g->options->patience / 1000;
	if (g->options->patience == 0)
		return us;
	if (us < 0)
		us = leakcheck_backoff_us(MOST_PATIENT);
	us = us < most - *waited ? us : most - *waited;
	*waited += us;
	return us > 0 ? us : -1;
}

/*
 * Who is just ending has gone after some milliseconds, mostly: that is when the collector is asked
 * for the first time. Who is left over at the end is looked at once more.
 */
static __attribute__((noinline)) int find(const struct gate *g)
{
	int found = 0;
	int64_t waited = 0;
	if (g->size)
		g->buf[0] = '\0';
	for (int attempt = 0;; attempt++) {
		bool final = false;
		int64_t us = next_wait_us(g, attempt, &waited);
		found = look(g, us < 0 || attempt == FIRST_PROOF, &final);
		bool again = found == -EAGAIN && us >= 0; /* a thread did not stop in time */
		if (!again && (found <= 0 || us < 0 || final))
			break;
		wait_us(us);
	}
	if (found <= 0 && g->size)
		g->buf[0] = '\0';
	return found;
}

static __attribute__((noinline)) int verify(int code, unsigned classes, const struct regs *self)
{
	const struct gort_leak_options o = {.classes = classes};
	char *buf = malloc(MESSAGE_SIZE);
	int found = buf ? find(&(struct gate){buf, MESSAGE_SIZE, &o, NULL, false, self}) : -ENOMEM;
	struct printer out = {.fd = 2};
	if (found > 0)
		print_str(&out, buf);
	else if (found < 0)
		print_str(&out, found == -ENOMEM
					? "gort: the leak check could not look: out of memory\n"
					: "gort: the leak check could prove nothing\n");
	print_flush(&out);
	free(buf);
	if (!found || code)
		return code;
	return found > 0 ? GORT_EXIT_LEAK : 1;
}

/* Others look after this, in exit(); of a program that has failed they do not. */
static __attribute__((noinline)) int settle(int code, const struct regs *self)
{
	if (!code)
		find(&(struct gate){NULL, 0, &plain, NULL, false, self});
	return code;
}

/*
 * These frames are taken for the program's: there is nothing in them that is not set, so that they
 * show nothing of what a call before left there. Hence what they call is not inlined: a buffer in
 * it, or of its callees, would be in them.
 */
__attribute__((visibility("default"), noinline)) int gort_leak_find(char *buf, size_t size)
{
	struct regs self = {0};
	regs_saved(&self);
	return find(&(struct gate){buf, size, &plain, NULL, false, &self});
}

__attribute__((visibility("default"), noinline)) int gort_leak_find_with(
	const struct gort_leak_options *o, char *buf, size_t size)
{
	struct regs self = {0};
	regs_saved(&self);
	return find(&(struct gate){buf, size, o, NULL, false, &self});
}

static int by_id(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

__attribute__((visibility("default"))) uint64_t *gort_leak_current(size_t *n)
{
	uint32_t all = gview_count();
	uint64_t *ids = malloc((all + 1) * sizeof *ids);
	*n = 0;
	for (uint32_t i = 0; ids && i < all; i++) {
		struct gview v;
		gview_read(gview_at(i), &v);
		if (v.status != _Gdead && v.status != _Gidle && !v.system)
			ids[(*n)++] = v.goid;
	}
	if (ids)
		qsort(ids, *n, sizeof *ids, by_id);
	return ids;
}

void gcleakowner(const char *test)
{
	gort_set_label(LEAK_TEST, test);
}

__attribute__((noinline)) int gcleaktest(const char *test, bool parallel, char *buf, size_t size)
{
	struct regs self = {0};
	regs_saved(&self);
	return find(&(struct gate){buf, size, &plain, test, parallel, &self});
}

__attribute__((visibility("default"), noinline)) int gort_leak_verify(int code)
{
	struct regs self = {0};
	regs_saved(&self);
	return verify(code, GORT_LEAK_EXTRA, &self);
}

__attribute__((noinline)) int gcleakgate(int code)
{
	struct regs self = {0};
	if (!options.leakcheck)
		return code;
	regs_saved(&self);
	if (options.leakcheck == LEAKCHECK_WAIT)
		return settle(code, &self);
	return verify(code, (unsigned)options.leakcheck, &self);
}
