/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probes.h - look into a live process, or a core file, from outside: the public header of probes/.
 *
 * Nothing here stops, signals, traces or writes to the target: memory is read with process_vm_readv
 * and every record that may have changed while it was read is validated by reading it again. The
 * exceptions are asked for by name: probe_opts.max_pause_ns, probe_leaks_how.freeze.
 *
 * Functions return 0 or a negative errno; where a struct gsnap_err is taken it is filled on failure
 * with what, why, what to try, and the exit code of architecture.md.
 */
#ifndef GORT_PROBES_H
#define GORT_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include "gort/snap.h"

/* An address in the target: a struct, so that it cannot be dereferenced by mistake. */
typedef struct taddr {
	uint64_t v;
} taddr;

struct probe; /* an open target; private to probes/ */

struct probe_opts {
	const char *proc;     /* procfs root, "/proc" when NULL (--host-proc) */
	const char *exe;      /* of a core: its executable; NULL: where it was when it ran */
	int64_t max_pause_ns; /* --pause: each thread may be stopped for as long; 0: none at all */
};

/* What probe_snapshot reads beyond the list of goroutines and the statistics. */
enum probe_what {
	PROBE_STACKS = 1 << 0,  /* every goroutine's symbolized stack */
	PROBE_MAPS = 1 << 1,    /* executable mappings and build ids */
	PROBE_GC = 1 << 2,      /* gsnap.gc */
	PROBE_SCHED = 1 << 3,   /* gsnap.sched and gsnap.ps */
	PROBE_WAITS = 1 << 4,   /* gsnap.objs and gsnap.waits; needs PROBE_STACKS */
	PROBE_NO_GS = 1 << 5,   /* no goroutines: only the process and its figures */
	PROBE_LABELS = 1 << 6,  /* pprof labels of Go goroutines; libgort's are always read */
	PROBE_ARGS = 1 << 7,    /* Go: the words of gsnap_g.words; needs PROBE_STACKS */
	PROBE_SYMBOLS = 1 << 8, /* generic functions by their full names, as in Go's profiles */
	PROBE_PS = 1 << 9,      /* gsnap.ps alone */
};

/*
 * Opens pid for reading. Recognises an unmodified Go process or a program on libgort; all else
 * fails with code 5 and says what it looks like. Unknown pid: code 3. No permission: code 4 with
 * the remedy. The result is freed with probe_close.
 */
int probe_open(pid_t pid, const struct probe_opts *opts, struct probe **out, struct gsnap_err *err);
void probe_close(struct probe *p);

/*
 * A core file (core(5)) instead of a process, as the kernel or gdb's gcore wrote it: everything but
 * probe_refresh and what stops threads works on it. What the core leaves out is read from the files
 * that were mapped, if they are the same. Not a core, or not all of what is needed: code 5. The
 * strings must outlive *out.
 */
int probe_open_core(
	const char *path, const struct probe_opts *opts, struct probe **out, struct gsnap_err *err);
/* Whether the file is a core for linux/amd64. */
bool probe_is_core(const char *path);
/* What the user should know of the target before its figures, "" for nothing: a core cut off. */
void probe_remark(const struct probe *p, char *text, size_t size);

/* Fills *out (freed with gsnap_free by the caller, also after a failure). */
int probe_snapshot(struct probe *p, unsigned what, struct gsnap *out, struct gsnap_err *err);

/*
 * What the goroutines of *s wait for: objs and waits, which are empty, are filled in. It may be a
 * few goroutines of another snapshot of p. 0 or a negative errno.
 */
int probe_waits(struct probe *p, struct gsnap *s);

/* A profile that a program takes of itself, whether it serves it or not. */
enum probe_profile_kind {
	PROBE_PROFILE_HEAP,         /* allocations: one in about MemProfileRate bytes */
	PROBE_PROFILE_BLOCK,        /* after runtime.SetBlockProfileRate, gort_blockprofile_rate */
	PROBE_PROFILE_MUTEX,        /* after SetMutexProfileFraction, gort_mutexprofile_fraction */
	PROBE_PROFILE_THREADCREATE, /* of Go programs only: one sample an OS thread */
};

