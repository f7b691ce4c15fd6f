/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gortread.c - the reader of libgort programs over an image of such a program, whose
 * structures lie as no libgort lays them out: only the table tells. The image can change
 * while it is read.
 */
#include <check.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <sys/wait.h>
#include "probes/gortsched.h"
#include "probes/view.h"

Suite *test_suite(void);

#include "check_main.h"

#define BASE   0x400000u
#define NGS    6
#define WORDS  600
#define AT(x)  (BASE + offsetof(struct image, x))
#define USERPC 0x7000
#define SWITCH 8 /* words of a switch frame; rbp is the fifth, the pc the seventh */

struct fake_g {
	uint8_t waitreason, pad[3];
	uint32_t status;
	uint64_t name;
	uint64_t sp, lo, hi, goid, parent, gopc, startpc, since, m;
};

static struct image {
	struct gort_abi abi;
	struct gort_abi_entry entries[48];
	uint64_t allglen, allgptr, list[NGS], allp, ps[2], reasons[3];
	uint32_t gomaxprocs, npidle;
	struct fake_g g[NGS];
	struct {
		uint32_t head, tail;
		uint64_t runnext, steals;
	} p[2];
	uint64_t procid;
	char text[64], name[32];
	uint64_t stack[NGS][WORDS];
} im;

static unsigned reads; /* of the g that `change` is about */
static void (*change)(void);

static bool read_image(taddr at, void *buf, size_t len)
{
	if (at.v < BASE || at.v - BASE > sizeof im || len > sizeof im - (at.v - BASE))
		return false;
	memcpy(buf, (char *)&im + (at.v - BASE), len);
	return true;
}

static void readv_image(void *ctx, struct tmem_read_at *r, size_t n)
{
	(void)ctx;
	for (size_t i = 0; i < n; i++) {
		r[i].ok = read_image(r[i].at, r[i].buf, r[i].len);
		if (r[i].at.v >= AT(g[1]) && r[i].at.v < AT(g[2])) {
			reads++;
			if (change)
				change();
		}
	}
}

static const struct tmem mem = {.readv = readv_image};

static void publish(const char *name, enum gort_abi_what what, size_t size, uint64_t value)
{
	struct gort_abi_entry *e = &im.entries[im.abi.nentries++];
	strncpy(e->name, name, sizeof e->name - 1);
	*e = (struct gort_abi_entry){.what = what, .size = (uint32_t)size, .value = value};
	strncpy(e->name, name, sizeof e->name - 1);
}

#define MEMBER(name, type, m) \
	publish(name, GORT_ABI_OFFSET, sizeof((type *)0)->m, offsetof(type, m))
#define VARIABLE(name, m) publish(name, GORT_ABI_ADDR, sizeof im.m, AT(m))

static void publish_all(void)
{
	typedef __typeof__(im.p[0]) fake_p;
	im.abi = (struct gort_abi){.version = GORT_ABI_VERSION,
		.size = sizeof im.abi,
		.entry_size = sizeof im.entries[0],
		.entries = (void *)(uintptr_t)AT(entries)};
	memcpy(im.abi.magic, GORT_ABI_MAGIC, sizeof im.abi.magic);
	MEMBER("g.atomicstatus", struct fake_g, status);
	MEMBER("g.goid", struct fake_g, goid);
	MEMBER("g.sched.sp", struct fake_g, sp);
	MEMBER("g.startpc", struct fake_g, startpc);
	MEMBER("g.stack.lo", struct fake_g, lo);
	MEMBER("g.stack.hi", struct fake_g, hi);
	MEMBER("g.parentGoid", struct fake_g, parent);
	MEMBER("g.gopc", struct fake_g, gopc);
	MEMBER("g.waitreason", struct fake_g, waitreason);
	MEMBER("g.waitsince", struct fake_g, since);
	MEMBER("g.m", struct fake_g, m);
	MEMBER("g.name", struct fake_g, name);
	static const char *const saved[] = {"switch.frame.r12", "switch.frame.r13",
		"switch.frame.r14", "switch.frame.r15", "switch.frame.rbp", "switch.frame.rbx",
		"switch.frame.pc"};
	for (unsigned i = 0; i < 7; i++)
		publish(saved[i], GORT_ABI_OFFSET, 8, i * 8);
	publish("switch.frame.size", GORT_ABI_CONST, 8, SWITCH * 8);
	publish("m.procid", GORT_ABI_OFFSET, 8, 0);
	MEMBER("p.runqhead", fake_p, head);
	MEMBER("p.runqtail", fake_p, tail);
	MEMBER("p.runnext", fake_p, runnext);
	MEMBER("p.steals", fake_p, steals);
	VARIABLE("allglen", allglen);
	VARIABLE("allgptr", allgptr);
	VARIABLE("allp", allp);
	VARIABLE("gomaxprocs", gomaxprocs);
	VARIABLE("sched.npidle", npidle);
	VARIABLE("waitReasonStrings", reasons);
	publish("version", GORT_ABI_TEXT, 0, AT(text));
}

