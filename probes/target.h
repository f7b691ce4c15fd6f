/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * target.h - what is looked into, opened for reading: a live process, or a core file (core.h). The
 * readers see the same of both: memory, the executable, threads, the auxiliary vector.
 *
 * Of a process: only process_vm_readv and reads of procfs: the target is not stopped, traced,
 * signalled or written to, and does not notice. The pids of a procfs that was mounted in another
 * pid namespace (--host-proc in a container) mean other processes to process_vm_readv; there memory
 * is read through PID/mem of that procfs, piece by piece.
 */
#ifndef GORT_PROBES_TARGET_H
#define GORT_PROBES_TARGET_H

#include <sys/types.h>
#include "elf.h"
#include "probes/probes.h"
#include "tmem.h"

struct core;

/* General and vector registers of a thread as words, any of which may be a pointer. */
enum { REGS_R15, REGS_R14, REGS_R13, REGS_R12, REGS_RBP, REGS_RBX, REGS_RIP = 16, REGS_RSP = 19 };
struct thread_regs {
	uint64_t general[27]; /* struct user_regs_struct */
	uint64_t vector[64];  /* struct user_fpregs_struct */
};

struct target {
	pid_t pid;
	char name[64]; /* for messages: "pid 4121", "core.4121" */
	char proc[96]; /* procfs root */
	struct tmem mem;
	struct core *core; /* NULL: a live process */
	int memfd;         /* PID/mem of a procfs of another pid namespace; -1: not open */
	int read_errno;    /* why the last read of memory failed, 0 when it was just not mapped */
	uint64_t reads, bytes;
};

/* Does not touch the process yet. */
void target_init(struct target *t, pid_t pid, const char *proc);
/*
 * A core file instead; exe: its executable, NULL: where it was when it ran. 0 or a negative errno:
 * -ENOEXEC when it is no core for linux/amd64. The strings must outlive *t.
 */
int target_init_core(struct target *t, const char *path, const char *exe);

void target_fini(struct target *t);
/* Whether the pids of its procfs are those of another pid namespace. */
bool target_foreign(const struct target *t);

/* Path of a file of the process under its procfs; buf is returned. Not for cores. */
char *target_path(const struct target *t, const char *file, char *buf, size_t size);

static inline bool target_read(const struct target *t, uint64_t at, void *buf, size_t len)
{
	return tmem_read(&t->mem, (taddr){at}, buf, len);
}

static inline void target_readv(const struct target *t, struct tmem_read_at *reads, size_t n)
{
	t->mem.readv(t->mem.ctx, reads, n);
}

/*
 * Bytes that the target has mapped, UINT64_MAX when that is not known. What it says of its own
 * sizes is held against this before memory is got for a copy.
 */
static inline uint64_t target_size(const struct target *t)
{
	return t->mem.size ? t->mem.size(t->mem.ctx) : UINT64_MAX;
}

/*
 * A copy of n objects of `each` bytes, freed by the caller. NULL with *err: -EPROTO when the target
 * cannot have so many, -EFAULT when they cannot be read, -ENOMEM.
 */
void *target_array(const struct target *t, uint64_t at, uint64_t n, size_t each, int *err);

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

/* Opens the executable; 0 or a negative errno. */
int target_exe(const struct target *t, struct elf *e);

/* Entry `type` of the auxiliary vector (getauxval), 0 when there is none. */
uint64_t target_auxv(const struct target *t, uint64_t type);

/* OS thread ids; *out is freed by the caller. Number of them, 0 when the process is gone. */
size_t target_threads(const struct target *t, pid_t **out);
/* How many; GSNAP_UNKNOWN when there is no saying. */
int64_t target_nthreads(const struct target *t);

#endif
