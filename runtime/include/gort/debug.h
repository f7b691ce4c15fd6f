/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * debug.h - looking at the own process: snapshots, the leak gate, profiles (Go's runtime/pprof,
 * runtime.Stack, and go.uber.org/goleak).
 *
 * All functions may be called in goroutines and in other threads; only those that look for leaks
 * stop the world. Those that return int give 0 or a negative errno. From outside, without any of
 * this: gort stacks, gort-leak and gort pprof.
 */
#ifndef GORT_DEBUG_H
#define GORT_DEBUG_H

#include <stddef.h>
#include <stdint.h>
#include "gort/snap.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Exit code of a program that the leak gate found leaking and that had itself returned 0. */
#define GORT_EXIT_LEAK 66

/*
 * Fills *out with all goroutines, their states, wait reasons, symbolized stacks and creators. The
 * caller frees it with gsnap_free(), after an error too. A goroutine that ran meanwhile is flagged
 * GSNAP_G_MOVING and has no stack; the calling goroutine's stack starts at the call. Calls that the
 * compiler inlined are not told apart. -ENOMEM. Mirrors runtime.GoroutineProfile.
 */
int gort_snapshot_self(struct gsnap *out);

/*
 * The same, with gsnap_g.leak filled: the collector proves which goroutines can never go on,
 * because nothing that is alive can reach the channel, lock or condition that they wait for. It
 * stops the world for a collection; nobody's state changes. What only memory that is not collected
 * (malloc's) points to counts as unreachable. Never of the main goroutine. -EPERM in a thread that
 * is no goroutine, -EAGAIN when some thread could not be stopped; free *out then too. Mirrors the
 * goroutineleak profile of Go 1.27.
 */
int gort_snapshot_leaks(struct gsnap *out);

/*
 * Finds goroutines other than the caller's that should be gone: looks up to 20 times within about
 * 0.43 s (goleak's schedule), so that those that are just ending can end; blocks for as long when
 * something leaks, unless it can prove (gort_snapshot_leaks) that none of them ever will. Returns
 * how many are left over and writes goleak's message about them into buf, cut to size and always
 * ended by NUL (size 0: no message); it names what has been proved of each. Negative errno when it
 * could not look. Mirrors goleak.Find.
 */
int gort_leak_find(char *buf, size_t size);

/* Which goroutines that are left over are leaks; gort_snapshot_leaks proves the others' classes. */
enum gort_leak_class {
	GORT_LEAK_EXTRA = 1,       /* all: goleak's rule */
	GORT_LEAK_UNREACHABLE = 2, /* nothing that is alive can reach what it waits for */
	GORT_LEAK_LIKELY = 4,      /* the same, if memory that is not scanned does not either */
	GORT_LEAK_FOREVER = 8,     /* it waits for a nil channel or in a select without cases */
};

/* Who is no leak, as goleak's options; a list ends with NULL, and NULL is an empty one. */
struct gort_leak_options {
	const char *const *ignore_top;     /* functions on top of a stack. IgnoreTopFunction */
	const char *const *ignore_any;     /* anywhere in it. IgnoreAnyFunction */
	const char *const *ignore_created; /* that have the go statement */
	const uint64_t *current;           /* ids, as gort_leak_current gives. IgnoreCurrent */
	size_t ncurrent;
	int64_t patience; /* ns to wait for them to end; 0: 0.43 s, negative: look once */
	unsigned classes; /* only these count, of enum gort_leak_class; 0: GORT_LEAK_EXTRA */
};

/*
 * gort_leak_find() with options. When only proved classes count and nothing can be proved, the
 * error is that of gort_snapshot_leaks.
 */
int gort_leak_find_with(const struct gort_leak_options *options, char *buf, size_t size);

/* Ids of all goroutines of the program that there are now; for free(). NULL: out of memory. */
uint64_t *gort_leak_current(size_t *n);

/*
 * gort_leak_find() with the message on standard error. Returns what the process should exit with:
 * code, or GORT_EXIT_LEAK when code is 0 and something leaked. The same runs by itself after
 * gort_main when GORT_LEAKCHECK=1 (set by gort-leak); of the classes that are named when it is
 * GORT_LEAKCHECK=unreachable,unreachable-likely,blocked-forever; and with GORT_LEAKCHECK=wait it
 * only waits for those that are about to end, for gort-leak to look from outside. Mirrors
 * goleak.VerifyTestMain.
 */
int gort_leak_verify(int code);

