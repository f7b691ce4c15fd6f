/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * locks.c - see locks.h.
 *
 * What a thread holds is its own and needs no lock. All else is guarded by order.lock, which a
 * thread takes when it meets a combination of locks for the first time, and when a lock is made or
 * forgotten. The combinations that it met are in its own set; one entry stands for all edges, and
 * is void when any lock with edges has been forgotten since (order.version).
 *
 * Lock order: order.lock, then what on_lock_cycle() takes, then pools.
 *
 * Limits: a search for a cycle looks at MAX_SEEN locks, and finds the shortest; an edge remembers
 * MAX_GATES gates, the outermost; beyond MAX_EDGES no edge is added.
 */
#include "builtins.h"

#include "depot.h"
#include "locks.h"
#include "mem.h"

#define NLINES    (1u << 16)
#define MAX_SEEN  4096
#define MAX_GATES 4
#define MAX_EDGES (1u << 20)

struct edge {
	struct edge *next, **pprev;         /* of the same hash */
	struct edge *next_out, **pprev_out; /* of the lock it leaves */
	struct edge *next_in, **pprev_in;   /* of the lock it leads to */
	struct lock *from, *to;
	struct lock_edge seen;
	uint32_t ngates;
	bool told; /* it closed a cycle that was reported */
	uintptr_t gates[MAX_GATES];
};

struct lock {
	struct lock *next;
	uintptr_t addr;
	uint32_t ctx;
	uint32_t search; /* the number of the last search that met it */
	struct edge *via;
	struct edge *out, *in;
};

struct tables {
	struct lock *lock[NLINES];
	struct edge *edge[NLINES];
	struct lock *queue[MAX_SEEN];
};

static struct {
	struct mutex lock;
	_Atomic uint32_t version;
	uint32_t nedges;
	uint32_t searches;
	struct tables *t;
} order;

static struct pool sets = {.size = sizeof(struct held_set), .link = 0};
static struct pool locks = {.size = sizeof(struct lock), .link = 0};
static struct pool edges = {.size = sizeof(struct edge), .link = 0};

/* With order.lock held. */
static struct tables *tables(void)
{
	if (!order.t)
		order.t = mem_map(sizeof *order.t);
	return order.t;
}

static struct lock **line_of(uintptr_t addr)
{
	return &tables()->lock[(addr >> 6) * HASH_MUL >> 48];
}

static struct lock *find(uintptr_t addr)
{
	struct lock *l = *line_of(addr);
	while (l && l->addr != addr)
		l = l->next;
	return l;
}

static struct lock *find_or_add(uintptr_t addr)
{
	struct lock *l = find(addr);
	if (l)
		return l;
	struct lock **line = line_of(addr);
	l = pool_get(&locks);
	*l = (struct lock){.next = *line, .addr = addr};
	*line = l;
	page_mark(addr, PAGE_LOCKS);
	return l;
}

void lock_new(struct thread *t, uintptr_t addr, uint64_t pc)
{
	uint32_t ctx = ctx_of(t, pc);
	lock(&order.lock);
	find_or_add(addr)->ctx = ctx;
	unlock(&order.lock);
}

uint32_t lock_origin(uintptr_t addr)
{
	lock(&order.lock);
	struct lock *l = find(addr);
	uint32_t ctx = l ? l->ctx : 0;
	unlock(&order.lock);
	return ctx;
}

#define LINK(e, head, next, pprev)                     \
	do {                                           \
		(e)->next = *(head);                   \
		(e)->pprev = (head);                   \
		if ((e)->next)                         \
			(e)->next->pprev = &(e)->next; \
		*(head) = (e);                         \
	} while (0)

#define UNLINK(e, next, pprev)                         \
	do {                                           \
		*(e)->pprev = (e)->next;               \
		if ((e)->next)                         \
			(e)->next->pprev = (e)->pprev; \
	} while (0)

static struct edge **edge_line(const struct lock *from, const struct lock *to)
{
	return &tables()->edge[((uintptr_t)from * HASH_MUL ^ (uintptr_t)to) * HASH_MUL >> 48];
}

static struct edge *find_edge(const struct lock *from, const struct lock *to)
{
	struct edge *e = *edge_line(from, to);
	while (e && (e->from != from || e->to != to))
		e = e->next;
	return e;
}

static void remove_edge(struct edge *e)
{
	UNLINK(e, next, pprev);
	UNLINK(e, next_out, pprev_out);
	UNLINK(e, next_in, pprev_in);
	pool_put(&edges, e);
	order.nedges--;
}

/* The other locks that t holds beside the one at index i. */
static uint32_t gates_of(const struct held_set *s, uint32_t i, uintptr_t *gates)
{
	uint32_t n = 0;
	for (uint32_t k = 0; k < s->n && n < MAX_GATES; k++) {
		if (k != i)
			gates[n++] = s->v[k].addr;
	}
	return n;
}

