/* SPDX-License-Identifier: BSD-2-Clause */
/* runtime1.c - GOMAXPROCS, and the text of wait reasons (Go's runtime1.go, runtime2.go). */
#include <sched.h>

#include "debug/options.h"
#include "sched/cgroup.h"
#include "sched/proc.h"

/* A quota below 2 counts as 2, as in Go: with one P the runtime's own work would have no room. */
static int32_t defaultprocs(void)
{
	cpu_set_t set;
	int32_t n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	int32_t quota = cgroupcpus("");
	quota = quota < 2 ? 2 : quota;
	return quota < n ? quota : n;
}

int32_t getproccount(void)
{
	int32_t n = options.gomaxprocs ? options.gomaxprocs : defaultprocs();
	return n < MAXGOMAXPROCS ? n : MAXGOMAXPROCS;
}

const char *const waitReasonStrings[NWAITREASON] = {
	[waitReasonZero] = "",
	[waitReasonIOWait] = "IO wait",
	[waitReasonPanicWait] = "panicwait",
	[waitReasonGCSweepWait] = "GC sweep wait",
	[waitReasonFinalizerWait] = "finalizer wait",
	[waitReasonSemacquire] = "semacquire",
	[waitReasonSleep] = "sleep",
	[waitReasonChanReceiveNilChan] = "chan receive (nil chan)",
	[waitReasonChanSendNilChan] = "chan send (nil chan)",
	[waitReasonSelectNoCases] = "select (no cases)",
	[waitReasonSelect] = "select",
	[waitReasonChanReceive] = "chan receive",
	[waitReasonChanSend] = "chan send",
	[waitReasonSyncCondWait] = "sync.Cond.Wait",
	[waitReasonSyncMutexLock] = "sync.Mutex.Lock",
	[waitReasonSyncRWMutexRLock] = "sync.RWMutex.RLock",
	[waitReasonSyncRWMutexLock] = "sync.RWMutex.Lock",
	[waitReasonSyncWaitGroupWait] = "sync.WaitGroup.Wait",
	[waitReasonWaitForGCCycle] = "wait for GC cycle",
	[waitReasonGCWorkerIdle] = "GC worker (idle)",
	[waitReasonPreempted] = "preempted",
};