/*
 * Fills out->samples and their stacks (and no goroutines) from what the runtime has recorded, equal
 * to what its own runtime/pprof would write at this moment; what: PROBE_MAPS, PROBE_SYMBOLS. No
 * samples is no error. Code 5 when the program's runtime does not record it. *out
 * is freed with gsnap_free by the caller, also after a failure.
 */
int probe_profile(struct probe *p, enum probe_profile_kind kind, unsigned what, struct gsnap *out,
	struct gsnap_err *err);

/*
 * A CPU profile as the program's runtime would take it, sampled by the kernel `hz` times a
 * second of CPU time: nothing is done to the program, and nothing runs in it. Its figures are in
 * *out, which is freed with gsnap_free by the caller, also after a failure: a sample is a stack and
 * how often it was met. what: PROBE_MAPS. Code 5 for cores; code 4 when the
 * kernel does not allow it. A profile that is begun is to be stopped before probe_close.
 */
struct probe_cpu;
int probe_cpu_start(struct probe *p, unsigned hz, struct probe_cpu **out, struct gsnap_err *err);
int probe_cpu_stop(struct probe *p, struct probe_cpu *c, unsigned what, struct gsnap *out,
	struct gsnap_err *err);

/*
 * A snapshot, stacks included, that is kept up to date: what a screen that refreshes works on.
 * Zeroed before the first refresh, which reads everything; the later ones read what changed.
 *
 * Entries of s.gs keep their place; one whose goroutine has ended has GSTATUS_DEAD. A goroutine
 * that stood still for several refreshes is looked at in every fourth one only. Where a Go
 * program does not record when a wait began, waitsince is when the wait was first seen.
 */
struct liveview;
struct probe_view {
	struct gsnap s;
	const uint32_t *changed; /* entries of s.gs that the last refresh changed */
	uint32_t nchanged;
	bool renewed; /* indexes of stacks and locations are new: nothing of before refers to s */
	struct liveview *live; /* private to probes/ */
};
int probe_refresh(struct probe *p, struct probe_view *v, struct gsnap_err *err);
void probe_view_free(struct probe_view *v);

/* Name of the function that pc lies in, as the target's traceback prints it; false for none. */
bool probe_symbol(struct probe *p, uint64_t pc, char *name, size_t size);

/* One line of `gort ps`. */
struct probe_proc {
	pid_t pid;
	uid_t uid;
	char comm[64];
	char exe[256];    /* "" when not readable */
	char version[48]; /* "go1.26.8", "gort 0.1.0", "" when not readable */
	enum gsnap_kind kind;
	int64_t goroutines; /* GSNAP_UNKNOWN when not readable */
	int64_t rss;        /* bytes, GSNAP_UNKNOWN for a core, as uptime_ns */
	int64_t uptime_ns;
	bool stripped, pie, container;
	char note[96]; /* why a field is unknown, "" when all is known */
};

/* All Go and gort processes this user can recognise; *out is freed with free(). */
int probe_list(const struct probe_opts *opts, struct probe_proc **out, size_t *n);
/* The same of a core file: what is not in it is unknown. Errors as probe_open_core. */
int probe_list_core(const char *path, const struct probe_opts *opts, struct probe_proc *out,
	struct gsnap_err *err);

/* How sure it is that a goroutine never goes on; the surer comes first. */
enum probe_leak_class {
	PROBE_LEAK_UNREACHABLE, /* nothing that is alive can reach what it waits for */
	PROBE_LEAK_LIKELY,      /* its lock shares a block with tiny objects, or is on a stack */
	PROBE_LEAK_FOREVER,     /* it waits for a nil channel or in a select without cases */
};

