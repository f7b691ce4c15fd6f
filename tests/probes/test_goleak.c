/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goheap.c, gomark.c, gowait.c, goleak.c and gochans.c on the process of goheapimage.h, whole and
 * damaged. With GOIMAGE_WRITE=DIR the case `seed` writes the seed of the fuzz target instead of
 * comparing.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include "goheapimage.h"
#include "probes/core.h"
#include "probes/goleak.h"
#include "seedfile.h"

Suite *test_suite(void);

static struct goheapimage im;
static struct gomemory memory = {im.bytes, sizeof im.bytes};
static struct target t;
static struct gotarget g;
static struct core *standing; /* the threads, when they stand; else NULL */

/* The verdict of one look on the image as it is. */
static int look(struct probe_leaks *leaks)
{
	struct goleaker l;
	const char *why;
	goheapimage_open(&g, &t, &memory);
	t.core = standing;
	goleaker_init(&l, &g);
	l.freeze = standing;
	int e = goleaker_pass(&l, leaks, &why);
	goleaker_free(&l);
	return e;
}

static void expect_leaked(size_t n, const uint64_t *goids)
{
	struct probe_leaks leaks;
	ck_assert_int_eq(look(&leaks), 0);
	ck_assert_uint_eq(leaks.n, n);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(leaks.v[i].goid, goids[i]);
	free(leaks.v);
}

START_TEST(unreachable)
{
	struct probe_leaks leaks;
	goheapimage_make(&im);
	ck_assert_int_eq(look(&leaks), 0);
	ck_assert_uint_eq(leaks.goroutines, 3);
	ck_assert_uint_eq(leaks.blocked, 2);
	ck_assert_uint_eq(leaks.n, 1);
	ck_assert_uint_eq(leaks.v[0].goid, 5);
	ck_assert_uint_eq(leaks.v[0].object, addr_of(IM_CHAN_A));
	ck_assert_int_eq(leaks.v[0].class, PROBE_LEAK_UNREACHABLE);
	free(leaks.v);
}
END_TEST

/* What keeps goroutine 5 alive, one thing at a time: then it is no leak. */
START_TEST(kept)
{
	goheapimage_make(&im);
	hput64(&im, IM_DATA + 16, addr_of(IM_CHAN_A) + 40); /* an inner pointer in a variable */
	expect_leaked(0, NULL);

	goheapimage_make(&im);
	hput64(&im, IM_CHAN_B, addr_of(IM_CHAN_A)); /* through another object */
	expect_leaked(0, NULL);

	goheapimage_make(&im);
	im.bytes[IM_MASK] = 1; /* the first word of the P */
	hput64(&im, IM_LARGE + 8, addr_of(IM_CHAN_A));
	expect_leaked(0, NULL);

	goheapimage_make(&im);
	hput64(&im, IM_STACKS + 2 * 0x400 + 0x3e0, addr_of(IM_CHAN_A)); /* once 6 is woken */
	expect_leaked(0, NULL);
}
END_TEST

/* What does not: a word that is no pointer, a waiter's own record, memory not in use. */
START_TEST(not_kept)
{
	goheapimage_make(&im);
	hput64(&im, IM_DATA + 16, addr_of(IM_CHAN_A));
	im.bytes[IM_DATAMASK] = 0;
	expect_leaked(1, (const uint64_t[]){5});

	goheapimage_make(&im);
	hput64(&im, IM_LARGE + 8, addr_of(IM_CHAN_A));
	expect_leaked(1, (const uint64_t[]){5});

	goheapimage_make(&im);
	hput64(&im, IM_DATA, addr_of(IM_SMALL + 2 * SMALL)); /* the sudog of 5 */
	expect_leaked(1, (const uint64_t[]){5});

	goheapimage_make(&im);
	hput64(&im, IM_STACKS + 0x3f0, 0); /* nobody has channel B either */
	hput64(&im, IM_STACKS + 0x400 + 0x3e0, addr_of(IM_CHAN_B)); /* but 5, which is leaked */
	expect_leaked(2, (const uint64_t[]){5, 6});
}
END_TEST

/*
 * Registers of a thread keep what they name if the thread does anything: on the stack of its M's
 * g0, or in a goroutine.
 */
