/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.c - the rules of the protocol, one by one: what keeps it safe, and for each rule the row
 * that loses an object when only that one is dropped. runtime/HACKING.md, "Stores and the
 * collector", has them in words.
 *
 * A row that loses must go on losing: it shows that the model would notice.
 */
#include "model.h"

#define LOSES .lost = true
#define SLOW  .slow = true
/* Rows that are not about the barrier run with one whose cost in states is small. */
#define PLAIN .nostop_barrier = true

#define ROW(n, r, ...)                                  \
	{                                               \
		.name = (n), .rule = (r), ##__VA_ARGS__ \
	}

const struct rules rows[] = {
	/* ---- stores: races, the order of the barrier, stops within it ---- */
	ROW("store.racefree", "load, test, log, store; old kept until the store", SLOW),
	ROW("store.readers", "the same, with others reading the slot meanwhile", .races = READERS),
	ROW("store.writers", "two that store into one slot at once need gort_store_racy",
		.races = WRITERS, LOSES),
	ROW("store.racy", "... whose barrier nobody is stopped in", .races = WRITERS,
		.nostop_barrier = true),
	ROW("store.racy_lst", "... in any order", .races = WRITERS, .nostop_barrier = true,
		.barrier = LOAD_STORE_TEST),
	ROW("store.forget", "old must stay in a register until after the store", .races = READERS,
		.barrier = LOAD_TEST_STORE_FORGET, LOSES),
	ROW("store.test_first", "old must be loaded before the flag is tested", .races = READERS,
		.barrier = TEST_LOAD_STORE, LOSES),
	ROW("store.test_first_racefree", "... which only readers can tell",
		.barrier = TEST_LOAD_STORE, SLOW),
	ROW("store.store_first", "the test must come before the store", .barrier = LOAD_STORE_TEST,
		LOSES),
	ROW("store.store_first_running", "... also when running stacks are scanned again",
		.barrier = LOAD_STORE_TEST, .rescan_running = true, LOSES),
	ROW("store.store_first_preempted", "... or those of preempted goroutines",
		.barrier = LOAD_STORE_TEST, .rescan_preempted = true, LOSES),
	ROW("store.store_first_both", "... it takes both", .barrier = LOAD_STORE_TEST,
		.rescan_running = true, .rescan_preempted = true),
	ROW("store.exchange", "an exchange and then the test is no better", .races = WRITERS,
		.barrier = EXCHANGE_TEST, LOSES),
	ROW("store.exchange_both", "... with both rescans it even bears racing writers",
		.races = WRITERS, .barrier = EXCHANGE_TEST, .rescan_running = true,
		.rescan_preempted = true, SLOW),
	ROW("store.wide", "two variables and one", .vars = 2, .races = READERS, SLOW),
	ROW("store.alone", "three objects, two variables, one goroutine", .alone = true,
		.objects = 3, .vars = 2, SLOW),

	/* ---- plain stores with a compiler's hook before them ---- */
	ROW("hook.writers", "a pending slot of the goroutine's bears races of all kinds",
		.barrier = HOOK, .races = WRITERS),
	ROW("hook.none", "a slot about to change must be known to pause 1", .barrier = HOOK,
		.pending = NO_PENDING, .races = READERS, LOSES),
	ROW("hook.of_p", "a pending slot must move with a goroutine that is preempted",
		.barrier = HOOK, .pending = PENDING_OF_P, .races = WRITERS, LOSES),
	ROW("hook.of_p_cooperative", "... of a P it would do without preemption", .barrier = HOOK,
		.pending = PENDING_OF_P, .races = WRITERS, .no_preemption = true, SLOW),

	/* ---- the log ---- */
	ROW("log.stoppable", "reserving and writing an entry is one no-stop section",
		.barrier = TEST_LOAD_STORE, .stoppable_log = true, LOSES),
	ROW("log.stoppable_rescan", "... also when running stacks are scanned again",
		.barrier = LOAD_STORE_TEST, .rescan_running = true, .stoppable_log = true, LOSES),
	ROW("log.handover", "entries may be shaded early", PLAIN, .handover = true),
	ROW("log.forget", "a pause that is given up keeps what it has flushed", .forget = true,
		LOSES),

	/* ---- allocation ---- */
	ROW("alloc.white", "what is allocated while marking is marked", PLAIN, .white = true,
		LOSES),
	ROW("alloc.white_rescan", "... which scanning running stacks again does not replace", PLAIN,
		.white = true, .rescan_running = true, LOSES),
	ROW("alloc.stoppable", "an allocation is one no-stop section", PLAIN,
		.stoppable_alloc = true, LOSES),
	ROW("alloc.stoppable_rescan", "... with another scan, too", PLAIN, .stoppable_alloc = true,
		.rescan_running = true, LOSES),
	ROW("alloc.mark_first", "... in the other order, too", PLAIN, .stoppable_alloc = true,
		.mark_first = true, LOSES),
	ROW("alloc.unswept", "nobody allocates from an unswept span", PLAIN, .alloc_unswept = true,
		LOSES),

	/* ---- stacks ---- */
	ROW("stack.unscanned", "no goroutine runs before its stack is scanned", PLAIN,
		.run_unscanned = true, LOSES),
	ROW("stack.unscanned_rescan", "... scanning it at the end does not repair that", PLAIN,
		.run_unscanned = true, .rescan_running = true, LOSES),
	ROW("stack.registers", "pause 1 scans all registers", PLAIN, .skip_registers = true,
		.vars = 2, .vars1 = 2, LOSES),
	ROW("stack.handoff", "a send into a parked stack needs no barrier", PLAIN, .handoff = true),
	ROW("stack.copy", "nor does copying out of the stack of a parked sender", PLAIN,
		.copy = true),
	ROW("stack.take", "a pointer that is taken out of a park record is shaded", PLAIN,
		.take = true),
	ROW("stack.take_unshaded", "... else it is lost", PLAIN, .take = true,
		.take_unshaded = true, LOSES),
	ROW("stack.handoff_take", "sends and takes together", PLAIN, .handoff = true, .take = true),
	ROW("stack.overwritten", "what is copied from must stay until its owner runs", PLAIN,
		.handoff = true, .copy = true, LOSES),
	ROW("stack.spawn", "a child is born scanned", PLAIN, .spawn = true),
	ROW("stack.spawn_stoppable", "writing its stack and publishing it is one no-stop section",
		PLAIN, .spawn = true, .stoppable_spawn = true, LOSES),
	ROW("stack.late", "the final pause waits for goroutines that came late, too", PLAIN,
		.spawn = true, .ignore_late = true, LOSES),
	ROW("stack.freeze", "who moves a stack away claims it from the scanner", PLAIN,
		.freeze = true),
	ROW("stack.freeze_unclaimed", "... else the scanner misses it", PLAIN, .freeze = true,
		.freeze_unclaimed = true, .vars = 2, .vars1 = 2, LOSES),

	/* ---- roots outside the heap ---- */
	ROW("root.timers", "roots without a barrier are scanned in pause 1", PLAIN, .timers = true),
	ROW("root.concurrently", "... not while goroutines run", PLAIN, .timers = true,
		.timers_scanned = CONCURRENTLY, LOSES),
	ROW("root.final", "... nor in the final pause", PLAIN, .timers = true,
		.timers_scanned = FINAL_PAUSE, LOSES),

	/* ---- weak pointers and finalizers ---- */
	ROW("weak.load", "a weak load shades and returns in one no-stop section", PLAIN,
		.weak = true),
	ROW("weak.unshaded", "it must shade", PLAIN, .weak = true, .weak_unshaded = true, LOSES),
	ROW("weak.stoppable", "it must not be stopped", PLAIN, .weak = true, .stoppable_weak = true,
		LOSES),
	ROW("final.pause", "the final pause queues and marks what has a finalizer", PLAIN,
		.finalizers = true),
	ROW("final.sweep", "queued at the sweep, without its referents", PLAIN, .finalizers = true,
		.finalize = QUEUE_AT_SWEEP, .vars = 2, .vars1 = 2, LOSES),
	ROW("final.queue", "the queue is a root of pause 1", PLAIN, .finalizers = true,
		.queue_unscanned = true, LOSES),
	ROW("final.referents", "Go's way: referents are roots, adding one shades", PLAIN,
		.finalizers = true, .finalize = REFERENTS_ARE_ROOTS),

	/* ---- kernel mode ---- */
	ROW("kernel.black", "dirty pages, and stacks that ran, in the final pause", .mode = KERNEL,
		.races = WRITERS, SLOW),
	ROW("kernel.white", "... whether allocated black or white", .mode = KERNEL,
		.races = WRITERS, .white = true, SLOW),
	ROW("kernel.arm_last", "a page is armed again before it is read", .mode = KERNEL,
		.alone = true, .arm_last = true, .white = true, .vars = 2, LOSES),
	ROW("kernel.forget", "a pause that is given up remembers the pages it has not read",
		.mode = KERNEL, .alone = true, .forget = true, .vars = 2, LOSES),
	ROW("kernel.no_rescan", "stacks that ran are scanned again", .mode = KERNEL,
		.races = WRITERS, .no_rescan = true, LOSES),
	ROW("kernel.handoff", "a parked stack that is written counts as one that ran",
		.mode = KERNEL, .races = WRITERS, .handoff = true),
	ROW("kernel.handoff_unseen", "... else what was sent is lost", .mode = KERNEL,
		.races = WRITERS, .handoff = true, .handoff_unseen = true, LOSES),
	ROW("kernel.scanned_last", "the scanner says \"scanned\" before it reads", .mode = KERNEL,
		.races = WRITERS, .handoff = true, .scanned_last = true, LOSES),
	ROW("kernel.take", "a take needs no shading", .mode = KERNEL, .races = WRITERS,
		.take = true, .take_unshaded = true, SLOW),
	ROW("kernel.copy", "nor does a copy", .mode = KERNEL, .races = WRITERS, .copy = true, SLOW),
	ROW("kernel.stoppable_alloc", "an allocation is one no-stop section here, too",
		.mode = KERNEL, .races = WRITERS, .stoppable_alloc = true, LOSES),
	ROW("kernel.pages", "two objects a page", .mode = KERNEL, .races = WRITERS,
		.shared_pages = true, SLOW),
	ROW("kernel.timers", "roots outside the heap, in the final pause", .mode = KERNEL,
		.races = WRITERS, .timers = true, SLOW),
	ROW("kernel.spawn", "a child is born unscanned", .mode = KERNEL, .races = WRITERS,
		.spawn = true, SLOW),
	ROW("kernel.stoppable_spawn", "a spawn is one no-stop section here, too", .mode = KERNEL,
		.races = WRITERS, .spawn = true, .stoppable_spawn = true, LOSES),
	ROW("kernel.weak", "a weak load needs no shading", .mode = KERNEL, .races = WRITERS,
		.weak = true, SLOW),
	ROW("kernel.final", "finalizers, in the final pause", .mode = KERNEL, .races = WRITERS,
		.finalizers = true, SLOW),
};

const int nrows = sizeof(rows) / sizeof(rows[0]);
