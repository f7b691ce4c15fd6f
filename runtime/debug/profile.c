/* SPDX-License-Identifier: BSD-2-Clause */
/* profile.c - writes finished profiles to files, and the goroutine profile. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "gort/debug.h"
#include "pprof/pprof.h"
#include "profile.h"

static int write_fd(int fd, const unsigned char *data, size_t len)
{
	while (len) {
		ssize_t did = write(fd, data, len);
		if (did < 0 && errno == EINTR)
			continue;
		if (did <= 0)
			return did < 0 ? -errno : -EIO;
		data += did;
		len -= (size_t)did;
	}
	return 0;
}

int profile_write(const char *path, const unsigned char *data, size_t len)
{
	char temp[4096];
	if ((size_t)snprintf(temp, sizeof temp, "%s.%d.tmp", path, getpid()) >= sizeof temp)
		return -ENAMETOOLONG;
	int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	int err = write_fd(fd, data, len);
	if (close(fd) && !err)
		err = -errno;
	if (!err && rename(temp, path))
		err = -errno;
	if (err)
		unlink(temp);
	return err;
}

__attribute__((visibility("default"))) int gort_goroutine_profile(const char *path)
{
	struct gsnap s;
	unsigned char *data = NULL;
	size_t len;
	int err = gort_snapshot_self(&s);
	if (!err)
		err = pprof_goroutines(&s, PPROF_GOROUTINE, &data, &len);
	if (!err)
		err = profile_write(path, data, len);
	free(data);
	gsnap_free(&s);
	return err;
}