START_TEST(registers)
{
	const size_t g0 = IM_GS + HEAPIMAGE_GS * 0x200, stack = IM_STACKS + HEAPIMAGE_GS * 0x400;
	struct thread_regs regs = {0};
	struct core core = {.regs = &regs, .nthreads = 1};
	goheapimage_make(&im);
	expect_leaked(1, (const uint64_t[]){5});
	hput64(&im, IM_M + M_G0, addr_of(g0));
	hput64(&im, g0 + G_STACKLO, addr_of(stack));
	hput64(&im, g0 + G_STACKHI, addr_of(stack + 0x400));
	standing = &core;
	regs.general[REGS_RBX] = addr_of(IM_CHAN_A);
	regs.general[REGS_RSP] = addr_of(stack + 0x200);
	expect_leaked(1, (const uint64_t[]){5}); /* it waits for a P */
	hput64(&im, IM_M + g.lay->m_p, addr_of(IM_LARGE + 8));
	expect_leaked(0, NULL); /* it schedules */
	hput64(&im, IM_M + g.lay->m_curg, addr_of(IM_GS));
	expect_leaked(0, NULL); /* it does the runtime's work for goroutine 1 */
	hput32(&im, IM_GS + g.lay->g_atomicstatus, GSTATUS_SYSCALL);
	expect_leaked(1, (const uint64_t[]){5}); /* which has called C */
	regs.general[REGS_RSP] = addr_of(IM_STACKS + 0x390);
	expect_leaked(1, (const uint64_t[]){5}); /* or the system */
	hput32(&im, IM_GS + g.lay->g_atomicstatus, GSTATUS_RUNNING | GO_SCAN_BIT);
	expect_leaked(0, NULL);
	regs.general[REGS_RSP] = addr_of(IM_DATA); /* a thread without an M */
	expect_leaked(0, NULL);
	standing = NULL;
}
END_TEST

/* A process that is not understood gets no verdict. */
START_TEST(distrusted)
{
	struct probe_leaks leaks;
	goheapimage_make(&im);
	hput64(&im, IM_TYPE, 8001); /* no size of a type: the P and its timers would be lost */
	ck_assert_int_eq(look(&leaks), -EPROTO);
	goheapimage_make(&im);
	hput64(&im, IM_ALLSPANS + 8, 1ull << 40);
	ck_assert_int_eq(look(&leaks), -EPROTO);
	goheapimage_make(&im);
	hput64(&im, IM_MODULE + 0xd8, addr_of(1ull << 33));
	ck_assert_int_eq(look(&leaks), -EPROTO);
	goheapimage_make(&im);
	hput64(&im, IM_ALLSPANS, 8);
	ck_assert_int_eq(look(&leaks), -EFAULT);
}
END_TEST

static void expect_too_much(size_t at, uint64_t v)
{
	struct probe_leaks leaks;
	goheapimage_make(&im);
	hput64(&im, at, v);
	ck_assert_int_eq(look(&leaks), -EPROTO);
}

/* Sizes that no process of so little memory can have: no copy of theirs is begun. */
START_TEST(too_much)
{
	bool guess;
	const struct golayout *l = golayout_for(goheapimage_minor, 0, &guess);
	struct probe_leaks leaks;
	expect_too_much(IM_ALLSPANS + 8, 1 << 25);
	expect_too_much(IM_SPANS + l->span_npages, 1 << 24);
	expect_too_much(IM_TYPE, 1 << 30);
	expect_too_much(IM_GS + G_STACKHI, addr_of(1 << 29));
	goheapimage_make(&im);
	hput64(&im, IM_ALLGS + 8, 1 << 25);
	ck_assert_int_eq(look(&leaks), -EFAULT);
}
END_TEST

/* A circle of sudogs ends. */
START_TEST(circular)
{
	goheapimage_make(&im);
	goheapimage_open(&g, &t, &memory);
	size_t at = IM_SMALL + 2 * SMALL;
	hput64(&im, at + g.lay->sudog_waitlink, addr_of(at));
	expect_leaked(1, (const uint64_t[]){5});
}
END_TEST

static size_t nreads;

static void count_reads(void *ctx, struct tmem_read_at *reads, size_t n)
{
	nreads += n;
	gomemory_readv(ctx, reads, n);
}

static void add_select(struct gsnap *s, uint64_t goid, size_t at)
{
	struct gsnap_g *gp = GSNAP_PUSH(s, gs, cap_gs);
	ck_assert_ptr_nonnull(gp);
	*gp = (struct gsnap_g){.id = goid,
		.addr = addr_of(at),
		.status = GSTATUS_WAITING,
		.reason = "select",
		.stack = GSNAP_NONE};
}

