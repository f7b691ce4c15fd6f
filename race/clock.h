/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.h - vector clocks: for each thread id, the last epoch of that thread known to have
 * happened.
 *
 * A clock has three parts. `near` holds the first CLOCK_NEAR ids flat, of which only the first n
 * can be non-zero: programs with few threads copy and join a few cache lines and touch nothing
 * shared. `root` is a persistent radix tree of the other ids: nodes are reference-counted, shared
 * between clocks and copied on write at every level, so copying a clock costs one reference however
 * many threads live, and a join skips every subtree the two clocks share. `far_tid`/`far_epoch` is
 * a write buffer of one entry for the tree, so that a clock that differs from another by one thread
 * (a child from its parent, a released lock from its releaser) shares the whole tree with it.
 * `known` is a tree that the clock is known to cover, the one joined last: many threads that
 * started with one tree and meet at one object neither read nor copy it again.
 *
 * Invariants:
 *  1. The value for an id >= CLOCK_NEAR is the larger of the tree's and the buffer's.
 *  2. A node with more than one reference is never written; its epochs never change.
 *  3. Values only grow while a clock belongs to one thread.
 *  4. Every entry of `known` is at most the clock's own. By 2 it never changes.
 *  5. near[] is read by other threads (thread.c's known_to_all) while the owner writes: entries are
 *     aligned 32-bit words, and a stale value is only smaller.
 *
 * Rejected: a flat array of chunk pointers per clock. Each thread creation then copies O(live
 * threads) pointers and counts: 100,000 goroutines did not start within 100 s.
 */
#ifndef GORT_RACE_CLOCK_H
#define GORT_RACE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NEAR 64

struct clock_node;

struct clock {
	struct clock_node *root;
	union {
		struct {
			uint32_t far_tid : 24;
			uint32_t n : 8;
		};
		uint32_t n_far_tid; /* copied at once: its load need not wait for n's store */
	};
	uint32_t far_epoch; /* 0: buffer empty */
	/* The holder's own, in the line that is in use; only clock_reset() touches them */
	_Atomic uint32_t note;
	uint32_t note_ctx;
	uint64_t note_tag;
	uint32_t near[CLOCK_NEAR] __attribute__((aligned(16)));
	struct clock_node *known; /* NULL without root */
};

uint32_t clock_get_far(const struct clock *c, uint32_t tid);

/* The last epoch of tid known to c; 0 = none. */
static inline uint32_t clock_get(const struct clock *c, uint32_t tid)
{
	return tid < CLOCK_NEAR ? c->near[tid] : clock_get_far(c, tid);
}

/* There is nothing but near. */
static inline bool clock_is_flat(const struct clock *c)
{
	return !c->root && !c->far_epoch;
}

/* Raises the entry of tid to at least epoch. */
void clock_raise(struct clock *c, uint32_t tid, uint32_t epoch);

/* d = max(d, s), entry by entry. */
void clock_join(struct clock *d, const struct clock *s);

/* d = s, whatever d held. */
void clock_copy(struct clock *d, const struct clock *s);

/* d = 0; gives its share of the tree back. */
void clock_reset(struct clock *d);

/* Nodes in use, for tests: what is not given back is a leak. */
uint64_t clock_nodes(void);

#endif
