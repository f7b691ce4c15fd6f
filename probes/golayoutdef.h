/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * golayoutdef.h - the members of Go's runtime structures that readers want: the name here, and
 * where DWARF has it, the first of several that exists. scripts/golayout makes golayouttab.h of it.
 */
#ifndef GORT_PROBES_GOLAYOUTDEF_H
#define GORT_PROBES_GOLAYOUTDEF_H

#define GO_MEMBERS(X)                                        \
	X(g_syscallsp, "g.syscallsp")                        \
	X(g_syscallpc, "g.syscallpc")                        \
	X(g_atomicstatus, "g.atomicstatus")                  \
	X(g_goid, "g.goid")                                  \
	X(g_waitsince, "g.waitsince")                        \
	X(g_waitreason, "g.waitreason")                      \
	X(g_lockedm, "g.lockedm")                            \
	X(g_parentgoid, "g.parentGoid")                      \
	X(g_gopc, "g.gopc")                                  \
	X(g_startpc, "g.startpc")                            \
	X(g_waiting, "g.waiting")                            \
	X(g_trackingseq, "g.trackingSeq")                    \
	X(g_panic, "g._panic")                               \
	X(g_defer, "g._defer")                               \
	X(g_ctxt, "g.sched.ctxt")                            \
	X(g_param, "g.param")                                \
	X(g_labels, "g.labels")                              \
	X(g_timer, "g.timer")                                \
	X(g_coroarg, "g.coroarg")                            \
	X(g_bubble, "g.bubble|g.syncGroup")                  \
	X(bubble_id, "synctestBubble.id|synctestGroup.root") \
	X(g_size, "sizeof g")                                \
	X(m_procid, "m.procid")                              \
	X(m_curg, "m.curg")                                  \
	X(m_p, "m.p")                                        \
	X(m_gsignal, "m.gsignal")                            \
	X(m_id, "m.id")                                      \
	X(m_spinning, "m.spinning")                          \
	X(m_blocked, "m.blocked")                            \
	X(m_ncgocall, "m.ncgocall")                          \
	X(m_alllink, "m.alllink")                            \
	X(m_createstack, "m.createstack")                    \
	X(m_lockwait, "m.mLockProfile.waitTime")             \
	X(m_preemptgen, "m.preemptGen")                      \
	X(m_vdsosp, "m.vdsoSP")                              \
	X(m_vdsopc, "m.vdsoPC")                              \
	X(p_m, "p.m")                                        \
	X(p_schedtick, "p.schedtick")                        \
	X(p_syscalltick, "p.syscalltick")                    \
	X(p_runqhead, "p.runqhead")                          \
	X(p_runqtail, "p.runqtail")                          \
	X(p_runnext, "p.runnext")                            \
	X(p_timers, "p.timers.len|p.numTimers")              \
	X(p_sudogcache, "p.sudogcache")                      \
	X(s_nmidle, "schedt.nmidle")                         \
	X(s_mnext, "schedt.mnext")                           \
	X(s_maxmcount, "schedt.maxmcount")                   \
	X(s_nmfreed, "schedt.nmfreed")                       \
	X(s_npidle, "schedt.npidle")                         \
	X(s_nmspinning, "schedt.nmspinning")                 \
	X(s_runqsize, "schedt.runqsize|schedt.runq.size")    \
	X(s_sudogcache, "schedt.sudogcache")                 \
	X(s_lastpoll, "schedt.lastpoll")                     \
	X(s_timetorun, "schedt.timeToRun")                   \
	X(s_mutexwait, "schedt.totalMutexWaitTime")          \
	X(s_stwstopgc, "schedt.stwStoppingTimeGC")           \
	X(s_stwstopother, "schedt.stwStoppingTimeOther")     \
	X(s_stwtotalgc, "schedt.stwTotalTimeGC")             \
	X(s_stwtotalother, "schedt.stwTotalTimeOther")       \
	X(s_lockwait, "schedt.totalRuntimeLockWaitTime")     \
	X(ms_enablegc, "mstats.enablegc")                    \
	X(ms_numgc, "mstats.numgc")                          \
	X(ms_numforcedgc, "mstats.numforcedgc")              \
	X(ms_pausetotal, "mstats.pause_total_ns")            \
	X(ms_lastgcunix, "mstats.last_gc_unix")              \
	X(ms_lastgc, "mstats.last_gc_nanotime")              \
	X(hs_gen, "consistentHeapStats.gen")                 \
	X(hs_tinyalloc, "heapStatsDelta.tinyAllocCount")     \
	X(hs_largealloc, "heapStatsDelta.largeAlloc")        \
	X(hs_smallalloc, "heapStatsDelta.smallAllocCount")   \
	X(hs_largefree, "heapStatsDelta.largeFree")          \
	X(hs_smallfree, "heapStatsDelta.smallFreeCount")     \
	X(hs_size, "sizeof heapStatsDelta")                  \
	X(w_cycles, "workType.cycles")                       \
	X(w_stwprocs, "workType.stwprocs")                   \
	X(w_maxprocs, "workType.maxprocs")                   \
	X(w_sweepterm, "workType.tSweepTerm")                \
	X(w_pausens, "workType.pauseNS")                     \
	X(w_heap0, "workType.heap0")                         \
	X(w_cpustats, "workType.cpuStats")                   \
	X(h_allspans, "mheap.allspans")                      \
	X(h_pagesinuse, "mheap.pagesInUse")                  \
	X(span_startaddr, "mspan.startAddr")                 \
	X(span_npages, "mspan.npages")                       \
	X(span_freeindex, "mspan.freeindex")                 \
	X(span_freeindexforscan, "mspan.freeIndexForScan")   \
	X(span_divmul, "mspan.divMul")                       \
	X(span_userarena, "mspan.isUserArenaChunk")          \
	X(span_specials, "mspan.specials")                   \
	X(span_nelems, "mspan.nelems")                       \
	X(span_alloccount, "mspan.allocCount")               \
	X(span_spanclass, "mspan.spanclass")                 \
	X(span_state, "mspan.state")                         \
	X(span_elemsize, "mspan.elemsize")                   \
	X(span_allocbits, "mspan.allocBits")                 \
	X(span_largetype, "mspan.largeType")                 \
	X(span_size, "sizeof mspan")                         \
	X(chan_closed, "hchan.closed")                       \
	X(chan_elemtype, "hchan.elemtype")                   \
	X(chan_recvq, "hchan.recvq")                         \
	X(chan_sendq, "hchan.sendq")                         \
	X(chan_size, "sizeof hchan")                         \
	X(defer_fn, "_defer.fn")                             \
	X(defer_link, "_defer.link")                         \
	X(special_offset, "special.offset")                  \
	X(special_kind, "special.kind")                      \
	X(special_fn, "sizeof special")                      \
	X(sudog_isselect, "sudog.isSelect")                  \
	X(sudog_parent, "sudog.parent")                      \
	X(sudog_waitlink, "sudog.waitlink")                  \
	X(sudog_c, "sudog.c")                                \
	X(sudog_elem, "sudog.elem")                          \
	X(sudog_size, "sizeof sudog")                        \
	X(md_types, "moduledata.types")                      \
	X(md_etypes, "moduledata.etypes")                    \
	X(md_gofunc, "moduledata.gofunc")                    \
	X(md_rodata, "moduledata.rodata")                    \
	X(md_gcdatamask, "moduledata.gcdatamask")            \
	X(md_gcbssmask, "moduledata.gcbssmask")              \
	X(md_next, "moduledata.next")

#endif
