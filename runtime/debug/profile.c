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
#include "snapshot.h"

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

/* Frees s. */
static int write_goroutines(const char *path, struct gsnap *s, enum pprof_kind kind)
{
	unsigned char *data = NULL;
	size_t len;
	int err = pprof_goroutines(s, kind, &data, &len);
	if (!err)
		err = profile_write(path, data, len);
	free(data);
	gsnap_free(s);
	return err;
}

__attribute__((visibility("default"))) int gort_goroutine_profile(const char *path)
{
	struct gsnap s;
	int err = gort_snapshot_self(&s);
	if (!err)
		return write_goroutines(path, &s, PPROF_GOROUTINE);
	gsnap_free(&s);
	return err;
}

/* For the profile the others have ended. */
static void keep_leaked(struct gsnap *s)
{
	for (uint32_t i = 0; i < s->ngs; i++)
		if (!s->gs[i].leak)
			s->gs[i].status = GSTATUS_DEAD;
}

__attribute__((visibility("default"))) int gort_goroutineleak_profile(const char *path)
{
	struct gsnap s;
	struct regs self = {0};
	regs_saved(&self);
	int err = snap_leaks(&s, &self);
	keep_leaked(&s);
	if (!err)
		return write_goroutines(path, &s, PPROF_GOROUTINELEAK);
	gsnap_free(&s);
	return err;
}
