/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortcopy.c - the goroutines of a program on libgort with their stacks, as its own collector looks
 * at them (runtime/mem/mgcstack.c): from the stack pointer up, with struct gcold above the stack.
 *
 * A goroutine that runs, or runs the program's code between gort_blocking_begin and _end, has no
 * stack pointer that is known here: all of its stack is copied, what is left over below it too.
 */
#include "gocopy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "gortread.h"
#include "gowait.h"

#define BATCH     512
#define MAX_GS    (1u << 24)
#define MAX_G     4096
#define MAX_STACK (1ull << 30)
#define MAX_CASES 65536
#define PAGE      4096u

/* Where what this file reads lies. */
struct places {
	const struct gortread *r;
	struct member words, labels, waitelem, system; /* of struct g */
	struct member defer, protect, panic, saved, savedsp, blocking, cases, ncases;
	struct member case_c, case_kind;
	uint64_t g_size, cold_size, case_size, after;
};

static struct member member_of(const struct gortread *r, const char *name, uint64_t within)
{
	struct member m = glayout_member(&r->abi, name);
	return m.offset + m.size <= within ? m : (struct member){0, 0};
}

static uint64_t number(const struct gortread *r, const char *name, enum gort_abi_what what)
{
	const struct gort_abi_entry *e = gortabi_find(&r->abi, name, what);
	return e ? e->value : 0;
}

static bool find_places(const struct gortread *r, struct places *p)
{
	*p = (struct places){.r = r,
		.g_size = number(r, "g.size", GORT_ABI_SIZE),
		.cold_size = number(r, "gcold.size", GORT_ABI_SIZE),
		.case_size = number(r, "gort_case.size", GORT_ABI_SIZE),
		.after = number(r, "GORT_CASE_AFTER", GORT_ABI_CONST)};
	if (p->g_size > MAX_G || p->cold_size > MAX_G || p->case_size > MAX_G)
		return false;
	p->words = member_of(r, "g.words", p->g_size);
	p->labels = member_of(r, "g.labels", p->g_size);
	p->waitelem = member_of(r, "g.waitelem", p->g_size);
	p->system = member_of(r, "g.system", p->g_size);
	p->defer
	= member_of(r, "gcold._defer", p->cold_size);
	p->protect = member_of(r, "gcold._protect", p->cold_size);
	p->panic = member_of(r, "gcold._panic", p->cold_size);
	p->saved = member_of(r, "gcold.saved", p->cold_size);
	p->savedsp = member_of(r, "gcold.savedsp", p->cold_size);
	p->blocking = member_of(r, "gcold.blocking", p->cold_size);
	p->cases = member_of(r, "gcold.cases", p->cold_size);
	p->ncases = member_of(r, "gcold.ncases", p->cold_size);
	p->case_c = member_of(r, "gort_case.c", p->case_size);
	p->case_kind = member_of(r, "gort_case.kind", p->case_size);
	for (int i = 0; i < G_MEMBERS; i++)
		if (r->lay.g[i].offset + r->lay.g[i].size > p->g_size)
			return false;
	return p->defer
	.size && p->protect.size && p->panic.size && p->saved.size && p->words.size &&
		p->waitelem.size && p->system.size && p->savedsp.size && p->blocking.size &&
		p->cases.size && p->ncases.size && p->case_c.size && p->case_kind.size && p->after;
}

static uint64_t get(const uint8_t *raw, struct member m)
{
	return m.size ? member_get(raw, 0, m) : 0;
}

static bool alive(uint64_t status)
{
	return status != GSTATUS_IDLE && status != GSTATUS_DEAD && status != GSTATUS_DEADEXTRA &&
	       status <= GSTATUS_DEADEXTRA;
}

/* ---- one goroutine ---- */

/* Of one that is in a system call, 0 when it may run the program's code meanwhile. */
static uint64_t syscall_sp(const struct places *p, uint64_t hi)
{
	uint8_t cold[MAX_G];
	if (!tmem_read(&p->r->mem, (taddr){hi}, cold, p->cold_size) || get(cold, p->blocking))
		return 0;
	return get(cold, p->savedsp);
}

