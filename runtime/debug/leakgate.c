/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leakgate.c - no goroutine may be left when the program ends: goleak's rule and schedule, from
 * inside. The rule itself is leakcheck/; here are the looks, the waits between them and the exit
 * code.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "base/throw.h"
#include "gort/debug.h"
#include "gort/gort.h"
#include "leakcheck/leakcheck.h"
#include "options.h"
#include "print.h"
#include "sched/proc.h"

#define MESSAGE_SIZE (1u << 20)

/* One look: how many leak, with the message about them. */
static int look(char *buf, size_t size, bool intest)
{
	/* Of a test: the main goroutine, and those of tests, which subtest() of testing/ starts. */
	static const uint64_t maing[] = {1};
	static const char *const tests[] = {"subtest", NULL};
	struct gsnap s;
	int found = gort_snapshot_self(&s);
	uint32_t *leaked = found ? NULL : malloc((s.ngs + 1) * sizeof *leaked);
	struct g *me = getg();
	struct leak_filter filter = {.self = me ? me->goid : 0};
	if (intest) {
		filter.ignore_creator = tests;
		filter.current = maing;
		filter.ncurrent = 1;
	}
	if (!found && !leaked)
		found = -ENOMEM;
	if (leaked) {
		found = (int)leakcheck_find(&s, &filter, leaked);
		if (found && size)
			leakcheck_format(&s, leaked, (size_t)found, buf, size);
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

static int find(char *buf, size_t size, bool intest)
{
	int found = 0;
	if (size)
		buf[0] = '\0';
	for (int attempt = 0;; attempt++) {
		found = look(buf, size, intest);
		int64_t us = found > 0 ? leakcheck_backoff_us(attempt) : -1;
		if (us < 0)
			break;
		wait_us(us);
	}
	if (found == 0 && size)
		buf[0] = '\0';
	return found;
}

__attribute__((visibility("default"))) int gort_leak_find(char *buf, size_t size)
{
	return find(buf, size, false);
}

int gcleaktest(char *buf, size_t size)
{
	return find(buf, size, true);
}

__attribute__((visibility("default"))) int gort_leak_verify(int code)
{
	char *buf = malloc(MESSAGE_SIZE);
	int found = buf ? gort_leak_find(buf, MESSAGE_SIZE) : -ENOMEM;
	struct printer out = {.fd = 2};
	if (found > 0)
		print_str(&out, buf);
	else if (found < 0)
		print_str(&out, "gort: the leak check could not look: out of memory\n");
	print_flush(&out);
	free(buf);
	if (!found || code)
		return code;
	return found > 0 ? GORT_EXIT_LEAK : 1;
}

int gcleakgate(int code)
{
	return options.leakcheck ? gort_leak_verify(code) : code;
}