/* A parked goroutine, its stack a chain of frame pointers with the return addresses USERPC + i. */
static void park(int i, unsigned frames)
{
	struct fake_g *gp = &im.g[i];
	uint64_t *stack = im.stack[i], lo = AT(stack) + sizeof im.stack[0] * (unsigned)i;
	unsigned at = WORDS - 2 * frames - SWITCH;
	*gp = (struct fake_g){.waitreason = 2,
		.status = GSTATUS_WAITING,
		.sp = lo + at * 8,
		.lo = lo,
		.hi = lo + sizeof im.stack[0],
		.goid = (uint64_t)i + 1,
		.parent = (uint64_t)i,
		.gopc = 0x9000,
		.startpc = 0x5000,
		.since = 12345};
	stack[at + 4] = lo + (at + SWITCH) * 8;
	stack[at + 6] = USERPC;
	at += SWITCH;
	for (unsigned f = 1; f <= frames; f++, at += 2) {
		stack[at] = lo + (at + 2) * 8;
		stack[at + 1] = f < frames ? USERPC + f : 0;
	}
}

static struct modules *none;
static struct target ended;
static struct gortread r;
static struct gsnap snap;

static void setup(void)
{
	memset(&im, 0, sizeof im);
	publish_all();
	strcpy(im.text, "gort 0.1.0\n");
	strcpy(im.text + 16, "chan receive");
	im.reasons[2] = AT(text) + 16;
	im.allglen = NGS;
	im.allgptr = AT(list);
	im.allp = AT(ps);
	im.gomaxprocs = 2;
	im.npidle = 1;
	im.procid = 4711;
	for (unsigned i = 0; i < NGS; i++) {
		im.list[i] = AT(g) + i * sizeof im.g[0];
		park((int)i, 3 + i);
	}
	for (unsigned i = 0; i < 2; i++)
		im.ps[i] = AT(p) + i * sizeof im.p[0];
	reads = 0;
	change = NULL;
	/* A process without modules: the frame pointer leads. */
	pid_t gone = fork();
	if (gone == 0)
		_exit(0);
	waitpid(gone, NULL, 0);
	target_init(&ended, gone, NULL);
	none = modules_open(&ended);
	ck_assert_ptr_nonnull(none);
}

static void teardown(void)
{
	gsnap_free(&snap);
	gortread_close(&r);
	modules_close(none);
}

static int read_all(void)
{
	struct gortabi abi;
	const char *missing;
	int error = gortabi_read(&mem, (taddr){AT(abi)}, &abi);
	ck_assert_int_eq(error, 0);
	ck_assert_int_eq(gortread_open(&r, &mem, none, &abi, &missing), 0);
	gsnap_init(&snap, GSNAP_GORT);
	gortsched_stats(&r, &snap.stats);
	return gortread_goroutines(&r, PROBE_STACKS, &snap);
}

START_TEST(parked_goroutines_with_their_stacks)
{
	strcpy(im.name, "wor\033ker");
	im.g[3].name = AT(name);
	ck_assert_int_eq(read_all(), 0);
	ck_assert_uint_eq(snap.ngs, NGS);
	for (unsigned i = 0; i < NGS; i++) {
		const struct gsnap_g *gp = &snap.gs[i];
		ck_assert_uint_eq(gp->id, i + 1);
		ck_assert_uint_eq(gp->parent, i);
		ck_assert_uint_eq(gp->status, GSTATUS_WAITING);
		ck_assert_str_eq(gp->reason, "chan receive");
		ck_assert_int_eq(gp->waitsince, 12345);
		ck_assert_uint_eq(gp->flags, 0);
		ck_assert_uint_ne(gp->stack, GSNAP_NONE);
		const struct gsnap_stack *k = &snap.stacks[gp->stack];
		ck_assert_uint_eq(k->nlocs, 3 + i);
		for (unsigned f = 0; f < k->nlocs; f++)
			ck_assert_uint_eq(snap.locs[snap.stack_locs[k->loc + f]].pc, USERPC + f);
		if (gp->id == 1)
			ck_assert_uint_eq(gp->created, GSNAP_NONE);
		else
			ck_assert_str_eq(snap.frames[snap.locs[gp->created].frame].func, "0x9000");
	}
	ck_assert_str_eq(snap.gs[3].name, "wor?ker");
	ck_assert_str_eq(r.version, "gort 0.1.0?");
}
END_TEST

START_TEST(a_stack_deeper_than_the_copy)
{
	park(0, 280);
	ck_assert_int_eq(read_all(), 0);
	ck_assert_uint_eq(snap.stacks[snap.gs[0].stack].nlocs, 280);
	ck_assert_uint_eq(snap.gs[0].flags, 0);
}
END_TEST

