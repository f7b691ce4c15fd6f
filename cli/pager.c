/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pager.c - starts $PAGER, or less when it is installed.
 *
 * LESS=FRX, unless set, keeps colours, ends at once when all fits on the screen and leaves the text
 * there. While the pager runs Ctrl-C is its business, not gort's.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gort/snap.h"
#include "launch.h"
#include "pager.h"

static const char *choose(void)
{
	const char *pager = getenv("PAGER");
	if (pager)
		return pager[0] && strcmp(pager, "cat") ? pager : NULL;
	struct gsnap_err unused;
	char *less = launch_find("less", &unused);
	bool found = less != NULL;
	free(less);
	return found ? "less" : NULL;
}

bool pager_start(int *fd, pid_t *pid)
{
	int fds[2];
	const char *pager = choose();
	if (!pager || pipe2(fds, O_CLOEXEC))
		return false;
	*pid = fork();
	if (*pid == 0) {
		dup2(fds[0], STDIN_FILENO);
		setenv("LESS", "FRX", 0);
		execl("/bin/sh", "sh", "-c", pager, (char *)NULL);
		_exit(127);
	}
	close(fds[0]);
	if (*pid < 0) {
		close(fds[1]);
		return false;
	}
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	*fd = fds[1];
	return true;
}

void pager_wait(int fd, pid_t pid)
{
	close(fd);
	waitpid(pid, NULL, 0);
}