/* Of two selects on one channel each is behind the other in its queue. */
START_TEST(circular_queue)
{
	struct gsnap s;
	goheapimage_make(&im);
	goheapimage_open(&g, &t, &memory);
	t.mem.readv = count_reads;
	for (unsigned i = 0; i < 2; i++) {
		size_t at = IM_SMALL + (2 + i) * SMALL;
		hput64(&im, at + g.lay->sudog_c, addr_of(IM_CHAN_A));
		hput64(&im, at + 8, addr_of(IM_SMALL + (3 - i) * SMALL));
	}
	hput64(&im, IM_CHAN_A + g.lay->chan_recvq, addr_of(IM_SMALL + 2 * SMALL));
	gsnap_init(&s, GSNAP_GO);
	add_select(&s, 5, IM_GS + 0x200);
	add_select(&s, 6, IM_GS + 2 * 0x200);
	nreads = 0;
	ck_assert_int_eq(gosnap_waits(&g, &s), 0);
	ck_assert_uint_eq(s.nwaits, 2);
	ck_assert_uint_eq(s.waits[0].op, GSNAP_RECV);
	ck_assert_uint_eq(s.waits[1].op, GSNAP_RECV);
	ck_assert_uint_lt(nreads, 10000);
	gsnap_free(&s);
}
END_TEST

/* Goroutine i of a chain waits for channel i, and has the next one. */
static void make_chain(size_t n)
{
	const struct golayout *l = g.lay;
	hput64(&im, IM_ALLGS + 8, n + 1);
	for (size_t i = 0; i < n; i++) {
		size_t sudog = IM_SMALL + (40 + i) * SMALL, stack = IM_STACKS + (i + 1) * 0x200;
		size_t at = IM_GS + (i + 1) * 0x200;
		goheapimage_goroutine(
			&im, l, (unsigned)i + 1, 100 - i, GSTATUS_WAITING, addr_of(sudog));
		hput64(&im, at + G_STACKLO, addr_of(stack));
		hput64(&im, at + G_STACKHI, addr_of(stack + 0x200));
		hput64(&im, at + G_SCHEDSP, addr_of(stack + 0x1c0));
		hput64(&im, stack + 0x1f0, addr_of(IM_SMALL + (i + 1) * SMALL));
		hput64(&im, sudog, addr_of(at));
		hput64(&im, sudog + l->sudog_c, addr_of(IM_SMALL + i * SMALL));
	}
	hput64(&im, IM_GS + G_STACKHI, addr_of(IM_STACKS + 0x200));
	hput64(&im, IM_STACKS + 0x1f0, addr_of(IM_SMALL)); /* the first is reached */
}

static const struct golook_ops *counted;
static unsigned asked;

static enum golive count_live(struct golook *p, size_t i)
{
	asked++;
	return counted->live(p, i);
}

/* There is no executable that has maps of these stacks. */
static const char *no_maps(const struct golook *p)
{
	(void)p;
	return NULL;
}

/* Each of a chain is reached from the one before only, and yet nobody is asked again and again. */
START_TEST(chain)
{
	enum { LENGTH = 15 };
	struct goleaker l;
	struct probe_leaks leaks;
	struct golook_ops ops;
	const char *why;
	goheapimage_make(&im);
	goheapimage_open(&g, &t, &memory);
	make_chain(LENGTH);
	goleaker_init(&l, &g);
	counted = l.ops;
	ops = *counted;
	ops.live = count_live;
	ops.distrust = no_maps;
	l.ops = &ops;
	ck_assert_int_eq(goleaker_pass(&l, &leaks, &why), 0);
	ck_assert_uint_eq(leaks.blocked, LENGTH);
	ck_assert_uint_eq(leaks.n, 0);
	ck_assert_uint_le(asked, 3 * LENGTH);
	probe_leaks_free(&leaks);
	hput64(&im, IM_STACKS + 0x200 * 8 + 0x1f0, 0); /* it breaks in the middle */
	ck_assert_int_eq(goleaker_pass(&l, &leaks, &why), 0);
	ck_assert_uint_eq(leaks.n, LENGTH - 8);
	probe_leaks_free(&leaks);
	goleaker_free(&l);
}
END_TEST

