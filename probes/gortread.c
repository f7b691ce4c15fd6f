/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortread.c - all goroutines of a live program on libgort.
 *
 * The program runs on while it is read. Per batch: all g's, then the stacks of those that are not
 * running, then all g's again; a goroutine whose identity or switch record changed in between is
 * read once more by itself, and after a few such misses shown without a stack, as moving.
 *
 * Invariants:
 *  1. Nothing read is trusted: lengths and counts have a limit, addresses are only ever given to
 *     another read.
 *  2. g's are never freed by libgort, so a stale list of them is still a list of g's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core.h"
#include "gortheap.h"
#include "gortread.h"
#include "procfs.h"
#include "view.h"

#define BATCH      512
#define MAX_GS     (1u << 24)
#define MAX_STACK  (1ull << 30)
#define STACK_COPY 4096 /* more is read on demand: few parked stacks are deeper */
#define RETRIES    3

/* See gortread.h. */
struct gortreader {
	struct gortread *r;
	struct gsnap *out;
	unsigned what;
	const char *reasons[GORT_MAX_REASONS]; /* in out, of those met so far */
	const uint32_t *slots;
	size_t text; /* bytes of names that out has gained */
	struct item *items;
	uint8_t *block; /* what they point into */
};

/* One goroutine being read. */
struct item {
	taddr at;
	uint8_t *rec, *again; /* lay.g_len bytes each */
	uint8_t *stack;
	uint64_t lo, hi, sp, pc; /* pc: in a system call */
	size_t copied;           /* bytes at sp; 0: no stack to be had */
	bool ok;
	bool unseen;
};

static uint64_t g_get(const struct gortread *r, const uint8_t *rec, int field)
{
	return member_get(rec, r->lay.g_lo, r->lay.g[field]);
}

static bool g_has(const struct gortread *r, int field)
{
	return r->lay.g[field].size != 0;
}

bool gortread_variable(const struct gortread *r, int which, uint64_t *value)
{
	const struct variable *v = &r->lay.var[which];
	*value = 0;
	return v->size && v->size <= sizeof *value && tmem_read(&r->mem, v->at, value, v->size);
}

static bool read_text(const struct gortread *r, taddr at, char *buf, size_t size)
{
	for (size_t i = 0; i + 1 < size; i++) {
		if (!tmem_read(&r->mem, (taddr){at.v + i}, buf + i, 1))
			return false;
		if (!buf[i])
			return true;
	}
	buf[size - 1] = '\0';
	return true;
}

