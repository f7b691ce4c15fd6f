/* SPDX-License-Identifier: BSD-2-Clause */
#include "lookslike.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the last pid of NSpid, the one the process has for itself, is pid; text is its status. */
static bool is_inner_pid(const char *status, pid_t pid)
{
	const char *line = strstr(status, "\nNSpid:");
	if (!line)
		return false;
	const char *end = line + 1 + strcspn(line + 1, "\n"), *last = end;
	while (last > line && last[-1] != '\t' && last[-1] != ':')
		last--;
	return atoi(last) == pid && memchr(line + 8, '\t', (size_t)(last - line) - 8);
}

/* Processes that have this pid inside their container: the pid was most likely looked up there. */
static void hint_inner(const struct target *t, struct gsnap_err *err)
{
	DIR *dir = opendir(t->proc);
	char text[2048];
	size_t n = 1;
	for (struct dirent *e; dir && n < GSNAP_TRIES && (e = readdir(dir));) {
		struct target other = *t;
		struct procinfo info;
		other.pid = atoi(e->d_name);
		if (other.pid <= 0 || procfs_file(&other, "status", text, sizeof text) <= 0 ||
			!is_inner_pid(text, t->pid) || procfs_read(&other, &info))
			continue;
		snprintf(err->tries[n++], sizeof err->tries[0],
			"pid %d      (%.60s, pid %d inside its container)", other.pid, info.comm,
			t->pid);
	}
	if (dir)
		closedir(dir);
}

int lookslike_gone(const struct target *t, struct gsnap_err *err)
{
	err->code = 3;
	snprintf(err->what, sizeof err->what, "no process has pid %d", t->pid);
	snprintf(err->why, sizeof err->why,
		"it has ended, or it lives in another pid namespace where it has another pid");
	snprintf(err->tries[0], sizeof err->tries[0], "gort ps");
	hint_inner(t, err);
	return -ESRCH;
}

int lookslike_ended(const struct target *t, const struct procinfo *info, struct gsnap_err *err)
{
	err->code = 3;
	snprintf(err->what, sizeof err->what, "%s (%s) has ended", t->name, info->comm);
	DIR *dir = opendir(t->proc);
	size_t n = 0;
	for (struct dirent *e; dir && n < GSNAP_TRIES && (e = readdir(dir));) {
		struct target other = *t;
		struct procinfo now;
		other.pid = atoi(e->d_name);
		if (other.pid <= 0 || other.pid == t->pid || procfs_read(&other, &now) ||
			now.state == 'Z' || strcmp(now.comm, info->comm))
			continue;
		snprintf(err->tries[n++], sizeof err->tries[0], "pid %d      (%.60s as well)",
			other.pid, now.comm);
	}
	if (dir)
		closedir(dir);
	if (n == 0)
		snprintf(err->tries[0], sizeof err->tries[0], "gort ps");
	return -ESRCH;
}

static int yama_scope(const struct target *t)
{
	char path[160];
	int value = -1;
	snprintf(path, sizeof path, "%s/sys/kernel/yama/ptrace_scope", t->proc);
	FILE *f = fopen(path, "re");
	if (f && fscanf(f, "%d", &value) != 1)
		value = -1;
	if (f)
		fclose(f);
	return value;
}

static void explain_refusal(
	const struct target *t, const struct procinfo *info, struct gsnap_err *err)
{
	int scope = yama_scope(t);
	if (info->uid != geteuid())
		snprintf(err->why, sizeof err->why,
			"it runs as uid %u, this is uid %u without CAP_SYS_PTRACE", info->uid,
			geteuid());
	else if (scope > 0)
		snprintf(err->why, sizeof err->why,
			"kernel.yama.ptrace_scope is %d and %d is not a child of this shell", scope,
			t->pid);
	else
		snprintf(err->why, sizeof err->why,
			"same user, so the program has more privileges than this shell, made "
			"itself "
			"undumpable, or a security module forbids it");
}

int lookslike_forbidden(
	const struct target *t, const struct procinfo *info, int error, struct gsnap_err *err)
{
	err->code = 4;
	snprintf(err->what, sizeof err->what, "cannot read memory of pid %d (%s): %s", t->pid,
		info->comm, strerror(error));
	explain_refusal(t, info, err);
	snprintf(err->tries[0], sizeof err->tries[0], "the same command with sudo");
	snprintf(err->tries[1], sizeof err->tries[1],
		"sudo setcap cap_sys_ptrace,cap_bpf,cap_perfmon+ep $(command -v gort)");
	snprintf(err->tries[2], sizeof err->tries[2],
		"in a container: docker run --cap-add=SYS_PTRACE ..., or kubectl debug "
		"--profile=sysadmin");
	return -EPERM;
}

struct kind {
	const char *prefix; /* of the executable's name */
	const char *advice;
};

