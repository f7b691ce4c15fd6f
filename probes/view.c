/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * view.c - a snapshot of all goroutines that is kept up to date at little cost.
 *
 * Most goroutines of a big program stand still, so a refresh looks only at whether they do: it
 * reads their g structures and compares what changes whenever a goroutine runs (signature).
 * Stacks are read of those alone that differ. Three things make it cheap:
 *
 *  1. g structures are allocated side by side, so neighbours are read as one run of memory. The
 *     kernel's price is per piece and per page; one piece per g costs twice as much.
 *  2. A run whose goroutines all stood still for QUIET refreshes is read every STRIDE-th refresh
 *     only: a goroutine that wakes after a long wait shows up at most STRIDE - 1 refreshes late.
 *  3. allgs only grows and its g's never move, in Go as in libgort: addresses are read once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "view.h"

#define QUIET     3
#define STRIDE    4
#define RUN_GAP   1024         /* bytes between two g's that are still read as one run */
#define RUN_BYTES (32u << 10)  /* longest run */
#define BUFFER    (256u << 10) /* of one call; fits a core's own cache */
#define RUNS      256          /* pieces of one call */
#define MAX_TEXT  (4u << 20)   /* bytes of names, most of them of goroutines that ended */

struct run {
	uint64_t addr;
	uint32_t len, first, n; /* order[first .. first + n) */
	uint32_t quiet;         /* refreshes in a row without a change */
};

struct liveview {
	struct viewsource src;
	struct gsnap *s;
	void *rd;        /* src's reader */
	uint64_t *addrs; /* by slot, as in allgs and in s->gs */
	struct viewsign *seen;
	uint32_t *order; /* slots by address, each growth of allgs by itself */
	uint32_t n;
	struct run *runs;
	uint32_t nruns, capruns, tick;
	uint32_t *changed; /* slots of the goroutines that ran */
	uint64_t *moved;   /* their addresses */
	uint32_t nmoved;
	uint32_t min_stacks, stack_limit; /* more stacks than the limit: all are dropped */
	uint64_t text;                    /* bytes of names since all was read anew */
	uint8_t *buffer;
};

static bool stands(const struct viewsign *a, const struct viewsign *b)
{
	return a->goid == b->goid && a->sp == b->sp && a->pc == b->pc && a->status == b->status &&
	       a->ran == b->ran && a->reason == b->reason;
}

/* A goroutine in one of these is read anew: which thread it is on, or its stack, may differ. */
static bool runs(uint32_t status)
{
	return status == GSTATUS_RUNNING || status == GSTATUS_SYSCALL ||
	       status == GSTATUS_RUNNABLE || status == GSTATUS_COPYSTACK;
}

static bool waits(const struct gsnap_g *gp)
{
	return gp->status == GSTATUS_WAITING || gp->status == GSTATUS_SYSCALL ||
	       gp->status == GSTATUS_LEAKED;
}

static int by_address(const void *a, const void *b, void *arg)
{
	const uint64_t *addrs = arg;
	uint64_t x = addrs[*(const uint32_t *)a], y = addrs[*(const uint32_t *)b];
	return x == y ? 0 : x < y ? -1 : 1;
}

static bool add_run(struct liveview *v, uint32_t first, uint32_t n)
{
	if (v->nruns == v->capruns) {
		uint32_t cap = v->capruns ? v->capruns * 2 : 256;
		struct run *bigger = realloc(v->runs, cap * sizeof *bigger);
		if (!bigger)
			return false;
		v->runs = bigger;
		v->capruns = cap;
	}
	uint64_t lo = v->addrs[v->order[first]], hi = v->addrs[v->order[first + n - 1]];
	v->runs[v->nruns++] = (struct run){
		.addr = lo, .len = (uint32_t)(hi - lo) + v->src.g_len, .first = first, .n = n};
	return true;
}

/* Sorts the slots from `from` on by address and cuts them into runs. */
static int add_runs(struct liveview *v, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		v->order[i] = i;
	qsort_r(v->order + from, to - from, sizeof *v->order, by_address, v->addrs);
	for (uint32_t i = from, end; i < to; i = end) {
		uint64_t start = v->addrs[v->order[i]], last = start;
		for (end = i + 1; end < to; end++) {
			uint64_t at = v->addrs[v->order[end]];
			if (at - last > RUN_GAP || at + v->src.g_len - start > RUN_BYTES)
				break;
			last = at;
		}
		if (!add_run(v, i, end - i))
			return -ENOMEM;
	}
	return 0;
}

