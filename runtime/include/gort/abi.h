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
#include <stddef.h>
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
 * What libgort calls on each happens-before edge. NULL members until its scheduler starts: then it
 * looks in the modules of the process for `gort_race_detector`, libgort-race.so's table, or the
 * functions of ThreadSanitizer's runtime, and keeps them here. No weak symbols, which a non-PIE or
 * static program would resolve to 0. Contexts are of the detector's making.
 */
struct gort_race_hooks {
	void *(*go_start)(void *parent, uintptr_t pc); /* returns the child's race context */
	void (*go_end)(void *ctx);
	void (*go_switch)(void *ctx); /* this OS thread now runs ctx */
	void (*acquire)(void *ctx, const void *addr);
	void (*release)(void *ctx, const void *addr);
	void (*release_merge)(void *ctx, const void *addr);
	void *(*thread)(void);                        /* the context of this OS thread itself */
	void (*go_name)(void *ctx, const char *name); /* may be NULL */
	/*
	 * Called by what gort-cc compiles, before an access, at the entry of a function with the
	 * return address, and at its end; after an atomic operation that acquires, too. libgort
	 * tells of accesses that it makes for its caller, who is at pc. how: enum gort_access.
	 * With gort-cc --race only there are reads, entries and ends.
	 */
	void (*access)(const void *addr, size_t n, uint32_t how, uintptr_t pc);
	void (*func_entry)(uintptr_t pc);
	void (*func_exit)(void);
	/* The collector took this object; the next at this place is another. May be NULL. */
	void (*freed)(const void *addr, size_t n);
};

/* libgort's, which gort_abi.race points to. */
extern struct gort_race_hooks gort_race __attribute__((visibility("default")));

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
 * Roots that lie in structures of libgort's own, for a reader that looks for what is reachable:
 * variables "roots.*" of the table. Each is a list: `first` is the address of the pointer to its
 * first element, `next` where an element has the pointer to the next one; the words in [lo, hi) of
 * each are roots.
 */
struct gort_abi_roots {
	const void *first;
	uint64_t next, lo, hi;
};

/*
 * Of pools the words in [lo, hi) point to chunks, NULL when there is none, the i-th of 2^i items of
 * `item` bytes. All words of an item are roots, and so are those of the arrays that it has at these
 * places: a pointer, and 32 bits that tell how many words there are.
 */
struct gort_abi_pools {
	struct gort_abi_roots list;
	uint64_t item, arrays[3];
};

/*
 * What the program has registered: the addresses of the pointer to an array and of its length. An
 * element is an address, a number and 32 bits: 1 a range of so many bytes, each word a root; 2 the
 * address is one; else nothing.
 */
struct gort_abi_registered {
	const void *array, *length;
};

/*
 * The finding record: a race, another misuse of threads, or one leaked goroutine. race/ sends it
 * over the SOCK_SEQPACKET socket whose number is in GORT_FINDING_FD, one record a message without
 * the stacks that are not used, and waits for one byte in answer, enum gort_finding_answer; so the
 * launcher symbolizes while the modules are still mapped and reports stay in order with the
 * program's own output. No pointers and an upper bound: it is filled where nothing may be
 * allocated.
 */
#define GORT_FINDING_FD_ENV "GORT_FINDING_FD"
#define GORT_FINDING_MAGIC  0x676f7266u
#define GORT_FINDING_PCS    128
#define GORT_FINDING_STACKS 64

enum gort_finding_kind {
	GORT_FINDING_RACE = 1,
	GORT_FINDING_LEAK = 2,
	GORT_FINDING_FREED = 3,      /* a race whose earlier access is the free of the memory */
	GORT_FINDING_LOCK_ORDER = 4, /* LOCKED and HELD stacks in turn, two for each lock */
	GORT_FINDING_UNLOCK = 5,     /* ACCESS: the call; LOCK: the lock; the next four too */
	GORT_FINDING_DOUBLE_LOCK = 6,
	GORT_FINDING_READ_LOCK = 7,
	GORT_FINDING_READ_UNLOCK = 8,
	GORT_FINDING_DESTROY_LOCKED = 9, /* PREVIOUS: where it was locked */
	GORT_FINDING_BAD_LOCK = 10,
	GORT_FINDING_THREAD_LEAK = 11, /* CREATED; seen: how many of them */
	GORT_FINDING_SIGNAL_UNSAFE = 12,
	GORT_FINDING_ERRNO = 13,
	GORT_FINDING_IGNORES = 14, /* CREATED of the thread that ended so, or none: main; IGNORE */
	GORT_FINDING_VPTR = 15,    /* as RACE, FREED, while an object is constructed or destroyed */
	GORT_FINDING_VPTR_FREED = 16,
	GORT_FINDING_KINDS
};

/* What the launcher did with a record. */
enum gort_finding_answer { GORT_ANSWER_TOLD = 't', GORT_ANSWER_SUPPRESSED = 's' };

