/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpuprof.c - the CPU profile: 100 times a second of its own CPU time each M gets a SIGPROF, whose
 * handler unwinds what it interrupted and counts the stack (Go's cpuprof.go, signal_unix.go).
 *
 * Each M has a timer on its thread's CPU clock (SIGEV_THREAD_ID): a process-wide ITIMER_PROF is
 * delivered to whichever thread the kernel likes and is only the fallback. Each M counts into its
 * own table, an arena of stacks with a hash index, so equal stacks cost memory once and a profile
 * may run for hours.
 *
 * Invariants:
 *  1. A table is written only by the handler on its own M, and read only after `running` was
 *     cleared and the M was seen outside its handler (`busy`): no lock, no lost update.
 *  2. Once taken, SIGPROF stays with our handler: a tick that is still pending when a profile ends
 *     must not meet the default action.
 *  3. Tables are never unmapped; the next profile clears and reuses them.
 *
 * Rejected: a ring a M, drained by a thread of its own. Counting in the handler takes about as long
 * as copying the stack out, and needs no thread that deadlock detection would have to know of.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include "base/clock.h"
#include "base/noptr.h"
#include "cpuprof.h"
#include "gort/debug.h"
#include "options.h"
#include "pprof/pprof.h"
#include "profile.h"
#include "sched/proc.h"
#include "snapshot.h"
#include "unwind.h"

#define PERIOD_NS    10000000
#define MAX_DEPTH    128u
#define MAX_MS       4096u
#define ARENA_WORDS  (2u << 20) /* 16 MiB of address space, touched as stacks come */
#define INDEX_SLOTS  (1u << 16)
#define INDEX_PROBES 64u

/* In the arena: count, number of pcs, pcs leaf first. */
enum { STACK_COUNT, STACK_N, STACK_PCS };

struct mprof {
	_Atomic uint32_t busy;
	_Atomic bool armed;
	int timer; /* kernel timer id */
	uint32_t used;
	uint64_t lost;               /* samples that found the tables full */
	uint32_t index[INDEX_SLOTS]; /* word in the arena, 0 = free */
	uint64_t arena[ARENA_WORDS];
};

static _Atomic bool running;
static atomic_flag changing = ATOMIC_FLAG_INIT;       /* start and stop exclude each other */
static struct mprof *_Atomic tables[MAX_MS] NOPTRBSS; /* by m.id */
static bool process_timer;
static char profile_path[4096] NOPTRBSS;
static int64_t started_mono, started_unix;

static bool same_stack(const uint64_t *entry, const uint64_t *pcs, uint32_t n)
{
	return entry[STACK_N] == n && !memcmp(entry + STACK_PCS, pcs, n * sizeof *pcs);
}

/* Counts one sample of a stack. Runs in the handler. */
static void count_stack(struct mprof *t, const uint64_t *pcs, uint32_t n)
{
	uint64_t hash = n;
	for (uint32_t i = 0; i < n; i++)
		hash = gsnap_mix(hash + pcs[i]);
	for (uint32_t probe = 0; probe < INDEX_PROBES; probe++) {
		uint32_t *slot = &t->index[(hash + probe) % INDEX_SLOTS];
		uint64_t *entry = &t->arena[*slot];
		if (*slot && !same_stack(entry, pcs, n))
			continue;
		if (!*slot) {
			if (ARENA_WORDS - t->used < STACK_PCS + n)
				break;
			entry = &t->arena[t->used];
			memcpy(entry + STACK_PCS, pcs, n * sizeof *pcs);
			entry[STACK_N] = n;
			*slot = t->used;
			t->used += STACK_PCS + n;
		}
		entry[STACK_COUNT]++;
		return;
	}
	t->lost++;
}

static void sample(struct mprof *t, const ucontext_t *uc)
{
	uint64_t pcs[MAX_DEPTH];
	struct unwinder u;
	struct regs regs;
	struct g *gp = getg();
	uint32_t n = 0;
	regs_of_ucontext(uc, &regs);
	unwind_init(&u, &regs, gp ? gp->stack.lo : 0, gp ? gp->stack.hi : 0, false);
	do {
		pcs[n] = u.regs.r[DW_RIP] - (n && u.callsite);
		n++;
	} while (n < MAX_DEPTH && unwind_next(&u));
	count_stack(t, pcs, n);
}

/* busy and running are ordered as in Dekker's algorithm: one of handler and stop sees the other. */
static void sigprof(int sig, siginfo_t *info, void *context)
{
	struct m *mp = getm();
	struct mprof *t = mp && mp->id < MAX_MS ? load_acq(&tables[mp->id]) : NULL;
	int saved = errno;
	(void)sig;
	(void)info;
	if (!t)
		return;
	store_sc(&t->busy, 1);
	if (load_sc(&running))
		sample(t, context);
	store_rel(&t->busy, 0);
	errno = saved;
}

static int take_sigprof(void)
{
	struct sigaction sa = {
		.sa_sigaction = sigprof, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
	struct sigaction old;
	if (sigaction(SIGPROF, NULL, &old))
		return -errno;
	if ((old.sa_flags & SA_SIGINFO) && old.sa_sigaction == sigprof)
		return 0;
	if ((old.sa_flags & SA_SIGINFO) || old.sa_handler != SIG_DFL)
		return -EBUSY;
	sigfillset(&sa.sa_mask);
	return sigaction(SIGPROF, &sa, NULL) ? -errno : 0;
}

/* The CPU clock of another thread of this process, as the kernel numbers them. */
static clockid_t thread_clock(int32_t tid)
{
	return (clockid_t)((~(uint32_t)tid << 3) | 6);
}

static int arm(struct mprof *t, int32_t tid)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
	/* Timers that start together would tick together: spread the first ticks. */
	struct itimerspec when = {
		.it_interval = {0, PERIOD_NS}, .it_value = {0, 1 + tid * 7919l % PERIOD_NS}};
	event._sigev_un._tid = tid;
	if (syscall(SYS_timer_create, thread_clock(tid), &event, &t->timer))
		return -errno;
	if (!syscall(SYS_timer_settime, t->timer, 0, &when, NULL))
		return 0;
	int err = -errno;
	syscall(SYS_timer_delete, t->timer);
	return err;
}

static struct mprof *table_of(const struct m *mp)
{
	struct mprof *t = load_acq(&tables[mp->id]);
	if (t)
		return t;
	t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t == MAP_FAILED)
		return NULL;
	t->used = 1;
	struct mprof *other = NULL;
	if (cas_acqrel(&tables[mp->id], &other, t))
		return t;
	munmap(t, sizeof *t);
	return other;
}

