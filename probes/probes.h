/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probes.h - look into a live process from outside: the public header of probes/.
 *
 * Nothing here stops, signals, traces or writes to the target: memory is read with process_vm_readv
 * and every record that may have changed while it was read is validated by reading it again.
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
	const char *proc; /* procfs root, "/proc" when NULL (--host-proc) */
};

/* What probe_snapshot reads beyond the list of goroutines and the statistics. */
enum probe_what {
	PROBE_STACKS = 1 << 0, /* every goroutine's symbolized stack */
	PROBE_MAPS = 1 << 1,   /* executable mappings and build ids */
};

/*
 * Opens pid for reading. Recognises an unmodified Go process or a program on libgort; all else
 * fails with code 5 and says what it looks like. Unknown pid: code 3. No permission: code 4 with
 * the remedy. The result is freed with probe_close.
 */
int probe_open(pid_t pid, const struct probe_opts *opts, struct probe **out, struct gsnap_err *err);
void probe_close(struct probe *p);

/* Fills *out (freed with gsnap_free by the caller, also after a failure). */
int probe_snapshot(struct probe *p, unsigned what, struct gsnap *out, struct gsnap_err *err);

/* One line of `gort ps`. */
struct probe_proc {
	pid_t pid;
	uid_t uid;
	char comm[64];
	char exe[256];    /* "" when not readable */
	char version[48]; /* "go1.26.8", "gort 0.1.0", "" when not readable */
	enum gsnap_kind kind;
	int64_t goroutines; /* GSNAP_UNKNOWN when not readable */
	int64_t rss;        /* bytes */
	int64_t uptime_ns;
	bool stripped, pie, container;
	char note[96]; /* why a field is unknown, "" when all is known */
};

/* All Go and gort processes this user can recognise; *out is freed with free(). */
int probe_list(const struct probe_opts *opts, struct probe_proc **out, size_t *n);

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
