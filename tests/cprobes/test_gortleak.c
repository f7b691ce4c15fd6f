/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gortleak.c - a program on libgort that leaks (gleaks.c), read through memory in which
 * something is missing or wrong: there must be no verdict then.
 */
#include <check.h>
#include <errno.h>
#include "probes/goleak.h"
#include "gort/abi.h"
#include "probes/gortheap.h"
#include "probes/gortsnap.h"
#include "probes/gortthreads.h"
#include "procmem.h"

Suite *test_suite(void);

#include "check_main.h"

/* What is wrong: reads that meet one of these ranges fail, or get bytes of `fill` there. */
static struct damage {
	struct {
		uint64_t lo, hi;
	} at[4096];
	unsigned n;
	bool fails;
	uint8_t fill;
	struct tmem of;
} damage;

static void spoil(struct tmem_read_at *r, uint64_t lo, uint64_t hi)
{
	uint64_t from = lo > r->at.v ? lo : r->at.v, end = r->at.v + r->len;
	uint64_t to = hi < end ? hi : end;
	if (from >= to)
		return;
	if (damage.fails)
		r->ok = false;
	else
		memset((uint8_t *)r->buf + (from - r->at.v), damage.fill, to - from);
}

static void readv_damaged(void *ctx, struct tmem_read_at *reads, size_t n)
{
	(void)ctx;
	damage.of.readv(damage.of.ctx, reads, n);
	for (size_t i = 0; i < n; i++)
		for (unsigned k = 0; k < damage.n; k++)
			spoil(&reads[i], damage.at[k].lo, damage.at[k].hi);
}

static uint64_t size_of_all(void *ctx)
{
	(void)ctx;
	return damage.of.size(damage.of.ctx);
}

static void add(uint64_t lo, uint64_t hi)
{
	ck_assert_uint_lt(damage.n, sizeof damage.at / sizeof *damage.at);
	damage.at[damage.n].lo = lo;
	damage.at[damage.n++].hi = hi;
}

static struct child child;
static struct target t;
static struct gortsnap *snap;
static struct goleaker l;
static struct golook whole; /* a look before there was any damage */

/* Of the program's lines only the first is read: it stands when no goroutine moves. */
static void setup_scene(const char *scene)
{
	char path[600];
	struct gsnap_err err;
	const char *why;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 20);
	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	strcpy(strrchr(path, '/'), "/gleaks-static");
	child = child_start(path, scene, NULL);
	ck_assert_int_gt((int)strlen(child.said), 0);
	target_init(&t, child.pid, NULL);
	damage.n = 0;
	damage.of = t.mem;
	t.mem = (struct tmem){readv_damaged, NULL, size_of_all};
	ck_assert_int_eq(gortsnap_open(&t, &snap, &err), 0);
	gortleaker_init(&l, gortsnap_reader(snap), &t);
	ck_assert_msg(golook_at(&whole, &l, &why) == 0, "%s", why);
}

static void setup(void)
{
	setup_scene("typed");
}

static void setup_registered(void)
{
	setup_scene("registered");
}

static void setup_special(void)
{
	setup_scene("special");
}

static void teardown(void)
{
	golook_free(&whole);
	goleaker_free(&l);
	gortsnap_close(snap);
	target_fini(&t);
	child_end(&child);
}

static void expect_none(bool freeze, const char *text)
{
	struct probe_leaks leaks;
	const char *why = "";
	l.freeze = freeze;
	ck_assert_int_eq(goleaker_pass(&l, &leaks, &why), -EPROTO);
	ck_assert_msg(strstr(why, text) != NULL, "%s", why);
}

/* The stacks of those that wait, of the program's own. */
static void damage_stacks(void)
{
	for (size_t i = 0; i < whole.now.n; i++)
		if (whole.now.v[i].kind == GOWAIT_CHAN)
			add(whole.now.v[i].base, whole.now.v[i].hi);
	ck_assert_uint_gt(damage.n, 0);
}

START_TEST(undamaged)
{
	struct probe_leaks leaks;
	const char *why;
	for (int freeze = 0; freeze < 2; freeze++) {
		l.freeze = freeze;
		ck_assert_int_eq(goleaker_pass(&l, &leaks, &why), 0);
		ck_assert_uint_gt(leaks.goroutines, 6);
		probe_leaks_free(&leaks);
	}
}
END_TEST

/* Who waits but is no leak is kept by something that lives by itself; here by a variable. */
START_TEST(held)
{
	struct golook p;
	struct probe_hold chain[16];
	const char *why;
	unsigned kept = 0, named = 0;
	l.holders = true;
	ck_assert_int_eq(golook_at(&p, &l, &why), 0);
	for (size_t i = 0; i < p.now.n; i++) {
		if (p.now.v[i].kind != GOWAIT_CHAN || p.state[i] != GOLOOK_WOKEN)
			continue;
		size_t n = goheld_chain(&p, p.now.v[i].goid, chain, 16);
		ck_assert_uint_gt(n, 0);
		ck_assert_int_ne(chain[n - 1].by, PROBE_HELD_OBJECT);
		kept++;
		named += !strcmp(chain[n - 1].name, "heap");
	}
	golook_free(&p);
	ck_assert_uint_ge(kept, 4); /* a stale word may keep one more, or be met first */
	ck_assert_uint_gt(named, 0);
}
END_TEST