/*
 * Starts sampling what the goroutines' threads execute, 100 times a second of CPU time each; the
 * profile is written to path when gort_cpuprofile_stop() is called or gort_main returns: first
 * under a temporary name beside it, then renamed. GORT_CPUPROFILE=path does the same from the first
 * instruction of gort_main on. Takes SIGPROF: -EBUSY when a profile is being made already or the
 * program has a SIGPROF handler of its own. Mirrors pprof.StartCPUProfile.
 */
int gort_cpuprofile_start(const char *path);
/* Ends the profile and writes it as gzip-compressed profile.proto. -EINVAL when none is running. */
int gort_cpuprofile_stop(void);

/*
 * Writes a goroutine profile to path, replacing what is there at once. Mirrors
 * pprof.Lookup("goroutine").WriteTo(w, 0).
 */
int gort_goroutine_profile(const char *path);
/*
 * The same of those goroutines alone that can never go on; errors are also those of
 * gort_snapshot_leaks. Mirrors pprof.Lookup("goroutineleak").WriteTo(w, 0).
 */
int gort_goroutineleak_profile(const char *path);

/*
 * Writes the heap profile to path, replacing what is there at once: for each stack how many objects
 * and bytes it allocated, and how many of them were in use after the last collection, estimated
 * from samples. gort_allocs_profile() is the same, shown by what was allocated. Mirror
 * pprof.Lookup("heap") and ("allocs"), and their WriteTo(w, 0). runtime/debug/recorded.c
 */
int gort_heap_profile(const char *path);
int gort_allocs_profile(const char *path);

/*
 * One of so many bytes is sampled from now on, 512 KiB by default; 1: every object, 0: none, less:
 * as it was. Returns what it was. Stops the world for a moment; goroutines only. The
 * estimates assume that it does not change: GORT_DEBUG=memprofilerate=N sets it from the start.
 * Go's runtime.MemProfileRate. runtime/mem/mprof.c
 */
int64_t gort_memprofile_rate(int64_t rate);

/*
 * Writes the block profile to path, replacing what is there at once: for each stack how often a
 * goroutine was blocked there and for how long altogether, since gort_blockprofile_rate() was
 * called: by channels, select, mutexes, read-write locks, conditions, wait groups and semaphores.
 * gort_mutex_profile(): for each stack that unlocks, how often others waited for that and for how
 * long, since gort_mutexprofile_fraction(). Times are exact, in ns; the figures of what was sampled
 * are estimates. Mirror pprof.Lookup("block") and ("mutex"), and their WriteTo(w, 0).
 */
int gort_block_profile(const char *path);
int gort_mutex_profile(const char *path);

/*
 * From now on a goroutine's wait is recorded on average once in rate nanoseconds of waiting: each
 * wait that takes so long, and of shorter ones some, with the weight of all. 1: every wait; 0 or
 * less: none, the default. What was recorded stays. Stops the world for a moment; goroutines only.
 * Meanwhile a wait costs 0.1 us more, one that is recorded 0.6 us; off, nothing.
 * GORT_DEBUG=blockprofilerate=N sets it from the start. Go's runtime.SetBlockProfileRate.
 * runtime/mem/mprof.c
 */
void gort_blockprofile_rate(int64_t rate);

/*
 * From now on one in so many unlocks of a mutex or read-write lock that others waited for is
 * recorded, at random; 1: all, 0: none, the default; less: as it was. Returns what it was. Costs
 * and GORT_DEBUG=mutexprofilefraction=N likewise. Go's runtime.SetMutexProfileFraction.
 */
int64_t gort_mutexprofile_fraction(int64_t rate);

/*
 * Finds pointers to stacks of goroutines where they may outlive the frame: in the heap, in global
 * variables, and in frames of other goroutines (those that the program wrote; only a hint, since a
 * variable that is not used any more still has its value). Returns how many, at most 64, and writes
 * both sites of each into buf, cut to size and always ended by NUL: what holds it, with the stack
 * that allocated it if it was sampled (GORT_DEBUG=memprofilerate=1), and what it points to.
 * Collects and stops the world meanwhile; goroutines only. -EAGAIN when a thread could not be
 * stopped. GORT_DEBUG=escapecheck=1 reports those in the heap and in global variables whose frame
 * is gone on standard error, at each collection; 2: the hints, too. Go's escape analysis makes them
 * impossible. runtime/debug/escape.c
 */
int gort_escape_find(char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
