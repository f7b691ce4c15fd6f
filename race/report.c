/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.c - the core's on_race() in the product.
 *
 * A race is known by its two leaf pcs, in either order. The finding is filled in a static buffer
 * under report.lock: nothing may be allocated here, the reporting thread may be inside malloc.
 *
 * The launcher answers each record with one byte when it has resolved the addresses; a launcher
 * that died or hangs delays the program at most ANSWER_MS once and is then left out.
 *
 * Lock order: report.lock (held while a report is written), then what depot and threads take.
 */
#include "builtins.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "access.h"
#include "heap.h"
#include "mem.h"
#include "options.h"
#include "report.h"
#include "sys.h"
#include "text.h"

#define MAX_PAIRS  4096 /* power of two */
#define ANSWER_MS  30000
#define MAX_BENIGN 1024

struct pair {
	uint64_t a, b;
	uint32_t seen;
};

static struct {
	struct mutex lock;
	_Atomic int32_t holder; /* the thread that has it; only it may rely on that */
	struct pair pairs[MAX_PAIRS];
	uint32_t npairs;
	_Atomic uint32_t count;
	int fd;     /* to the launcher, or -1 */
	int log_fd; /* where reports are printed; -1: not opened yet */
	bool ended;
	struct gort_finding finding;
	struct {
		uintptr_t lo, hi;
	} benign[MAX_BENIGN];
	_Atomic uint32_t nbenign;
} report = {.fd = -1, .log_fd = -1};

static void lock_report(void)
{
	lock(&report.lock);
	store_rlx(&report.holder, sys_gettid());
}

static void unlock_report(void)
{
	store_rlx(&report.holder, 0);
	unlock(&report.lock);
}

bool report_enter(void)
{
	if (load_rlx(&report.holder) == sys_gettid())
		return false;
	lock_report();
	return true;
}

void report_leave(void)
{
	unlock_report();
}

uint32_t report_count(void)
{
	return load_rlx(&report.count);
}

uint32_t report_exit_code(void)
{
	return options.exitcode;
}

void report_init(const char *const *names, uint32_t n)
{
	const char *fd = getenv(GORT_FINDING_FD_ENV);
	for (uint32_t i = 0; i < n; i++) {
		const char *text = getenv(names[i]);
		if (text)
			options_parse(text);
	}
	report.fd = -1;
	if (fd && *fd >= '0' && *fd <= '9')
		report.fd = (int)options_number(fd);
}

void report_hide(const char *text)
{
	static struct gort_suppressions s;
	size_t n = 0;
	while (text[n] && n < sizeof s.text)
		n++;
	if (report.fd < 0 || !n)
		return;
	s.magic = GORT_SUPPRESSIONS_MAGIC;
	s.size = (uint32_t)(offsetof(struct gort_suppressions, text) + n);
	race_memcpy(s.text, text, n);
	rawsyscall6(SYS_sendto, report.fd, (long)&s, s.size, MSG_NOSIGNAL, 0, 0);
}

void report_reset(void)
{
	store_rlx(&report.lock.key, 0);
	store_rlx(&report.holder, 0);
	store_rlx(&report.count, 0);
}

static void put_text(char **p, char *end, const char *s)
{
	while (*s && *p < end - 1)
		*(*p)++ = *s++;
	**p = '\0';
}

static void put_number(char **p, char *end, uint32_t n)
{
	char digits[12], *d = digits + sizeof digits - 1;
	*d = '\0';
	do
		*--d = (char)('0' + n % 10);
	while (n /= 10);
	put_text(p, end, d);
}

