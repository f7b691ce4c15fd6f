/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core.h - a core file for linux/amd64, as the kernel and gdb's gcore write them: the memory, the
 * threads and the mapped files of a process at one moment.
 *
 * Not all memory of a process is in its core. What only files hold is left out (coredump_filter in
 * core(5)): code and constants, as a rule. It is read from these files, where they still are, if
 * their first page is that of the core. A file that was cut off ends in the middle of the memory.
 *
 * Everything in a core is foreign, the paths of files too.
 */
#ifndef GORT_PROBES_CORE_H
#define GORT_PROBES_CORE_H

#include "elf.h"
#include "target.h"

/* Memory at [lo, hi); the first `have` bytes of it are in the core. */
struct core_segment {
	uint64_t lo, hi, have;
	const uint8_t *bytes;
	uint32_t flags; /* PF_R and so on */
};

/* A file of the process; map and size once it was found. */
struct core_file {
	const char *path;
	enum { CORE_UNTRIED, CORE_THERE, CORE_ABSENT, CORE_OTHER } state;
	const uint8_t *map;
	size_t size;
};

/* [lo, hi) is of the file from offset on. */
struct core_map {
	uint64_t lo, hi, offset;
	uint32_t file; /* of files */
};

/* Why memory that the process had cannot be read. */
enum core_lack { CORE_NOTHING, CORE_CUT, CORE_FILE_ABSENT, CORE_FILE_OTHER, CORE_LEFT_OUT };

struct core {
	struct elf elf;
	struct core_segment *segments; /* ascending, disjoint */
	size_t nsegments;
	struct core_map *maps; /* ascending, disjoint */
	size_t nmaps;
	struct core_file *files;
	size_t nfiles;
	pid_t *tids; /* of threads, the one that got the signal first */
	struct thread_regs *regs;
	size_t nthreads, cap;
	uint64_t *auxv; /* pairs */
	size_t nauxv;
	pid_t pid;
	uid_t uid;
	int signal; /* that ended it, 0: none, the core was taken of a live process */
	char comm[17];
	uint64_t size, cut;  /* bytes of the whole file; of them missing at its end */
	enum core_lack lack; /* of the first read that failed */
	uint64_t lacking;    /* its address */
	const char *path;    /* of the core itself; the caller's, as exe */
	const char *exe;     /* the caller's path of the executable, NULL: the one in the core */
};

/* 0, -ENOEXEC when this is no core for linux/amd64, -ENOMEM. The image must outlive *c. */
int core_parse(struct core *c, const void *image, size_t size);
/* Maps and parses a file; 0 or a negative errno. Freed with core_close, as what core_parse made. */
int core_open(struct core *c, const char *path);
void core_close(struct core *c);

/* The back end of a struct tmem; ctx is the core. */
void core_readv(void *ctx, struct tmem_read_at *reads, size_t n);
uint64_t core_bytes(void *ctx);

/* Entry `type` of the auxiliary vector, 0 when there is none. */
uint64_t core_auxv(const struct core *c, uint64_t type);
/* Registers of a thread, NULL when there is none of that id. */
const struct thread_regs *core_regs(const struct core *c, pid_t tid);
/* The mapping that addr is in, NULL when no file is mapped there. */
const struct core_map *core_map_at(const struct core *c, uint64_t addr);
/* PF_R and so on of the memory at addr, 0 when there was none. */
uint32_t core_flags(struct core *c, uint64_t addr);

/* The executable's entry of files, NULL when the core does not say. */
struct core_file *core_exe(struct core *c);
/* Finds the file and compares it, once. True: it is there, and is what was mapped. */
bool core_file_open(struct core *c, struct core_file *f);
/*
 * The ELF file that is mapped from base on, put together from what the core has of its segments:
 * without sections, and zeros where there is nothing. *size its length; freed with munmap. NULL
 * when there is none.
 */
void *core_image(struct core *c, uint64_t base, size_t *size);
/* Opens the executable: its file, else its image. 0 or a negative errno. Freed with elf_close. */
int core_exe_elf(struct core *c, struct elf *e);

/* What is not in the core and how to get it; "" when everything that was read was there. */
void core_explain(struct core *c, char *why, size_t why_size, char *what_to_try, size_t try_size);

#endif
