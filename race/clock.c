/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock.c - the persistent tree behind clock.h.
 *
 * A leaf (level 0) holds 64 epochs, an inner node 16 children; the root's level grows with the
 * largest id set. References: `ref` counts the clocks and nodes that point here. A functions's
 * parameter named `own` is a reference that the function consumes; it returns one that the caller
 * owns.
 *
 * Reference counts: an increment is relaxed, because the caller already holds a reference; the
 * decrement is acq_rel, so that the last holder sees every other holder's reads done before reuse.
 */
#include "builtins.h"

#include <string.h>

#include "clock.h"
#include "mem.h"

#define LEAF_BITS  6
#define INNER_BITS 4
#define LEAF_SIZE  (1u << LEAF_BITS)
#define FANOUT     (1u << INNER_BITS)

struct clock_node {
	_Atomic uint32_t ref;
	uint32_t level;
	union {
		struct clock_node *child[FANOUT];
		uint32_t epoch[LEAF_SIZE];
	};
};

#define INNER_BYTES (offsetof(struct clock_node, child) + FANOUT * sizeof(struct clock_node *))

static struct pool leaves = {.size = sizeof(struct clock_node), .link = 8};
static struct pool inners = {.size = INNER_BYTES, .link = 8};
static _Atomic uint64_t nnodes;

static struct clock_node *node_join(struct clock_node *own, struct clock_node *s);

uint64_t clock_nodes(void)
{
	return load_rlx(&nnodes);
}

static struct clock_node *node_new(uint32_t level)
{
	struct clock_node *n = pool_get(level ? &inners : &leaves);
	store_rlx(&n->ref, 1);
	n->level = level;
	xadd_rlx(&nnodes, 1);
	return n;
}

static struct clock_node *node_empty(uint32_t level)
{
	struct clock_node *n = node_new(level);
	memset(n->child, 0, level ? sizeof(n->child) : sizeof(n->epoch));
	return n;
}

static struct clock_node *node_ref(struct clock_node *n)
{
	if (n)
		xadd_rlx(&n->ref, 1);
	return n;
}

static void node_unref(struct clock_node *n)
{
	if (!n || xadd_acqrel(&n->ref, -1u) != 1)
		return;
	for (uint32_t i = 0; n->level && i < FANOUT; i++)
		node_unref(n->child[i]);
	pool_put(n->level ? &inners : &leaves, n);
	xadd_rlx(&nnodes, -1ull);
}

/* True when the caller's reference is the only one. Acquire pairs with node_unref's release. */
static bool node_exclusive(struct clock_node *n)
{
	return load_acq(&n->ref) == 1;
}

static struct clock_node *node_writable(struct clock_node *own)
{
	if (node_exclusive(own))
		return own;
	struct clock_node *n = node_new(own->level);
	if (own->level == 0) {
		memcpy(n->epoch, own->epoch, sizeof(n->epoch));
	} else {
		for (uint32_t i = 0; i < FANOUT; i++)
			n->child[i] = node_ref(own->child[i]);
	}
	node_unref(own);
	return n;
}

/* The number of ids below a node of this level, as a shift. */
static uint32_t node_shift(uint32_t level)
{
	return LEAF_BITS + INNER_BITS * level;
}

/* A tree of at least the given level with the same entries. */
static struct clock_node *node_grow(struct clock_node *own, uint32_t level)
{
	while (own->level < level) {
		struct clock_node *up = node_empty(own->level + 1);
		up->child[0] = own;
		own = up;
	}
	return own;
}

static uint32_t tree_get(const struct clock_node *n, uint32_t i)
{
	if (!n || i >> node_shift(n->level))
		return 0;
	while (n && n->level)
		n = n->child[i >> node_shift(n->level - 1) & (FANOUT - 1)];
	return n ? n->epoch[i & (LEAF_SIZE - 1)] : 0;
}

static void tree_set(struct clock_node **root, uint32_t i, uint32_t epoch)
{
	uint32_t level = 0;
	while (i >> node_shift(level))
		level++;
	*root = *root ? node_grow(*root, level) : node_empty(level);
	for (struct clock_node **slot = root;;) {
		struct clock_node *n = *slot = node_writable(*slot);
		if (n->level == 0) {
			n->epoch[i & (LEAF_SIZE - 1)] = epoch;
			return;
		}
		slot = &n->child[i >> node_shift(n->level - 1) & (FANOUT - 1)];
		if (!*slot)
			*slot = node_empty(n->level - 1);
	}
}