static int open_log(void)
{
	if (options.log_fd)
		return (int)options.log_fd;
	if (!options.log_path[0] || same_text(options.log_path, "stderr"))
		return 2;
	if (same_text(options.log_path, "stdout"))
		return 1;
	char path[sizeof options.log_path + 16], *p = path;
	put_text(&p, path + sizeof path, options.log_path);
	put_text(&p, path + sizeof path, ".");
	put_number(&p, path + sizeof path, (uint32_t)SYS3(SYS_getpid, 0, 0, 0));
	long fd = SYS3(SYS_open, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	return fd < 0 ? 2 : (int)fd;
}

/* Memory that was freed has become another thing behind our back. */
static bool is_reused(const struct race *r)
{
	if (tag_tid(r->old_tag) != FREED_TID)
		return false;
	lock(&report.lock);
	bool reused = front_module(r->addr);
	unlock(&report.lock);
	return reused;
}

/* True for a pair not met before; also when too many were met to know. */
static bool new_pair(uint64_t a, uint64_t b, uint32_t *seen)
{
	uint64_t lo = a < b ? a : b, hi = a < b ? b : a;
	uint64_t i = (lo * HASH_MUL ^ hi) * HASH_MUL >> 40;
	for (;; i++) {
		struct pair *p = &report.pairs[i % MAX_PAIRS];
		if (p->seen && (p->a != lo || p->b != hi))
			continue;
		*seen = 1;
		if (!p->seen && report.npairs >= MAX_PAIRS / 2)
			return true;
		report.npairs += !p->seen;
		*p = (struct pair){lo, hi, p->seen + 1};
		*seen = p->seen;
		return p->seen == 1;
	}
}

/*
 * The leaf is moved from behind the detector's entry into the call, so that its line is right. The
 * root is the code that called the first instrumented function: libc before main, or our thread
 * start.
 */
void report_stack(struct gort_finding_stack *s, uint32_t ctx, uint32_t mask)
{
	s->npcs = depot_get(ctx, mask, s->pcs, GORT_FINDING_PCS);
	if (s->npcs)
		s->pcs[0]--;
	if (s->npcs > 1 && s->npcs < GORT_FINDING_PCS)
		s->npcs--;
}

static void put_name(struct gort_finding_stack *s, const struct past *who)
{
	const char *name = who && who->name ? who->name : "";
	for (uint32_t i = 0; name[i] && i < sizeof s->name - 1; i++)
		s->name[i] = name[i];
}

/* Not __builtin_popcount: that calls libgcc, which Go's linker may not have. */
static uint32_t nbits(uint32_t mask)
{
	uint32_t n = 0;
	for (; mask; mask &= mask - 1)
		n++;
	return n;
}

static void put_who(struct gort_finding_stack *s, const struct past *who)
{
	s->id = who ? who->uid : UINT32_MAX;
	s->tid = who ? who->ostid : 0;
	put_name(s, who);
}

struct gort_finding_stack *report_add(
	struct gort_finding *f, uint32_t role, uint32_t ctx, const struct past *who)
{
	if (f->nstacks == GORT_FINDING_STACKS)
		return NULL;
	struct gort_finding_stack *s = &f->stacks[f->nstacks++];
	memset(s, 0, sizeof *s);
	s->role = role;
	report_stack(s, ctx, TAG_MASK);
	put_who(s, who);
	return s;
}

void report_created(struct gort_finding *f, const struct past *who)
{
	if (!who || who->uid <= front_main)
		return;
	for (uint32_t i = 0; i < f->nstacks; i++) {
		if (f->stacks[i].role == GORT_STACK_CREATED && f->stacks[i].id == who->uid)
			return;
	}
	struct gort_finding_stack *s = report_add(f, GORT_STACK_CREATED, who->ctx, who);
	if (s)
		s->by = who->parent;
}

uint64_t report_leaf(uint32_t ctx, uint32_t mask)
{
	uint64_t pc = 0;
	depot_get(ctx, mask, &pc, 1);
	return pc;
}

/*
 * Where in the program, as a number: all calls of memcpy() that race have the same leaf, which is
 * the detector's own. Not by the difference of the two alone: calls and functions lie at like
 * distances.
 */
static uint64_t place_of(uint32_t ctx, uint32_t mask)
{
	uint64_t pcs[2] = {0};
	depot_get(ctx, mask, pcs, 2);
	return front_own(pcs[0]) ? (pcs[0] * HASH_MUL ^ pcs[1]) * HASH_MUL : pcs[0];
}

static const struct past *who_did(uint64_t tag)
{
	if (tag_tid(tag) == FREED_TID)
		return thread_numbered(freed_by(tag));
	return thread_past(tag_tid(tag), tag_epoch(tag));
}

static void fill_access(
	struct gort_finding *f, uint32_t role, const struct race *r, uint64_t tag, uint32_t ctx)
{
	struct gort_finding_stack *s = report_add(f, role, 0, who_did(tag));
	uint32_t mask = tag & TAG_MASK;
	report_stack(s, ctx, r->mask);
	s->addr = r->addr + (uint32_t)__builtin_ctz(mask);
	s->size = nbits(mask);
	s->access = (tag & TAG_READ ? GORT_ACCESS_READ : GORT_ACCESS_WRITE) |
		    (tag & TAG_ATOMIC ? GORT_ACCESS_ATOMIC : 0);
}

void report_place(struct gort_finding *f, uintptr_t addr)
{
	uint32_t flags = 0;
	const struct past *owner = front_owner(addr, &flags);
	struct gort_finding_stack *s =
		report_add(f, owner ? GORT_STACK_OWNER : GORT_STACK_ALLOC, 0, owner);
	if (!s)
		return;
	if (owner) {
		s->flags = flags;
		return;
	}
	s->tid = 0;
	if (front_block(s, addr))
		report_created(f, thread_numbered((uint32_t)s->id));
	else
		f->nstacks--;
}

static struct gort_finding_stack *find_lock(struct gort_finding *f, uintptr_t addr)
{
	for (uint32_t i = 0; i < f->nstacks; i++) {
		if (f->stacks[i].role == GORT_STACK_LOCK && f->stacks[i].addr == addr)
			return &f->stacks[i];
	}
	struct gort_finding_stack *s =
		report_add(f, GORT_STACK_LOCK, front_lock_origin(addr), NULL);
	if (s)
		s->addr = addr;
	return s;
}

static void fill_locks(struct gort_finding *f, uint64_t tag, uint32_t flag)
{
	uintptr_t held[FRONT_LOCKS];
	if (tag_tid(tag) == FREED_TID)
		return;
	uint32_t n = front_held(who_did(tag), tag_epoch(tag), held);
	for (uint32_t i = 0; i < n; i++) {
		struct gort_finding_stack *s = find_lock(f, held[i] & ~(uintptr_t)FRONT_READER);
		if (s)
			s->flags |= held[i] & FRONT_READER ? flag | flag << GORT_LOCK_READER : flag;
	}
}

static void fill(struct gort_finding *f, const struct race *r)
{
	fill_access(f, GORT_STACK_ACCESS, r, r->tag, r->ctx);
	fill_access(f, GORT_STACK_PREVIOUS, r, r->old_tag, r->old_ctx);
	uint32_t slept = front_slept(r->old_tag);
	if (slept)
		report_add(f, GORT_STACK_SLEEP, slept, who_did(r->tag));
	fill_locks(f, r->tag, GORT_LOCK_ACCESS);
	fill_locks(f, r->old_tag, GORT_LOCK_PREVIOUS);
	report_created(f, who_did(r->tag));
	report_created(f, who_did(r->old_tag));
	report_place(f, f->stacks[0].addr);
}

size_t report_ask(const void *question, size_t size, void *answer, size_t max)
{
	struct pollfd pfd = {.fd = report.fd, .events = POLLIN};
	long n;
	if (report.fd < 0)
		return 0;
	do
		n = rawsyscall6(
			SYS_sendto, report.fd, (long)question, (long)size, MSG_NOSIGNAL, 0, 0);
	while (n == -EINTR);
	if (n == (long)size) {
		do
			n = SYS3(SYS_poll, &pfd, 1, ANSWER_MS);
		while (n == -EINTR);
		n = n == 1 ? SYS3(SYS_read, report.fd, answer, max) : 0;
	}
	if (n > 0)
		return (size_t)n;
	report.fd = -1; /* or a late answer would be taken for that of the next question */
	return 0;
}

int report_log(void)
{
	if (report.log_fd < 0)
		report.log_fd = open_log();
	return report.log_fd;
}

/* A launcher's own report goes where the launcher was told to. */
void report_log_to(const char *path)
{
	size_t n = 0;
	if (!path || !*path) /* of a runtime for -fsanitize=undefined that was given none */
		return;
	while (path[n] && n < sizeof options.log_path - 1)
		n++;
	race_memcpy(options.log_path, path, n);
	options.log_path[n] = '\0';
	report_log_on(-1);
	options.print |= !same_text(path, "stderr") && !same_text(path, "stdout");
}

void report_log_on(int fd)
{
	report.log_fd = fd;
	options.log_fd = 0;
}

static void print_here(const struct gort_finding *f)
{
	print_finding(report_log(), f);
}

static void tell(const struct gort_finding *f)
{
	char answer = 0;
	report_ask(f, f->size, &answer, 1);
	if (answer == GORT_ANSWER_SUPPRESSED) {
		xadd_rlx(&report.count, -1u);
		return;
	}
	if (!answer || options.print)
		print_here(f);
	front_reported(f);
}

/* Each kind is known by numbers of its own. */
struct gort_finding *report_open(uint32_t kind, uint64_t a, uint64_t b)
{
	struct gort_finding *f = &report.finding;
	uint64_t salt = kind == GORT_FINDING_RACE ? 0 : (uint64_t)kind << 56;
	lock_report();
	bool fresh = new_pair(a ^ salt, b ^ salt, &f->seen) || !options.suppress_equal_stacks;
	if (!fresh || load_rlx(&report.count) >= options.report_limit) {
		unlock_report();
		return NULL;
	}
	xadd_rlx(&report.count, 1);
	f->magic = GORT_FINDING_MAGIC;
	f->kind = kind;
	f->nstacks = 0;
	f->pid = (int32_t)SYS3(SYS_getpid, 0, 0, 0);
	return f;
}

void report_close(struct gort_finding *f)
{
	f->size = (uint32_t)offsetof(struct gort_finding, stacks[f->nstacks]);
	tell(f);
	if (options.halt_on_error && report_count())
		front_dies((int)options.exitcode);
	unlock_report();
}

void report_benign(uintptr_t addr, size_t n)
{
	lock(&report.lock);
	uint32_t i = load_rlx(&report.nbenign);
	if (i < MAX_BENIGN) {
		report.benign[i].lo = addr;
		report.benign[i].hi = addr + n;
		store_rel(&report.nbenign, i + 1); /* pairs with is_benign */
	}
	unlock(&report.lock);
}

static bool is_benign(const struct race *r)
{
	uintptr_t addr = r->addr + (uint32_t)__builtin_ctz(r->mask);
	for (uint32_t i = 0, n = load_acq(&report.nbenign); i < n; i++) {
		if (addr >= report.benign[i].lo && addr < report.benign[i].hi)
			return true;
	}
	return false;
}

void on_race(const struct race *r)
{
	if (is_benign(r) || !options.report_bugs)
		return;
	if (!options.report_atomic_races && (r->tag | r->old_tag) & TAG_ATOMIC)
		return;
	if (is_reused(r))
		return;
	uint64_t old = report_leaf(r->old_ctx, r->mask);
	bool freed = front_frees(old), vptr = r->t->in_vptr;
	uint32_t kind = freed ? (vptr ? GORT_FINDING_VPTR_FREED : GORT_FINDING_FREED)
			      : (vptr ? GORT_FINDING_VPTR : GORT_FINDING_RACE);
	struct gort_finding *f =
		report_open(kind, place_of(r->ctx, r->mask), place_of(r->old_ctx, r->mask));
	if (!f)
		return;
	fill(f, r);
	report_close(f);
}

/* Another thread may be telling of a race just now. It gets a second: it may wait for this one. */
static void wait_for_report(void)
{
	for (unsigned i = 0; i < 50000; i++) {
		if (trylock(&report.lock)) {
			unlock(&report.lock);
			return;
		}
		osyield_backoff(i);
	}
}

void report_end(void)
{
	wait_for_report();
	if (!report_count() || (report.fd >= 0 && !options.print) || report.ended)
		return;
	report.ended = true;
	print_total(report.log_fd < 0 ? 2 : report.log_fd, report_count());
}
