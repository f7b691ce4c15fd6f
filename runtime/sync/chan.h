/* SPDX-License-Identifier: BSD-2-Clause */
/* chan.h - the channel's layout (Go's chan.go), for the debugger's table and for select. */
#ifndef GORT_SYNC_CHAN_H
#define GORT_SYNC_CHAN_H

#include "sched/runtime2.h"

struct waitq {
	struct sudog *first;
	struct sudog *last;
};

/* All fields are guarded by lock; qcount and closed may be read without it as a hint. */
struct hchan {
	struct mutex lock;
	uint32_t closed;
	uint32_t elemsize;
	uint64_t qcount;   /* elements in the buffer */
	uint64_t dataqsiz; /* its capacity */
	uint64_t sendx;
	uint64_t recvx;
	struct waitq recvq;
	struct waitq sendq;
	char *buf; /* dataqsiz elements, just behind this structure */
};

#endif