START_TEST(dead_running_and_unsound_goroutines)
{
	im.g[0].status = GSTATUS_DEAD;
	im.g[1].status = GSTATUS_RUNNING;
	im.g[2].sp = im.g[2].hi;
	im.g[3].sp = 8;
	im.g[4].waitreason = 200;
	im.list[5] = 16;
	im.g[1].m = AT(procid);
	ck_assert_int_eq(read_all(), 0);
	ck_assert_int_eq(snap.gs[0].tid, 4711);
	ck_assert_uint_eq(snap.ngs, 4);
	for (unsigned i = 0; i < 3; i++) {
		ck_assert_uint_eq(snap.gs[i].stack, GSNAP_NONE);
		ck_assert_uint_eq(snap.gs[i].flags, GSNAP_G_MOVING);
	}
	ck_assert_int_eq(gortread_count(&r), 4);
	ck_assert_str_eq(snap.gs[3].reason, "");
	ck_assert_uint_ne(snap.gs[3].stack, GSNAP_NONE);
}
END_TEST

START_TEST(a_chain_that_leads_out_of_the_stack_is_truncated)
{
	im.stack[0][WORDS - 6] = 0xdead;
	ck_assert_int_eq(read_all(), 0);
	ck_assert_uint_eq(snap.gs[0].flags, GSNAP_G_TRUNCATED);
	ck_assert_uint_ge(snap.stacks[snap.gs[0].stack].nlocs, 1);
}
END_TEST

START_TEST(a_goroutine_that_never_ran)
{
	im.g[2].status = GSTATUS_RUNNABLE;
	im.g[2].sp = im.g[2].lo = im.g[2].hi = 0;
	ck_assert_int_eq(read_all(), 0);
	ck_assert_uint_eq(snap.gs[2].flags, 0);
	const struct gsnap_stack *k = &snap.stacks[snap.gs[2].stack];
	ck_assert_uint_eq(k->nlocs, 1);
	ck_assert_uint_eq(snap.locs[snap.stack_locs[k->loc]].pc, 0x5000);
	ck_assert(!snap.locs[snap.stack_locs[k->loc]].callsite);
}
END_TEST

static void change_once(void)
{
	if (reads == 1)
		park(1, 9);
}

START_TEST(a_goroutine_that_moved_once_is_read_again)
{
	change = change_once;
	ck_assert_int_eq(read_all(), 0);
	ck_assert_uint_eq(snap.gs[1].flags, 0);
	ck_assert_uint_eq(snap.stacks[snap.gs[1].stack].nlocs, 9);
}
END_TEST

static void change_always(void)
{
	park(1, 5 + reads % 5);
}

START_TEST(a_goroutine_that_never_stands_still_is_moving)
{
	change = change_always;
	ck_assert_int_eq(read_all(), 0);
	ck_assert_uint_eq(snap.ngs, NGS);
	ck_assert_uint_eq(snap.gs[1].flags, GSNAP_G_MOVING);
	ck_assert_uint_eq(snap.gs[1].stack, GSNAP_NONE);
	ck_assert_uint_eq(snap.gs[2].flags, 0);
}
END_TEST

static struct probe_view seen;
static struct liveview *view;
static struct target viewed;

static void open_view(void)
{
	ck_assert_int_eq(read_all(), 0);
	gsnap_free(&snap);
	gsnap_init(&snap, GSNAP_GORT);
	target_init(&viewed, 1, "/nonexistent");
	viewed.mem = mem;
	view = gortview_open(&r, &viewed, &snap, VIEW_STACKS);
	ck_assert_ptr_nonnull(view);
}

static void refresh(int64_t when)
{
	snap.when = when;
	ck_assert_int_eq(view_refresh(view, &seen), 0);
}

static unsigned frames_of(unsigned i)
{
	return snap.gs[i].stack == GSNAP_NONE ? 0 : snap.stacks[snap.gs[i].stack].nlocs;
}

/* Of those that stand still nothing is read anew; one that ran, ended or began is. */
START_TEST(a_view_reads_what_changed)
{
	im.allglen = NGS - 1;
	open_view();
	refresh(20000);
	ck_assert_uint_eq(seen.nchanged, NGS - 1);
	ck_assert_uint_eq(frames_of(2), 5);
	ck_assert_int_eq(snap.gs[2].waitsince, 12345);
	refresh(21000);
	ck_assert_uint_eq(seen.nchanged, 0);
	park(2, 9);
	im.g[1].status = GSTATUS_DEAD;
	im.g[3].since = 20500;
	im.allglen = NGS;
	refresh(22000);
	ck_assert_uint_eq(seen.nchanged, 4);
	ck_assert_uint_eq(frames_of(2), 9);
	ck_assert_uint_eq(snap.gs[1].status, GSTATUS_DEAD);
	ck_assert_uint_eq(frames_of(1), 0);
	ck_assert_int_eq(snap.gs[3].waitsince, 20500);
	ck_assert_uint_eq(snap.gs[5].id, 6);
	ck_assert_uint_eq(frames_of(5), 8);
	refresh(23000);
	ck_assert_uint_eq(seen.nchanged, 0);
	view_close(view);
}
END_TEST

