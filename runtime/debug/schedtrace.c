/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * schedtrace.c - GORT_DEBUG=schedtrace=MS[,scheddetail=1]: the scheduler's state on standard error,
 * in the lines of Go's proc.go schedtrace, so that what reads those reads these.
 *
 * Nothing is locked, unlike in Go: sysmon prints it, and must not stand in a full pipe with
 * sched.lock held; a dying program prints it too, perhaps with the lock held by itself. Each number
 * is right by itself, and Gs, Ms and Ps are never freed.
 *
 * What libgort does not have prints as what Go prints where nothing is going on: needspinning,
 * gcwaiting, mallocing and the like.
 */
#include "base/clock.h"
#include "debug.h"
#include "gview.h"
#include "options.h"
#include "print.h"
#include "sched/runtime2.h"

static void print_num(struct printer *o, const char *name, uint64_t v)
{
	print_str(o, name);
	print_dec(o, v);
}

static void print_flag(struct printer *o, const char *name, bool v)
{
	print_str(o, name);
	print_str(o, v ? "true" : "false");
}

/* The number of something that may be missing. */
static void print_id(struct printer *o, const char *name, bool there, uint64_t id)
{
	print_str(o, name);
	if (there)
		print_dec(o, id);
	else
		print_str(o, "nil");
}

static uint32_t queued(struct p *pp)
{
	uint32_t head = load_acq(&pp->runqhead), tail = load_acq(&pp->runqtail);
	return (int32_t)(tail - head) > 0 ? tail - head : 0;
}

static void trace_sched(struct printer *o, int64_t ms)
{
	print_num(o, "SCHED ", (uint64_t)ms);
	print_num(o, "ms: gomaxprocs=", (uint64_t)gomaxprocs);
	print_num(o, " idleprocs=", (uint64_t)load_rlx(&sched.npidle));
	print_num(o, " threads=", (uint64_t)sched.mnext);
	print_num(o, " spinningthreads=", (uint64_t)load_rlx(&sched.nmspinning));
	print_num(o, " needspinning=", 0);
	print_num(o, " idlethreads=", (uint64_t)sched.nmidle);
	print_num(o, " runqueue=", load_rlx(&sched.runqsize));
}

/* The rest of the one line that is printed without scheddetail. */
static void trace_queues(struct printer *o)
{
	print_str(o, " [");
	for (int32_t i = 0; i < gomaxprocs; i++)
		print_num(o, " ", queued(allp[i]));
	print_str(o, " ] schedticks=[");
	for (int32_t i = 0; i < gomaxprocs; i++)
		print_num(o, " ", load_rlx(&allp[i]->schedtick));
	print_str(o, " ]\n");
}

static void trace_p(struct printer *o, struct p *pp)
{
	struct m *mp = *(struct m *volatile *)&pp->m;
	print_num(o, "  P", (uint64_t)pp->id);
	print_num(o, ": status=", load_rlx(&pp->status));
	print_num(o, " schedtick=", load_rlx(&pp->schedtick));
	print_num(o, " syscalltick=", load_rlx(&pp->syscalltick));
	print_id(o, " m=", mp, mp ? (uint64_t)mp->id : 0);
	print_num(o, " runqsize=", queued(pp));
	print_num(o, " gfreecnt=", pp->gFree.n);
	print_num(o, " timerslen=", pp->timers.len);
	print_str(o, "\n");
}

static void trace_m(struct printer *o, struct m *mp, bool dying)
{
	struct p *pp = *(struct p *volatile *)&mp->p;
	struct g *gp = *(struct g *volatile *)&mp->curg;
	print_num(o, "  M", (uint64_t)mp->id);
	print_id(o, ": p=", pp, pp ? (uint64_t)pp->id : 0);
	print_id(o, " curg=", gp, gp ? gp->goid : 0);
	print_str(o, " mallocing=0 throwing=0 preemptoff= locks=0");
	print_num(o, " dying=", dying);
	print_flag(o, " spinning=", mp->spinning);
	print_flag(o, " blocked=", mp->blocked);
	print_id(o, " lockedg=", false, 0);
	print_str(o, "\n");
}

static void trace_g(struct printer *o, struct g *gp)
{
	struct m *mp = *(struct m *volatile *)&gp->m;
	uint8_t why = gp->waitreason;
	const char *reason = why < NWAITREASON ? waitReasonStrings[why] : NULL;
	if (!gp->goid)
		return; /* was never used */
	print_num(o, "  G", gp->goid);
	print_num(o, ": status=", readgstatus(gp));
	print_str(o, "(");
	print_str(o, reason ? reason : "unknown wait reason");
	print_id(o, ") m=", mp, mp ? (uint64_t)mp->id : 0);
	print_id(o, " lockedm=", false, 0);
	print_str(o, "\n");
}

static void trace_all(struct printer *o, const struct m *dying)
{
	print_flag(o, " gcwaiting=", load_rlx(&sched.gcwaiting));
	print_num(o, " nmidlelocked=", (uint64_t)sched.nmidlelocked);
	print_str(o, " stopwait=");
	print_dec(o, (uint64_t)load_rlx(&sched.stopwait));
	print_flag(o, " sysmonwait=", load_rlx(&sched.sysmonwait) != SYSMON_AWAKE);
	print_str(o, "\n");
	for (int32_t i = 0; i < gomaxprocs; i++)
		trace_p(o, allp[i]);
	for (struct m *mp = load_acq(&allm); mp; mp = mp->alllink)
		trace_m(o, mp, mp == dying);
	for (uint32_t i = 0, n = gview_count(); i < n; i++)
		trace_g(o, gview_at(i));
}

static void schedtrace(bool detailed, const struct m *dying)
{
	static int64_t starttime;
	struct printer out = {.fd = 2};
	int64_t now = nanotime();
	if (starttime == 0)
		starttime = now;
	trace_sched(&out, (now - starttime) / 1000000);
	if (detailed)
		trace_all(&out, dying);
	else
		trace_queues(&out);
	print_flush(&out);
}

void schedtracetick(int64_t now)
{
	static int64_t last;
	if (now - last < (int64_t)debug.schedtrace * 1000000)
		return;
	last = now;
	schedtrace(debug.scheddetail, NULL);
}

void schedtracedying(void)
{
	if (debug.schedtrace || debug.scheddetail)
		schedtrace(true, getm());
}