static void place_stack(const struct places *p, const uint8_t *raw, struct gocopy *c)
{
	const struct member *g = p->r->lay.g;
	uint64_t top = get(raw, g[G_HI]);
	c->lo = get(raw, g[G_LO]);
	if (!top)
		return;
	c->sp = get(raw, g[G_SP]);
	if (!c->sp && c->status == GSTATUS_SYSCALL) {
		c->syscall = true;
		c->sp = syscall_sp(p, top);
	}
	c->sp = c->sp >= c->lo && c->sp < top ? c->sp : 0;
	c->base = c->sp ? c->sp & ~7ull : c->lo;
	c->cold = (uint32_t)p->cold_size;
	c->hi = top + p->cold_size;
	c->len = c->hi > c->base && c->hi - c->base < MAX_STACK ? c->hi - c->base : 0;
}

static enum gowait kind_of(const struct places *p, const uint8_t *raw, const struct gocopy *c)
{
	if (c->status != GSTATUS_WAITING || get(raw, p->system) || c->reason >= p->r->nreasons)
		return GOWAIT_OTHER;
	const char *text = p->r->reasons[c->reason];
	return strcmp(text, "semacquire") ? gowait_of(text) : GOWAIT_LOCK;
}

/*
 * One of the runtime's own that waits for work holds nothing of the program, but its stack may be
 * another's, who has left pointers on it.
 */
static bool is_idle(const struct places *p, const uint8_t *raw, const struct gocopy *c)
{
	static const char *const reasons[] = {
		"GC sweep wait", "GC worker (idle)", "finalizer wait"};
	if (c->status != GSTATUS_WAITING || !get(raw, p->system) || c->reason >= p->r->nreasons)
		return false;
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (!strcmp(p->r->reasons[c->reason], reasons[i]))
			return true;
	return false;
}

static bool decode(const struct places *p, uint64_t addr, const uint8_t *raw, struct gocopy *c)
{
	const struct member *g = p->r->lay.g;
	uint64_t status = get(raw, g[G_STATUS]), chan = get(raw, g[G_WAITON]);
	*c = (struct gocopy){.addr = addr,
		.goid = get(raw, g[G_GOID]),
		.status = (uint32_t)(status == GSTATUS_LEAKED ? GSTATUS_WAITING : status),
		.reason = (uint8_t)get(raw, g[G_WAITREASON])};
	if (!alive(status))
		return false;
	c->kind = (uint8_t)kind_of(p, raw, c);
	size_t n = p->words.size < 8 * (GORT_NREFS - 1) ? p->words.size : 8 * (GORT_NREFS - 1);
	/* Who sleeps, waits for the network or is in a system call has no sudog but an old one. */
	bool waiting = c->status == GSTATUS_WAITING;
	if (waiting ? c->kind != GOWAIT_OTHER : c->status != GSTATUS_SYSCALL)
		memcpy(c->refs, raw + p->words.offset, n);
	c->refs[GORT_NREFS - 1] = get(raw, p->labels);
	if (!is_idle(p, raw, c))
		place_stack(p, raw, c);
	if (c->kind == GOWAIT_CHAN || c->kind == GOWAIT_LOCK || c->kind == GOWAIT_COND)
		c->waiting = chan ? chan : get(raw, p->waitelem);
	return true;
}

/*
 * Not all of it: what it has of timers and selects outlives them and the goroutine, and the
 * registers are those of the last system call.
 */
size_t gortcopy_cold(const struct gortread *r, const struct gocopy *c, uint64_t *out)
{
	struct places p;
	if (!c->stack || !find_places(r, &p) || c->len < p.cold_size)
		return 0;
	const uint8_t *cold = c->stack + c->len - p.cold_size;
	out[0] = get(cold, p.defer);
	out[1] = get(cold, p.protect);
	out[2] = get(cold, p.panic);
	if (!c->syscall)
		return 3;
	size_t n = p.saved.size < 8 * (GORT_NCOLD - 3) ? p.saved.size : 8 * (GORT_NCOLD - 3);
	memcpy(out + 3, cold + p.saved.offset, n);
	return 3 + n / 8;
}

/* ---- selects ---- */

/* n bytes at an address: of the goroutine's own stack, as a rule. */
static bool read_near(
	const struct gortread *r, const struct gocopy *c, uint64_t at, void *to, size_t n)
{
	bool own = c->stack && at >= c->base && at < c->hi && n <= c->hi - at;
	if (own)
		memcpy(to, c->stack + (at - c->base), n);
	return own || tmem_read(&r->mem, (taddr){at}, to, n);
}

bool gortcopy_case(
	const struct gortread *r, const struct gocopy *c, uint64_t i, uint64_t *chan, bool *timed)
{
	struct places p;
	uint8_t raw[MAX_G];
	if (!find_places(r, &p) || !read_near(r, c, c->cases + i * p.case_size, raw, p.case_size))
		return false;
	*chan = get(raw, p.case_c);
	*timed = get(raw, p.case_kind) == p.after;
	return true;
}

