/* SPDX-License-Identifier: BSD-2-Clause */
#include "target.h"
#include "core.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define BATCH 1024 /* UIO_MAXIOV: more makes the system call fail */

/* Marks what `got` bytes cover of reads [0, n); returns how many reads were complete. */
static size_t settle(struct tmem_read_at *reads, size_t n, size_t got)
{
	size_t i = 0;
	for (; i < n && got >= reads[i].len; i++) {
		got -= reads[i].len;
		reads[i].ok = true;
	}
	return i;
}

/*
 * One system call reads up to BATCH pieces and stops, short, at the first one that is not mapped:
 * that piece is given up and the next call starts behind it.
 */
static void read_all(void *ctx, struct tmem_read_at *reads, size_t n)
{
	struct target *t = ctx;
	struct iovec local[BATCH], remote[BATCH];
	for (size_t i = 0; i < n;) {
		size_t k = n - i < BATCH ? n - i : BATCH;
		for (size_t j = 0; j < k; j++) {
			struct tmem_read_at *r = &reads[i + j];
			r->ok = false;
			local[j] = (struct iovec){r->buf, r->len};
			remote[j] = (struct iovec){(void *)(uintptr_t)r->at.v, r->len};
		}
		ssize_t got = process_vm_readv(t->pid, local, k, remote, k, 0);
		t->reads++;
		if (got < 0 && errno != EFAULT) {
			t->read_errno = errno;
			return;
		}
		t->bytes += got > 0 ? (size_t)got : 0;
		size_t whole = settle(reads + i, k, got > 0 ? (size_t)got : 0);
		i += whole < k ? whole + 1 : k;
	}
}

static void read_by_file(void *ctx, struct tmem_read_at *reads, size_t n)
{
	struct target *t = ctx;
	char path[160];
	if (t->memfd < 0)
		t->memfd = open(target_path(t, "mem", path, sizeof path), O_RDONLY | O_CLOEXEC);
	if (t->memfd < 0)
		t->read_errno = errno;
	for (size_t i = 0; i < n; i++) {
		struct tmem_read_at *r = &reads[i];
		ssize_t got = t->memfd < 0 ? -1 : pread(t->memfd, r->buf, r->len, (off_t)r->at.v);
		r->ok = got == (ssize_t)r->len;
		if (got == 0 && r->len)
			t->read_errno = ESRCH; /* it has no memory any more */
		t->reads++;
		t->bytes += got > 0 ? (size_t)got : 0;
	}
}

/* Of its address space: memory is only ever added to what this says while it is looked at. */
static uint64_t mapped_bytes(void *ctx)
{
	const struct target *t = ctx;
	char path[160];
	uint64_t pages;
	FILE *f = fopen(target_path(t, "statm", path, sizeof path), "re");
	bool ok = f && fscanf(f, "%" SCNu64, &pages) == 1;
	if (f)
		fclose(f);
	return ok ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : UINT64_MAX;
}

/* Whether a procfs numbers processes otherwise than this process's namespace does. */
static bool other_pids(const char *proc)
{
	char path[160], self[32];
	snprintf(path, sizeof path, "%s/self", proc);
	ssize_t n = readlink(path, self, sizeof self - 1);
	self[n > 0 ? n : 0] = '\0';
	if (n > 0)
		return atoi(self) != getpid();
	return access(proc, F_OK) == 0 && strcmp(proc, "/proc"); /* it does not know this one */
}

void target_init(struct target *t, pid_t pid, const char *proc)
{
	*t = (struct target){.pid = pid, .memfd = -1};
	snprintf(t->name, sizeof t->name, "pid %d", pid);
	snprintf(t->proc, sizeof t->proc, "%s", proc ? proc : "/proc");
	t->mem = (struct tmem){other_pids(t->proc) ? read_by_file : read_all, t, mapped_bytes};
}

int target_init_core(struct target *t, const char *path, const char *exe)
{
	const char *slash = strrchr(path, '/');
	*t = (struct target){.memfd = -1, .core = malloc(sizeof *t->core)};
	int err = t->core ? core_open(t->core, path) : -ENOMEM;
	if (err) {
		free(t->core);
		return err;
	}
	t->core->exe = exe;
	t->core->path = path;
	t->pid = t->core->pid;
	snprintf(t->name, sizeof t->name, "%.63s", slash ? slash + 1 : path);
	t->mem = (struct tmem){core_readv, t->core, core_bytes};
	return 0;
}

bool target_foreign(const struct target *t)
{
	return t->mem.readv == read_by_file;
}

void target_fini(struct target *t)
{
	if (t->memfd >= 0)
		close(t->memfd);
	t->memfd = -1;
	if (t->core)
		core_close(t->core);
	free(t->core);
	t->core = NULL;
}

char *target_path(const struct target *t, const char *file, char *buf, size_t size)
{
	snprintf(buf, size, "%s/%d/%s", t->proc, t->pid, file);
	return buf;
}

int target_exe(const struct target *t, struct elf *e)
{
	char path[160];
	return t->core ? core_exe_elf(t->core, e)
		       : elf_open(e, target_path(t, "exe", path, sizeof path));
}

uint64_t target_auxv(const struct target *t, uint64_t type)
{
	char path[160];
	if (t->core)
		return core_auxv(t->core, type);
	FILE *f = fopen(target_path(t, "auxv", path, sizeof path), "re");
	if (!f)
		return 0;
	uint64_t pair[2], value = 0;
	while (fread(pair, sizeof pair, 1, f) == 1 && pair[0] != AT_NULL)
		if (pair[0] == type)
			value = pair[1];
	fclose(f);
	return value;
}

void *target_array(const struct target *t, uint64_t at, uint64_t n, size_t each, int *err)
{
	uint64_t bytes;
	*err = -EPROTO;
	if (__builtin_mul_overflow(n, each, &bytes) || bytes > target_size(t))
		return NULL;
	void *copy = malloc(bytes + 1);
	*err = !copy ? -ENOMEM : target_read(t, at, copy, bytes) ? 0 : -EFAULT;
	if (!*err)
		return copy;
	free(copy);
	return NULL;
}

static size_t copy_threads(const struct core *c, pid_t **out)
{
	*out = c->nthreads ? malloc(c->nthreads * sizeof **out) : NULL;
	if (*out)
		memcpy(*out, c->tids, c->nthreads * sizeof **out);
	return *out ? c->nthreads : 0;
}

size_t target_threads(const struct target *t, pid_t **out)
{
	char path[160];
	if (t->core)
		return copy_threads(t->core, out);
	*out = NULL;
	DIR *dir = opendir(target_path(t, "task", path, sizeof path));
	if (!dir)
		return 0;
	size_t n = 0, cap = 0;
	for (struct dirent *d; (d = readdir(dir));) {
		if (d->d_name[0] == '.')
			continue;
		if (n == cap) {
			pid_t *bigger = realloc(*out, (cap = cap ? cap * 2 : 64) * sizeof **out);
			if (!bigger)
				break;
			*out = bigger;
		}
		(*out)[n++] = atoi(d->d_name);
	}
	closedir(dir);
	return n;
}

int64_t target_nthreads(const struct target *t)
{
	pid_t *tids;
	size_t n = target_threads(t, &tids);
	free(tids);
	return n ? (int64_t)n : GSNAP_UNKNOWN;
}
