/* SPDX-License-Identifier: BSD-2-Clause */
/* core_test.c - stacks, ids, epochs, sync objects and memory of the race core, one by one. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include "heap.h"
#include "record.h"
#include "sync.h"

#define MEM 0x20000000000ul /* only its shadow is used */

static struct thread root, child;
static struct race last;
static int nraces;

void on_race(const struct race *r)
{
	last = *r;
	nraces++;
}

static void setup(void)
{
	shadow_map();
	thread_main(&root, 1);
}

static void fork_child(void)
{
	thread_begin(&child, thread_fork(&root, 0), 1);
}

static void assert_stack(uint32_t ctx, uint32_t mask, uint64_t leaf, uint32_t depth)
{
	uint64_t pcs[64];
	uint32_t n = depot_get(ctx, mask, pcs, 64);
	ck_assert_uint_eq(n, depth + 1);
	ck_assert_uint_eq(pcs[0], leaf);
	for (uint32_t i = 1; i <= depth; i++)
		ck_assert_uint_eq(pcs[i], 1000 + depth - i);
}

static void calls(struct thread *t, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		func_enter(t, 1000 + i);
}

/* The full stack of the old access survives any number of later calls. */
START_TEST(stacks)
{
	fork_child();
	calls(&child, 20);
	access_bytes(&child, MEM, 8, 0, 77);
	for (uint64_t i = 0; i < 1000000; i++) {
		func_enter(&child, 5000 + i % 1000);
		access_bytes(&child, MEM + 64 + i % 512 * 8, 8, 0, 6000 + i % 7);
		func_exit(&child);
	}
	calls(&root, 3);
	access_bytes(&root, MEM, 8, TAG_READ, 88);
	ck_assert_int_eq(nraces, 1);
	assert_stack(last.ctx, last.mask, 88, 3);
	assert_stack(last.old_ctx, last.mask, 77, 20);
	ck_assert_uint_eq(tag_tid(last.old_tag), tag_tid(child.tag));
}
END_TEST

/* Bytes of one word written at three places in one epoch keep their own stacks. */
START_TEST(pairs)
{
	fork_child();
	access_bytes(&child, MEM, 4, 0, 71);
	access_bytes(&child, MEM + 4, 2, 0, 72);
	access_bytes(&child, MEM + 6, 2, 0, 73);
	for (uint32_t i = 0; i < 8; i++) {
		access_bytes(&root, MEM + i, 1, TAG_READ, 80 + i);
		ck_assert_int_eq(nraces, (int)i + 1);
		assert_stack(last.old_ctx, last.mask, i < 4 ? 71 : i < 6 ? 72 : 73, 0);
		assert_stack(last.ctx, last.mask, 80 + i, 0);
	}
}
END_TEST

/* A joined thread's id is reused by its joiner; an unjoined one's only by who knows of its end. */
START_TEST(ids)
{
	fork_child();
	uint32_t tid = tag_tid(child.tag), epoch = thread_epoch(&child);
	struct life *life = child.life;
	access_bytes(&child, MEM, 8, 0, 1);
	thread_end(&child);
	thread_join(&root, life);
	fork_child();
	ck_assert_uint_eq(tag_tid(child.tag), tid);
	ck_assert_uint_gt(thread_epoch(&child), epoch);
	access_bytes(&child, MEM, 8, 0, 2);
	ck_assert_int_eq(nraces, 0);

	life = child.life;
	thread_end(&child);
	thread_drop(life);
	fork_child();
	ck_assert_uint_ne(tag_tid(child.tag), tid);
	access_bytes(&child, MEM, 8, 0, 3);
	ck_assert_int_eq(nraces, 1);
	ck_assert_uint_eq(thread_past(tid, 1)->uid, 1);
	ck_assert_uint_eq(thread_past(tid, tag_epoch(last.old_tag))->uid, 2);

	/* Nobody waited for it, but what it did until its last release is known. */
	tid = tag_tid(child.tag);
	life = child.life;
	access_bytes(&child, MEM + 16, 8, 0, 4);
	sync_release(&child, MEM + 512);
	thread_end(&child);
	thread_drop(life);
	sync_acquire(&root, MEM + 512);
	fork_child();
	ck_assert_uint_eq(tag_tid(child.tag), tid);
	access_bytes(&child, MEM + 16, 8, 0, 5);
	ck_assert_int_eq(nraces, 1);

	/* And then something more. */
	life = child.life;
	sync_release(&child, MEM + 512);
	access_bytes(&child, MEM + 16, 8, 0, 6);
	thread_end(&child);
	thread_drop(life);
	sync_acquire(&root, MEM + 512);
	fork_child();
	ck_assert_uint_ne(tag_tid(child.tag), tid);
	access_bytes(&child, MEM + 16, 8, 0, 7);
	ck_assert_int_eq(nraces, 2);
}
END_TEST

