/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * runqlat.c - user side of bpf/runqlat.bpf.c: run-queue latency of one process's threads.
 *
 * Order matters (invariant 1 of the program): translate the pid, then sched_switch, then the
 * wake-ups. The programs are detached before anything is read, so the numbers cannot move under us.
 *
 * The pid is that of the caller's own pid namespace. A pid taken from another namespace's procfs
 * (--host-proc) cannot be told from our own numbers and is not supported.
 */
#include <errno.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/stat.h>
#include <linux/capability.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include "probes/probes.h"
#include "bpf/runqlat.h"
#include "runqlat.skel.h"

_Static_assert(RUNQLAT_HIST == RUNQLAT_SLOTS, "the program and probes.h count in the same slots");

struct runqlat {
	struct runqlat_bpf *skel;
};

/* libbpf explains itself only through a process-wide callback: the first line of a failed call. */
static __thread char libbpf_says[160];

static int keep_first_line(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level != LIBBPF_WARN || libbpf_says[0])
		return 0;
	vsnprintf(libbpf_says, sizeof libbpf_says, format, args);
	libbpf_says[strcspn(libbpf_says, "\n")] = '\0';
	return 0;
}

__attribute__((format(printf, 4, 5))) static int fail(
	struct gsnap_err *err, int code, int error, const char *what, ...)
{
	va_list args;
	va_start(args, what);
	memset(err, 0, sizeof *err);
	err->code = code;
	vsnprintf(err->what, sizeof err->what, what, args);
	va_end(args);
	snprintf(err->see, sizeof err->see, "gort doctor");
	return error;
}

#define SAY(buf, ...) snprintf((buf), sizeof(buf), __VA_ARGS__)