struct probe_leak {
	uint64_t goid, depth; /* of its stack in bytes: the same when the stack has been moved */
	uint64_t object;      /* a channel, lock or condition that it waits for; 0 for none */
	enum probe_leak_class class;
};

struct probe_leaks {
	struct probe_leak *v; /* by goid; the main goroutine is never among them */
	size_t n;
	uint64_t goroutines, blocked; /* all; those of them that only another goroutine can wake */
	int64_t held_ns;              /* for how long the process stood still, 0: it never did */
};

struct probe_leaks_how {
	unsigned looks;   /* that must agree */
	int64_t pause_ns; /* between them, or a little more */
	bool freeze;      /* confirm what they found by one at a process that stands still */
	uint64_t sp;      /* stack pointer of its last thread, when it is at its end; else 0 */
};

/*
 * Proves which goroutines of a process are leaked, from reachability as Go's own goroutineleak
 * profile and libgort's collector do, without stopping it. Since it runs on while it is copied, a
 * verdict is what several looks agree on: 1 is enough for a process that stands still. With
 * `freeze` its threads are stopped for a last look, only when something was found, for about 0.4 s
 * a gigabyte of the heap. Takes about as much memory as the part of the heap that may hold
 * pointers. *out is freed with probe_leaks_free. Code 5 when the process is not understood well
 * enough for a verdict.
 */
int probe_leaks(struct probe *p, const struct probe_leaks_how *how, struct probe_leaks *out,
	struct gsnap_err *err);
void probe_leaks_free(struct probe_leaks *leaks);