static void max_epochs(uint32_t *d, const uint32_t *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (d[i] < s[i])
			d[i] = s[i];
	}
}

static struct clock_node *leaf_join(struct clock_node *own, struct clock_node *s)
{
	bool less = false, more = false;
	for (uint32_t i = 0; i < LEAF_SIZE; i++) {
		less |= own->epoch[i] < s->epoch[i];
		more |= own->epoch[i] > s->epoch[i];
	}
	if (!less)
		return own;
	if (!more) {
		node_unref(own);
		return node_ref(s);
	}
	own = node_writable(own);
	max_epochs(own->epoch, s->epoch, LEAF_SIZE);
	return own;
}

/* The node itself is copied only when a child really changes. */
static struct clock_node *inner_join(struct clock_node *own, struct clock_node *s)
{
	uint32_t same = 0;
	for (uint32_t i = 0; i < FANOUT; i++) {
		struct clock_node *c = own->child[i], *x = s->child[i];
		if (c != x && x && node_exclusive(own)) {
			own->child[i] = node_join(c, x);
		} else if (c != x && x) {
			struct clock_node *joined = node_join(node_ref(c), x);
			if (joined != c) {
				own = node_writable(own);
				own->child[i] = joined;
			}
			node_unref(c); /* the copy's reference, or the one just taken */
		}
		same += own->child[i] == x;
	}
	if (same == FANOUT) {
		node_unref(own);
		return node_ref(s);
	}
	return own;
}

static struct clock_node *node_join(struct clock_node *own, struct clock_node *s)
{
	if (own == s || !s)
		return own;
	if (!own)
		return node_ref(s);
	own = node_grow(own, s->level);
	if (own->level > s->level) {
		own = node_writable(own);
		own->child[0] = node_join(own->child[0], s);
		return own;
	}
	return s->level ? inner_join(own, s) : leaf_join(own, s);
}

uint32_t clock_get_far(const struct clock *c, uint32_t tid)
{
	uint32_t epoch = tree_get(c->root, tid - CLOCK_NEAR);
	return c->far_tid == tid && c->far_epoch > epoch ? c->far_epoch : epoch;
}

static void raise_near(struct clock *c, uint32_t tid, uint32_t epoch)
{
	if (c->near[tid] < epoch)
		c->near[tid] = epoch;
	if (c->n <= tid)
		c->n = tid + 1;
}

void clock_raise(struct clock *c, uint32_t tid, uint32_t epoch)
{
	if (tid < CLOCK_NEAR) {
		raise_near(c, tid, epoch);
		return;
	}
	if (clock_get_far(c, tid) >= epoch)
		return;
	if (c->far_epoch && c->far_tid != tid &&
		tree_get(c->root, c->far_tid - CLOCK_NEAR) < c->far_epoch)
		tree_set(&c->root, c->far_tid - CLOCK_NEAR, c->far_epoch);
	c->far_tid = tid;
	c->far_epoch = epoch;
}

static void set_node(struct clock_node **slot, struct clock_node *n)
{
	if (*slot == n)
		return;
	struct clock_node *old = *slot;
	*slot = node_ref(n);
	node_unref(old);
}

/* The trees differ. */
static void __attribute__((noinline)) join_trees(struct clock *d, const struct clock *s)
{
	if (!s->root || s->root == d->known)
		return;
	if (s->known && s->known == d->root) {
		set_node(&d->known, d->root);
		set_node(&d->root, s->root);
		return;
	}
	d->root = node_join(d->root, s->root);
	set_node(&d->known, s->root);
}

void clock_join(struct clock *d, const struct clock *s)
{
	if (d->n < s->n)
		d->n = s->n;
	max_epochs(d->near, s->near, s->n);
	if (unlikely(s->root != d->root))
		join_trees(d, s);
	if (unlikely(s->far_epoch))
		clock_raise(d, s->far_tid, s->far_epoch);
}

void clock_copy(struct clock *d, const struct clock *s)
{
	uint32_t n = s->n > d->n ? s->n : d->n;
	for (uint32_t i = 0; i < n; i++)
		d->near[i] = s->near[i];
	d->n_far_tid = s->n_far_tid;
	if (unlikely(d->root || s->root)) {
		set_node(&d->root, s->root);
		set_node(&d->known, s->known);
	}
	d->far_epoch = s->far_epoch;
}

void clock_reset(struct clock *d)
{
	node_unref(d->root);
	node_unref(d->known);
	memset(d, 0, sizeof(*d));
}