void cpuprofminit(struct m *mp)
{
	bool unarmed = false;
	if (!load_acq(&running) || mp->id >= MAX_MS || mp->sysm || !mp->procid)
		return;
	struct mprof *t = table_of(mp);
	if (!t || process_timer || !cas_acqrel(&t->armed, &unarmed, true))
		return;
	if (arm(t, mp->procid)) {
		struct itimerval it = {{0, PERIOD_NS / 1000}, {0, PERIOD_NS / 1000}};
		store_rel(&t->armed, false);
		process_timer = setitimer(ITIMER_PROF, &it, NULL) == 0;
	}
}

static void clear_tables(void)
{
	for (uint32_t i = 0; i < MAX_MS; i++) {
		struct mprof *t = load_acq(&tables[i]);
		if (!t)
			continue;
		memset(t->index, 0, sizeof t->index);
		memset(t->arena, 0, t->used * sizeof t->arena[0]);
		t->used = 1;
		t->lost = 0;
	}
}

static int64_t unix_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void finish_at_exit(void)
{
	int err = gort_cpuprofile_stop();
	if (err && err != -EINVAL)
		dprintf(2, "gort: cannot write the CPU profile %s: %s\n", profile_path,
			strerror(-err));
}

static int start(const char *path)
{
	static bool registered;
	if (load_rlx(&running))
		return -EBUSY;
	if ((size_t)snprintf(profile_path, sizeof profile_path, "%s", path) >= sizeof profile_path)
		return -ENAMETOOLONG;
	int err = take_sigprof();
	if (err)
		return err;
	if (!registered && atexit(finish_at_exit))
		return -ENOMEM;
	registered = true;
	modules_refresh();
	clear_tables();
	process_timer = false;
	started_mono = nanotime();
	started_unix = unix_now();
	store_sc(&running, true);
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		cpuprofminit(mp);
	return 0;
}

