/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mgclimit.c - no more than half of the CPU time for collecting (Go's mgclimit.go).
 *
 * A program that needs more than its memory limit would do nothing but collect. So there is a
 * bucket, which the CPU time of collecting fills and that of everybody else drains. It holds a
 * second for each P. While it is full nobody marks who has something else to do, and workers keep
 * to their quarter. In mode stw, where a cycle cannot be divided, the next one has to fit into the
 * bucket, or the bucket has to be empty; and only for cycles that the limit asks for, as others
 * become rarer by themselves when the heap grows.
 *
 * All of it is CPU time, so an idle P drains nothing, and a machine that others use makes neither
 * side look busier. The program's is that of the process but for what marking took. A stop costs as
 * many CPUs as the program used since the last look.
 *
 * Rejected: Go's bookkeeping of the idle time of each P, which a C program's other threads escape.
 */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "mem/mgc.h"
#include "sched/cgroup.h"

#define CAPACITY_NS ((int64_t)1000000000) /* for each P */
#define PERIOD_NS   10000000              /* between two looks of those who mark */

static struct {
	_Atomic int64_t marked, idle, stopped; /* ns since the last look */
	_Atomic int64_t at;                    /* when that was */
	_Atomic bool full;
	_Atomic bool looking; /* guards the rest */
	int64_t cpu;          /* of the process, then */
	int64_t fill;
} limit;

static int64_t clockof(clockid_t clock)
{
	struct timespec ts;
	rawsyscall(SYS_clock_gettime, clock, (long)&ts, 0, 0);
	return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t limitclock(void)
{
	return clockof(CLOCK_THREAD_CPUTIME_ID);
}

static int64_t capacity(void)
{
	return CAPACITY_NS * gomaxprocs;
}

/* CPUs that the program used while it ran. */
static double parallelism(int64_t used, int64_t wall)
{
	double n = wall > 0 ? (double)used / (double)wall : 1;
	return n < 1 ? 1 : n > gomaxprocs ? gomaxprocs : n;
}

/* With limit.looking. */
static void pour(int64_t now)
{
	int64_t cpu = clockof(CLOCK_PROCESS_CPUTIME_ID), marked = xchg_acqrel(&limit.marked, 0);
	int64_t idle = xchg_acqrel(&limit.idle, 0), stopped = xchg_acqrel(&limit.stopped, 0);
	int64_t used = cpu - limit.cpu - marked - idle - stopped;
	if (used < 0)
		used = 0;
	double lost = (double)stopped * parallelism(used, now - load_rlx(&limit.at) - stopped);
	limit.fill += marked + (int64_t)lost - used;
	if (limit.fill < 0)
		limit.fill = 0;
	limit.cpu = cpu;
	store_rlx(&limit.at, now);
	store_rlx(&limit.full, limit.fill >= capacity());
}

static void look(int64_t now)
{
	if (xchg_acqrel(&limit.looking, true))
		return;
	pour(now);
	store_rel(&limit.looking, false);
}

static void lookiflate(void)
{
	int64_t now = nanotime();
	if (now - load_rlx(&limit.at) > PERIOD_NS)
		look(now);
}

int64_t limitstopped(int64_t since)
{
	int64_t ns = limitclock() - since;
	xadd_rlx(&limit.stopped, ns);
	lookiflate();
	return ns;
}

void limitmarked(int64_t since, bool idle)
{
	xadd_rlx(idle ? &limit.idle : &limit.marked, limitclock() - since);
	lookiflate();
}

bool limitreached(void)
{
	return load_rlx(&limit.full);
}

bool limitallows(int64_t ns)
{
	look(nanotime());
	int64_t fill = *(volatile int64_t *)&limit.fill;
	return fill == 0 || fill + ns * gomaxprocs <= capacity();
}

/* ---- which limit to have ---- */

#define ADVISED 0.9 /* of what the control group allows: the rest is for memory that is not ours */
#define MIB     (1 << 20)

void limitadvise(const char *root)
{
	int64_t allowed = cgroupmemory(root);
	int64_t machine = (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	if (load_rlx(&gcpace.limit) != INT64_MAX || allowed >= machine)
		return;
	dprintf(2, "gort: the control group has %ld MiB and no GOMEMLIMIT is set: try %ldMiB\n",
		(long)(allowed / MIB), (long)((double)allowed * ADVISED / MIB));
}
