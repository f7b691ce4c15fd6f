/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * abi.c - section ".gort.abi": where an outside reader finds the scheduler's structures.
 *
 * README.md lists the names. They are Go's, and they stay when a structure changes; what disappears
 * from the runtime disappears from the table, and a reader then does without. The section survives
 * --gc-sections ("retain"), stripping, and a static link: debuginit() is here so that the linker
 * takes this file out of libgort.a.
 */
#include "gort/abi.h"
#include "cpuprof.h"
#include "debug.h"
#include "lang/panic.h"
#include "gort/mem.h"
#include "mem/mgc.h"
#include "mem/mheap.h"
#include "mem/mprof.h"
#include "mem/mroot.h"
#include "mem/mspecial.h"
#include "module.h"
#include "options.h"
#include "sched/asm.h"
#include "sched/proflabel.h"
#include "sched/race.h"
#include "sched/runq.h"
#include "sched/runtime2.h"
#include "sched/signal_linux.h"
#include "sched/text.h"
#include "sync/chan.h"
#include "sync/mutex.h"
#include "sync/pool.h"
#include "sync/sync_map.h"

#define MEMBER(type, field)                                                                      \
	{                                                                                        \
		.name = #type "." #field, .what = GORT_ABI_OFFSET,                               \
		.size = sizeof(((struct type *)0)->field), .value = offsetof(struct type, field) \
	}
#define FRAME(reg, offset)                                                                       \
	{                                                                                        \
		.name = "switch.frame." reg, .what = GORT_ABI_OFFSET, .size = 8, .value = offset \
	}
#define AS(label, type, field)                                                                     \
	{                                                                                          \
		.name = label, .what = GORT_ABI_OFFSET, .size = sizeof(((struct type *)0)->field), \
		.value = offsetof(struct type, field)                                              \
	}
#define SIZE(type)                                                       \
	{                                                                \
		.name = #type ".size", .what = GORT_ABI_SIZE, .size = 8, \
		.value = sizeof(struct type)                             \
	}
#define ADDR(label, var)                                                   \
	{                                                                  \
		.name = label, .what = GORT_ABI_ADDR, .size = sizeof(var), \
		.value = (uint64_t) & (var)                                \
	}
#define PLACE(label, symbol)                                                                 \
	{                                                                                    \
		.name = label, .what = GORT_ABI_ADDR, .size = 1, .value = (uint64_t)(symbol) \
	}
#define CONST(label, number)                                                      \
	{                                                                         \
		.name = label, .what = GORT_ABI_CONST, .size = 8, .value = number \
	}

static const char version[] = "gort " GORT_VERSION;

