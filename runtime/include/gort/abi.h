/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * abi.h - what a program on libgort tells an outside reader, and what the detectors tell the tools.
 *
 * libgort carries one struct gort_abi in section ".gort.abi". It names every structure member
 * and variable that a reader needs ("g.atomicstatus" -> offset, "allglen" -> address), so a reader
 * needs no symbols, no debug information and no table per version: it asks by name, and a name that
 * is missing switches off just the feature that wanted it. Names are those of Go's runtime.
 *
 * Pointers inside the table are relocated by the loader: read the table from the live process.
 */
#ifndef GORT_ABI_H
#define GORT_ABI_H

#include <stdbool.h>
#include <stdint.h>

#define GORT_ABI_MAGIC   "gort.abi"
#define GORT_ABI_VERSION 1
#define GORT_ABI_SECTION ".gort.abi"

enum gort_abi_what {
	GORT_ABI_OFFSET = 1, /* value = offset of a member; size = its size */
	GORT_ABI_SIZE = 2,   /* value = size of a structure */
	GORT_ABI_ADDR = 3,   /* value = address of a variable; size = its size */
	GORT_ABI_CONST = 4,  /* value = a number, e.g. "_Grunning" */
	GORT_ABI_TEXT = 5    /* value = address of a NUL-terminated text */
};

struct gort_abi_entry {
	char name[40];
	uint32_t what; /* enum gort_abi_what */
	uint32_t size;
	uint64_t value;
};

/*
 * What libgort calls on each happens-before edge. NULL members until libgort-race.so's constructor
 * fills the table: no weak symbols, which a non-PIE or static program would resolve to 0.
 */
struct gort_race_hooks {
	void *(*go_start)(void *parent, uintptr_t pc); /* returns the child's race context */
	void (*go_end)(void *ctx);
	void (*go_switch)(void *ctx); /* this OS thread now runs ctx */
	void (*acquire)(void *ctx, const void *addr);
	void (*release)(void *ctx, const void *addr);
	void (*release_merge)(void *ctx, const void *addr);
};

struct gort_abi {
	char magic[8]; /* GORT_ABI_MAGIC without its NUL */
	uint32_t version;
	uint32_t size; /* of this structure, so that later versions can append */
	uint32_t nentries;
	uint32_t entry_size;
	const struct gort_abi_entry *entries;
	struct gort_race_hooks *race;
};

/*
 * The finding record: one race or one leaked goroutine. race/ sends it over the SOCK_SEQPACKET
 * socket whose number is in GORT_FINDING_FD, one record a message, and waits for one byte in
 * answer; so the launcher symbolizes while the modules are still mapped and reports stay in order
 * with the program's own output. Fixed size: it is filled where nothing may be allocated.
 */
#define GORT_FINDING_FD_ENV "GORT_FINDING_FD"
#define GORT_FINDING_MAGIC  0x676f7266u
#define GORT_FINDING_PCS    64
#define GORT_FINDING_STACKS 6

enum gort_finding_kind { GORT_FINDING_RACE = 1, GORT_FINDING_LEAK = 2 };

enum gort_finding_role {
	GORT_STACK_ACCESS = 1,   /* the access that found the race */
	GORT_STACK_PREVIOUS = 2, /* the earlier access of the other thread */
	GORT_STACK_CREATED = 3,  /* where the thread or goroutine `id` was created */
	GORT_STACK_ALLOC = 4,    /* where the memory was allocated */
	GORT_STACK_BLOCKED = 5   /* where a leaked goroutine is blocked */
};

enum gort_access { GORT_ACCESS_READ = 0, GORT_ACCESS_WRITE = 1, GORT_ACCESS_ATOMIC = 2 };

struct gort_finding_stack {
	uint32_t role;   /* enum gort_finding_role */
	uint32_t npcs;   /* leaf first; every pc but the leaf is a return address */
	uint64_t id;     /* thread or goroutine number as the report prints it: T0 is main */
	uint64_t by;     /* CREATED: the creator's number */
	uint64_t addr;   /* access: its address; ALLOC: start of the block */
	uint32_t size;   /* access: its size; ALLOC: size of the block */
	uint32_t access; /* enum gort_access bits */
	int32_t tid;     /* OS thread id, 0 when gone */
	uint32_t flags;
	char name[32]; /* thread or goroutine name, "" when none */
	uint64_t pcs[GORT_FINDING_PCS];
};

struct gort_finding {
	uint32_t magic;
	uint32_t size; /* of this structure */
	uint32_t kind; /* enum gort_finding_kind */
	uint32_t nstacks;
	int32_t pid;
	uint32_t seen; /* how often this pair was met up to now */
	struct gort_finding_stack stacks[GORT_FINDING_STACKS];
};

#endif