enum gort_finding_role {
	GORT_STACK_ACCESS = 1,   /* the access that found the race */
	GORT_STACK_PREVIOUS = 2, /* the earlier access of the other thread */
	GORT_STACK_CREATED = 3,  /* where the thread or goroutine `id` was created */
	GORT_STACK_ALLOC = 4,    /* where the memory was allocated */
	GORT_STACK_BLOCKED = 5,  /* where a leaked goroutine is blocked */
	GORT_STACK_LOCKED = 6,   /* where the thread took the lock addr, holding the one of HELD */
	GORT_STACK_HELD = 7,     /* where it had taken that one, addr */
	GORT_STACK_LOCK = 8,     /* where the lock addr was initialised */
	GORT_STACK_OWNER = 9,    /* no stack: the memory is the stack or the TLS of thread id */
	GORT_STACK_IGNORE = 10,  /* where the thread told the detector to look away */
	GORT_STACK_SLEEP = 11    /* a race's first thread slept here, after the previous access */
};

/* flags of OWNER */
#define GORT_OWNER_TLS 1u

/* flags of ALLOC: where the descriptor of number size was opened */
#define GORT_ALLOC_FD 1u

/* flags of LOCK, of a race: held during ACCESS, PREVIOUS; shifted by 2: by a reader */
#define GORT_LOCK_ACCESS   1u
#define GORT_LOCK_PREVIOUS 2u
#define GORT_LOCK_READER   2

enum gort_access {
	GORT_ACCESS_READ = 0,
	GORT_ACCESS_WRITE = 1,
	GORT_ACCESS_ATOMIC = 2,
	GORT_ACCESS_RELEASE = 4, /* of an atomic operation that releases */
	GORT_ACCESS_ACQUIRE = 8  /* the atomic operation, told of before, acquires, and is over */
};

struct gort_finding_stack {
	uint32_t role;   /* enum gort_finding_role */
	uint32_t npcs;   /* leaf first; every pc but the leaf is a return address */
	uint64_t id;     /* thread or goroutine number as the report prints it: T0 is main */
	uint64_t by;     /* CREATED: the creator's number */
	uint64_t addr;   /* access: its address; ALLOC: start of the block */
	uint32_t size;   /* access: its size; ALLOC: size of the block */
	uint32_t access; /* enum gort_access bits */
	int32_t tid;     /* OS thread id; 0 when gone, -1 when it runs but has none */
	uint32_t flags;
	char name[32]; /* thread or goroutine name, "" when none */
	uint64_t pcs[GORT_FINDING_PCS];
};

struct gort_finding {
	uint32_t magic;
	uint32_t size; /* of the record: up to the last stack used */
	uint32_t kind; /* enum gort_finding_kind */
	uint32_t nstacks;
	int32_t pid;
	uint32_t seen; /* how often this pair was met up to now */
	struct gort_finding_stack stacks[GORT_FINDING_STACKS];
};

/*
 * Suppressions that the program brings along, __tsan_default_suppressions(): sent over the same
 * socket before any finding, and not answered. size is of the whole message.
 */
#define GORT_SUPPRESSIONS_MAGIC 0x676f7275u

struct gort_suppressions {
	uint32_t magic;
	uint32_t size;
	char text[16384 - 8]; /* without a NUL */
};

/*
 * A question of race/ over the same socket: the program wants to know where pcs are that point into
 * calls. The answer is text: for each pc a line for each call there, of inlined ones the innermost
 * first, "function TAB file TAB line", what is not known left empty; then an empty line. Pcs that
 * there was no room for are left out at the end.
 */
#define GORT_QUESTION_MAGIC 0x676f7271u
#define GORT_ANSWER_MAX     32768

struct gort_question {
	uint32_t magic;
	uint32_t size; /* up to the last pc used */
	int32_t pid;
	uint32_t npcs;
	uint64_t pcs[GORT_FINDING_PCS];
};

/* The words of ThreadSanitizer, where it has the thing. */
static inline const char *gort_finding_title(uint32_t kind)
{
	switch (kind) {
	case GORT_FINDING_LEAK:
		return "goroutine leak";
	case GORT_FINDING_FREED:
		return "heap-use-after-free";
	case GORT_FINDING_LOCK_ORDER:
		return "lock-order-inversion (potential deadlock)";
	case GORT_FINDING_UNLOCK:
		return "unlock of an unlocked mutex (or by a wrong thread)";
	case GORT_FINDING_DOUBLE_LOCK:
		return "double lock of a mutex";
	case GORT_FINDING_READ_LOCK:
		return "read lock of a write locked mutex";
	case GORT_FINDING_READ_UNLOCK:
		return "read unlock of a write locked mutex";
	case GORT_FINDING_DESTROY_LOCKED:
		return "destroy of a locked mutex";
	case GORT_FINDING_BAD_LOCK:
		return "use of an invalid mutex (e.g. uninitialized or destroyed)";
	case GORT_FINDING_THREAD_LEAK:
		return "thread leak";
	case GORT_FINDING_SIGNAL_UNSAFE:
		return "signal-unsafe call inside of a signal";
	case GORT_FINDING_ERRNO:
		return "signal handler spoils errno";
	case GORT_FINDING_IGNORES:
		return "finished with ignores enabled";
	case GORT_FINDING_VPTR:
		return "data race on vptr (ctor/dtor vs virtual call)";
	case GORT_FINDING_VPTR_FREED:
		return "heap-use-after-free (virtual call vs free)";
	default:
		return "data race";
	}
}

#endif