static const struct gort_abi_entry entries[] = {
	MEMBER(g, sched.sp),
	MEMBER(g, stack.lo),
	MEMBER(g, stack.hi),
	MEMBER(g, m),
	MEMBER(g, schedlink),
	MEMBER(g, atomicstatus),
	MEMBER(g, waitreason),
	MEMBER(g, waitsince),
	MEMBER(g, goid),
	MEMBER(g, parentGoid),
	MEMBER(g, gopc),
	MEMBER(g, startpc),
	MEMBER(g, syscallsp),
	MEMBER(g, syscallpc),
	MEMBER(g, syscallbp),
	MEMBER(g, name),
	MEMBER(g, labels),
	MEMBER(g, system),
	AS("g.waiting", g, sudog.c),
	AS("g.sudog", g, waiting),
	AS("g.waitelem", g, sudog.elem),
	AS("g.words", g, sudog),
	SIZE(g),
	MEMBER(gcold, _defer),
	MEMBER(gcold, _protect),
	MEMBER(gcold, _panic),
	MEMBER(gcold, saved),
	MEMBER(gcold, savedsp),
	MEMBER(gcold, blocking),
	MEMBER(gcold, cases),
	MEMBER(gcold, ncases),
	SIZE(gcold),
	MEMBER(gort_case, c),
	MEMBER(gort_case, kind),
	SIZE(gort_case),
	CONST("GORT_CASE_AFTER", GORT_CASE_AFTER),
	MEMBER(m, id),
	MEMBER(m, procid),
	MEMBER(m, gate),
	CONST("GATE_TAKEN", GATE_TAKEN),
	MEMBER(m, curg),
	MEMBER(m, g0),
	MEMBER(m, p),
	MEMBER(m, spinning),
	MEMBER(m, alllink),
	MEMBER(m, npreempted),
	MEMBER(m, tp),
	SIZE(m),
	MEMBER(p, id),
	MEMBER(p, status),
	MEMBER(p, schedtick),
	MEMBER(p, runqhead),
	MEMBER(p, runqtail),
	MEMBER(p, runq),
	MEMBER(p, runnext),
	MEMBER(p, m),
	MEMBER(p, steals),
	MEMBER(p, timeToRun),
	MEMBER(p, mutexwait),
	MEMBER(p, timers),
	MEMBER(p, timers.len),
	MEMBER(p, syscalltick),
	MEMBER(p, mcache.alloc),
	MEMBER(p, mcache.nsmall),
	MEMBER(p, mcache.tinyallocs),
	MEMBER(p, mcache.nlarge),
	MEMBER(p, mcache.largebytes),
	SIZE(p),
	MEMBER(sudog, g),
	MEMBER(sudog, elem),
	MEMBER(sudog, c),
	MEMBER(sudog, next),
	MEMBER(sudog, prev),
	MEMBER(sudog, isSelect),
	MEMBER(sudog, success),
	SIZE(sudog),
	MEMBER(labels, n),
	MEMBER(labels, size),
	AS("labels.text", labels, text[0]),
	MEMBER(hchan, qcount),
	MEMBER(hchan, dataqsiz),
	MEMBER(hchan, elemsize),
	MEMBER(hchan, closed),
	MEMBER(hchan, buf),
	MEMBER(mspan, startAddr),
	MEMBER(mspan, npages),
	MEMBER(mspan, nelems),
	MEMBER(mspan, elemsize),
	MEMBER(mspan, freeindex),
	MEMBER(mspan, allocCount),
	MEMBER(mspan, allocCountBefore),
	MEMBER(mspan, largetype),
	MEMBER(mspan, bits),
	MEMBER(mspan, heapBits),
	MEMBER(mspan, specials),
	AS("gcbits.alloc", gcbits, alloc),
	SIZE(gcbits),
	MEMBER(mspan, sizeclass),
	MEMBER(mspan, kind),
	MEMBER(mspan, state),
	SIZE(mspan),
	MEMBER(gort_type, name),
	MEMBER(gort_type, size),
	MEMBER(gort_type, ptrs),
	MEMBER(special, next),
	MEMBER(special, offset),
	MEMBER(special, kind),
	MEMBER(special, arg),
	MEMBER(special, handle),
	CONST("SPECIALFINALIZER", SPECIALFINALIZER),
	CONST("SPECIALWEAK", SPECIALWEAK),
	CONST("SPECIALCLEANUP", SPECIALCLEANUP),
	MEMBER(heapArena, base),
	MEMBER(heapArena, mapped),
	MEMBER(heapArena, spans),
	MEMBER(mheap, all),
	MEMBER(mheap, narena),
	MEMBER(mheap, pagesmapped),
	MEMBER(mheap, pagesused),
	MEMBER(mheap, pagesclean),
	MEMBER(bucket, all),
	MEMBER(bucket, size),
	MEMBER(bucket, npcs),
	AS("bucket.pcs", bucket, pcs[0]),
	MEMBER(bucket, active),
	MEMBER(bucket, future),
	MEMBER(bucket, count),
	MEMBER(bucket, delay),
	AS("hchan.recvq", hchan, recvq.first),
	AS("hchan.sendq", hchan, sendq.first),
	SIZE(hchan),
	AS("Mutex.state", muteximpl, state),
	AS("Mutex.owner", muteximpl, owner),
	AS("Mutex.sema", muteximpl, sema),
	AS("RWMutex.writerSem", rwimpl, writersem),
	AS("RWMutex.readerSem", rwimpl, readersem),
	AS("RWMutex.readerCount", rwimpl, readerCount),
	AS("RWMutex.readerWait", rwimpl, readerWait),
	FRAME("r15", SWITCH_FRAME_R15),
	FRAME("r14", SWITCH_FRAME_R14),
	FRAME("r13", SWITCH_FRAME_R13),
	FRAME("r12", SWITCH_FRAME_R12),
	FRAME("rbx", SWITCH_FRAME_RBX),
	FRAME("rbp", SWITCH_FRAME_RBP),
	FRAME("pc", SWITCH_FRAME_PC),
	CONST("switch.frame.size", SWITCH_FRAME_SIZE),
	ADDR("allgptr", allgptr),
	ADDR("allglen", allglen),
	ADDR("allm", allm),
	ADDR("m0", m0),
	ADDR("gort_pending.offset", pendingoffset),
	ADDR("roots.maps", mapslist),
	ADDR("roots.pools", poolslist),
	ADDR("roots.registered", rootslist),
	ADDR("roots.finalizers", finlist),
	ADDR("roots.cleanups", cleanuplist),
	ADDR("allp", allp),
	ADDR("gomaxprocs", gomaxprocs),
	ADDR("waitReasonStrings", waitReasonStrings),
	ADDR("sched.runqsize", sched.runqsize),
	ADDR("sched.npidle", sched.npidle),
	ADDR("sched.nmspinning", sched.nmspinning),
	ADDR("sched.nmidle", sched.nmidle),
	ADDR("mheap", mheap),
	ADDR("class_to_size", sizeclasses.size),
	ADDR("gcController.gcPercent", gcpace.percent),
	ADDR("gcController.memoryLimit", gcpace.limit),
	ADDR("gcController.heapMarked", gcpace.marked),
	ADDR("gcController.heapLive", gcpace.live),
	ADDR("gcController.trigger", gcpace.trigger),
	ADDR("gcController.heapGoal", gcpace.goal),
	ADDR("gcController.limitGoal", gcpace.limitgoal),
	PLACE("text", __start_gort_text),
	PLACE("etext", __stop_gort_text),
	ADDR("mbuckets", prof.all[MEMRECORD]),
	ADDR("bbuckets", prof.all[BLOCKRECORD]),
	ADDR("xbuckets", prof.all[MUTEXRECORD]),
	ADDR("mProfCycle", prof.cycle),
	ADDR("mProfCycle.flushed", prof.flushed),
	ADDR("MemProfileRate", debug.memprofilerate),
	ADDR("blockprofilerate", prof.blockrate),
	ADDR("mutexprofilerate", prof.mutexrate),
	ADDR("writeBarrier.enabled", gort_writebarrier),
	ADDR("memstats.numgc", gccycles.n),
	ADDR("memstats.numforcedgc", gccycles.forced),
	ADDR("memstats.pause_total_ns", gccycles.paused),
	ADDR("memstats.last_gc_nanotime", gccycles.last),
	ADDR("work.sweepTermTime", gccycles.stops[0]),
	ADDR("work.markTermTime", gccycles.stops[1]),
	ADDR("work.cpuStats.GCAssistTime", gccycles.assist),
	ADDR("work.cpuStats.GCDedicatedTime", gccycles.dedicated),
	ADDR("work.cpuStats.GCIdleTime", gccycles.idle),
	ADDR("work.cpuStats.GCPauseTime", gccycles.pause),
	ADDR("work.cpuStats.TotalTime", gccycles.total),
	ADDR("sched.stwStoppingTimeGC", sched.stwStoppingTimeGC),
	ADDR("sched.stwStoppingTimeOther", sched.stwStoppingTimeOther),
	ADDR("sched.stwTotalTimeGC", sched.stwTotalTimeGC),
	ADDR("sched.stwTotalTimeOther", sched.stwTotalTimeOther),
	CONST("gTrackingPeriod", gTrackingPeriod),
	CONST("pagesize", PAGESIZE),
	CONST("pagesPerArena", PAGESPERARENA),
	CONST("_Gidle", _Gidle),
	CONST("_Grunnable", _Grunnable),
	CONST("_Grunning", _Grunning),
	CONST("_Gsyscall", _Gsyscall),
	CONST("_Gwaiting", _Gwaiting),
	CONST("_Gdead", _Gdead),
	CONST("_Gpreempted", _Gpreempted),
	CONST("_Gleaked", _Gleaked),
	CONST("_Pidle", _Pidle),
	CONST("_Prunning", _Prunning),
	CONST("_Psyscall", _Psyscall),
	{.name = "version",
		.what = GORT_ABI_TEXT,
		.size = sizeof version,
		.value = (uint64_t)version},
};

/* Filled by libgort-race.so when it is there. */
struct gort_race_hooks gort_race;

extern const struct gort_abi gort_abi;
__attribute__((section(GORT_ABI_SECTION), used, retain, visibility("default"), aligned(8)))
const struct gort_abi gort_abi = {
	.magic = {'g', 'o', 'r', 't', '.', 'a', 'b', 'i'},
	.version = GORT_ABI_VERSION,
	.size = sizeof(struct gort_abi),
	.nentries = sizeof entries / sizeof entries[0],
	.entry_size = sizeof entries[0],
	.entries = entries,
	.race = &gort_race,
};

void debuginit(void)
{
	modules_refresh();
	initsig();
	cpuprofinit();
}

void debugminit(struct m *mp)
{
	cpuprofminit(mp);
}