START_TEST(lost_stacks)
{
	damage_stacks();
	damage.fails = true;
	expect_none(false, "stacks of some goroutines cannot be read");
	expect_none(true, "stacks of some goroutines cannot be read");
}
END_TEST

/* As in a core that gdb has written. */
START_TEST(empty_stacks)
{
	damage_stacks();
	damage.fails = false;
	damage.fill = 0;
	expect_none(false, "stacks of some goroutines make no sense");
	expect_none(true, "stacks of some goroutines make no sense");
}
END_TEST

START_TEST(lost_goroutine)
{
	add(whole.now.v[whole.now.n - 1].addr, whole.now.v[whole.now.n - 1].addr + 8);
	damage.fails = true;
	expect_none(false, "some of its goroutines cannot be read");
	expect_none(true, "some of its goroutines cannot be read");
}
END_TEST

/* In a process that runs a span may have gone. In one that stands none has. */
START_TEST(lost_heap)
{
	const struct goheap *h = &l.heap;
	for (uint32_t i = 0; i < h->nspans && !damage.n; i++)
		if (h->spans[i].kind != GOSPAN_NOSCAN)
			add(h->spans[i].start, h->spans[i].start + 8);
	ck_assert_uint_eq(damage.n, 1);
	damage.fails = true;
	expect_none(true, "a part of its heap cannot be read");
}
END_TEST

/* Nor is one being made. */
START_TEST(torn_spans)
{
	const struct goheap *h = &l.heap;
	struct gortheap heap;
	ck_assert_int_eq(gortheap_open(&heap, l.r), 0);
	for (uint32_t i = 1; i < h->nspans; i++) {
		uint64_t at = h->spans[i].mspan + heap.span[SP_ELEMSIZE].offset;
		add(at, at + 1);
	}
	ck_assert_uint_gt(damage.n, 0);
	damage.fails = false;
	damage.fill = 0x81; /* no size is odd */
	expect_none(true, "spans of its heap make no sense");
}
END_TEST

/* As when the executable of a core has been built anew. */
START_TEST(no_reasons)
{
	const struct gortread *whole_one = l.r;
	struct gortread r = *l.r;
	r.nreasons = 0;
	l.r = &r;
	expect_none(false, "its wait reasons make no sense");
	l.r = whole_one;
}
END_TEST

/* Memory that the program has registered: what it held would seem to be held by nobody. */
START_TEST(lost_registered)
{
	struct variable v = glayout_variable(&l.r->abi, "roots.registered");
	struct gort_abi_registered list;
	uint64_t at, n, e[3]; /* an entry: where, how much, of which kind */
	ck_assert_uint_eq(v.size, sizeof list);
	ck_assert(tmem_read(&damage.of, v.at, &list, sizeof list));
	ck_assert(tmem_read(&damage.of, (taddr){(uint64_t)list.array}, &at, sizeof at));
	ck_assert(tmem_read(&damage.of, (taddr){(uint64_t)list.length}, &n, sizeof n));
	for (uint64_t i = 0; i < n; i++) {
		ck_assert(tmem_read(&damage.of, (taddr){at + i * sizeof e}, e, sizeof e));
		if ((uint32_t)e[2] == 1)
			add(e[0], e[0] + e[1]);
	}
	ck_assert_uint_eq(damage.n, 1);
	damage.fails = true;
	expect_none(false, "what its libgort keeps alive cannot all be read");
}
END_TEST

/* The record of a finalizer or cleanup: an empty list of them would end there. */
START_TEST(lost_special)
{
	const struct goheap *h = &l.heap;
	for (uint32_t i = 0; i < h->nspans; i++)
		if (h->spans[i].specials)
			add(h->spans[i].specials, h->spans[i].specials + 8);
	ck_assert_uint_gt(damage.n, 0);
	damage.fails = true;
	expect_none(false, "what its libgort keeps alive cannot all be read");
}
END_TEST

/* Where a thread's blocks of variables are. */
START_TEST(lost_thread)
{
	struct gortms ms = {0};
	ck_assert_int_eq(gortthreads_ms(l.r, &ms), 0);
	for (size_t i = 0; i < ms.n; i++)
		if (ms.v[i].tp)
			add(ms.v[i].tp + 8, ms.v[i].tp + 16);
	ck_assert_uint_gt(damage.n, 0);
	free(ms.v);
	damage.fails = true;
	expect_none(false, "the variables of some threads cannot be read");
}
END_TEST

static TCase *case_of(const char *name, void (*before)(void))
{
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, before, teardown);
	return tc;
}

Suite *test_suite(void)
{
	Suite *s = suite_create("test_gortleak");
	TCase *tc = case_of("torn", setup);
	tcase_add_test(tc, undamaged);
	tcase_add_test(tc, held);
	tcase_add_test(tc, lost_stacks);
	tcase_add_test(tc, empty_stacks);
	tcase_add_test(tc, lost_goroutine);
	tcase_add_test(tc, lost_heap);
	tcase_add_test(tc, torn_spans);
	tcase_add_test(tc, no_reasons);
	tcase_add_test(tc, lost_thread);
	suite_add_tcase(s, tc);
	tc = case_of("registered", setup_registered);
	tcase_add_test(tc, lost_registered);
	suite_add_tcase(s, tc);
	tc = case_of("special", setup_special);
	tcase_add_test(tc, lost_special);
	suite_add_tcase(s, tc);
	return s;
}
