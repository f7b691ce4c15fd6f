/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cgroup.c - the CPU quota of a container or a service (Go's internal/runtime/cgroup), and its
 * memory limit.
 *
 * /proc/self/cgroup has a line "number:controllers:path" for each hierarchy; that of version 2 has
 * no controllers. The limit of every group on the path counts, up to the mount point. Where the
 * path does not lead anywhere, as in a container that sees only its own part of the hierarchy but
 * the whole path, that part is at the mount point itself, which is looked at last.
 *
 * Rejected: looking for the mount points in /proc/self/mountinfo, as Go does. It can be long, and
 * systemd and all container engines use /sys/fs/cgroup.
 */
#include "sched/cgroup.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/syscall.h"

#define MOUNT "/sys/fs/cgroup"

struct group {
	char path[4096];
	size_t mount; /* length of what is the mount point */
};

static bool readtext(const char *path, char *text, size_t size)
{
	long fd = rawsyscall(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return false;
	long n = rawsyscall(SYS_read, fd, (long)text, (long)size - 1, 0);
	rawsyscall(SYS_close, fd, 0, 0, 0);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* The number in a file of the group, or in the words of one; negative: none, or no limit. */
static bool readnumbers(struct group *g, const char *file, long long *a, long long *b)
{
	char text[64], *end;
	size_t n = strlen(g->path);
	if ((size_t)snprintf(g->path + n, sizeof(g->path) - n, "/%s", file) >= sizeof(g->path) - n)
		return false;
	bool found = readtext(g->path, text, sizeof(text));
	g->path[n] = '\0';
	if (!found)
		return false;
	*a = strtoll(text, &end, 10);
	if (end == text)
		return false; /* "max" */
	if (b)
		*b = strtoll(end, NULL, 10);
	return true;
}

typedef int64_t limitfn(struct group *g, bool v2);

/* In CPUs, of one group. */
static int64_t quota(struct group *g, bool v2)
{
	long long us, period = 0;
	if (v2 ? !readnumbers(g, "cpu.max", &us, &period)
	       : !readnumbers(g, "cpu.cfs_quota_us", &us, NULL) ||
				!readnumbers(g, "cpu.cfs_period_us", &period, NULL))
		return INT64_MAX;
	if (us <= 0 || period <= 0 || us / period >= INT32_MAX)
		return INT64_MAX;
	return us / period + (us % period != 0);
}

/* In bytes. Version 1 has a number of its own for none. */
static int64_t memory(struct group *g, bool v2)
{
	long long n;
	if (!readnumbers(g, v2 ? "memory.max" : "memory.limit_in_bytes", &n, NULL))
		return INT64_MAX;
	return n >= 0 && n < INT64_MAX / 2 ? n : INT64_MAX;
}

/* Of the groups from path upwards. */
static int64_t ofpath(const char *root, const char *mount, const char *path, limitfn *f, bool v2)
{
	struct group g;
	int64_t least = INT64_MAX;
	int n = snprintf(g.path, sizeof(g.path), "%s%s", root, mount);
	g.mount = (size_t)n;
	if (n < 0 || (size_t)n + strlen(path) >= sizeof(g.path))
		return least;
	strcpy(g.path + n, path);
	for (;;) {
		int64_t limit = f(&g, v2);
		least = limit < least ? limit : least;
		char *slash = strrchr(g.path + g.mount, '/');
		if (!slash)
			return least;
		*slash = '\0';
	}
}

static bool haslisted(const char *list, const char *name)
{
	size_t n = strlen(name);
	for (const char *s = list; (s = strstr(s, name)); s += n)
		if ((s == list || s[-1] == ',') && (s[n] == ',' || s[n] == '\0'))
			return true;
	return false;
}

/* The smallest of all; version 1 has the controller in a folder of its own. */
static int64_t smallest(const char *root, const char *controller, const char *mount1, limitfn *f)
{
	char text[8192], file[512], *line, *rest = text;
	int64_t least = INT64_MAX;
	snprintf(file, sizeof(file), "%s/proc/self/cgroup", root);
	if (!readtext(file, text, sizeof(text)))
		return least;
	while ((line = strsep(&rest, "\n"))) {
		strsep(&line, ":");
		const char *controllers = line ? strsep(&line, ":") : NULL;
		if (!controllers || !line)
			continue;
		bool v2 = *controllers == '\0';
		if (!v2 && !haslisted(controllers, controller))
			continue;
		int64_t limit = ofpath(root, v2 ? MOUNT : mount1, line, f, v2);
		least = limit < least ? limit : least;
	}
	return least;
}

int32_t cgroupcpus(const char *root)
{
	int64_t n = smallest(root, "cpu", MOUNT "/cpu", quota);
	return n < INT32_MAX ? (int32_t)n : INT32_MAX;
}

int64_t cgroupmemory(const char *root)
{
	return smallest(root, "memory", MOUNT "/memory", memory);
}