/* One with a timeout, which will come, waits for nobody. */
static void look_at_select(const struct places *p, struct gocopy *c)
{
	uint64_t chan;
	bool timed = true;
	uint8_t cold[MAX_G];
	if (!read_near(p->r, c, c->hi - p->cold_size, cold, p->cold_size))
		return;
	c->cases = get(cold, p->cases);
	c->ncases = get(cold, p->ncases);
	if (c->ncases > MAX_CASES)
		c->kind = GOWAIT_OTHER;
	for (uint64_t i = 0; c->kind != GOWAIT_OTHER && i < c->ncases; i++)
		if (!gortcopy_case(p->r, c, i, &chan, &timed) || timed)
			c->kind = GOWAIT_OTHER;
}

static bool in_select(const struct gortread *r, const struct gocopy *c)
{
	return c->kind == GOWAIT_CHAN && !strcmp(r->reasons[c->reason], "select");
}

/* ---- all ---- */

/* What of a stack can be read from its top down; of an opened part of a reserved one. */
static void read_tail(const struct gortread *r, struct gocopy *c, uint8_t *slot)
{
	uint64_t from = c->hi;
	while (from > c->base) {
		uint64_t next = (from - 1) & ~(uint64_t)(PAGE - 1);
		next = next < c->base ? c->base : next;
		if (!tmem_read(&r->mem, (taddr){next}, slot + (next - c->base), from - next))
			break;
		from = next;
	}
	c->stack = slot + (from - c->base);
	c->len = c->hi - from;
	c->base = from;
}

static void mend_stacks(const struct gortread *r, struct gocopies *out)
{
	uint8_t *slot = out->arena;
	for (size_t i = 0; i < out->n; i++) {
		struct gocopy *c = &out->v[i];
		size_t len = c->len;
		if (len && !c->stack)
			read_tail(r, c, slot);
		slot += len;
	}
}

static void read_batch(const struct places *p, struct gocopies *out, size_t from, uint8_t *raw)
{
	struct tmem_read_at reads[BATCH];
	size_t n = out->nallgs - from < BATCH ? out->nallgs - from : BATCH;
	for (size_t i = 0; i < n; i++)
		reads[i] = (struct tmem_read_at){
			.at = {out->allgs[from + i]}, .buf = raw + i * p->g_size, .len = p->g_size};
	p->r->mem.readv(p->r->mem.ctx, reads, n);
	for (size_t i = 0; i < n; i++) {
		out->lost += !reads[i].ok;
		if (reads[i].ok && decode(p, out->allgs[from + i], reads[i].buf, &out->v[out->n]))
			out->n++;
	}
}

static int read_list(const struct gortread *r, struct gocopies *out)
{
	uint64_t list = 0, n = 0;
	const struct variable *len = &r->lay.var[V_ALLGLEN], *ptr = &r->lay.var[V_ALLGPTR];
	if (len->size != sizeof n || ptr->size != sizeof list ||
		!tmem_read(&r->mem, len->at, &n, sizeof n) ||
		!tmem_read(&r->mem, ptr->at, &list, sizeof list))
		return -EFAULT;
	if (n > MAX_GS || n * sizeof *out->allgs > tmem_size(&r->mem))
		return -EPROTO;
	out->nallgs = n;
	out->allgs = malloc((n + 1) * sizeof *out->allgs);
	out->v = malloc((n + 1) * sizeof *out->v);
	if (!out->allgs || !out->v)
		return -ENOMEM;
	return !n || tmem_read(&r->mem, (taddr){list}, out->allgs, n * sizeof *out->allgs)
		       ? 0
		       : -EFAULT;
}

int gortcopies_read(const struct gortread *r, struct gocopies *out)
{
	struct places p;
	*out = (struct gocopies){0};
	if (!find_places(r, &p))
		return -ENOTSUP;
	int err = read_list(r, out);
	uint8_t *raw = malloc(BATCH * p.g_size);
	if (!err && !raw)
		err = -ENOMEM;
	for (size_t from = 0; !err && from < out->nallgs; from += BATCH)
		read_batch(&p, out, from, raw);
	free(raw);
	if (!err)
		err = gocopies_read_stacks(&r->mem, out);
	if (err)
		return err;
	mend_stacks(r, out);
	for (size_t i = 0; i < out->n; i++)
		if (in_select(r, &out->v[i]))
			look_at_select(&p, &out->v[i]);
	return 0;
}