static bool grow_to(void **array, size_t n, size_t size)
{
	void *bigger = realloc(*array, (n + 1) * size);
	if (bigger)
		*array = bigger;
	return bigger != NULL;
}

static int add_slots(struct liveview *v, const uint64_t *addrs, uint32_t n)
{
	uint32_t from = v->n, to = from + n;
	if (!grow_to((void **)&v->addrs, to, sizeof *v->addrs) ||
		!grow_to((void **)&v->seen, to, sizeof *v->seen) ||
		!grow_to((void **)&v->order, to, sizeof *v->order) ||
		!grow_to((void **)&v->changed, to, sizeof *v->changed) ||
		!grow_to((void **)&v->moved, to, sizeof *v->moved))
		return -ENOMEM;
	memcpy(v->addrs + from, addrs, n * sizeof *addrs);
	for (uint32_t i = from; i < to; i++) {
		struct gsnap_g *gp = gsnap_add_g(v->s);
		if (!gp)
			return -ENOMEM;
		gp->status = GSTATUS_DEAD;
		v->seen[i] = (struct viewsign){.status = GSTATUS_DEAD};
	}
	v->n = to;
	return add_runs(v, from, to);
}

/* What allgs has gained. */
static int read_new(struct liveview *v)
{
	size_t n;
	uint64_t *addrs = v->src.addrs(v->src.ctx, v->n, &n);
	int err = !addrs ? -ENOMEM : n ? add_slots(v, addrs, (uint32_t)n) : 0;
	free(addrs);
	if (!err && !v->n)
		err = v->src.t->read_errno ? -v->src.t->read_errno : -EFAULT;
	return err;
}

/* The start of a wait as the program noted it, when that is earlier than what was seen. */
static bool earlier_wait(struct gsnap_g *gp, int64_t noted)
{
	bool known = gp->waitsince != GSNAP_UNKNOWN;
	if (!waits(gp) || noted <= 0 || (known && noted >= gp->waitsince))
		return false;
	gp->waitsince = noted;
	gp->flags &= ~GSNAP_G_AT_LEAST;
	return true;
}

static void look(struct liveview *v, struct run *r, const uint8_t *mem)
{
	bool quiet = true;
	for (uint32_t i = r->first; i < r->first + r->n; i++) {
		uint32_t slot = v->order[i];
		struct viewsign now;
		v->src.sign(v->src.ctx, mem + (v->addrs[slot] - r->addr), &now);
		if (runs(now.status) || !stands(&now, &v->seen[slot])) {
			v->seen[slot] = now;
			v->moved[v->nmoved] = v->addrs[slot];
			v->changed[v->nmoved++] = slot;
			quiet = false;
		}
	}
	r->quiet = quiet ? r->quiet + 1 : 0;
}

/* One call's worth of runs, from *next on. */
static void look_at_some(struct liveview *v, uint32_t *next)
{
	struct tmem_read_at reads[RUNS];
	struct run *of[RUNS];
	size_t k = 0, used = 0;
	for (; *next < v->nruns && k < RUNS; ++*next) {
		struct run *r = &v->runs[*next];
		if (r->quiet >= QUIET && (v->tick + *next) % STRIDE)
			continue;
		if (used + r->len > BUFFER)
			break;
		reads[k] = (struct tmem_read_at){
			.at = {r->addr + v->src.g_from}, .buf = v->buffer + used, .len = r->len};
		of[k++] = r;
		used += r->len;
	}
	v->src.t->mem.readv(v->src.t->mem.ctx, reads, k);
	for (size_t i = 0; i < k; i++)
		if (reads[i].ok)
			look(v, of[i], reads[i].buf);
}

/*
 * A wait begins when it was first seen, or earlier if the program says so. What already waited
 * when the view was opened has waited for at least that long. Of a system call only the program
 * knows: the goroutine may have been back meanwhile, and called again from the same place.
 */
static void date_waits(struct liveview *v, bool first)
{
	for (uint32_t i = 0; i < v->nmoved; i++) {
		struct gsnap_g *gp = &v->s->gs[v->changed[i]];
		int64_t noted = gp->waitsince;
		if (!waits(gp) || gp->status == GSTATUS_SYSCALL)
			continue;
		gp->waitsince = v->s->when;
		if (first)
			gp->flags |= GSNAP_G_AT_LEAST;
		earlier_wait(gp, noted);
	}
}