/* A sudog that is another goroutine's by now says nothing: who waits is not called leaked. */
START_TEST(reused_sudog)
{
	goheapimage_make(&im);
	hput64(&im, IM_SMALL + 2 * SMALL, addr_of(IM_GS + 2 * 0x200));
	expect_leaked(0, NULL);
}
END_TEST

/* Up to Go 1.25 semtable has who waits for a lock. Without it the heap still has their sudogs. */
START_TEST(lost_waiters)
{
	struct goleaker l;
	struct probe_leaks leaks;
	const char *why;
	goheapimage_minor = 25;
	goheapimage_make(&im);
	goheapimage_open(&g, &t, &memory);
	strcpy(g.reasons[1], "sync.Mutex.Lock");
	for (unsigned i = 0; i < 2; i++) {
		hput64(&im, IM_GS + (1 + i) * 0x200 + g.lay->g_waiting, 0);
		hput64(&im, IM_SMALL + (2 + i) * SMALL + g.lay->sudog_elem,
			addr_of(IM_SMALL + (4 + i) * SMALL + 8));
	}
	hput64(&im, IM_STACKS + 0x3f0, addr_of(IM_SMALL + 5 * SMALL)); /* who has 6's lock */
	goleaker_init(&l, &g);
	ck_assert_int_eq(goleaker_pass(&l, &leaks, &why), 0);
	ck_assert_uint_eq(leaks.n, 1);
	ck_assert_uint_eq(leaks.v[0].goid, 5);
	ck_assert_uint_eq(leaks.v[0].object, addr_of(IM_SMALL + 4 * SMALL + 8));
	probe_leaks_free(&leaks);
	goleaker_free(&l);
}
END_TEST

/* Objects of less than 16 bytes share blocks; a lock in one is told from its neighbours. */
START_TEST(tiny)
{
	struct goheap heap = {0};
	struct gomark m;
	uint64_t lock = addr_of(IM_SMALL) + 4, second = lock + 8;
	goheapimage_make(&im);
	goheapimage_open(&g, &t, &memory);
	goheapimage_span(&im, g.lay, 0, IM_SMALL, 16, 512, GO_TINY_SPAN);
	ck_assert_int_eq(goheap_begin(&heap, &g), 0);
	ck_assert_int_eq(goheap_settle(&heap), 0);
	gomark_init(&m, &heap);
	ck_assert_int_eq(gomark_live(&m, lock, true), GO_DEAD);
	gomark_ptr(&m, lock + 4); /* a neighbour behind it */
	gomark_drain(&m);
	ck_assert_int_eq(gomark_live(&m, lock, true), GO_DEAD);
	ck_assert_int_eq(gomark_live(&m, lock, false), GO_LIVE);
	gomark_ptr(&m, lock - 4); /* the start of the object that it is in */
	gomark_drain(&m);
	ck_assert_int_eq(gomark_live(&m, lock, true), GO_LIVE);
	ck_assert_int_eq(gomark_live(&m, second, true), GO_LIVE);
	gomark_free(&m);
	gomark_init(&m, &heap);
	memset(heap.spans[0].marks, 0, 64);
	gomark_ptr(&m, addr_of(IM_SMALL)); /* perhaps of the same object, perhaps of another */
	gomark_drain(&m);
	ck_assert_int_eq(gomark_live(&m, second, true), GO_UNSURE);
	ck_assert_int_eq(gomark_live(&m, 0x10, true), GO_LIVE);
	gomark_free(&m);
	goheap_free(&heap);
}
END_TEST

/*
 * A process that sweeps its span of small objects each time the bits of its slots are read: the
 * mspan then has other ones, and the memory of those that are read serves another span.
 */
enum { IM_BITS = 0x1600, BITS_SIZE = 16, SWEPT = 80 };
static unsigned sweeps_left;

static uint64_t *allocbits(void)
{
	return (uint64_t *)(im.bytes + IM_SPANS + g.lay->span_allocbits);
}

static void sweep(void)
{
	uint8_t *bits = im.bytes + (*allocbits() - addr_of(0));
	memset(bits + BITS_SIZE, 0xff, SWEPT / 8);
	memset(bits, 0, SWEPT / 8);
	*allocbits() += BITS_SIZE;
}

static void sweeping_readv(void *ctx, struct tmem_read_at *reads, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (reads[i].at.v == *allocbits() && sweeps_left && sweeps_left--)
			sweep();
	gomemory_readv(ctx, reads, n);
}

