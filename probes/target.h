/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.h - a live process, opened for reading: its memory and its files under /proc.
 *
 * Only process_vm_readv and reads of procfs: the target is not stopped, traced, signalled or
 * written to, and does not notice. The pids of a procfs that was mounted in another pid namespace
 * (--host-proc in a container) mean other processes to process_vm_readv; there memory is read
 * through PID/mem of that procfs, piece by piece.
 */
#ifndef GORT_PROBES_TARGET_H
#define GORT_PROBES_TARGET_H

#include <sys/types.h>
#include "probes/probes.h"
#include "tmem.h"

struct target {
	pid_t pid;
	char proc[96]; /* procfs root */
	struct tmem mem;
	int memfd;      /* PID/mem of a procfs of another pid namespace; -1: not open */
	int read_errno; /* why the last read of memory failed, 0 when it was just not mapped */
	uint64_t reads, bytes;
};

/* Does not touch the process yet. */
void target_init(struct target *t, pid_t pid, const char *proc);

void target_fini(struct target *t);
/* Whether the pids of its procfs are those of another pid namespace. */
bool target_foreign(const struct target *t);

/* Path of a file of the process; buf is returned. */
char *target_path(const struct target *t, const char *file, char *buf, size_t size);

static inline bool target_read(const struct target *t, uint64_t at, void *buf, size_t len)
{
	return tmem_read(&t->mem, (taddr){at}, buf, len);
}

static inline void target_readv(const struct target *t, struct tmem_read_at *reads, size_t n)
{
	t->mem.readv(t->mem.ctx, reads, n);
}

/* The word at an address, 0 when it cannot be read. */
static inline uint64_t target_word(const struct target *t, uint64_t at)
{
	uint64_t v;
	return target_read(t, at, &v, sizeof v) ? v : 0;
}

static inline uint32_t target_u32(const struct target *t, uint64_t at)
{
	uint32_t v;
	return target_read(t, at, &v, sizeof v) ? v : 0;
}

/* Entry `type` of the auxiliary vector (getauxval), 0 when there is none. */
uint64_t target_auxv(const struct target *t, uint64_t type);

/* OS thread ids; *out is freed by the caller. Number of them, 0 when the process is gone. */
size_t target_threads(const struct target *t, pid_t **out);

#endif