__attribute__((visibility("default"))) int gort_cpuprofile_start(const char *path)
{
	if (atomic_flag_test_and_set(&changing))
		return -EBUSY;
	int err = start(path);
	atomic_flag_clear(&changing);
	return err;
}

static void disarm(void)
{
	struct itimerval none = {0};
	store_sc(&running, false);
	if (process_timer)
		setitimer(ITIMER_PROF, &none, NULL);
	for (uint32_t i = 0; i < MAX_MS; i++) {
		struct mprof *t = load_acq(&tables[i]);
		if (!t)
			continue;
		if (load_acq(&t->armed))
			syscall(SYS_timer_delete, t->timer);
		store_rel(&t->armed, false);
		for (unsigned round = 0; load_sc(&t->busy); round++)
			osyield_backoff(round);
	}
}

/* Names come from the snapshot's table of locations; a pc in it is already inside its call. */
static uint64_t location(struct pprof *p, struct gsnap *s, uint64_t pc)
{
	uint32_t at = snap_location(s, pc, false);
	if (at == GSNAP_NONE)
		return 0;
	const struct gsnap_frame *f = &s->frames[s->locs[at].frame];
	struct pprof_line line = {f->func, f->file, f->line};
	return pprof_location(p, pc, &line, 1);
}

static void add_stack(struct pprof *p, struct gsnap *s, const uint64_t *entry)
{
	uint64_t ids[MAX_DEPTH];
	uint32_t n = 0;
	int64_t values[2] = {(int64_t)entry[STACK_COUNT], (int64_t)entry[STACK_COUNT] * PERIOD_NS};
	for (; n < entry[STACK_N]; n++)
		ids[n] = location(p, s, entry[STACK_PCS + n]);
	pprof_sample(p, ids, n, values, NULL, NULL);
}

static void add_lost(struct pprof *p, uint64_t lost)
{
	struct pprof_line line = {"gort.lostSamples", NULL, 0};
	int64_t values[2] = {(int64_t)lost, (int64_t)lost * PERIOD_NS};
	uint64_t id = pprof_location(p, 1, &line, 1);
	pprof_sample(p, &id, 1, values, NULL, NULL);
}

static void add_tables(struct pprof *p, struct gsnap *s)
{
	uint64_t lost = 0;
	for (uint32_t i = 0; i < MAX_MS; i++) {
		struct mprof *t = load_acq(&tables[i]);
		if (!t)
			continue;
		for (uint32_t at = 1; at < t->used;
			at += STACK_PCS + (uint32_t)t->arena[at + STACK_N])
			add_stack(p, s, &t->arena[at]);
		lost += t->lost;
	}
	if (lost)
		add_lost(p, lost);
}

static int stop(void)
{
	struct gsnap s;
	unsigned char *data = NULL;
	size_t len;
	if (!load_rlx(&running))
		return -EINVAL;
	disarm();
	modules_refresh();
	gsnap_init(&s, GSNAP_GORT);
	snap_modules(&s);
	struct pprof *p = pprof_new(PPROF_CPU, PERIOD_NS);
	int err = p ? 0 : -ENOMEM;
	if (p) {
		pprof_set_time(p, started_unix, nanotime() - started_mono);
		for (uint32_t i = 0; i < s.nmaps; i++)
			pprof_add_mapping(p, &s.maps[i]);
		add_tables(p, &s);
		err = pprof_encode(p, &data, &len);
	}
	if (!err)
		err = profile_write(profile_path, data, len);
	free(data);
	pprof_free(p);
	gsnap_free(&s);
	return err;
}

__attribute__((visibility("default"))) int gort_cpuprofile_stop(void)
{
	if (atomic_flag_test_and_set(&changing))
		return -EBUSY;
	int err = stop();
	atomic_flag_clear(&changing);
	return err;
}

void cpuprofinit(void)
{
	const char *path = options.cpuprofile;
	int err = path ? gort_cpuprofile_start(path) : 0;
	if (err)
		dprintf(2, "gort: cannot start the CPU profile %s: %s\n", path, strerror(-err));
}
