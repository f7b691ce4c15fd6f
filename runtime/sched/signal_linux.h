/* SPDX-License-Identifier: BSD-2-Clause */
/* signal_linux.h - the runtime's signal handlers. */
#ifndef GORT_SCHED_SIGNAL_LINUX_H
#define GORT_SCHED_SIGNAL_LINUX_H

/*
 * Installs the handlers; once, before the first goroutine. A handler that is there already stays.
 */
void initsig(void);

#endif
