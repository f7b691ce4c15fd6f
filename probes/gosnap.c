/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gosnap.c - all goroutines of a running Go process, without stopping it.
 *
 * Goroutines are read in batches: their g structures, then the used part of their stacks, then the
 * structures again. A goroutine whose status, id, sp, pc or stack changed in between ran
 * meanwhile, so its stack copy is worthless: it is read again alone, {g, stack, g} in one system
 * call, which the kernel copies in that order within microseconds. After RETRIES it is reported as
 * moving, with its state and creator only.
 *
 * That a goroutine parked again at the very same place in between goes unseen, and does no harm:
 * the stack is then of the same shape.
 *
 * allgs only grows and its g structures are never freed, only reused, so the array may be read at
 * any time: the length first, then the pointer, as the runtime's atomicAllG does.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gobubble.h"
#include "gogather.h"
#include "golabels.h"
#include "goread.h"
#include "gorunning.h"
#include "view.h"

#define BATCH   GATHER_MAX
#define RETRIES 3
#define ARENA   (64u << 20) /* bytes of stacks in one batch, if there are so many */
#define MAX_GS  (1u << 26)
#define MAX_MS  70000

/* What is read of one g, and the reading of its stack. */
struct gread {
	uint64_t addr, goid, m, sp, pc, lo, hi;
	uint64_t waitsince, lockedm, parent, gopc, startpc, waiting, waiton, labels, bubble;
	uint32_t status;
	uint8_t reason;
	bool live, syscall, moved;
	uint8_t *stack; /* in the arena, NULL when there is nothing to read */
	size_t stacklen;
};

struct thread {
	uint64_t m;
	int64_t id;
	int32_t tid;
};

struct goreader {
	struct gotarget *g;
	struct gsnap *out;
	struct gounwind unwind;
	struct golabels *labels; /* NULL: not wanted */
	bool stacks, args;
	const char *reasons[GO_MAX_REASONS];
	struct gobubbles bubbles;
	struct thread *threads;
	size_t nthreads;
	struct gather headers, channels;
	const uint8_t *raw[BATCH]; /* by index into gs: its g, NULL when it cannot be read */
	struct gread gs[BATCH];
	struct tmem_read_at reads[BATCH];
	uint8_t *arena;
	size_t room, used;     /* bytes of it */
	const uint32_t *slots; /* where read_batch puts its goroutines, NULL: at the end */
};

static uint64_t word(const uint8_t *raw, size_t off)
{
	uint64_t v;
	memcpy(&v, raw + off, sizeof v);
	return v;
}

static bool exists(uint32_t status)
{
	return status != GSTATUS_IDLE && status != GSTATUS_DEAD && status != GSTATUS_DEADEXTRA;
}

/*
 * sp and pc are in g.sched of a goroutine that does not run, in g.syscall* while in a system call.
 */
static void decode_registers(const struct golayout *l, const uint8_t *raw, struct gread *r)
{
	uint64_t syscallsp = word(raw, l->g_syscallsp);
	r->syscall = syscallsp && r->status != GSTATUS_RUNNING;
	r->sp = r->pc = 0;
	if (r->status == GSTATUS_RUNNING)
		return;
	r->sp = r->syscall ? syscallsp : word(raw, G_SCHEDSP);
	r->pc = word(raw, r->syscall ? l->g_syscallpc : G_SCHEDPC);
	if (r->sp < r->lo || r->sp >= r->hi)
		r->sp = 0;
}

static void decode(const struct golayout *l, uint64_t addr, const uint8_t *raw, struct gread *r)
{
	uint32_t status;
	memcpy(&status, raw + l->g_atomicstatus, sizeof status);
	*r = (struct gread){
		.addr = addr,
		.status = status & ~(uint32_t)G_SCAN,
		.goid = word(raw, l->g_goid),
		.m = word(raw, G_M),
		.lo = word(raw, G_STACKLO),
		.hi = word(raw, G_STACKHI),
		.waitsince = word(raw, l->g_waitsince),
		.lockedm = word(raw, l->g_lockedm),
		.parent = word(raw, l->g_parentgoid),
		.gopc = word(raw, l->g_gopc),
		.startpc = word(raw, l->g_startpc),
		.waiting = word(raw, l->g_waiting),
		.labels = word(raw, l->g_labels),
		.bubble = l->g_bubble ? word(raw, l->g_bubble) : 0,
		.reason = raw[l->g_waitreason],
	};
	decode_registers(l, raw, r);
	r->live = exists(r->status) && r->goid < 1ull << 48;
}