/* What was found of a goroutine, NULL when it is not leaked. */
static inline const struct probe_leak *probe_leaks_find(const struct probe_leaks *l, uint64_t goid)
{
	size_t lo = 0, hi = l->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (l->v[mid].goid < goid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < l->n && l->v[lo].goid == goid ? &l->v[lo] : NULL;
}

/* A kind of objects on the heap of a process. */
struct probe_heap_row {
	char *type; /* where the runtime notes it: of the object, or of its elements; else NULL */
	bool array; /* of elements of that type */
	bool pointers; /* may hold some */
	bool large;    /* has a span of its own: over 32 KiB */
	uint64_t size; /* bytes of each slot; 0: they differ */
	uint64_t objects, bytes;
	uint64_t live;   /* those of objects that something reaches */
	uint64_t leaked; /* those that only leaked goroutines reach: in neither */
};

struct probe_heap {
	struct probe_heap_row *v; /* the most bytes first */
	size_t n;
	uint64_t objects, bytes; /* slots in use */
	uint64_t live_bytes, leaked_bytes;
	uint64_t span_bytes; /* of the spans that they are in */
	bool marked;         /* live and leaked are known; else why tells why not */
	char why[128];
};

/*
 * What fills the heap of a process. Slots count as in use until the sweep that frees them, as in
 * Go's own figures; live is what a collection now would keep. Types are noted by Go for objects of
 * more than 512 bytes that hold pointers; libgort notes those of large ones with a layout. Costs
 * what one look of probe_leaks does. *out is freed with probe_heap_free.
 */
int probe_heap(struct probe *p, struct probe_heap *out, struct gsnap_err *err);
void probe_heap_free(struct probe_heap *heap);

/* A step of what keeps a blocked goroutine reachable: each is led to by the next. */
enum probe_holder {
	PROBE_HELD_OBJECT,   /* a heap object of that size */
	PROBE_HELD_STACK,    /* a goroutine that may run, or may be woken */
	PROBE_HELD_VARIABLE, /* a global variable */
	PROBE_HELD_SPECIAL,  /* a finalizer or cleanup */
	PROBE_HELD_RUNTIME,  /* the runtime's own structures: timers, mostly */
	PROBE_HELD_REGISTER,
};
struct probe_hold {
	enum probe_holder by;
	uint64_t addr;   /* of the object or variable; the goroutine's id */
	uint64_t offset; /* in it, of the word that leads on */
	uint64_t size;
	char name[96]; /* type or symbol, "" when not known */
};
struct probe_held {
	uint64_t goid;
	struct probe_hold *v;
	size_t n; /* 0: nothing holds it, or it does not wait for others any more */
};

/*
 * Why goroutines are no leaks: in one look, for each of n (goid filled), what leads to what it
 * waits for, up to something that lives by itself. Freed with probe_held_free. Errors: probe_leaks.
 */
int probe_held_by(struct probe *p, struct probe_held *of, size_t n, struct gsnap_err *err);
void probe_held_free(struct probe_held *of, size_t n);

/* A variable of a call on a goroutine's stack. */
struct probe_local {
	uint32_t loc;   /* of the stack's locations, the innermost is 0 */
	uint32_t frame; /* of the calls at that location, the innermost is 0 */
	bool param;
	const char *name, *type;
	const char *value; /* NULL: not to be had */
	const char *why;   /* why not; NULL when there is a value */
};

struct probe_locals {
	struct probe_local *v; /* by loc and frame; parameters first */
	size_t n, cap;
	bool moved; /* the goroutine went on while they were read: they may be mixed */
};

/*
 * The variables of a goroutine of a snapshot that was taken with PROBE_STACKS and has not moved
 * since, by the debug information of the program. Values are of now, not of the snapshot: what
 * others may change has changed. Code 5 when the program has no debug information. *out is freed
 * with probe_locals_free.
 */
int probe_locals(struct probe *p, const struct gsnap *s, const struct gsnap_g *gp,
	struct probe_locals *out, struct gsnap_err *err);
void probe_locals_free(struct probe_locals *locals);

/* Resolves a pc of any process to calls, innermost first, for the reports of gort-race. */
struct symbolizer;
struct symbolizer *symbolizer_open(pid_t pid); /* NULL when out of memory */
void symbolizer_close(struct symbolizer *s);
struct sym_frame {
	const char *func, *file, *module; /* owned by the symbolizer; NULL when unknown */
	uint32_t line, column;
	uint64_t offset; /* of the pc in its loaded module, as addr2line -e module wants it */
	bool inlined;
};
/* Returns how many of max frames it filled; at least 1. pc must already point into the call. */
size_t symbolizer_pc(struct symbolizer *s, uint64_t pc, struct sym_frame *out, size_t max);

/* A variable of a module. */
struct sym_data {
	const char *name, *module; /* owned by the symbolizer */
	uint64_t start, size;
	uint64_t offset; /* of start in its loaded module */
};
/* The variable that addr lies in, by the symbol tables; false when none does. */
bool symbolizer_data(struct symbolizer *s, uint64_t addr, struct sym_data *out);

/*
 * Run-queue latency of the target's threads: time from wake-up (or preemption) to running, from the
 * scheduler tracepoints by eBPF. pid is one of the caller's own pid namespace. Needs CAP_BPF and
 * CAP_PERFMON (-EPERM, code 4) and a kernel with bpf() and BTF (-ENOTSUP, code 5).
 */
#define RUNQLAT_SLOTS 40 /* slot i counts waits of [2^i, 2^(i+1)) ns */
struct runqlat_thread {
	pid_t tid;
	char comm[16];
	uint64_t switches, wait_total_ns, wait_max_ns;
	uint64_t slots[RUNQLAT_SLOTS];
};
struct runqlat;
int runqlat_start(pid_t pid, struct runqlat **out, struct gsnap_err *err);
/*
 * Stops counting and frees r; *out (freed with free()) has one entry per thread that waited, exited
 * ones included. A wait that still lasts counts up to now. Returns how many threads were not
 * counted because the kernel's table was full (0 but for programs that keep starting threads), or
 * an errno.
 */
int runqlat_stop(struct runqlat *r, struct runqlat_thread **out, size_t *n);

#endif