static const struct kind kinds[] = {
	{"python", "py-spy does that"},
	{"java", "async-profiler does that"},
	{"node", "node --inspect does that"},
	{"ruby", "rbspy does that"},
	{"perl", "Devel::NYTProf does that"},
	{"php", "phpspy does that"},
	{"dotnet", "dotnet-trace does that"},
	{"beam", "observer does that"},
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static bool interpreter(const struct procinfo *info, struct gsnap_err *err)
{
	const char *name = base_name(info->exe);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix))) {
			snprintf(err->why, sizeof err->why, "looks like %.100s: %s", name,
				kinds[i].advice);
			return true;
		}
	}
	return false;
}

static bool other_machine(const struct target *t, struct gsnap_err *err)
{
	char path[160];
	Elf64_Ehdr eh;
	if (t->core)
		return false;
	int fd = open(target_path(t, "exe", path, sizeof path), O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, &eh, sizeof eh, 0);
	if (fd >= 0)
		close(fd);
	if (n < (ssize_t)sizeof eh || memcmp(eh.e_ident, ELFMAG, SELFMAG))
		return false;
	if (eh.e_ident[EI_CLASS] == ELFCLASS64 && eh.e_machine == EM_X86_64)
		return false;
	snprintf(err->why, sizeof err->why,
		"it is a %d-bit program for ELF machine %u; gort reads linux/amd64",
		eh.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32, eh.e_machine);
	return true;
}

static int zombie(const struct target *t, const struct procinfo *info, struct gsnap_err *err)
{
	snprintf(err->why, sizeof err->why,
		"it is a zombie: listed until its parent has asked for its exit code");
	return lookslike_ended(t, info, err);
}

int lookslike_foreign(const struct target *t, const struct procinfo *info, struct gsnap_err *err)
{
	if (info->state == 'Z')
		return zombie(t, info, err);
	err->code = 5;
	snprintf(err->what, sizeof err->what, "%s (%s) is neither a Go program nor one on libgort",
		t->name, info->comm);
	if (info->kernel_thread)
		snprintf(err->why, sizeof err->why, "it is a kernel thread");
	else if (!interpreter(info, err) && !other_machine(t, err))
		snprintf(err->why, sizeof err->why,
			"looks like %.100s, a native program: no Go build info, and not linked "
			"with libgort",
			base_name(info->exe));
	snprintf(err->tries[0], sizeof err->tries[0],
		"gort ps     # the processes that gort can look into");
	return -ENOTSUP;
}

struct magic {
	const char *bytes, *format, *tool;
};

/* How systemd-coredump and scripts store cores. */
static const struct magic compressed[] = {
	{"\x28\xb5\x2f\xfd", "zstd", "zstd -d"},
	{"\x04\x22\x4d\x18", "lz4", "lz4 -d"},
	{"\xfd\x37\x7a\x58", "xz", "xz -dk"},
	{"\x1f\x8b\x08", "gzip", "gzip -dk"},
};

static void what_file(const char *path, struct gsnap_err *err)
{
	Elf64_Ehdr eh = {0};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t n = fd < 0 ? 0 : read(fd, &eh, sizeof eh);
	bool directory = n < 0 && errno == EISDIR;
	if (fd >= 0)
		close(fd);
	for (size_t i = 0; i < sizeof compressed / sizeof *compressed; i++) {
		const struct magic *m = &compressed[i];
		if (memcmp(&eh, m->bytes, strlen(m->bytes)))
			continue;
		snprintf(err->why, sizeof err->why, "it is compressed with %s", m->format);
		snprintf(err->tries[0], sizeof err->tries[0],
			"%s %.150s      (and then its result)", m->tool, path);
		return;
	}
	bool elf = n == sizeof eh && !memcmp(eh.e_ident, ELFMAG, SELFMAG);
	snprintf(err->why, sizeof err->why, "%s",
		directory ? "it is a directory"
		: elf && eh.e_type == ET_CORE
			? "it is a core of another machine; gort reads linux/amd64"
		: elf ? "it is a program or a library"
		      : "it does not begin as an ELF file does");
	if (elf && eh.e_type != ET_CORE)
		snprintf(err->tries[0], sizeof err->tries[0],
			"the pid or the name of a process that runs it");
}

int lookslike_no_core(const char *path, int error, struct gsnap_err *err)
{
	err->code = error == -ENOENT ? 3 : error == -EACCES ? 4 : error == -ENOEXEC ? 5 : 1;
	if (error == -ENOEXEC) {
		snprintf(err->what, sizeof err->what, "%.200s is no core file", path);
		what_file(path, err);
		return error;
	}
	snprintf(err->what, sizeof err->what, "cannot open %.150s: %s", path, strerror(-error));
	return error;
}