static bool same_place(const struct gread *a, const struct gread *b)
{
	return a->status == b->status && a->goid == b->goid && a->sp == b->sp && a->pc == b->pc &&
	       a->lo == b->lo;
}

static size_t stack_room(const struct goreader *rd, const struct gread *r)
{
	if (!r->live || !r->sp)
		return 0;
	return r->hi - r->sp < rd->room ? r->hi - r->sp : rd->room;
}

/*
 * Reads stacks of gs [from, n) until the arena is full; returns how far it got, at least from + 1.
 */
static size_t read_stacks(struct goreader *rd, size_t from, size_t n)
{
	size_t i = from, k = 0;
	rd->used = 0;
	for (; i < n; i++) {
		struct gread *r = &rd->gs[i];
		r->stacklen = stack_room(rd, r);
		if (rd->used + r->stacklen > rd->room)
			break;
		r->stack = rd->arena + rd->used;
		rd->used += r->stacklen;
		if (r->stacklen)
			rd->reads[k++] = (struct tmem_read_at){
				.at = {r->sp}, .buf = r->stack, .len = r->stacklen};
	}
	target_readv(rd->g->t, rd->reads, k);
	k = 0;
	for (size_t j = from; j < i; j++)
		if (rd->gs[j].stacklen && !rd->reads[k++].ok)
			rd->gs[j].moved = true;
	return i;
}

/* {g, stack, g}, in this order in one call. True: r is now consistent. */
static bool reread_once(struct goreader *rd, struct gread *r)
{
	const struct golayout *l = rd->g->lay;
	uint8_t before[G_MAXSIZE], after[G_MAXSIZE];
	size_t len = stack_room(rd, r);
	if (rd->used + len > rd->room)
		return false;
	struct tmem_read_at reads[3] = {
		{.at = {r->addr}, .buf = before, .len = l->g_size},
		{.at = {r->sp}, .buf = rd->arena + rd->used, .len = len},
		{.at = {r->addr}, .buf = after, .len = l->g_size},
	};
	target_readv(rd->g->t, reads, 3);
	if (!reads[0].ok || !reads[2].ok)
		return false;
	struct gread a, b, planned = *r;
	decode(l, r->addr, before, &a);
	decode(l, r->addr, after, &b);
	*r = b;
	r->stack = rd->arena + rd->used;
	r->stacklen = len;
	return same_place(&a, &b) && same_place(&planned, &b) && (reads[1].ok || !len);
}

static void settle(struct goreader *rd, struct gread *r)
{
	for (int i = 0; i < RETRIES; i++) {
		if (reread_once(rd, r)) {
			rd->used += r->stacklen;
			return;
		}
	}
	r->moved = true;
}

static void recheck(struct goreader *rd, size_t from, size_t to)
{
	uint64_t addrs[BATCH] = {0};
	for (size_t i = from; i < to; i++)
		addrs[i - from] = rd->gs[i].addr;
	gather_read(&rd->headers, rd->g->t, addrs, to - from, rd->raw + from);
	for (size_t i = from; i < to; i++) {
		struct gread now, *r = &rd->gs[i];
		if (!r->live || !rd->raw[i])
			continue;
		decode(rd->g->lay, r->addr, rd->raw[i], &now);
		if (r->moved || !same_place(r, &now)) {
			*r = now;
			settle(rd, r);
		}
	}
}

/* The channel of the first case a goroutine waits on: sudog.c of g.waiting. */
static void read_channels(struct goreader *rd, size_t n)
{
	uint64_t addrs[BATCH];
	const uint8_t *words[BATCH];
	size_t k = 0;
	for (size_t i = 0; i < n; i++)
		if (rd->gs[i].live && rd->gs[i].waiting)
			addrs[k++] = rd->gs[i].waiting + rd->g->lay->sudog_c;
	gather_read(&rd->channels, rd->g->t, addrs, k, words);
	k = 0;
	for (size_t i = 0; i < n; i++)
		if (rd->gs[i].live && rd->gs[i].waiting && words[k++])
			rd->gs[i].waiton = word(words[k - 1], 0);
}

static void set_thread(const struct goreader *rd, uint64_t m, struct gsnap_g *gp)
{
	for (size_t i = 0; m && i < rd->nthreads; i++) {
		if (rd->threads[i].m != m)
			continue;
		gp->m = m;
		gp->m_id = rd->threads[i].id;
		if (gp->status == GSTATUS_RUNNING || gp->status == GSTATUS_SYSCALL)
			gp->tid = rd->threads[i].tid;
	}
}

