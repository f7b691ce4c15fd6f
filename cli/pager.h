/* SPDX-License-Identifier: BSD-2-Clause */
/* pager.h - long text on a terminal goes through a pager, as git does it. */
#ifndef GORT_CLI_PAGER_H
#define GORT_CLI_PAGER_H

#include <stdbool.h>
#include <sys/types.h>

/* The descriptor to write to and the pager's pid, or false when there is none to use. */
bool pager_start(int *fd, pid_t *pid);
/* Closes the descriptor and waits until the reader has left the pager. */
void pager_wait(int fd, pid_t pid);

#endif