static uint64_t effective_caps(void)
{
	char line[256];
	unsigned long long caps = 0;
	FILE *f = fopen("/proc/self/status", "re");
	if (!f)
		return 0;
	while (fgets(line, sizeof line, f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	fclose(f);
	return caps;
}

static bool may_load_tracing(uint64_t caps)
{
	uint64_t both = 1ull << CAP_PERFMON | 1ull << CAP_BPF;
	return (caps & both) == both || caps >> CAP_SYS_ADMIN & 1;
}

static int no_permission(struct gsnap_err *err)
{
	fail(err, 4, -EPERM, "cannot load the eBPF program that measures run-queue latency: %s",
		strerror(EPERM));
	if (may_load_tracing(effective_caps())) {
		SAY(err->why,
			"the kernel refuses although this process has the capabilities: a user "
			"namespace, seccomp or kernel lockdown forbids bpf()");
		SAY(err->tries[0], "run gort on the host, not inside the container");
	} else {
		SAY(err->why, "it needs CAP_BPF and CAP_PERFMON");
		SAY(err->tries[0], "run it with sudo");
		SAY(err->tries[1],
			"sudo setcap cap_bpf,cap_perfmon,cap_sys_ptrace+ep \"$(command -v gort)\"");
	}
	SAY(err->tries[2], "gort sched --without bpf PID: everything else");
	return -EPERM;
}

/* Why the programs could not be opened, loaded or attached. */
static int explain(struct gsnap_err *err, int error)
{
	if (error == -EPERM || error == -EACCES)
		return no_permission(err);
	if (error == -ENOMEM)
		return fail(err, 1, error, "out of memory for the eBPF program");
	fail(err, 5, -ENOTSUP, "run-queue latency cannot be measured on this machine");
	if (error == -ENOSYS)
		SAY(err->why, "the kernel is built without the bpf() system call");
	else if (access("/sys/kernel/btf/vmlinux", R_OK))
		SAY(err->why,
			"the kernel has no type information: /sys/kernel/btf/vmlinux is missing");
	else
		SAY(err->why, "%s (%s)", libbpf_says[0] ? libbpf_says : "libbpf failed",
			strerror(-error));
	SAY(err->tries[0],
		"a kernel >= 5.10 with CONFIG_DEBUG_INFO_BTF=y, as the distributions have");
	SAY(err->tries[1], "gort sched --without bpf PID: everything else");
	return -ENOTSUP;
}

static unsigned count_threads(pid_t pid)
{
	char path[64];
	unsigned n = 0;
	SAY(path, "/proc/%d/task", pid);
	DIR *dir = opendir(path);
	if (!dir)
		return 0;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* The table is allocated up front (nothing may be allocated inside the scheduler). */
static unsigned table_size(pid_t pid)
{
	unsigned n = 2048 + 4 * count_threads(pid);
	return n < 65536 ? n : 65536;
}

static int load(struct runqlat *r, pid_t pid)
{
	struct stat ns;
	if (stat("/proc/self/ns/pid", &ns))
		return -errno;
	r->skel = runqlat_bpf__open();
	if (!r->skel)
		return -errno;
	r->skel->rodata->want_pid = pid;
	r->skel->rodata->want_ns = ns.st_ino;
	int error = bpf_map__set_max_entries(r->skel->maps.threads, table_size(pid));
	return error ? error : runqlat_bpf__load(r->skel);
}

/* Runs find_target over all tasks: reading an iterator to its end is what runs it. */
static int find_target(struct runqlat *r)
{
	char buf[64];
	ssize_t n;
	struct bpf_link *link = bpf_program__attach_iter(r->skel->progs.find_target, NULL);
	if (!link)
		return -errno;
	int fd = bpf_iter_create(bpf_link__fd(link));
	int error = fd < 0 ? -errno : 0;
	while (!error && (n = read(fd, buf, sizeof buf)) != 0)
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			error = -errno;
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return error;
}

static int attach(struct bpf_program *prog, struct bpf_link **link)
{
	*link = bpf_program__attach(prog);
	return *link ? 0 : -errno;
}

static int attach_all(struct runqlat_bpf *skel)
{
	int error = attach(skel->progs.on_switch, &skel->links.on_switch);
	if (!error)
		error = attach(skel->progs.on_wakeup, &skel->links.on_wakeup);
	if (!error)
		error = attach(skel->progs.on_wakeup_new, &skel->links.on_wakeup_new);
	return error;
}

static void runqlat_free(struct runqlat *r)
{
	runqlat_bpf__destroy(r->skel);
	free(r);
}

static int start(struct runqlat *r, pid_t pid, struct gsnap_err *err)
{
	int error = load(r, pid);
	if (!error)
		error = find_target(r);
	if (error)
		return explain(err, error);
	if (!r->skel->bss->target_tgid)
		return fail(err, 3, -ESRCH, "no process %d", pid);
	error = attach_all(r->skel);
	return error ? explain(err, error) : 0;
}

int runqlat_start(pid_t pid, struct runqlat **out, struct gsnap_err *err)
{
	struct runqlat *r = calloc(1, sizeof *r);
	*out = NULL;
	if (!r)
		return fail(err, 1, -ENOMEM, "out of memory");
	libbpf_says[0] = '\0';
	libbpf_print_fn_t before = libbpf_set_print(keep_first_line);
	int error = start(r, pid, err);
	libbpf_set_print(before);
	if (error)
		runqlat_free(r);
	else
		*out = r;
	return error;
}

static uint64_t monotonic_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A thread that still waits at the stop has waited at least that long: it must not look idle. */
static void close_wait(struct runqlat_stat *st, uint64_t now)
{
	if (!st->since || st->since > now)
		return;
	uint64_t wait = now - st->since;
	unsigned slot = wait ? 63 - (unsigned)__builtin_clzll(wait) : 0;
	st->waits++;
	st->total_ns += wait;
	st->max_ns = wait > st->max_ns ? wait : st->max_ns;
	st->slots[slot < RUNQLAT_HIST ? slot : RUNQLAT_HIST - 1]++;
}

/* A thread that has not switched out since it was created or named has no name in the table yet. */
static void read_comm(pid_t pid, struct runqlat_thread *t)
{
	char path[64];
	SAY(path, "/proc/%d/task/%d/comm", pid, t->tid);
	FILE *f = fopen(path, "re");
	if (!f)
		return;
	if (fgets(t->comm, sizeof t->comm, f))
		t->comm[strcspn(t->comm, "\n")] = '\0';
	fclose(f);
}

static void fill(struct runqlat_thread *t, const struct runqlat_stat *st, pid_t pid)
{
	*t = (struct runqlat_thread){.tid = (pid_t)st->tid,
		.switches = st->waits,
		.wait_total_ns = st->total_ns,
		.wait_max_ns = st->max_ns};
	memcpy(t->comm, st->comm, sizeof t->comm);
	memcpy(t->slots, st->slots, sizeof t->slots);
	if (!t->comm[0])
		read_comm(pid, t);
}

static int collect(struct runqlat *r, uint64_t now, struct runqlat_thread **out, size_t *n)
{
	int fd = bpf_map__fd(r->skel->maps.threads);
	size_t cap = bpf_map__max_entries(r->skel->maps.threads);
	struct runqlat_key key, *at = NULL;
	struct runqlat_stat st;
	struct runqlat_thread *ts = calloc(cap, sizeof *ts);
	if (!ts)
		return -ENOMEM;
	for (size_t i = 0; i < cap && !bpf_map_get_next_key(fd, at, &key); i++) {
		at = &key;
		if (bpf_map_lookup_elem(fd, &key, &st))
			continue;
		close_wait(&st, now);
		if (st.waits)
			fill(&ts[(*n)++], &st, r->skel->rodata->want_pid);
	}
	*out = ts;
	return 0;
}

int runqlat_stop(struct runqlat *r, struct runqlat_thread **out, size_t *n)
{
	*out = NULL;
	*n = 0;
	uint64_t now = monotonic_ns();
	runqlat_bpf__detach(r->skel);
	int error = collect(r, now, out, n);
	int lost = r->skel->bss->lost < INT32_MAX ? (int)r->skel->bss->lost : INT32_MAX;
	runqlat_free(r);
	return error ? error : lost;
}
