/* SPDX-License-Identifier: BSD-2-Clause */
/* procstat.c - reads PID/stat and uptime (proc(5)); the command name there may hold anything. */
#include <stdio.h>
#include <unistd.h>
#include "gort/snap.h"
#include "procstat.h"

static bool slurp(const char *proc, const char *name, char *buf, size_t size)
{
	char path[512];
	snprintf(path, sizeof path, "%s/%s", proc, name);
	FILE *f = fopen(path, "re");
	if (!f)
		return false;
	size_t n = fread(buf, 1, size - 1, f);
	buf[n] = '\0';
	fclose(f);
	return n > 0;
}

static int64_t uptime_since(const char *proc, unsigned long long start_ticks, long hz)
{
	char buf[128];
	double up;
	if (!slurp(proc, "uptime", buf, sizeof buf) || sscanf(buf, "%lf", &up) != 1)
		return GSNAP_UNKNOWN;
	double started = (double)start_ticks / hz;
	return up > started ? (int64_t)((up - started) * 1e9) : 0;
}

struct procstat procstat_read(const char *proc, pid_t pid)
{
	struct procstat p = {GSNAP_UNKNOWN, GSNAP_UNKNOWN, GSNAP_UNKNOWN};
	char name[32], buf[1024];
	unsigned long long utime, stime, start;
	long threads, hz = sysconf(_SC_CLK_TCK);
	if (!proc)
		proc = "/proc";
	snprintf(name, sizeof name, "%d/stat", (int)pid);
	if (!slurp(proc, name, buf, sizeof buf))
		return p;
	const char *rest = strrchr(buf, ')');
	if (!rest || sscanf(rest,
			     ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu %*d %*d %*d "
			     "%*d %ld %*d %llu",
			     &utime, &stime, &threads, &start) != 4)
		return p;
	p.cpu_ns = (int64_t)((utime + stime) * (1000000000ull / hz));
	p.threads = threads;
	p.uptime_ns = uptime_since(proc, start, hz);
	return p;
}
