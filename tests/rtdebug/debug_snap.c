/* SPDX-License-Identifier: BSD-2-Clause */
/* debug_snap.c - a snapshot from inside: states, complete stacks, creators. A libgort program. */
#include <gort/go.h>
#include <gort/debug.h>
#include <stdio.h>
#include <string.h>

#define APART  __attribute__((noinline))
#define PARKED 100

static volatile int sink;
static int failures;

static void check(int ok, const char *what)
{
	if (!ok)
		fprintf(stderr, "debug_snap: %s\n", what);
	failures += !ok;
}

static APART void innermost(chan(int) c)
{
	chan_recv(c);
	sink++;
}

static APART void middle(chan(int) c, int depth)
{
	volatile char room[64];
	room[depth] = 1;
	if (depth)
		middle(c, depth - 1);
	else
		innermost(c);
	sink += room[depth];
}

static APART void outermost(chan(int) c)
{
	gort_set_name("parked");
	middle(c, 20);
	sink++;
}

static APART void spawn(chan(int) c)
{
	for (int i = 0; i < PARKED; i++)
		go(outermost, c);
	sink++;
}

static const struct gsnap_frame *frame(const struct gsnap *s, const struct gsnap_g *gp, uint32_t i)
{
	const struct gsnap_stack *k = &s->stacks[gp->stack];
	return i < k->nlocs ? &s->frames[s->locs[s->stack_locs[k->loc + i]].frame] : NULL;
}

/* How many frames of this function the goroutine has; *first is the place of the innermost. */
static int count(const struct gsnap *s, const struct gsnap_g *gp, const char *func, int *first)
{
	const struct gsnap_frame *f;
	int n = 0;
	for (uint32_t i = 0; (f = frame(s, gp, i)); i++) {
		if (strcmp(f->func, func))
			continue;
		if (!n++)
			*first = (int)i;
	}
	return n;
}

static void check_parked(const struct gsnap *s, const struct gsnap_g *gp)
{
	int inner = 0, mid = 0, outer = 0, end = 0;
	check(gp->status == GSTATUS_WAITING, "status is waiting");
	check(!strcmp(gp->reason, "chan receive"), "reason is chan receive");
	check(gp->parent == gort_goid(), "parent is main");
	check(gp->waiton != 0, "the channel is known");
	check(!(gp->flags & (GSNAP_G_TRUNCATED | GSNAP_G_MOVING)), "stack is complete");
	if (gp->stack == GSNAP_NONE)
		return check(0, "has a stack");
	check(count(s, gp, "innermost", &inner) == 1, "innermost once");
	check(count(s, gp, "middle", &mid) == 21, "middle 21 times");
	check(count(s, gp, "outermost", &outer) == 1, "outermost once");
	check(count(s, gp, "goexit", &end) == 1, "goexit once");
	check(inner < mid && mid < outer && outer < end, "leaf first");
	const struct gsnap_frame *f = frame(s, gp, (uint32_t)inner);
	check(f->file && strstr(f->file, "debug_snap.c") && f->line, "file and line");
	check(gp->created != GSNAP_NONE, "has a creator");
	if (gp->created != GSNAP_NONE)
		check(!strcmp(s->frames[s->locs[gp->created].frame].func, "spawn"), "creator");
}

static void check_self(const struct gsnap *s, const struct gsnap_g *gp)
{
	int at = 0;
	check(gp->status == GSTATUS_RUNNING, "self is running");
	check(gp->stack != GSNAP_NONE, "self has a stack");
	if (gp->stack != GSNAP_NONE)
		check(count(s, gp, "gort_main", &at) == 1, "self is in gort_main");
}

static int parked_now(void)
{
	struct gsnap s;
	int n = 0;
	check(!gort_snapshot_self(&s), "snapshot");
	for (uint32_t i = 0; i < s.ngs; i++)
		n += s.gs[i].name && !strcmp(s.gs[i].name, "parked") &&
		     s.gs[i].status == GSTATUS_WAITING;
	gsnap_free(&s);
	return n;
}

/* ---- goroutines that run while they are looked at ---- */

static gort_atomic_bool over;

/* Where the next call's frames lie differs from call to call, and so does what is in them. */
static APART uint64_t yielding(unsigned depth, uint64_t seed)
{
	volatile uint64_t room[16];
	for (int i = 0; i < 16; i++)
		room[i] = ~seed * (uint64_t)(i + 1);
	gort_gosched();
	if (depth)
		seed += yielding(depth - 1, seed * 3 + 1);
	gort_gosched();
	return seed + room[depth % 16];
}

static APART void restless(uint64_t seed, waitgroup *wg)
{
	while (!gort_atomic_bool_load(&over))
		seed += yielding(seed >> 7 & 7, seed);
	sink ^= (int)seed;
	wg_done(wg);
}

static bool incode(const struct gsnap *s, uint64_t pc)
{
	for (uint32_t i = 0; i < s->nmaps; i++)
		if (pc >= s->maps[i].start && pc <= s->maps[i].limit)
			return true;
	return false;
}

/* Whatever is caught of them, all that a snapshot names is code. */
static void check_restless(void)
{
	enum { RESTLESS = 8, LOOKS = 1000 };
	waitgroup wg = {0};
	wg_add(&wg, RESTLESS);
	for (uint64_t i = 0; i < RESTLESS; i++)
		go(restless, i, &wg);
	for (int i = 0; i < LOOKS && !failures; i++) {
		struct gsnap s;
		check(!gort_snapshot_self(&s), "snapshot");
		for (uint32_t k = 0; k < s.nlocs; k++)
			check(incode(&s, s.locs[k].pc), "a frame's pc is code");
		gsnap_free(&s);
		gort_gosched();
	}
	gort_atomic_bool_store(&over, true);
	wg_wait(&wg);
}

int gort_main(int argc, char **argv)
{
	struct gsnap s;
	uint32_t parked = 0, self = 0;
	chan(int) c = make_chan(int, 0);
	(void)argc, (void)argv;
	spawn(c);
	for (int i = 0; i < 5000 && parked_now() < PARKED; i++)
		gort_sleep(1000000);
	check(!gort_snapshot_self(&s), "snapshot");
	for (uint32_t i = 0; i < s.ngs; i++) {
		const struct gsnap_g *gp = &s.gs[i];
		if (gp->name && !strcmp(gp->name, "parked")) {
			check_parked(&s, gp);
			parked++;
		} else if (gp->id == gort_goid()) {
			check_self(&s, gp);
			self++;
		}
	}
	check(parked == PARKED && self == 1, "all goroutines");
	check(s.nstacks <= 4, "equal stacks are shared");
	check(s.stats.gomaxprocs >= 1, "gomaxprocs");
	check(s.nmaps >= 2 && strstr(s.maps[0].file, "debug_snap"), "main binary is the first map");
	gsnap_free(&s);
	chan_close(c);
	check_restless();
	return failures != 0;
}
