/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * depot.c - the tree of depot.h: an append-only array of nodes and a hash table of chains.
 *
 * Invariants:
 *  1. A node is complete before its index is published in a chain head (release; lookups acquire)
 *     and never changes afterwards: lookups take no lock.
 *  2. Keys are 64-bit hashes of whole stacks and are taken as identity. With a million stacks the
 *     chance that two share a key is below 2^-24; such a pair would show one wrong stack.
 */
#include "builtins.h"

#include "depot.h"
#include "mem.h"

#define NHEADS   (1u << 22)
#define NNODES   (1u << 26)
#define MAX_WALK 512 /* frames interned at once; a deeper stack is cut at its root */
#define PAIR     (1ull << 63)

struct node {
	uint64_t key;
	uint64_t pc; /* or PAIR | newer << 8 | mask, with parent = older */
	uint32_t parent;
	uint32_t next;
};

static struct {
	struct mutex lock;
	uint32_t n;
	struct node *node;
	_Atomic(_Atomic uint32_t *) head;
} depot;

struct ctx_entry ctx_cache[CTX_CACHE];

static uint32_t bucket(uint64_t key)
{
	return (uint32_t)(key >> 32) & (NHEADS - 1);
}

static uint32_t find(uint64_t key)
{
	_Atomic uint32_t *head = load_acq(&depot.head);
	uint32_t i = head ? load_acq(&head[bucket(key)]) : 0;
	while (i && depot.node[i].key != key)
		i = depot.node[i].next;
	return i;
}

static void map_depot(void)
{
	depot.node = mem_map(NNODES * sizeof(struct node));
	depot.n = 1;
	store_rel(&depot.head, mem_map(NHEADS * sizeof(uint32_t)));
}

static uint32_t add(uint64_t key, uint64_t pc, uint32_t parent)
{
	lock(&depot.lock);
	if (!load_rlx(&depot.head))
		map_depot();
	uint32_t i = find(key);
	if (!i && depot.n < NNODES) {
		_Atomic uint32_t *head = &load_rlx(&depot.head)[bucket(key)];
		i = depot.n++;
		depot.node[i] = (struct node){key, pc, parent, load_rlx(head)};
		store_rel(head, i);
	}
	unlock(&depot.lock);
	return i;
}

/* The node of frame f: finds the nearest caller that has one and adds the calls above it. */
static uint32_t frame_node(const struct thread *t, const struct frame *f)
{
	const struct frame *top = f;
	uint32_t parent = 0;
	for (uint32_t i = 0; i < MAX_WALK && top != t->base; i++, top--) {
		parent = find(top->hash);
		if (parent)
			break;
	}
	while (top != f) {
		top++;
		parent = add(top->hash, top->pc, parent);
	}
	return parent;
}

static uint32_t cache(uint64_t key, uint32_t ctx)
{
	struct ctx_entry *e = &ctx_cache[key >> 8 & (CTX_CACHE - 1)];
	store_rlx(&e->ctx, ctx);
	store_rlx(&e->check, key ^ ctx);
	return ctx;
}

uint32_t depot_put(const struct thread *t, uint64_t key, uint64_t pc)
{
	uint32_t i = find(key);
	return cache(key, i ? i : add(key, pc, frame_node(t, t->sp)));
}

uint32_t depot_pair(uint32_t older, uint32_t newer, uint32_t mask)
{
	if (older == newer)
		return newer;
	uint64_t key = (((uint64_t)older << 32 | newer) ^ ((uint64_t)mask << 56) ^ PAIR) * HASH_MUL;
	key ^= key >> 31;
	const struct ctx_entry *e = &ctx_cache[key >> 8 & (CTX_CACHE - 1)];
	uint64_t ctx = load_rlx(&e->ctx);
	if ((load_rlx(&e->check) ^ ctx) == key)
		return (uint32_t)ctx;
	uint32_t i = find(key);
	return cache(key, i ? i : add(key, PAIR | (uint64_t)newer << 8 | mask, older));
}

uint32_t depot_get(uint32_t ctx, uint32_t mask, uint64_t *pcs, uint32_t max)
{
	uint32_t n = 0;
	while (ctx && depot.node[ctx].pc & PAIR) {
		uint64_t pc = depot.node[ctx].pc;
		ctx = pc & mask & 0xff ? (uint32_t)(pc >> 8) : depot.node[ctx].parent;
	}
	for (; ctx && n < max; ctx = depot.node[ctx].parent)
		pcs[n++] = depot.node[ctx].pc;
	return n;
}
