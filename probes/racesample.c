/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * racesample.c - see racesample.h. After Erickson, Musuvathi, Burckhardt and Olynyk, "Effective
 * Data-Race Detection for the Kernel" (OSDI 2010).
 *
 * While a thread stands right before an access it neither takes nor gives a lock. So an access of
 * the same bytes that another thread makes meanwhile is ordered with it by nothing, and if one of
 * the two writes they race. No other knowledge is needed, and nothing is wrong that is found, with
 * one exception: atomic loads and stores look like others in machine code. Locked instructions do
 * not, and are left out, as is the code of libc and of the loader, which has locks of its own kind.
 *
 * The cost is bounded: one thread stands for HOLD_NS at most, and each other thread takes at most
 * one trap.
 *
 * Rejected: single steps from where a thread happens to stand to the next access. Each is a trap
 * that kills the program if gort is killed before it.
 */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include "cunwind.h"
#include "operand.h"
#include "pause.h"
#include "racesample.h"
#include "watchpoint.h"

#define HOLD_NS    INT64_C(2000000)
#define MAX_WATCH  64 /* threads watched at once */
#define MAX_CODE   16
#define STACK_COPY WATCH_STACK

struct race_sampler {
	struct target t;
	struct modules *ms;
	struct cunwind *unwind;
	uint64_t addresses;
	uint64_t random;

	/* Of the thread that is held. */
	pid_t tid;
	pid_t *tids;
	size_t ntids;
	struct operand op;
	struct user_regs_struct regs;
	bool at_access;
	uint8_t stack[STACK_COPY];
	size_t stack_len;
	struct watch watches[MAX_WATCH];
	pid_t watched[MAX_WATCH];
	size_t nwatches;
};

static uint64_t rnd(struct race_sampler *s, uint64_t n)
{
	s->random = s->random * 6364136223846793005u + 1442695040888963407u;
	return (s->random >> 33) % n;
}

/* ---- the thread that is held ---- */

/* Code whose accesses say nothing about the program's. */
static bool is_system(struct race_sampler *s, uint64_t pc)
{
	static const char *const names[] = {
		"libc.so", "libc-2", "ld-linux", "ld-2", "libpthread", "libgort", "[v"};
	struct module *m = modules_at(s->ms, pc);
	if (!m && modules_refresh(s->ms))
		m = modules_at(s->ms, pc);
	for (size_t i = 0; m && i < sizeof names / sizeof *names; i++)
		if (!strncmp(m->name, names[i], strlen(names[i])))
			return true;
	return !m;
}

/* The instruction it stands before is an access that counts. */
static bool find_access(struct race_sampler *s)
{
	unsigned char code[MAX_CODE];
	return !ptrace(PTRACE_GETREGS, s->tid, NULL, &s->regs) &&
	       (int64_t)s->regs.orig_rax < 0 && /* not in a system call */
	       target_read(&s->t, s->regs.rip, code, sizeof code) &&
	       operand_of(&s->op, code, sizeof code, &s->regs) && !is_system(s, s->regs.rip);
}

/* What a watchpoint can watch of it: a power of two of bytes, aligned. */
static uint32_t watched_size(const struct operand *op)
{
	uint32_t n = op->size > 8 ? 8 : op->size;
	while (n & (n - 1) || op->addr & (n - 1))
		n--;
	return n;
}

static void watch_others(struct race_sampler *s)
{
	s->nwatches = 0;
	for (size_t i = 0; i < s->ntids && s->nwatches < MAX_WATCH; i++) {
		pid_t tid = s->tids[i];
		if (tid == s->tid || watch_begin(&s->watches[s->nwatches], tid, s->op.addr,
					     watched_size(&s->op), s->op.write))
			continue;
		s->watched[s->nwatches++] = tid;
	}
}

static void wait_for_hit(const struct race_sampler *s)
{
	const struct timespec hold = {0, HOLD_NS};
	struct pollfd fds[MAX_WATCH];
	for (size_t i = 0; i < s->nwatches; i++)
		fds[i] = (struct pollfd){.fd = s->watches[i].fd, .events = POLLIN};
	ppoll(fds, s->nwatches, &hold, NULL);
}

/* Called in the tracing thread, while the other stands. */
static void look(void *ctx, uint64_t pc, uint64_t sp)
{
	struct race_sampler *s = ctx;
	(void)pc;
	(void)sp;
	s->at_access = find_access(s);
	if (!s->at_access)
		return;
	watch_others(s);
	s->stack_len = STACK_COPY;
	while (s->stack_len && !target_read(&s->t, s->regs.rsp, s->stack, s->stack_len))
		s->stack_len /= 2;
	wait_for_hit(s);
}

/* ---- what was found ---- */