/* At the end of an id's epochs the thread goes on under another id, still itself. */
START_TEST(epochs)
{
	fork_child();
	uint32_t tid = tag_tid(child.tag), uid = child.life->past->uid;
	child.tag |= 0xffffffffull << 32;
	access_bytes(&child, MEM, 8, 0, 1);
	sync_release(&child, MEM + 512);
	ck_assert_uint_ne(tag_tid(child.tag), tid);
	ck_assert_uint_eq(thread_past(tag_tid(child.tag), 1)->uid, uid);
	access_bytes(&child, MEM, 8, 0, 2);
	ck_assert_int_eq(nraces, 0);
	access_bytes(&child, MEM + 8, 8, 0, 2);
	sync_acquire(&root, MEM + 512);
	access_bytes(&root, MEM + 8, 8, 0, 3);
	ck_assert_int_eq(nraces, 1);
}
END_TEST

START_TEST(sync_order)
{
	fork_child();
	access_bytes(&child, MEM, 8, 0, 1);
	sync_release(&child, MEM + 512);
	access_bytes(&child, MEM + 8, 8, 0, 1);
	sync_acquire(&root, MEM + 512);
	access_bytes(&root, MEM, 8, 0, 2);
	ck_assert_int_eq(nraces, 0);
	access_bytes(&root, MEM + 8, 8, 0, 2);
	ck_assert_int_eq(nraces, 1);
}
END_TEST

/* A forgotten sync object orders nothing, though threads have it in their caches. */
START_TEST(sync_gone)
{
	fork_child();
	access_bytes(&child, MEM, 8, 0, 1);
	sync_release(&child, MEM + 512);
	sync_forget(MEM + 512, 8);
	ck_assert_uint_eq(syncs_live(), 0);
	sync_release(&child, MEM + 8192);
	sync_acquire(&root, MEM + 512);
	access_bytes(&root, MEM, 8, 0, 2);
	ck_assert_int_eq(nraces, 1);
}
END_TEST

START_TEST(forgets_memory)
{
	size_t size = 1 << 20;
	fork_child();
	for (size_t i = 0; i < size; i += 8)
		access_bytes(&child, MEM + i, 4, 0, 1);
	access_bytes(&root, MEM + 12, 4, 0, 1); /* inflates */
	ck_assert_uint_eq(records_live(), 1);
	block_new(&child, MEM, 7, 99);
	struct block b;
	ck_assert(block_find(MEM + 500000, &b));
	ck_assert_uint_eq(b.start, MEM);
	ck_assert_uint_eq(b.uid, 1);
	ck_assert_uint_eq(b.slack, 7);
	assert_stack(b.ctx, 0xff, 99, 0);
	block_gone(MEM);
	ck_assert(!block_find(MEM + 500000, &b));
	block_new(&child, WINDOW_MASK & ~(PAGE - 1), 0, 99);
	ck_assert(!block_find(0x1000258, &b)); /* nothing lies below: not even the window's end */
	block_gone(WINDOW_MASK & ~(PAGE - 1));
	memory_forget(MEM + 3, size - 3);
	ck_assert_uint_eq(records_live(), 0);
	for (size_t i = 0; i < size; i += 8)
		access_bytes(&root, MEM + i, 8, 0, 2);
	ck_assert_int_eq(nraces, 0);
}
END_TEST

/* Calls far deeper than the first mapping, and returns that were never called. */
START_TEST(frames)
{
	calls(&root, 300000);
	ck_assert_uint_eq(root.sp->pc, 1000 + 299999);
	for (uint32_t i = 0; i < 299990; i++)
		func_exit(&root);
	assert_stack(ctx_of(&root, 5), 0xff, 5, 10);
	for (uint32_t i = 0; i < 100; i++)
		func_exit(&root);
	ck_assert_ptr_eq(root.sp, root.base);
	assert_stack(ctx_of(&root, 6), 0xff, 6, 0);
}
END_TEST

/* root reads the word without recording it, and child writes it. */
static void delay_and_write(uintptr_t addr)
{
	access_read(&root, MEM + 4096, 0xff, 50);
	access_write(&root, MEM + 4096, 0xff, 51); /* learnt */
	sync_release(&root, MEM + 8192);
	sync_release(&child, MEM + 8200); /* a new epoch, of which root knows nothing */
	nraces = 0;
	access_read(&root, addr, 0xff, 50);
	ck_assert_uint_eq(root.delayed.addr, addr);
	access_write(&child, addr, 0xff, 60);
	ck_assert_int_eq(nraces, 0);
}