static bool has_gate(const uintptr_t *gates, uint32_t n, uintptr_t addr)
{
	for (uint32_t i = 0; i < n; i++) {
		if (gates[i] == addr)
			return true;
	}
	return false;
}

static struct edge *add_edge(struct thread *t, uint32_t i, struct lock *to, uint32_t ctx)
{
	const struct held *h = &t->held->v[i];
	struct lock *from = find_or_add(h->addr);
	struct edge *e = pool_get(&edges);
	*e = (struct edge){.from = from,
		.to = to,
		.seen = {from->addr, to->addr, h->ctx, ctx, t->life->tid, t->life->epoch}};
	e->ngates = gates_of(t->held, i, e->gates);
	struct edge **line = edge_line(from, to);
	LINK(e, line, next, pprev);
	LINK(e, &from->out, next_out, pprev_out);
	LINK(e, &to->in, next_in, pprev_in);
	order.nedges++;
	return e;
}

/* Only gates that were there each time count. True when there are fewer now. */
static bool fewer_gates(struct edge *e, const struct held_set *s, uint32_t i)
{
	uintptr_t gates[MAX_GATES];
	uint32_t n = gates_of(s, i, gates), kept = 0, before = e->ngates;
	for (uint32_t k = 0; k < before; k++) {
		if (has_gate(gates, n, e->gates[k]))
			e->gates[kept++] = e->gates[k];
	}
	e->ngates = kept;
	return kept < before;
}

static bool share_gate(const struct edge *a, const struct edge *b)
{
	for (uint32_t i = 0; i < a->ngates; i++) {
		if (has_gate(b->gates, b->ngates, a->gates[i]))
			return true;
	}
	return false;
}

/* The shortest way from where e leads back to where it starts, in the via of each lock. */
static bool search(const struct edge *e)
{
	struct lock **queue = tables()->queue;
	uint32_t n = 1;
	queue[0] = e->to;
	e->to->search = ++order.searches;
	for (uint32_t i = 0; i < n; i++) {
		for (struct edge *o = queue[i]->out; o && n < MAX_SEEN; o = o->next_out) {
			if (o->told || o->to->search == order.searches)
				continue;
			o->to->search = order.searches;
			o->to->via = o;
			if (o->to == e->from)
				return true;
			queue[n++] = o->to;
		}
	}
	return false;
}

static bool can_deadlock(struct edge *const *cycle, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (share_gate(cycle[i], cycle[k]))
				return false;
		}
	}
	return true;
}

/* Reported from the lock on that the last edge leads to. */
static void check_cycle(struct edge *e)
{
	struct edge *cycle[MAX_CYCLE];
	struct lock_edge seen[MAX_CYCLE];
	uint32_t n = MAX_CYCLE;
	if (!search(e))
		return;
	cycle[--n] = e;
	for (struct lock *l = e->from; l != e->to; l = cycle[n]->from) {
		if (!n) {
			on_long_lock_cycle();
			return;
		}
		cycle[--n] = l->via;
	}
	if (!can_deadlock(cycle + n, MAX_CYCLE - n))
		return;
	e->told = true;
	for (uint32_t i = n; i < MAX_CYCLE; i++)
		seen[i] = cycle[i]->seen;
	on_lock_cycle(seen + n, MAX_CYCLE - n);
}

static void meet(struct thread *t, uint32_t i, struct lock *to, uint32_t ctx)
{
	const struct lock *from = find(t->held->v[i].addr);
	struct edge *e = from ? find_edge(from, to) : NULL;
	if (!e && order.nedges < MAX_EDGES)
		check_cycle(add_edge(t, i, to, ctx));
	else if (e && !e->told && fewer_gates(e, t->held, i))
		check_cycle(e);
}

const struct held *lock_held(const struct thread *t, uintptr_t addr)
{
	for (uint32_t i = t->held ? t->held->n : 0; i-- > 0;) {
		if (t->held->v[i].addr == addr)
			return &t->held->v[i];
	}
	return NULL;
}

static uint64_t hash_addr(uintptr_t addr)
{
	return (addr ^ addr >> 29) * HASH_MUL;
}

void lock_wanted_slow(struct thread *t, uintptr_t addr, uint64_t pc)
{
	struct held_set *s = t->held;
	if (t->busy || lock_held(t, addr))
		return;
	uint64_t key = (s->hash + addr + load_rlx(&order.version) * 2ull + 1) * HASH_MUL;
	uint64_t *known = &s->known[key >> 58];
	if (*known == key)
		return;
	thread_enter(t);
	uint32_t ctx = ctx_of(t, pc);
	lock(&order.lock);
	struct lock *to = find_or_add(addr);
	for (uint32_t i = 0; i < s->n; i++)
		meet(t, i, to, ctx);
	unlock(&order.lock);
	*known = key;
	thread_leave(t);
}

