/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * netpoll.c - the wait of the M that watches the clock for idle Ps. Nothing parks on descriptors yet,
 * so the wait is on a futex word: 1 = break wanted.
 */
#include "sched/netpoll.h"

_Atomic int32_t netpollWaiters;

static _Atomic uint32_t netpollWakeSig;

void netpollBreak(void)
{
	if (xchg_acqrel(&netpollWakeSig, 1) == 0)
		futexwakeup(&netpollWakeSig, 1);
}

struct gQueue netpoll(int64_t delay)
{
	struct gQueue ready = {0};
	if (delay == 0)
		return ready;
	if (load_acq(&netpollWakeSig) == 0)
		futexsleep(&netpollWakeSig, 0, delay);
	store_rlx(&netpollWakeSig, 0);
	return ready;
}
