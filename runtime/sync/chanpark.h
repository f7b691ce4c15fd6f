/* SPDX-License-Identifier: BSD-2-Clause */
/* chanpark.h - where chan_amd64.S finds what it needs in struct g; C and assembly. */
#ifndef GORT_SYNC_CHANPARK_H
#define GORT_SYNC_CHANPARK_H

#define G_SUDOG_ELEM    88
#define G_SUDOG_VAL     96
#define G_SUDOG_SUCCESS 112
#define G_SUDOG_SIZE    116

#ifndef __ASSEMBLER__
#include <stdbool.h>

#include "sched/runtime2.h"

/*
 * Leave the stack of from, which waits on a channel and whose sched this is, for that of to, and
 * return what the caller's function returns. Receiving: an element of 4 or 8 bytes.
 */
void gort_chan_send_park(struct gobuf *from, struct gobuf *to);
bool gort_chan_recv_park(struct gobuf *from, struct gobuf *to);
/* gp goes on after a wait to send: panics when the channel was closed. */
void chansent(struct g *gp);
#endif

#endif
