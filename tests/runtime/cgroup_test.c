/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup_test.c - the CPU quota and the memory limit, in made-up trees of /proc and /sys. */
#include "sched/cgroup.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mem/mgc.h"

static char root[64];

static void newroot(void)
{
	strcpy(root, "/tmp/gort-cgroup-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void removeroot(void)
{
	char command[96];
	snprintf(command, sizeof(command), "rm -rf '%s'", root);
	ck_assert_int_eq(system(command), 0);
}

/* Writes text to root/path, with all its directories. */
static void put(const char *path, const char *text)
{
	char full[256];
	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *s = full + strlen(root) + 1; (s = strchr(s, '/')); *s++ = '/') {
		*s = '\0';
		mkdir(full, 0700);
	}
	FILE *f = fopen(full, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void require_cpus(int32_t want)
{
	ck_assert_int_eq(cgroupcpus(root), want);
	removeroot();
	newroot();
}

START_TEST(test_version2)
{
	newroot();
	require_cpus(INT32_MAX);
	put("/proc/self/cgroup", "0::/a/b\n");
	require_cpus(INT32_MAX);
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
	require_cpus(INT32_MAX);
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/cpu.max", "350000 100000\n");
	require_cpus(4);
	/* One above is smaller. */
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/cpu.max", "350000 100000\n");
	put("/sys/fs/cgroup/a/cpu.max", "20000 10000\n");
	require_cpus(2);
	/* A container that sees its own part only. */
	put("/proc/self/cgroup", "0::/docker/0123\n");
	put("/sys/fs/cgroup/cpu.max", "50000 100000\n");
	require_cpus(1);
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/cpu.max", "300000 100000\n");
	require_cpus(3);
	removeroot();
}
END_TEST

START_TEST(test_version1)
{
	newroot();
	put("/proc/self/cgroup", "3:cpuset:/x\n2:cpu,cpuacct:/a\n1:name=systemd:/s\n");
	put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "250000\n");
	put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
	require_cpus(3);
	put("/proc/self/cgroup", "2:cpu,cpuacct:/a\n");
	put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "-1\n");
	put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
	require_cpus(INT32_MAX);
	put("/proc/self/cgroup", "2:cpuset:/a\n");
	put("/sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n");
	put("/sys/fs/cgroup/cpu/a/cpu.cfs_period_us", "100000\n");
	require_cpus(INT32_MAX);
	removeroot();
}
END_TEST

START_TEST(test_garbage)
{
	newroot();
	put("/proc/self/cgroup", "\n:\n0\n0:\n0::\nx:cpu\n");
	put("/sys/fs/cgroup/cpu.max", "0 0\n");
	require_cpus(INT32_MAX);
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/cpu.max", "99999999999999999999 1\n");
	require_cpus(INT32_MAX);
	put("/proc/self/cgroup", "0::/\n");
	put("/sys/fs/cgroup/cpu.max", "100000\n");
	require_cpus(INT32_MAX);
	removeroot();
}
END_TEST

static void require_memory(int64_t want)
{
	ck_assert_int_eq(cgroupmemory(root), want);
	removeroot();
	newroot();
}

START_TEST(test_memory)
{
	newroot();
	require_memory(INT64_MAX);
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.max", "max\n");
	require_memory(INT64_MAX);
	put("/proc/self/cgroup", "0::/a/b\n");
	put("/sys/fs/cgroup/a/b/memory.max", "8589934592\n");
	put("/sys/fs/cgroup/a/memory.max", "536870912\n");
	require_memory(536870912);
	put("/proc/self/cgroup", "4:memory:/a\n1:cpu:/b\n0::/\n");
	put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "268435456\n");
	put("/sys/fs/cgroup/memory/b/memory.limit_in_bytes", "4096\n");
	require_memory(268435456);
	put("/proc/self/cgroup", "4:memory:/a\n");
	put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "9223372036854771712\n");
	require_memory(INT64_MAX);
	removeroot();
}
END_TEST

/* What limitadvise prints. */
static void require_advice(const char *want)
{
	char text[256] = "", path[96];
	int before = dup(2);
	snprintf(path, sizeof(path), "%s/advice", root);
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_eq(dup2(fd, 2), 2);
	limitadvise(root);
	dup2(before, 2);
	ck_assert(pread(fd, text, sizeof(text) - 1, 0) >= 0);
	ck_assert_str_eq(text, want);
	close(before);
	close(fd);
}

START_TEST(test_advice)
{
	newroot();
	put("/proc/self/cgroup", "0::/a\n");
	gcpace.limit = INT64_MAX;
	require_advice("");
	put("/sys/fs/cgroup/a/memory.max", "536870912\n");
	require_advice(
		"gort: the control group has 512 MiB and no GOMEMLIMIT is set: try 460MiB\n");
	gcpace.limit = 100 << 20;
	require_advice("");
	gcpace.limit = INT64_MAX; /* more than there is */
	put("/sys/fs/cgroup/a/memory.max", "4611686018427387904\n");
	require_advice("");
	removeroot();
}
END_TEST

static Suite *test_suite(void)
{
	Suite *s = suite_create("cgroup");
	TCase *tc = tcase_create("quota");
	tcase_add_test(tc, test_version2);
	tcase_add_test(tc, test_version1);
	tcase_add_test(tc, test_garbage);
	tcase_add_test(tc, test_memory);
	tcase_add_test(tc, test_advice);
	suite_add_tcase(s, tc);
	return s;
}

#include "check_main.h"