static void start_set(struct thread *t)
{
	struct past *who = t->life->past;
	t->held = pool_get(&sets);
	race_memset(t->held, 0, sizeof *t->held);
	if (!who->locks)
		who->locks = mem_alloc(sizeof *who->locks); /* as long as who */
	else
		store_rlx(&who->locks->n, 0);
	t->held->log = who->locks;
}

/* The last entry holds to the epoch before this one, or says nothing. */
static void end_entry(struct lock_log *log, uint32_t epoch)
{
	uint32_t n = load_rlx(&log->n);
	struct lock_entry *e = &log->entry[(n - 1) % LOG_LENGTH];
	if (n && load_rlx(&e->last) == UINT32_MAX)
		store_rlx(&e->last, epoch - 1);
}

/* The set has changed. If there were accesses under the former one in this epoch, it ends. */
static void log_held(struct thread *t)
{
	const struct held_set *s = t->held;
	struct lock_log *log = s->log;
	if (!t->tag)
		return;
	if (t->accessed)
		thread_step(t);
	uint32_t epoch = thread_epoch(t);
	end_entry(log, epoch);
	if (!s->n)
		return;
	uint32_t n = load_rlx(&log->n);
	struct lock_entry *e = &log->entry[n % LOG_LENGTH];
	store_rlx(&e->first, 0);
	store_rel(&e->n, s->n < LOGGED ? s->n : LOGGED); /* after the 0 */
	for (uint32_t i = 0; i < s->n && i < LOGGED; i++)
		store_rel(&e->addr[i], s->v[i].addr | (s->v[i].reader ? FRONT_READER : 0));
	store_rel(&e->last, UINT32_MAX);
	store_rel(&e->first, epoch);
	store_rel(&log->n, n + 1); /* pairs with locks_at */
}

static uint32_t read_entry(const struct lock_entry *e, uint32_t first, uintptr_t addr[LOGGED])
{
	uint32_t n = load_acq(&e->n);
	for (uint32_t i = 0; i < n && i < LOGGED; i++)
		addr[i] = load_acq(&e->addr[i]);
	return load_acq(&e->first) == first ? n : 0;
}

uint32_t locks_at(const struct past *who, uint32_t epoch, uintptr_t addr[LOGGED])
{
	struct lock_log *log = who ? who->locks : NULL;
	uint32_t n = log ? load_acq(&log->n) : 0, end = n > LOG_LENGTH ? n - LOG_LENGTH : 0;
	for (; n > end; n--) {
		const struct lock_entry *e = &log->entry[(n - 1) % LOG_LENGTH];
		uint32_t first = load_acq(&e->first);
		if (first >= who->first_epoch && first <= epoch && epoch <= load_acq(&e->last))
			return read_entry(e, first, addr);
	}
	return 0;
}

static void hold(struct thread *t, uintptr_t addr, uint64_t pc, bool reader)
{
	if (unlikely(!t->held))
		start_set(t);
	struct held_set *s = t->held;
	struct held *h = (struct held *)lock_held(t, addr);
	if (h) {
		h->depth++;
	} else if (s->n < MAX_HELD) {
		s->v[s->n++] = (struct held){addr, ctx_of(t, pc), 1, reader};
		s->hash += hash_addr(addr);
		log_held(t);
	}
}

void lock_taken(struct thread *t, uintptr_t addr, uint64_t pc, bool reader)
{
	if (!thread_enter(t))
		return;
	hold(t, addr, pc, reader);
	thread_leave(t);
}

/* A signal handler finds the others in place at each moment, one of them perhaps twice. */
void lock_given(struct thread *t, uintptr_t addr)
{
	struct held_set *s = t->held;
	struct held *h = (struct held *)lock_held(t, addr);
	if (!h || --h->depth)
		return;
	s->hash -= hash_addr(addr);
	for (; h < s->v + s->n - 1; h++)
		h[0] = h[1];
	s->n--;
	log_held(t);
}

static void forget_line(uintptr_t line_addr, uintptr_t lo, uintptr_t hi)
{
	for (struct lock **p = line_of(line_addr), *l; (l = *p);) {
		if (l->addr < lo || l->addr >= hi) {
			p = &l->next;
			continue;
		}
		if (l->out || l->in)
			xadd_rlx(&order.version, 1);
		while (l->out)
			remove_edge(l->out);
		while (l->in)
			remove_edge(l->in);
		*p = l->next;
		pool_put(&locks, l);
	}
}

void locks_forget(uintptr_t addr, size_t n)
{
	uintptr_t end = addr + n, a = addr & ~63ul;
	if (n > WINDOW_MASK / 2)
		return;
	for (; (a = next_marked(a, end, PAGE_LOCKS)) < end; a += 64) {
		lock(&order.lock);
		forget_line(a, addr, end);
		unlock(&order.lock);
	}
}

void locks_end(struct thread *t)
{
	if (t->held)
		pool_put(&sets, t->held);
	t->held = NULL;
}