/* As isSystemGoroutine: started by the runtime for itself. */
static bool is_system(const struct gotarget *g, uint64_t startpc)
{
	struct gofunc f;
	if (startpc < g->md.text || startpc >= g->md.etext ||
		!pclntab_find(&g->tab, (uint32_t)(startpc - g->md.text), &f))
		return false;
	return !strncmp(f.name, "runtime.", 8) && strcmp(f.name, "runtime.main") &&
	       strcmp(f.name, "runtime.corostart") && strcmp(f.name, "runtime.handleAsyncEvent");
}

static void unwind(struct goreader *rd, const struct gostack *s, struct gsnap_g *gp)
{
	const struct goframes *fr = &rd->unwind.frames;
	gounwind_stack(&rd->unwind, s);
	if (fr->n)
		gp->stack = gsnap_add_deep_stack(rd->out, fr->locs, fr->n, fr->inner, fr->elided);
	if (fr->n && rd->args)
		gp->words = gounwind_words(&rd->unwind, s);
	if (!fr->whole)
		gp->flags |= GSNAP_G_TRUNCATED;
}

static void add_stack(struct goreader *rd, const struct gread *r, struct gsnap_g *gp)
{
	struct gostack s = {r->pc, r->sp, r->stack, r->stacklen, r->syscall, false};
	unwind(rd, &s, gp);
}

void goreader_stack(struct goreader *rd, uint32_t slot, const struct gostack *s)
{
	struct gsnap_g *gp = &rd->out->gs[slot];
	gp->flags &= ~GSNAP_G_MOVING;
	gp->sp = s->sp;
	unwind(rd, s, gp);
}

static void emit(struct goreader *rd, const struct gread *r, size_t i)
{
	struct gsnap_g *gp = rd->slots ? view_slot(rd->out, rd->slots[i]) : NULL;
	if (!r->live)
		return;
	if (!gp)
		gp = gsnap_add_g(rd->out);
	if (!gp)
		return;
	gp->id = r->goid;
	gp->addr = r->addr;
	gp->parent = r->parent;
	gp->status = (uint8_t)r->status;
	gp->sp = r->sp;
	gp->waiton = r->waiton;
	gp->flags = (r->lockedm ? GSNAP_G_LOCKED : 0) | (r->moved ? GSNAP_G_MOVING : 0) |
		    (is_system(rd->g, r->startpc) ? GSNAP_G_SYSTEM : 0);
	bool waits = r->status == GSTATUS_WAITING || r->status == GSTATUS_LEAKED;
	if (waits && r->reason < rd->g->nreasons)
		gp->reason = rd->reasons[r->reason];
	if (r->bubble)
		gobubble_tell(&rd->bubbles, r->bubble, r->reason, gp);
	if ((waits || r->status == GSTATUS_SYSCALL) && r->waitsince)
		gp->waitsince = (int64_t)r->waitsince;
	set_thread(rd, r->m, gp);
	if (rd->labels && r->labels)
		golabels_read(rd->labels, r->labels, gp);
	gp->created = r->goid == 1 ? GSNAP_NONE : gounwind_created(&rd->unwind, r->gopc);
	if (rd->stacks && !r->moved && r->sp)
		add_stack(rd, r, gp);
}

static void read_batch(struct goreader *rd, const uint64_t *addrs, size_t n)
{
	gather_read(&rd->headers, rd->g->t, addrs, n, rd->raw);
	for (size_t i = 0; i < n; i++) {
		if (rd->raw[i])
			decode(rd->g->lay, addrs[i], rd->raw[i], &rd->gs[i]);
		else
			rd->gs[i] = (struct gread){.addr = addrs[i]};
	}
	read_channels(rd, n);
	for (size_t from = 0, to; from < n; from = to) {
		to = rd->stacks ? read_stacks(rd, from, n) : n;
		if (rd->stacks)
			recheck(rd, from, to);
		for (size_t i = from; i < to; i++)
			emit(rd, &rd->gs[i], i);
	}
}

static void read_threads(struct goreader *rd)
{
	const struct gotarget *g = rd->g;
	uint64_t m = g->glob.allm ? target_word(g->t, g->glob.allm) : 0, next, id, tid;
	size_t cap = 0;
	for (; m && rd->nthreads < MAX_MS; m = next) {
		struct tmem_read_at reads[] = {
			{.at = {m + g->lay->m_alllink}, .buf = &next, .len = 8},
			{.at = {m + g->lay->m_id}, .buf = &id, .len = 8},
			{.at = {m + g->lay->m_procid}, .buf = &tid, .len = 8},
		};
		target_readv(g->t, reads, 3);
		if (!reads[0].ok || !reads[1].ok || !reads[2].ok)
			return;
		if (rd->nthreads == cap) {
			cap = cap ? cap * 2 : 64;
			struct thread *bigger = realloc(rd->threads, cap * sizeof *bigger);
			if (!bigger)
				return;
			rd->threads = bigger;
		}
		rd->threads[rd->nthreads++] = (struct thread){m, (int64_t)id, (int32_t)tid};
	}
}