/* A running one is read each time, and its name takes room once. */
START_TEST(a_view_keeps_names)
{
	strcpy(im.name, "worker");
	im.g[3].name = AT(name);
	im.g[3].status = GSTATUS_RUNNING;
	open_view();
	refresh(20000);
	const char *name = snap.gs[3].name;
	ck_assert_str_eq(name, "worker");
	refresh(21000);
	ck_assert_uint_eq(seen.nchanged, 1);
	ck_assert_ptr_eq(snap.gs[3].name, name);
	strcpy(im.name, "reader");
	refresh(22000);
	ck_assert_str_eq(snap.gs[3].name, "reader");
	view_close(view);
}
END_TEST

/* Names of goroutines that have ended are not kept for ever. */
START_TEST(a_view_of_many_names_starts_over)
{
	im.g[3].name = AT(name);
	im.g[3].status = GSTATUS_RUNNING;
	open_view();
	unsigned rounds = 0;
	do {
		snprintf(im.name, sizeof im.name, "request-%022u", rounds++);
		refresh(20000 + rounds);
	} while (!seen.renewed && rounds < 1000000);
	ck_assert(seen.renewed);
	ck_assert_str_eq(snap.gs[3].name, im.name);
	ck_assert_uint_eq(frames_of(2), 5);
	ck_assert_int_eq(snap.gs[2].waitsince, 12345);
	view_close(view);
}
END_TEST

START_TEST(statistics)
{
	im.p[0].head = UINT32_MAX;
	im.p[0].tail = 4;
	im.p[1].runnext = 1;
	im.p[0].steals = 7;
	ck_assert_int_eq(read_all(), 0);
	ck_assert_int_eq(snap.stats.gomaxprocs, 2);
	ck_assert_int_eq(snap.stats.idle_p, 1);
	ck_assert_int_eq(snap.stats.runq, 6);
	ck_assert_int_eq(snap.stats.runq_longest, 5);
	ck_assert_int_eq(snap.stats.runq_longest_p, 0);
	ck_assert_int_eq(snap.stats.steals, 7);
	ck_assert_int_eq(snap.stats.spinning_m, GSNAP_UNKNOWN);
	ck_assert_int_eq(gortread_count(&r), NGS);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
	struct gortabi abi;
	const char *missing;
	strcpy(im.entries[1].name, "g.something");
	ck_assert_int_eq(gortabi_read(&mem, (taddr){AT(abi)}, &abi), 0);
	ck_assert_int_eq(gortread_open(&r, &mem, none, &abi, &missing), -EPROTO);
	ck_assert_str_eq(missing, "g.goid");
}
END_TEST

START_TEST(a_list_that_cannot_be_read)
{
	im.allgptr = 64;
	ck_assert_int_eq(read_all(), -EFAULT);
	ck_assert_uint_eq(snap.ngs, 0);
}
END_TEST

START_TEST(a_length_without_end)
{
	im.allglen = UINT64_MAX;
	ck_assert_int_eq(read_all(), -EFAULT);
}
END_TEST

Suite *test_suite(void)
{
	static const struct {
		const char *name;
		const TTest *const *tests[5];
	} cases[] = {
		{"parked", {&parked_goroutines_with_their_stacks, &a_stack_deeper_than_the_copy,
				   &a_goroutine_that_never_ran, &statistics}},
		{"moving", {&a_goroutine_that_moved_once_is_read_again,
				   &a_goroutine_that_never_stands_still_is_moving}},
		{"unsound", {&dead_running_and_unsound_goroutines,
				    &a_chain_that_leads_out_of_the_stack_is_truncated}},
		{"view", {&a_view_reads_what_changed, &a_view_keeps_names,
				 &a_view_of_many_names_starts_over}},
		{"table", {&what_is_missing_is_named, &a_list_that_cannot_be_read,
				  &a_length_without_end}},
	};
	Suite *s = suite_create("gortread");
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		TCase *tc = tcase_create(cases[i].name);
		tcase_add_checked_fixture(tc, setup, teardown);
		tcase_set_timeout(tc, 60);
		for (size_t t = 0; t < 5 && cases[i].tests[t]; t++)
			tcase_add_test(tc, *cases[i].tests[t]);
		suite_add_tcase(s, tc);
	}
	return s;
}
