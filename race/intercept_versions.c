/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * intercept_versions.c - functions that only pass a call on to the right version in libc.
 *
 * A program linked against libtsan refers to every function that libtsan intercepts without a
 * symbol version. Where libtsan is not loaded, the loader binds such a reference to the oldest
 * version in libc, which for these has another behaviour or another structure layout (a condition
 * variable of glibc 2.2 is a pointer). So each function that libtsan has and libc has in several
 * versions must be defined in this library. intercept_sync.c and intercept_string.c define the
 * others.
 */
#include "builtins.h"

#include <glob.h>
#include <pthread.h>
#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>

#include "front.h"

EXPORT FILE *fmemopen(void *buf, size_t n, const char *mode)
{
	return NEXT_V(fmemopen, "GLIBC_2.22")(buf, n, mode);
}

EXPORT int glob(const char *pattern, int flags, int (*failed)(const char *, int), glob_t *g)
{
	return NEXT_V(glob, "GLIBC_2.27")(pattern, flags, failed, g);
}

EXPORT int glob64(const char *pattern, int flags, int (*failed)(const char *, int), glob64_t *g)
{
	return NEXT_V(glob64, "GLIBC_2.27")(pattern, flags, failed, g);
}

EXPORT int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return NEXT_V(posix_spawn, "GLIBC_2.15")(pid, path, actions, attr, argv, envp);
}

EXPORT int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
	const posix_spawnattr_t *attr, char *const argv[], char *const envp[])
{
	return NEXT_V(posix_spawnp, "GLIBC_2.15")(pid, file, actions, attr, argv, envp);
}

EXPORT int pthread_attr_getaffinity_np(const pthread_attr_t *attr, size_t n, cpu_set_t *cpus)
{
	return NEXT_V(pthread_attr_getaffinity_np, "GLIBC_2.3.4")(attr, n, cpus);
}

EXPORT int pthread_kill(pthread_t th, int sig)
{
	return NEXT_V(pthread_kill, "GLIBC_2.34")(th, sig);
}

EXPORT char *realpath(const char *path, char *resolved)
{
	return NEXT_V(realpath, "GLIBC_2.3")(path, resolved);
}

EXPORT int regexec(const regex_t *re, const char *text, size_t n, regmatch_t match[n], int flags)
{
	return NEXT_V(regexec, "GLIBC_2.3.4")(re, text, n, match, flags);
}

EXPORT int sched_getaffinity(pid_t pid, size_t n, cpu_set_t *cpus)
{
	return NEXT_V(sched_getaffinity, "GLIBC_2.3.4")(pid, n, cpus);
}