static void unwind(struct race_sampler *s, struct race_access *a, struct cregs *regs,
	const uint8_t *stack, size_t len)
{
	struct cframe frames[RACE_SAMPLE_PCS];
	uint64_t sp = regs->r[CREG_RSP];
	struct cstack st = {.lo = sp, .hi = sp + len, .base = sp, .copy = stack, .len = len};
	size_t n = 0;
	modules_refresh(s->ms);
	cunwind_stack(s->unwind, regs, false, &st, frames, RACE_SAMPLE_PCS, &n);
	for (size_t i = 0; i < n; i++)
		a->pcs[i] = frames[i].pc;
	a->npcs = (uint32_t)n;
}

static void describe(const struct race_sampler *s, struct race_access *a, pid_t tid, bool write)
{
	char path[160];
	*a = (struct race_access){
		.tid = tid, .addr = s->op.addr, .size = s->op.size, .write = write};
	snprintf(path, sizeof path, "%s/%d/task/%d/comm", s->t.proc, s->t.pid, tid);
	FILE *f = fopen(path, "re");
	if (f && fgets(a->name, sizeof a->name, f))
		a->name[strcspn(a->name, "\n")] = '\0';
	if (f)
		fclose(f);
}

static void describe_held(struct race_sampler *s, struct race_access *a)
{
	struct cregs regs = {0};
	describe(s, a, s->tid, s->op.write);
	regs.r[CREG_RBX] = s->regs.rbx;
	regs.r[CREG_RBP] = s->regs.rbp;
	regs.r[CREG_RSP] = s->regs.rsp;
	regs.r[CREG_R12] = s->regs.r12;
	regs.r[CREG_RA] = s->regs.rip;
	unwind(s, a, &regs, s->stack, s->stack_len);
}

/*
 * The trap comes after the access: the pc is that of the next instruction, and only what was before
 * it tells whether it was a write. Of a watch for writes alone it was.
 */
static bool describe_other(
	struct race_sampler *s, struct race_access *a, pid_t tid, const struct watch_hit *hit)
{
	unsigned char code[MAX_CODE];
	struct cregs regs = {0};
	if (!target_read(&s->t, hit->pc - sizeof code, code, sizeof code) ||
		operand_locked(code, sizeof code))
		return false;
	describe(s, a, tid, !s->op.write || operand_writes(code, sizeof code));
	regs.r[CREG_RBP] = hit->bp;
	regs.r[CREG_RSP] = hit->sp;
	regs.r[CREG_RA] = hit->pc;
	unwind(s, a, &regs, hit->stack, hit->stack_len);
	if (a->npcs)
		a->pcs[0]--; /* inside the instruction that made the access */
	return a->npcs > 0;
}

static bool end_watches(struct race_sampler *s, struct race_access *other)
{
	static struct watch_hit hit;
	bool found = false;
	for (size_t i = 0; i < s->nwatches; i++)
		if (watch_end(&s->watches[i], &hit) && !found)
			found = describe_other(s, other, s->watched[i], &hit);
	s->nwatches = 0;
	return found;
}

/* ---- the choice of a thread ---- */

static bool is_running(const struct race_sampler *s, pid_t tid)
{
	char path[160], line[512];
	snprintf(path, sizeof path, "%s/%d/task/%d/stat", s->t.proc, s->t.pid, tid);
	FILE *f = fopen(path, "re");
	const char *end = f && fgets(line, sizeof line, f) ? strrchr(line, ')') : NULL;
	if (f)
		fclose(f);
	return end && end[1] == ' ' && end[2] == 'R';
}

#define CHOICES 8

/* One that is in no system call, as far as can be told: 0 when none of some was. */
static pid_t choose(struct race_sampler *s)
{
	for (int i = 0; i < CHOICES; i++) {
		pid_t tid = s->tids[rnd(s, s->ntids)];
		if (is_running(s, tid))
			return tid;
	}
	return 0;
}

bool race_sampler_try(struct race_sampler *s, struct race_access *held, struct race_access *other)
{
	int64_t ns;
	bool found = false;
	s->ntids = target_threads(&s->t, &s->tids);
	s->at_access = false;
	s->tid = s->ntids > 1 ? choose(s) : 0;
	if (s->tid && !pause_thread(s->tid, HOLD_NS, look, s, &ns) && s->at_access) {
		s->addresses++;
		found = end_watches(s, other);
	}
	if (found)
		describe_held(s, held);
	if (s->ntids)
		free(s->tids);
	return found;
}

uint64_t race_sampler_addresses(const struct race_sampler *s)
{
	return s->addresses;
}

int race_sampler_possible(void)
{
	return watch_possible();
}

int race_sampler_open(struct race_sampler **out, pid_t pid)
{
	struct race_sampler *s = calloc(1, sizeof *s);
	if (!s)
		return -ENOMEM;
	target_init(&s->t, pid, "/proc");
	s->random = (uint64_t)pid;
	s->ms = modules_open(&s->t);
	s->unwind = s->ms ? cunwind_new(s->ms) : NULL;
	*out = s;
	if (s->unwind)
		return 0;
	race_sampler_close(s);
	return -ENOMEM;
}

void race_sampler_close(struct race_sampler *s)
{
	if (!s)
		return;
	cunwind_free(s->unwind);
	modules_close(s->ms);
	target_fini(&s->t);
	free(s);
}