static void expect_found_when_swept(unsigned times)
{
	struct goleaker l;
	struct probe_leaks leaks;
	const char *why;
	goheapimage_make(&im);
	goheapimage_open(&g, &t, &memory);
	t.mem.readv = sweeping_readv;
	memset(im.bytes + IM_SPANS + g.lay->span_freeindexforscan, 0, 2);
	memset(im.bytes + IM_BITS, 0xff, SWEPT / 8);
	*allocbits() = addr_of(IM_BITS);
	sweeps_left = times;
	goleaker_init(&l, &g);
	ck_assert_int_eq(goleaker_pass(&l, &leaks, &why), 0);
	ck_assert_uint_eq(sweeps_left, times < 9 ? 0 : times - 9);
	ck_assert_uint_eq(leaks.n, 1);
	ck_assert_uint_eq(leaks.v[0].goid, 5);
	probe_leaks_free(&leaks);
	goleaker_free(&l);
}

/* Whether the bits of the last sweep are read at last, or those of none. */
START_TEST(swept)
{
	expect_found_when_swept(1);
	expect_found_when_swept(2);
	expect_found_when_swept(4);
	expect_found_when_swept(20);
}
END_TEST

/* When a process has called exit its other threads may be gone, and had a P. */
START_TEST(dead_thread)
{
	enum { IM_G0 = 0x1a00 };
	pid_t alive = 1;
	goheapimage_make(&im);
	goheapimage_open(&g, &t, &memory);
	g.tids = &alive;
	g.ntids = 1;
	memset(im.bytes + IM_LARGE + 8, 0, 8192 - 8);
	im.bytes[IM_LARGE + 8 + 4] = 1; /* running */
	hput64(&im, IM_ALLP + 16, 1);
	hput64(&im, IM_LARGE + 8 + g.lay->p_m, addr_of(IM_M));
	hput64(&im, IM_M + g.lay->m_procid, 4242);
	hput64(&im, IM_M + M_G0, addr_of(IM_G0));
	ck_assert(!gocheck_allp(&g, addr_of(IM_ALLP)));
	hput64(&im, IM_G0 + G_M, addr_of(IM_M));
	ck_assert(gocheck_allp(&g, addr_of(IM_ALLP)));
	ck_assert(!gocheck_allm(&g, addr_of(IM_ALLM))); /* one of them is there */
	hput64(&im, IM_M + g.lay->m_procid, 1);
	ck_assert(gocheck_allm(&g, addr_of(IM_ALLM)));
}
END_TEST

START_TEST(intersection)
{
	struct probe_leak a[] = {{2, 10, 20, 0}, {3, 10, 20, 0}, {5, 10, 20, 0}, {7, 1, 2, 0}};
	struct probe_leak b[] = {{1, 1, 1, 0}, {3, 11, 20, 0}, {5, 10, 20, 1}, {7, 1, 3, 0}};
	struct probe_leaks x = {.v = a, .n = 4}, y = {.v = b, .n = 4};
	goleaks_intersect(&x, &y);
	ck_assert_uint_eq(x.n, 1);
	ck_assert_uint_eq(x.v[0].goid, 5);
	ck_assert_int_eq(x.v[0].class, PROBE_LEAK_LIKELY); /* the weaker of both */
}
END_TEST

START_TEST(seed)
{
	goheapimage_make(&im);
	seedfile_check("goheap/process", im.bytes, sizeof im.bytes);
}
END_TEST

Suite *test_suite(void)
{
	Suite *s = suite_create("goleak");
	TCase *tc = tcase_create("verdict");
	tcase_add_test(tc, unreachable);
	tcase_add_test(tc, kept);
	tcase_add_test(tc, not_kept);
	tcase_add_test(tc, registers);
	tcase_add_test(tc, distrusted);
	tcase_add_test(tc, too_much);
	tcase_add_test(tc, circular);
	tcase_add_test(tc, circular_queue);
	tcase_add_test(tc, chain);
	tcase_add_test(tc, reused_sudog);
	tcase_add_test(tc, lost_waiters);
	tcase_add_test(tc, tiny);
	tcase_add_test(tc, swept);
	tcase_add_test(tc, dead_thread);
	tcase_add_test(tc, intersection);
	suite_add_tcase(s, tc);
	tc = tcase_create("seed");
	tcase_add_test(tc, seed);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