/* An empty snapshot of the same process, with n slots. */
static struct gsnap fresh_copy(const struct gsnap *s, uint32_t n)
{
	struct gsnap f;
	gsnap_init(&f, s->kind);
	f.pid = s->pid;
	f.when = s->when;
	f.exe = gsnap_str(&f, s->exe, strlen(s->exe));
	f.version = gsnap_str(&f, s->version, strlen(s->version));
	f.stripped = s->stripped;
	f.pie = s->pie;
	f.has_lines = s->has_lines;
	f.has_inline_info = s->has_inline_info;
	f.stats = s->stats;
	f.sched = s->sched;
	f.gc = s->gc;
	f.pause = s->pause;
	for (uint32_t i = 0; i < n && !f.oom; i++) {
		struct gsnap_g *gp = gsnap_add_g(&f);
		if (gp)
			gp->status = GSTATUS_DEAD;
	}
	return f;
}

/* Forgets all stacks but not how long goroutines have stood where they stand. */
static int start_over(struct liveview *v)
{
	struct gsnap *s = v->s, fresh = fresh_copy(s, v->n);
	struct gsnap_g *old = s->gs;
	v->src.close(v->rd);
	s->gs = NULL;
	gsnap_free(s);
	*s = fresh;
	v->rd = v->src.open(v->src.ctx, s);
	v->text = 0;
	if (v->rd && !s->oom) {
		for (v->nmoved = 0; v->nmoved < v->n; v->nmoved++)
			v->changed[v->nmoved] = v->nmoved;
		v->src.read(v->rd, v->addrs, v->changed, v->n);
		for (uint32_t i = 0; i < v->n; i++)
			if (earlier_wait(&s->gs[i], old[i].waitsince))
				s->gs[i].flags |= old[i].flags & GSNAP_G_AT_LEAST;
	}
	free(old);
	v->stack_limit = s->nstacks > v->min_stacks / 2 ? 2 * s->nstacks : v->min_stacks;
	return v->rd && !s->oom ? 0 : -ENOMEM;
}

struct liveview *view_open(const struct viewsource *src, struct gsnap *s, uint32_t stacks)
{
	struct liveview *v = calloc(1, sizeof *v);
	if (!v)
		return NULL;
	v->src = *src;
	v->s = s;
	v->min_stacks = v->stack_limit = stacks;
	v->rd = src->open(src->ctx, s);
	v->buffer = malloc(BUFFER);
	if (!v->rd || !v->buffer) {
		view_close(v);
		return NULL;
	}
	return v;
}

void view_close(struct liveview *v)
{
	if (!v)
		return;
	v->src.close(v->rd);
	free(v->addrs);
	free(v->seen);
	free(v->order);
	free(v->runs);
	free(v->changed);
	free(v->moved);
	free(v->buffer);
	free(v);
}

struct gsnap_g *view_slot(struct gsnap *s, uint32_t slot)
{
	struct gsnap_g *gp = &s->gs[slot];
	if (gp->stack < s->nstacks)
		s->stacks[gp->stack].count--;
	*gp = (struct gsnap_g){.waitsince = GSNAP_UNKNOWN,
		.reason = "",
		.stack = GSNAP_NONE,
		.created = GSNAP_NONE,
		.status = GSTATUS_DEAD};
	return gp;
}

int view_refresh(struct liveview *v, struct probe_view *out)
{
	bool first = v->n == 0;
	int err = read_new(v);
	if (err)
		return err;
	v->tick++;
	v->nmoved = 0;
	v->src.t->read_errno = 0;
	for (uint32_t next = 0; next < v->nruns;)
		look_at_some(v, &next);
	if (v->src.t->read_errno)
		return -v->src.t->read_errno;
	v->text += v->src.read(v->rd, v->moved, v->changed, v->nmoved);
	date_waits(v, first);
	out->renewed = v->s->nstacks > v->stack_limit || v->text > MAX_TEXT;
	if (out->renewed)
		err = start_over(v);
	out->changed = v->changed;
	out->nchanged = v->nmoved;
	return err ? err : v->s->oom ? -ENOMEM : 0;
}