uint64_t *goread_allgs(const struct gotarget *g, size_t from, size_t *n)
{
	uint64_t slice[2] = {0};
	if (g->glob.allgptr && g->glob.allglen) {
		slice[1] = target_word(g->t, g->glob.allglen);
		slice[0] = target_word(g->t, g->glob.allgptr);
	} else if (!target_read(g->t, g->glob.allgs, slice, sizeof slice)) {
		slice[1] = 0;
	}
	*n = slice[1] < MAX_GS && slice[1] > from ? slice[1] - from : 0;
	int err;
	uint64_t *addrs =
		target_array(g->t, slice[0] + from * sizeof *addrs, *n, sizeof *addrs, &err);
	if (!addrs && err != -ENOMEM) {
		*n = 0;
		addrs = malloc(1);
	}
	return addrs;
}

struct goreader *goreader_open(struct gotarget *g, struct gsnap *out, unsigned what)
{
	struct goreader *rd = calloc(1, sizeof *rd);
	if (!rd)
		return NULL;
	rd->g = g;
	rd->out = out;
	rd->stacks = what & PROBE_STACKS;
	rd->args = what & PROBE_ARGS;
	rd->room = tmem_size(&g->t->mem) < ARENA ? tmem_size(&g->t->mem) : ARENA;
	rd->arena = rd->stacks ? malloc(rd->room + 1) : NULL;
	rd->labels = what & PROBE_LABELS ? golabels_open(g, out) : NULL;
	gounwind_init(&rd->unwind, g, out);
	rd->unwind.symbols = what & PROBE_SYMBOLS;
	bool gathers = gather_init(&rd->headers, g->lay->g_size) && gather_init(&rd->channels, 8);
	if (!gathers || (rd->stacks && !rd->arena) || (what & PROBE_LABELS && !rd->labels)) {
		goreader_close(rd);
		return NULL;
	}
	for (uint32_t i = 0; i < g->nreasons; i++)
		rd->reasons[i] = gsnap_str(out, g->reasons[i], strlen(g->reasons[i]));
	gobubbles_init(&rd->bubbles, g, out);
	return rd;
}

void goreader_close(struct goreader *rd)
{
	if (!rd)
		return;
	gounwind_free(&rd->unwind);
	golabels_close(rd->labels);
	gather_free(&rd->headers);
	gather_free(&rd->channels);
	free(rd->threads);
	free(rd->arena);
	free(rd);
}

void goreader_read(struct goreader *rd, const uint64_t *addrs, const uint32_t *slots, size_t n)
{
	free(rd->threads);
	rd->threads = NULL;
	rd->nthreads = 0;
	rd->bubbles.last = 0; /* since then there may be another one in its place */
	read_threads(rd);
	for (size_t i = 0; i < n; i += BATCH) {
		rd->slots = slots ? slots + i : NULL;
		read_batch(rd, addrs + i, n - i < BATCH ? n - i : BATCH);
	}
}

void goreader_running(struct goreader *rd)
{
	gorunning_read(rd, rd->g, rd->out);
}

int gosnap_goroutines(struct gotarget *g, unsigned what, struct gsnap *out)
{
	size_t n = 0;
	uint64_t *addrs = goread_allgs(g, 0, &n);
	struct goreader *rd = goreader_open(g, out, what);
	int err = addrs && rd ? 0 : -ENOMEM;
	if (!err && !n)
		err = g->t->read_errno ? -g->t->read_errno : -EFAULT;
	if (!err)
		goreader_read(rd, addrs, NULL, n);
	if (!err && what & PROBE_STACKS)
		goreader_running(rd);
	goreader_close(rd);
	free(addrs);
	return err ? err : out->oom ? -ENOMEM : 0;
}

int64_t gosnap_count(struct gotarget *g)
{
	struct gsnap s;
	gsnap_init(&s, GSNAP_GO);
	int64_t n = 0;
	if (gosnap_goroutines(g, 0, &s))
		n = GSNAP_UNKNOWN;
	for (uint32_t i = 0; n >= 0 && i < s.ngs; i++)
		n += !(s.gs[i].flags & GSNAP_G_SYSTEM);
	gsnap_free(&s);
	return n;
}