/* Whatever orders a thread with others, and any other access, first records its delayed read. */
START_TEST(delayed)
{
	fork_child();
	access_read(&root, MEM, 0xff, 50);
	access_write(&root, MEM, 0xff, 51);
	sync_release(&root, MEM + 8192);
	access_read(&root, MEM + 8, 0xff, 50);
	access_write(&root, MEM + 8, 0xff, 51);
	ck_assert_uint_eq(root.delayed.addr, 0);
	ck_assert_uint_eq(load_rlx(&cell_of(MEM + 8)->r), 0);
	struct thread other = {0};
	for (uintptr_t i = 0; i < 9; i++) {
		uintptr_t addr = MEM + 64 + i * 8;
		delay_and_write(addr);
		struct life *life = child.life;
		switch (i) {
		case 0:
			sync_acquire(&root, MEM + 8192);
			break;
		case 1:
			sync_release(&root, MEM + 8192);
			break;
		case 2:
			sync_merge(&root, MEM + 8192);
			break;
		case 3:
			sync_exchange(&root, MEM + 8192);
			break;
		case 4:
			access_read(&root, MEM + 512, 0xff, 52);
			break;
		case 5:
			access_write(&root, addr, 0x0f, 52);
			break;
		case 6:
			thread_begin(&other, thread_fork(&root, 0), 1);
			break;
		case 7:
			threads_acquire_all(&root);
			break;
		case 8:
			thread_end(&child);
			thread_join(&root, life);
		}
		ck_assert_uint_eq(root.delayed.addr, 0);
		ck_assert_int_eq(nraces, i == 5 ? 2 : 1); /* the write races as well */
		ck_assert_uint_eq(last.old_tag & TAG_WEAK, 0);
	}
}
END_TEST

/* A delayed read of memory that was freed meanwhile says nothing of its next owner. */
START_TEST(delayed_stale)
{
	fork_child();
	delay_and_write(MEM + 64);
	memory_forget(MEM + 64, 8);
	access_write(&child, MEM + 64, 0xff, 60);
	sync_acquire(&root, MEM + 8192);
	ck_assert_int_eq(nraces, 0);
	ck_assert_uint_eq(load_rlx(&cell_of(MEM + 64)->r), 0);
}
END_TEST

#define CROWD 5000

/*
 * A word that one thread wrote and thousands of live ones read, all after it: no race, and neither
 * the write nor any of the reads is lost.
 */
START_TEST(crowd)
{
	struct thread *readers = calloc(CROWD, sizeof *readers);
	fork_child();
	for (int i = 0; i < CROWD; i++)
		thread_begin(&readers[i], thread_fork(&root, 0), 1);
	access_bytes(&child, MEM, 8, 0, 1);
	sync_release(&child, MEM + 4096);
	for (int i = 1; i < CROWD; i++) {
		sync_acquire(&readers[i], MEM + 4096);
		access_bytes(&readers[i], MEM, 8, TAG_READ, 2);
		access_bytes(&readers[i], MEM, 8, TAG_READ, 3); /* a hit */
	}
	ck_assert_int_eq(nraces, 0);
	access_bytes(&readers[0], MEM, 8, TAG_READ, 4); /* knows nothing of the write */
	ck_assert_int_eq(nraces, 1);
	ck_assert_uint_eq(tag_tid(last.old_tag), tag_tid(child.tag));
	for (int i = 0; i < CROWD; i++) {
		if (i != CROWD / 2)
			sync_merge(&readers[i], MEM + 8192);
	}
	sync_acquire(&root, MEM + 8192);
	access_bytes(&root, MEM, 8, 0, 5); /* all but one of the reads came before */
	ck_assert_int_eq(nraces, 2);
	ck_assert_uint_eq(tag_tid(last.old_tag), tag_tid(readers[CROWD / 2].tag));
	free(readers);
}
END_TEST

static TCase *add(Suite *s, const char *name, const TTest *test)
{
	TCase *tc = tcase_create(name);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, test);
	suite_add_tcase(s, tc);
	return tc;
}

Suite *test_suite(void);

Suite *test_suite(void)
{
	Suite *s = suite_create("core");
	add(s, "stacks", stacks);
	add(s, "pairs", pairs);
	add(s, "ids", ids);
	add(s, "epochs", epochs);
	tcase_add_test(add(s, "sync", sync_order), sync_gone);
	add(s, "heap", forgets_memory);
	add(s, "frames", frames);
	add(s, "crowd", crowd);
	tcase_add_test(add(s, "delayed", delayed), delayed_stale);
	return s;
}

#include "check_main.h"
