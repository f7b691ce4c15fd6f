/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gleaks.c - a program on libgort that stops where gort can look for leaks, for gleaks.py:
 *
 *	gleaks            prints the names of what it can do
 *	gleaks NAME       does it, until nobody moves any more
 *	gleaks NAME twin  does it mended: stops wherever a pattern asks to be looked at
 *
 * Where it stops it prints of each goroutine that libgort's own proof calls leaked "goid class",
 * then "ready", and waits for a byte. A NAME is a pattern of tests/leakcheck/goker, or a scene of
 * gleaks_scenes.c, which has no twin: in it goroutines named "leak" and "live" are told as well.
 *
 * A snapshot leaves addresses of what others wait for in its frame, which would keep that alive as
 * long as the frame lasts. So each is taken in a call of its own, which is over when gort looks.
 */
#include <gort/debug.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "gleaks.h"
#include "leakcheck/goker/goker.h"

bool mended;
static chan(int) gate;
static const struct pattern *now;

void look_here(void)
{
	if (mended)
		(void)chan_recv(gate);
}

static void driver(void)
{
	now->run();
}

static bool counts(const struct gsnap_g *gp)
{
	return gp->id > 1 && !(gp->flags & GSNAP_G_SYSTEM) && gp->status != GSTATUS_DEAD &&
	       gp->status != GSTATUS_IDLE;
}

struct counts {
	unsigned all, blocked;
};

static struct counts __attribute__((noinline)) count(void)
{
	struct counts c = {0};
	struct gsnap s;
	if (gort_snapshot_self(&s))
		_exit(98);
	for (uint32_t i = 0; i < s.ngs; i++) {
		const struct gsnap_g *gp = &s.gs[i];
		c.all += counts(gp);
		c.blocked += counts(gp) && gp->status == GSTATUS_WAITING &&
			     strcmp(gp->reason, "sleep") != 0;
	}
	gsnap_free(&s);
	return c;
}

/* What the program itself can prove. */
static void __attribute__((noinline)) print_leaks(void)
{
	static const char *const names[] = {[GSNAP_LEAK_UNREACHABLE] = "unreachable",
		[GSNAP_LEAK_LIKELY] = "unreachable-likely",
		[GSNAP_LEAK_FOREVER] = "blocked-forever"};
	struct gsnap s;
	if (gort_snapshot_leaks(&s))
		_exit(98);
	for (uint32_t i = 0; i < s.ngs; i++) {
		const struct gsnap_g *gp = &s.gs[i];
		if (gp->leak != GSNAP_LEAK_NONE)
			printf("%llu %s\n", (unsigned long long)gp->id, names[gp->leak]);
		if (gp->name && (!strcmp(gp->name, "leak") || !strcmp(gp->name, "live")))
			printf("%llu is %s\n", (unsigned long long)gp->id, gp->name);
	}
	gsnap_free(&s);
}

/* Then gort is let look. */
static void tell(void)
{
	char byte;
	print_leaks();
	printf("ready\n");
	fflush(stdout);
	if (read(0, &byte, 1) != 1)
		_exit(0);
}

static void broken(void)
{
	go(driver);
	for (struct counts c = {0}; c.all != now->leaks || c.blocked != c.all;) {
		gort_sleep(1 * ms);
		c = count();
	}
	tell();
}

static void twin(void)
{
	mended = true;
	gate = make_chan(int, 0);
	go(driver);
	bool opened = true;
	do {
		if (opened)
			tell();
		opened = false;
		select
		{
			case_send(gate, 1)
			{
				opened = true;
			}
			case_after(100 * us)
			{
			}
		}
	} while (count().all);
}

/* How many goroutines that have a name, "leak" or "live", wait. */
static unsigned __attribute__((noinline)) named(void)
{
	unsigned n = 0;
	struct gsnap s;
	if (gort_snapshot_self(&s))
		_exit(98);
	for (uint32_t i = 0; i < s.ngs; i++)
		n += s.gs[i].name && s.gs[i].status == GSTATUS_WAITING && s.gs[i].name[0] == 'l';
	gsnap_free(&s);
	return n;
}

static void scene(const struct scene *s)
{
	s->set();
	while (named() != s->waiting)
		gort_sleep(2 * ms);
	tell();
}

static const struct pattern *const lists[] = {
	channel_patterns, context_patterns, mixed_patterns, lock_patterns, order_patterns};

static void find(const char *name)
{
	for (unsigned i = 0; i < sizeof(lists) / sizeof(*lists); i++)
		for (const struct pattern *p = lists[i]; p->name; p++) {
			if (!name)
				printf("%s twin\n", p->name);
			else if (!strcmp(p->name, name))
				now = p;
		}
}

int gort_main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : NULL;
	find(name);
	for (const struct scene *s = scenes; s->name; s++) {
		if (!name)
			printf("%s\n", s->name);
		else if (!strcmp(s->name, name))
			scene(s);
	}
	if (now && argc > 2)
		twin();
	else if (now)
		broken();
	return 0;
}
