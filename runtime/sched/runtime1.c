/* SPDX-License-Identifier: BSD-2-Clause */
/* runtime1.c - environment, and the text of wait reasons (Go's runtime1.go, runtime2.go). */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "sched/proc.h"

#define MAXGOMAXPROCS 256

const char *gortenv(const char *name)
{
	char ours[64];
	snprintf(ours, sizeof(ours), "GORT_%s", name);
	const char *value = getenv(ours);
	return value ? value : getenv(name);
}

int32_t getproccount(void)
{
	const char *text = gortenv("GOMAXPROCS");
	char *end;
	long n = text ? strtol(text, &end, 10) : 0;
	if (n <= 0 || *end) {
		cpu_set_t set;
		n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
	}
	return (int32_t)(n < MAXGOMAXPROCS ? n : MAXGOMAXPROCS);
}

const char *const waitReasonStrings[NWAITREASON] = {
	[waitReasonZero] = "",
	[waitReasonIOWait] = "IO wait",
	[waitReasonPanicWait] = "panicwait",
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
	[waitReasonPreempted] = "preempted",
};
