/* SPDX-License-Identifier: BSD-2-Clause */
/* gview.c - see gview.h. */
#include "gort/snap.h"
#include "gview.h"
#include "sched/asm.h"
#include "sched/proc.h"
#include "sched/runtime2.h"

_Static_assert((int)_Grunning == (int)GSTATUS_RUNNING && (int)_Gwaiting == (int)GSTATUS_WAITING &&
		       (int)_Gdead == (int)GSTATUS_DEAD && (int)_Gleaked == (int)GSTATUS_LEAKED,
	"a snapshot's status is g.atomicstatus");

static bool waits(uint32_t status)
{
	return status == _Gwaiting || status == _Gleaked;
}

void gview_read(struct g *gp, struct gview *v)
{
	uint32_t status = readgstatus(gp);
	uint8_t why = gp->waitreason;
	*v = (struct gview){
		.gp = gp,
		.goid = gp->goid,
		.parent = gp->parentGoid,
		.status = status,
		.reason = "",
		.name = gp->name,
		.labels = load_acq(&gp->labels),
		.lo = gp->stack.lo,
		.hi = gp->stack.hi,
		.sp = load_acq(&gp->sched.sp),
		.gopc = gp->gopc,
		.startpc = gp->startpc,
		.system = gp->system,
	};
	if (waits(status)) {
		v->reason = why < NWAITREASON ? waitReasonStrings[why] : "";
		v->waitsince = gp->waitsince;
		v->waiton = (uintptr_t)gp->sudog.c;
	}
	struct m *mp = gp->m;
	if (mp && (status == _Grunning || status == _Gsyscall))
		v->tid = mp->procid;
	if (status == _Gsyscall) {
		v->sp = gp->syscallsp;
		v->syscallpc = gp->syscallpc;
		v->syscallbp = gp->syscallbp;
		v->unseen = mp && load_acq(&mp->gate) == GATE_TAKEN;
	}
}

uint32_t gview_count(void)
{
	return (uint32_t)load_acq(&allglen);
}

struct g *gview_at(uint32_t i)
{
	struct g **all = load_acq(&allgptr);
	return all ? all[i] : NULL;
}

/* It may run meanwhile, and have a sanitizer's guards there: they say nothing of this read. */
static __attribute__((no_sanitize("address"))) uint64_t saved(const struct gview *v, size_t offset)
{
	return *(const volatile uint64_t *)(v->sp + offset);
}

static void parked_regs(const struct gview *v, struct regs *regs)
{
	*regs = (struct regs){{
		[DW_RBX] = saved(v, SWITCH_FRAME_RBX),
		[DW_RBP] = saved(v, SWITCH_FRAME_RBP),
		[DW_RSP] = v->sp + SWITCH_FRAME_SIZE,
		[12] = saved(v, SWITCH_FRAME_R12),
		[13] = saved(v, SWITCH_FRAME_R13),
		[14] = saved(v, SWITCH_FRAME_R14),
		[15] = saved(v, SWITCH_FRAME_R15),
		[DW_RIP] = saved(v, SWITCH_FRAME_PC),
	}};
}

/* Only the kernel knows where it is: it may have gone on since its P was taken. */
static bool unseen_regs(const struct gview *v, struct regs *regs)
{
	struct asleep a;
	if (!v->tid || !threadasleep(v->tid, &a) || a.sp < v->lo || a.sp >= v->hi)
		return false;
	*regs = (struct regs){{[DW_RSP] = a.sp, [DW_RIP] = a.pc}};
	return true;
}

bool gview_regs(const struct gview *v, struct regs *regs)
{
	bool in_stack = v->sp >= v->lo && v->sp < v->hi && v->sp % 8 == 0 &&
			v->hi - v->sp >= SWITCH_FRAME_SIZE;
	if (!in_stack || v->status == _Grunning || v->status == _Gdead)
		return false;
	if (v->status != _Gsyscall) {
		parked_regs(v, regs);
		return true;
	}
	if (v->unseen)
		return unseen_regs(v, regs);
	*regs = (struct regs){{
		[DW_RBP] = v->syscallbp,
		[DW_RSP] = v->sp,
		[DW_RIP] = v->syscallpc,
	}};
	return v->syscallpc != 0;
}

bool gview_unmoved(const struct gview *v)
{
	struct gview now;
	atomic_thread_fence(memory_order_acquire);
	gview_read(v->gp, &now);
	return now.goid == v->goid && now.status == v->status && now.sp == v->sp &&
	       now.hi == v->hi && now.waitsince == v->waitsince;
}