/* Control characters of a foreign text must not reach a terminal. */
static void clean(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

/* An array of pointers to texts. */
static void read_reasons(struct gortread *r)
{
	const struct variable *v = &r->lay.var[V_WAITREASONS];
	uint64_t texts[GORT_MAX_REASONS];
	size_t n = v->size / sizeof *texts;
	n = n < GORT_MAX_REASONS ? n : GORT_MAX_REASONS;
	if (!n || !tmem_read(&r->mem, v->at, texts, n * sizeof *texts))
		return;
	for (size_t i = 0; i < n; i++) {
		if (texts[i] && !read_text(r, (taddr){texts[i]}, r->reasons[i], sizeof *r->reasons))
			r->reasons[i][0] = '\0';
		clean(r->reasons[i]);
	}
	r->nreasons = (uint32_t)n;
}

static void read_version(struct gortread *r)
{
	const struct gort_abi_entry *e = gortabi_find(&r->abi, "version", GORT_ABI_TEXT);
	char text[40] = "";
	if (e)
		read_text(r, (taddr){e->value}, text, sizeof text);
	clean(text);
	snprintf(r->version, sizeof r->version, "%s", text[0] ? text : "gort (unknown)");
}

int gortread_open(struct gortread *r, const struct tmem *mem, struct modules *ms,
	const struct gortabi *abi, const char **missing)
{
	memset(r, 0, sizeof *r);
	r->mem = *mem;
	r->ms = ms;
	r->abi = *abi;
	int error = glayout_resolve(&r->abi, &r->lay, missing);
	if (!error) {
		r->sym = symbolizer_over(ms);
		r->unwind = cunwind_new(ms);
		error = r->sym && r->unwind ? 0 : -ENOMEM;
	}
	if (error) {
		gortread_close(r);
		return error;
	}
	read_reasons(r);
	read_version(r);
	return 0;
}

void gortread_close(struct gortread *r)
{
	symbolizer_close(r->sym);
	cunwind_free(r->unwind);
	gortabi_free(&r->abi);
	r->sym = NULL;
	r->unwind = NULL;
}

static bool in_syscall(const struct gortread *r, const struct item *it)
{
	return g_get(r, it->rec, G_STATUS) == GSTATUS_SYSCALL;
}

static uint64_t m_get(const struct gortread *r, uint64_t m, struct member which)
{
	uint64_t v = 0;
	if (!m || !which.size || which.size > sizeof v ||
		!tmem_read(&r->mem, (taddr){m + which.offset}, &v, which.size))
		return 0;
	return v;
}

int32_t gortread_tid(const struct gortread *r, uint64_t m)
{
	uint64_t tid = m_get(r, m, r->lay.m_procid);
	return tid <= INT32_MAX ? (int32_t)tid : 0;
}

/*
 * It has entered a system call without libgort, which knows only where it was when its P was taken
 * for that. It may have gone on since: into another one, or it runs.
 */
static bool unseen(const struct gortread *r, const struct item *it)
{
	return in_syscall(r, it) && r->lay.gate_taken &&
	       m_get(r, g_get(r, it->rec, G_MACHINE), r->lay.m_gate) == r->lay.gate_taken;
}

/* Asks the kernel, if there is one; false when the thread is on a CPU. */
static bool ask(const struct gortread *r, struct item *it)
{
	if (!r->t || r->core)
		return true;
	int32_t tid = gortread_tid(r, g_get(r, it->rec, G_MACHINE));
	tid = tid ? procfs_outer_tid(r->t, tid) : 0;
	return tid && procfs_blocked_at(r->t, tid, &it->sp, &it->pc);
}

/* Where the goroutine's stack pointer is, if it stands still. */
static bool place(const struct gortread *r, struct item *it)
{
	uint64_t status = g_get(r, it->rec, G_STATUS);
	if (status != GSTATUS_RUNNABLE && status != GSTATUS_WAITING &&
		status != GSTATUS_PREEMPTED && status != GSTATUS_LEAKED && !in_syscall(r, it))
		return false;
	it->sp = g_get(r, it->rec, in_syscall(r, it) ? G_SYSCALLSP : G_SP);
	it->pc = g_get(r, it->rec, G_SYSCALLPC);
	it->unseen = unseen(r, it);
	it->lo = g_get(r, it->rec, G_LO);
	it->hi = g_get(r, it->rec, G_HI);
	if (it->unseen && !ask(r, it))
		return false;
	uint64_t least = in_syscall(r, it) ? 8 : r->lay.switch_size;
	return it->lo < it->hi && it->hi - it->lo <= MAX_STACK && it->sp >= it->lo &&
	       it->sp < it->hi && it->sp % 8 == 0 && it->hi - it->sp >= least;
}

/* A goroutine that was created and has not run yet has no stack, only the function it will run. */
static bool never_ran(const struct gortread *r, const struct item *it)
{
	return g_get(r, it->rec, G_STATUS) == GSTATUS_RUNNABLE && g_get(r, it->rec, G_SP) == 0 &&
	       g_get(r, it->rec, G_HI) == 0;
}

static void plan_stack(const struct gortread *r, struct item *it)
{
	it->copied = 0;
	it->unseen = false;
	if (!it->ok || !place(r, it))
		return;
	it->copied = it->hi - it->sp < STACK_COPY ? it->hi - it->sp : STACK_COPY;
}

static bool unchanged(const struct gortread *r, const struct item *it)
{
	static const int identity[] = {
		G_STATUS, G_GOID, G_SP, G_LO, G_HI, G_WAITSINCE, G_SYSCALLSP, G_SYSCALLPC};
	for (size_t i = 0; i < sizeof identity / sizeof *identity; i++)
		if (g_get(r, it->rec, identity[i]) != g_get(r, it->again, identity[i]))
			return false;
	struct item now = *it;
	return !it->unseen || (ask(r, &now) && now.sp == it->sp && now.pc == it->pc);
}

static struct tmem_read_at read_rec(const struct gortread *r, const struct item *it, uint8_t *to)
{
	return (struct tmem_read_at){
		.at = {it->at.v + r->lay.g_lo}, .buf = to, .len = r->lay.g_len};
}

/* One goroutine by itself: record, stack and record again in one call, so the window is short. */
static void retry(struct gortread *r, struct item *it)
{
	for (int i = 0; i < RETRIES; i++) {
		struct tmem_read_at again[] = {read_rec(r, it, it->rec),
			{.at = {it->sp}, .buf = it->stack, .len = it->copied},
			read_rec(r, it, it->again)};
		uint64_t sp = it->sp;
		size_t copied = it->copied;
		r->mem.readv(r->mem.ctx, again, 3);
		it->ok = again[0].ok && again[2].ok;
		plan_stack(r, it);
		if (!it->ok || it->copied == 0)
			return;
		if (unchanged(r, it) && it->sp == sp && it->copied == copied && again[1].ok)
			return;
	}
	it->copied = 0;
}

static void read_batch(struct gortread *r, struct item *items, size_t n, bool stacks)
{
	struct tmem_read_at reads[BATCH];
	for (size_t i = 0; i < n; i++)
		reads[i] = read_rec(r, &items[i], items[i].rec);
	r->mem.readv(r->mem.ctx, reads, n);
	for (size_t i = 0; i < n; i++) {
		items[i].ok = reads[i].ok;
		items[i].copied = 0;
	}
	if (!stacks)
		return;
	for (size_t i = 0; i < n; i++) {
		plan_stack(r, &items[i]);
		reads[i] = (struct tmem_read_at){
			.at = {items[i].sp}, .buf = items[i].stack, .len = items[i].copied};
	}
	r->mem.readv(r->mem.ctx, reads, n);
	struct tmem_read_at check[BATCH];
	for (size_t i = 0; i < n; i++)
		check[i] = read_rec(r, &items[i], items[i].again);
	r->mem.readv(r->mem.ctx, check, n);
	for (size_t i = 0; i < n; i++)
		if (items[i].copied && !(reads[i].ok && check[i].ok && unchanged(r, &items[i])))
			retry(r, &items[i]);
}

static bool read_more(void *ctx, uint64_t addr, void *buf, size_t len)
{
	return tmem_read(ctx, (taddr){addr}, buf, len);
}

static const char *reason_of(struct gortreader *rd, const uint8_t *rec)
{
	const struct gortread *r = rd->r;
	uint64_t n = g_get(r, rec, G_WAITREASON);
	if (!g_has(r, G_WAITREASON) || n >= r->nreasons)
		return "";
	if (!rd->reasons[n])
		rd->reasons[n] = gsnap_str(rd->out, r->reasons[n], strlen(r->reasons[n]));
	return rd->reasons[n];
}

/* The name is at most 31 bytes, elsewhere, and ends in NUL. old: what its place had, or NULL. */
static const char *name_of(struct gortreader *rd, const uint8_t *rec, const char *old)
{
	char text[33] = "";
	uint64_t at = g_get(rd->r, rec, G_NAME);
	if (!at || !tmem_read(&rd->r->mem, (taddr){at}, text, sizeof text - 1))
		return NULL;
	clean(text);
	if (!text[0] || (old && !strcmp(old, text)))
		return text[0] ? old : NULL;
	rd->text += strlen(text) + 1;
	return gsnap_str(rd->out, text, strlen(text));
}

static void fill_g(
	struct gortreader *rd, struct gsnap_g *gp, const uint8_t *rec, const char *old_name)
{
	struct gortread *r = rd->r;
	gp->id = g_get(r, rec, G_GOID);
	gp->status = (uint8_t)g_get(r, rec, G_STATUS);
	gp->parent = g_get(r, rec, G_PARENT);
	if (gp->status == GSTATUS_RUNNING || gp->status == GSTATUS_SYSCALL)
		gp->tid = gortread_tid(r, g_get(r, rec, G_MACHINE));
	gp->name = name_of(rd, rec, old_name);
	if (r->lay.g[G_SYSTEM].size && g_get(r, rec, G_SYSTEM))
		gp->flags |= GSNAP_G_SYSTEM;
	if (gp->status == GSTATUS_WAITING || gp->status == GSTATUS_LEAKED) {
		uint64_t since = g_get(r, rec, G_WAITSINCE);
		gp->reason = reason_of(rd, rec);
		gp->waiton = g_get(r, rec, G_WAITON);
		gp->waitsince = since && since <= INT64_MAX ? (int64_t)since : GSNAP_UNKNOWN;
	}
	uint64_t gopc = g_get(r, rec, G_GOPC);
	if (gopc && gp->id != 1) /* as Go: nobody created the main goroutine */
		gp->created = gortstack_loc(r->sym, rd->out, gopc, true);
}

static bool alive(uint64_t status)
{
	return status != GSTATUS_IDLE && status != GSTATUS_DEAD && status != GSTATUS_DEADEXTRA &&
	       status <= GSTATUS_DEADEXTRA;
}

/* The registers of the frame that called the switch, or of the one that entered the system call. */
static void start_regs(const struct gortread *r, const struct item *it, struct cregs *regs)
{
	static const uint8_t saved[S_MEMBERS] = {[S_PC] = CREG_RA,
		[S_RBP] = CREG_RBP,
		[S_RBX] = CREG_RBX,
		[S_R12] = CREG_R12,
		[S_R13] = CREG_R12 + 1,
		[S_R14] = CREG_R12 + 2,
		[S_R15] = CREG_R12 + 3};
	*regs = (struct cregs){.r = {0}};
	if (in_syscall(r, it)) {
		regs->r[CREG_RSP] = it->sp;
		regs->r[CREG_RBP] = g_get(r, it->rec, G_SYSCALLBP);
		regs->r[CREG_RA] = it->pc;
		regs->known = 1u << CREG_RSP | 1u << CREG_RA;
		regs->known |= it->unseen ? 0 : 1u << CREG_RBP;
		return;
	}
	for (size_t i = 0; i < S_MEMBERS; i++) {
		regs->r[saved[i]] = member_get(it->stack, 0, r->lay.switched[i]);
		regs->known |= 1u << saved[i];
	}
	regs->known |= 1u << CREG_RSP;
	regs->r[CREG_RSP] = it->sp + r->lay.switch_size;
}

/*
 * In a core the threads stand too: the stack begins where they do, in a signal handler perhaps, and
 * its unwind rules lead from one stack to the other.
 */
static bool in_core(const struct gortread *r, const struct gsnap_g *gp, struct cregs *regs)
{
	static const uint8_t from[CREG_COUNT] = {[CREG_RBX] = REGS_RBX,
		[CREG_RBP] = REGS_RBP,
		[CREG_RSP] = REGS_RSP,
		[CREG_R12] = REGS_R12,
		[CREG_R12 + 1] = REGS_R13,
		[CREG_R12 + 2] = REGS_R14,
		[CREG_R12 + 3] = REGS_R15,
		[CREG_RA] = REGS_RIP};
	const struct thread_regs *t = r->core && gp->tid ? core_regs(r->core, gp->tid) : NULL;
	for (size_t i = 0; t && i < CREG_COUNT; i++)
		regs->r[i] = t->general[from[i]];
	regs->known =
		1u << CREG_RBX | 1u << CREG_RBP | 1u << CREG_RSP | 0xfu << CREG_R12 | 1u << CREG_RA;
	return t != NULL;
}

/* Where the walk of a goroutine's stack starts; false when there is no stack to be had. */
static bool begin_stack(struct gortread *r, const struct gsnap_g *gp, const struct item *it,
	struct cregs *regs, struct cstack *stack, bool *callsite)
{
	*callsite = true;
	*stack = (struct cstack){.lo = it->lo,
		.hi = it->hi,
		.base = it->sp,
		.copy = it->stack,
		.len = it->copied,
		.read = read_more,
		.ctx = &r->mem};
	if ((gp->status == GSTATUS_RUNNING || it->unseen) && in_core(r, gp, regs)) {
		*stack = (struct cstack){.hi = UINT64_MAX, .read = read_more, .ctx = &r->mem};
		*callsite = false;
		return true;
	}
	if (it->copied)
		start_regs(r, it, regs);
	return it->copied;
}

static void emit_stack(
	struct gortread *r, struct gsnap *out, struct gsnap_g *gp, const struct item *it)
{
	uint64_t startpc = g_get(r, it->rec, G_STARTPC);
	struct cregs regs;
	struct cstack stack;
	bool callsite;
	if (begin_stack(r, gp, it, &regs, &stack, &callsite)) {
		gp->sp = callsite ? it->sp : regs.r[CREG_RSP];
		gortstack_add(r, out, gp, &regs, callsite, &stack);
	} else if (startpc && never_ran(r, it)) {
		uint32_t loc = gortstack_loc(r->sym, out, startpc, false);
		gp->stack = loc == GSNAP_NONE ? loc : gsnap_add_stack(out, &loc, 1);
	} else {
		gp->flags |= GSNAP_G_MOVING;
	}
}

static void emit(struct gortread *r, const struct item *it, size_t i, void *arg)
{
	struct gortreader *rd = arg;
	const char *name = rd->slots ? rd->out->gs[rd->slots[i]].name : NULL;
	struct gsnap_g *gp = rd->slots ? view_slot(rd->out, rd->slots[i]) : NULL;
	if (!it->ok || !alive(g_get(r, it->rec, G_STATUS)))
		return;
	if (!gp)
		gp = gsnap_add_g(rd->out);
	if (!gp)
		return;
	gp->addr = it->at.v;
	fill_g(rd, gp, it->rec, name);
	if (rd->what & PROBE_STACKS)
		emit_stack(r, rd->out, gp, it);
}

/* Points the items into one block of memory. */
static uint8_t *make_items(const struct gortread *r, struct item *items)
{
	size_t each = 2 * (size_t)r->lay.g_len + STACK_COPY;
	uint8_t *block = calloc(BATCH, each);
	for (size_t i = 0; block && i < BATCH; i++) {
		items[i].rec = block + i * each;
		items[i].again = items[i].rec + r->lay.g_len;
		items[i].stack = items[i].again + r->lay.g_len;
	}
	return block;
}

uint64_t *gortread_allgs(struct gortread *r, size_t from, size_t *n)
{
	uint64_t len, list;
	*n = 0;
	/* The length first: the list only grows. */
	if (!gortread_variable(r, V_ALLGLEN, &len) || !gortread_variable(r, V_ALLGPTR, &list))
		return malloc(1);
	len = len < MAX_GS ? len : MAX_GS;
	*n = len > from ? len - from : 0;
	uint64_t *addrs = malloc(*n * sizeof *addrs + 1);
	if (addrs && *n && !tmem_read(&r->mem, (taddr){list + from * 8}, addrs, *n * 8))
		*n = 0;
	return addrs;
}

typedef void (*each_g)(struct gortread *r, const struct item *it, size_t i, void *arg);

/* Calls each for the g's at these addresses, those that could not be read included. */
static void read_some(struct gortread *r, struct item *items, const uint64_t *addrs, size_t n,
	bool stacks, each_g each, void *arg)
{
	for (size_t at = 0; at < n; at += BATCH) {
		size_t now = n - at < BATCH ? n - at : BATCH;
		for (size_t i = 0; i < now; i++)
			items[i].at = (taddr){addrs[at + i]};
		read_batch(r, items, now, stacks);
		for (size_t i = 0; i < now; i++)
			each(r, &items[i], at + i, arg);
	}
}

struct gortreader *gortreader_open(struct gortread *r, struct gsnap *out, unsigned what)
{
	struct gortreader *rd = calloc(1, sizeof *rd);
	if (!rd)
		return NULL;
	*rd = (struct gortreader){.r = r, .out = out, .what = what};
	rd->items = malloc(BATCH * sizeof *rd->items);
	rd->block = rd->items ? make_items(r, rd->items) : NULL;
	if (rd->block)
		return rd;
	gortreader_close(rd);
	return NULL;
}

void gortreader_close(struct gortreader *rd)
{
	if (!rd)
		return;
	free(rd->block);
	free(rd->items);
	free(rd);
}

size_t gortreader_read(
	struct gortreader *rd, const uint64_t *addrs, const uint32_t *slots, size_t n)
{
	rd->slots = slots;
	rd->text = 0;
	read_some(rd->r, rd->items, addrs, n, rd->what & PROBE_STACKS, emit, rd);
	return rd->text;
}

int gortread_goroutines(struct gortread *r, unsigned what, struct gsnap *out)
{
	size_t n;
	uint64_t *addrs = gortread_allgs(r, 0, &n);
	struct gortreader *rd = gortreader_open(r, out, what);
	int error = !addrs || !rd ? -ENOMEM : n ? 0 : -EFAULT;
	if (!error)
		gortreader_read(rd, addrs, NULL, n);
	gortreader_close(rd);
	free(addrs);
	return error ? error : out->oom ? -ENOMEM : 0;
}

bool gortread_frames(struct gortread *r, const struct gsnap_g *gp,
	void (*frame)(void *, const struct cregs *, bool, uint64_t), void *ctx)
{
	enum { MAX_FRAMES = 512 };
	struct cframe frames[MAX_FRAMES];
	struct item items[BATCH], *it = &items[0];
	struct cregs regs;
	struct cstack stack;
	size_t n;
	bool callsite;
	uint8_t *block = make_items(r, items);
	if (!block)
		return false;
	it->at = (taddr){gp->addr};
	read_batch(r, it, 1, true);
	bool same = it->ok && g_get(r, it->rec, G_GOID) == gp->id &&
		    begin_stack(r, gp, it, &regs, &stack, &callsite) &&
		    gp->sp == (callsite ? it->sp : regs.r[CREG_RSP]);
	if (same) {
		stack.frame = frame;
		stack.frame_ctx = ctx;
		cunwind_stack(r->unwind, &regs, callsite, &stack, frames, MAX_FRAMES, &n);
	}
	free(block);
	return same;
}

static void count_g(struct gortread *r, const struct item *it, size_t i, void *arg)
{
	(void)i;
	*(int64_t *)arg += it->ok && alive(g_get(r, it->rec, G_STATUS));
}

int64_t gortread_count(struct gortread *r)
{
	struct item items[BATCH];
	size_t n;
	int64_t count = 0;
	uint64_t *addrs = gortread_allgs(r, 0, &n);
	uint8_t *block = addrs && n ? make_items(r, items) : NULL;
	if (block)
		read_some(r, items, addrs, n, false, count_g, &count);
	free(addrs);
	free(block);
	return block ? count : GSNAP_UNKNOWN;
}
