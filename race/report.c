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
#include <malloc.h>
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

#define MAX_PAIRS 4096 /* power of two */
#define ANSWER_MS 30000

struct pair {
	uint64_t a, b;
	uint32_t seen;
};

static struct {
	struct mutex lock;
	struct pair pairs[MAX_PAIRS];
	uint32_t npairs;
	_Atomic uint32_t count;
	int fd;     /* to the launcher, or -1 */
	int log_fd; /* where reports are printed; -1: not opened yet */
	bool ended;
	struct gort_finding finding;
} report = {.fd = -1, .log_fd = -1};

uint32_t report_count(void)
{
	return load_rlx(&report.count);
}

uint32_t report_exit_code(void)
{
	return options.exitcode;
}

void report_init(void)
{
	const char *fd = getenv(GORT_FINDING_FD_ENV);
	options_read();
	report.fd = -1;
	if (fd && *fd >= '0' && *fd <= '9')
		report.fd = atoi(fd);
}

void report_reset(void)
{
	store_rlx(&report.lock.key, 0);
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

/* True for a pair not met before. */
static bool new_pair(uint64_t a, uint64_t b, uint32_t *seen)
{
	uint64_t lo = a < b ? a : b, hi = a < b ? b : a;
	uint64_t i = (lo * HASH_MUL ^ hi) * HASH_MUL >> 40;
	for (;; i++) {
		struct pair *p = &report.pairs[i % MAX_PAIRS];
		if (p->seen && (p->a != lo || p->b != hi))
			continue;
		if (!p->seen && report.npairs >= MAX_PAIRS / 2)
			return false;
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
static void fill_stack(struct gort_finding_stack *s, uint32_t ctx, uint32_t mask)
{
	s->npcs = depot_get(ctx, mask, s->pcs, GORT_FINDING_PCS);
	if (s->npcs)
		s->pcs[0]--;
	if (s->npcs > 1 && s->npcs < GORT_FINDING_PCS)
		s->npcs--;
}

static struct gort_finding_stack *add_stack(struct gort_finding *f, enum gort_finding_role role)
{
	struct gort_finding_stack *s = &f->stacks[f->nstacks++];
	memset(s, 0, sizeof *s);
	s->role = role;
	return s;
}

static void fill_access(
	struct gort_finding_stack *s, const struct race *r, uint64_t tag, uint32_t ctx)
{
	const struct past *who = thread_past(tag_tid(tag), tag_epoch(tag));
	uint32_t mask = tag & TAG_MASK;
	fill_stack(s, ctx, r->mask);
	s->id = who ? who->uid : UINT32_MAX;
	s->tid = who ? who->ostid : 0;
	s->addr = r->addr + (uint32_t)__builtin_ctz(mask);
	s->size = (uint32_t)__builtin_popcount(mask);
	s->access = (tag & TAG_READ ? GORT_ACCESS_READ : GORT_ACCESS_WRITE) |
		    (tag & TAG_ATOMIC ? GORT_ACCESS_ATOMIC : 0);
}

static void fill_created(struct gort_finding *f, uint64_t tag)
{
	const struct past *who = thread_past(tag_tid(tag), tag_epoch(tag));
	if (!who || who->uid == 0)
		return;
	struct gort_finding_stack *s = add_stack(f, GORT_STACK_CREATED);
	fill_stack(s, who->ctx, TAG_MASK);
	s->id = who->uid;
	s->by = who->parent;
	s->tid = who->ostid;
}

static void fill_block(struct gort_finding *f, uintptr_t addr)
{
	struct block b;
	if (!block_find(addr, &b))
		return;
	size_t size = malloc_usable_size((void *)b.start);
	if (addr - b.start >= size)
		return;
	struct gort_finding_stack *s = add_stack(f, GORT_STACK_ALLOC);
	fill_stack(s, b.ctx, TAG_MASK);
	s->id = b.uid;
	s->addr = b.start;
	s->size = (uint32_t)size;
}

static void fill(struct gort_finding *f, const struct race *r, uint32_t seen)
{
	f->magic = GORT_FINDING_MAGIC;
	f->size = sizeof *f;
	f->kind = GORT_FINDING_RACE;
	f->nstacks = 0;
	f->pid = (int32_t)SYS3(SYS_getpid, 0, 0, 0);
	f->seen = seen;
	fill_access(add_stack(f, GORT_STACK_ACCESS), r, r->tag, r->ctx);
	fill_access(add_stack(f, GORT_STACK_PREVIOUS), r, r->old_tag, r->old_ctx);
	fill_created(f, r->tag);
	fill_created(f, r->old_tag);
	fill_block(f, f->stacks[0].addr);
}

/* False when nobody takes the record: the launcher is gone or does not answer. */
static bool send_finding(const struct gort_finding *f)
{
	struct pollfd pfd = {.fd = report.fd, .events = POLLIN};
	char answer;
	long n;
	do
		n = rawsyscall6(SYS_sendto, report.fd, (long)f, sizeof *f, MSG_NOSIGNAL, 0, 0);
	while (n == -EINTR);
	if (n != sizeof *f)
		return false;
	do
		n = SYS3(SYS_poll, &pfd, 1, ANSWER_MS);
	while (n == -EINTR);
	return n == 1 && SYS3(SYS_read, report.fd, &answer, 1) == 1;
}

static void tell(const struct gort_finding *f)
{
	if (report.fd >= 0) {
		if (send_finding(f))
			return;
		report.fd = -1;
	}
	if (report.log_fd < 0)
		report.log_fd = open_log();
	print_finding(report.log_fd, f);
}

void on_race(const struct race *r)
{
	uint64_t a = 0, b = 0;
	uint32_t seen;
	depot_get(r->ctx, r->mask, &a, 1);
	depot_get(r->old_ctx, r->mask, &b, 1);
	lock(&report.lock);
	if (new_pair(a, b, &seen) && load_rlx(&report.count) < options.report_limit) {
		xadd_rlx(&report.count, 1);
		fill(&report.finding, r, seen);
		tell(&report.finding);
		if (options.halt_on_error)
			sys_exit((int)options.exitcode);
	}
	unlock(&report.lock);
}

void report_end(void)
{
	if (!report_count() || report.fd >= 0 || report.ended)
		return;
	char text[64] = "", *p = text;
	report.ended = true;
	put_text(&p, text + sizeof text, "ThreadSanitizer: reported ");
	put_number(&p, text + sizeof text, report_count());
	put_text(&p, text + sizeof text, " warnings\n");
	sys_write(report.log_fd < 0 ? 2 : report.log_fd, text, (size_t)(p - text));
}
