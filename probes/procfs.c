/* SPDX-License-Identifier: BSD-2-Clause */
#include "procfs.h"
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PF_KTHREAD 0x00200000 /* linux/sched.h, field flags of stat */

ssize_t procfs_file(const struct target *t, const char *file, char *buf, size_t size)
{
	char path[192];
	int fd = open(target_path(t, file, path, sizeof path), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size_t len = 0;
	ssize_t got = 0;
	while (len < size - 1 && (got = read(fd, buf + len, size - 1 - len)) > 0)
		len += (size_t)got;
	int err = got < 0 ? -errno : 0;
	close(fd);
	buf[len] = '\0';
	return err ? err : (ssize_t)len;
}

/* stat: pid (comm) state ppid ... flags(9) ... starttime(22); comm may hold blanks and brackets. */
static bool parse_stat(char *text, struct procinfo *out, uint64_t *start_ticks)
{
	char *open = strchr(text, '('), *close = strrchr(text, ')');
	if (!open || !close || close < open)
		return false;
	*close = '\0';
	snprintf(out->comm, sizeof out->comm, "%s", open + 1);
	unsigned long flags;
	int n = sscanf(close + 1,
		" %c %*d %*d %*d %*d %*d %lu %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d"
		" %" SCNu64,
		&out->state, &flags, start_ticks);
	out->kernel_thread = n >= 2 && (flags & PF_KTHREAD);
	return n == 3;
}

static int64_t uptime_from(uint64_t start_ticks)
{
	struct timespec now;
	clock_gettime(CLOCK_BOOTTIME, &now);
	uint64_t started = start_ticks * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
	return (int64_t)((uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec - started);
}

static uint64_t status_number(const char *status, const char *key, int column)
{
	const char *p = strstr(status, key);
	if (!p)
		return 0;
	p += strlen(key);
	uint64_t v = 0;
	for (int i = 0; i <= column; i++) {
		char *end;
		v = strtoull(p, &end, 10);
		p = end;
	}
	return v;
}

static bool other_pid_namespace(const struct target *t)
{
	char theirs[64] = "", ours[64] = "", path[192];
	ssize_t a =
		readlink(target_path(t, "ns/pid", path, sizeof path), theirs, sizeof theirs - 1);
	ssize_t b = readlink("/proc/self/ns/pid", ours, sizeof ours - 1);
	return a > 0 && b > 0 && strcmp(theirs, ours);
}

/* What a core tells of its process. */
static int core_read(struct core *c, struct procinfo *out)
{
	const struct core_file *exe = core_exe(c);
	snprintf(out->comm, sizeof out->comm, "%s", c->comm);
	snprintf(out->exe, sizeof out->exe, "%s", exe ? exe->path : "");
	out->uid = c->uid;
	out->rss = out->uptime_ns = GSNAP_UNKNOWN;
	return 0;
}

size_t procfs_path_len(const char *path)
{
	static const char mark[] = " (deleted)";
	size_t n = strlen(path), len = sizeof mark - 1;
	return n > len && !strcmp(path + n - len, mark) ? n - len : n;
}

int procfs_read(const struct target *t, struct procinfo *out)
{
	char text[4096];
	uint64_t start = 0;
	*out = (struct procinfo){0};
	if (t->core)
		return core_read(t->core, out);
	if (procfs_file(t, "stat", text, sizeof text) <= 0)
		return -ESRCH;
	if (!parse_stat(text, out, &start))
		return -ESRCH;
	out->uptime_ns = uptime_from(start);
	if (procfs_file(t, "status", text, sizeof text) > 0) {
		out->uid = (uid_t)status_number(text, "\nUid:", 1);
		out->rss = (int64_t)(status_number(text, "\nVmRSS:", 0) * 1024);
	}
	char path[192];
	ssize_t n =
		readlink(target_path(t, "exe", path, sizeof path), out->exe, sizeof out->exe - 1);
	out->exe[n > 0 ? n : 0] = '\0';
	out->exe[procfs_path_len(out->exe)] = '\0';
	out->container = other_pid_namespace(t);
	return 0;
}

bool procfs_blocked_at(const struct target *t, pid_t tid, uint64_t *sp, uint64_t *pc)
{
	char file[64], text[256];
	snprintf(file, sizeof file, "task/%d/syscall", tid);
	char *last = procfs_file(t, file, text, sizeof text) > 0 ? strrchr(text, ' ') : NULL;
	if (!last)
		return false;
	*pc = strtoull(last + 1, NULL, 16);
	*last = '\0';
	last = strrchr(text, ' ');
	*sp = last ? strtoull(last + 1, NULL, 16) : 0;
	return *sp != 0;
}

/* Whether `inner` is the id that a thread of the process has in its own pid namespace. */
static bool has_inner_tid(const struct target *t, pid_t tid, pid_t inner)
{
	char file[64], path[160], line[256];
	pid_t last = 0;
	snprintf(file, sizeof file, "task/%d/status", tid);
	FILE *f = fopen(target_path(t, file, path, sizeof path), "re");
	while (f && fgets(line, sizeof line, f)) {
		if (strncmp(line, "NSpid:", 6))
			continue;
		char *p = line + 6, *end;
		for (long v; (v = strtol(p, &end, 10)), end > p; p = end)
			last = (pid_t)v;
	}
	if (f)
		fclose(f);
	return last == inner;
}

pid_t procfs_outer_tid(const struct target *t, pid_t inner)
{
	pid_t *tids, found = has_inner_tid(t, inner, inner) ? inner : 0;
	size_t n = found ? 0 : target_threads(t, &tids);
	for (size_t i = 0; i < n && !found; i++)
		if (has_inner_tid(t, tids[i], inner))
			found = tids[i];
	if (n)
		free(tids);
	return found;
}

bool procfs_ended(const struct target *t, pid_t tid)
{
	char file[64], text[512];
	snprintf(file, sizeof file, "task/%d/stat", tid);
	const char *end = procfs_file(t, file, text, sizeof text) > 0 ? strrchr(text, ')') : NULL;
	return !end || end[1] == '\0' || strchr("ZX", end[2]);
}
