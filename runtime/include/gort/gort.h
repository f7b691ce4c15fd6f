/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gort.h - goroutines, channels, locks and sleep for C and C++: the prefixed core of libgort.
 * It defines no name without gort_ or GORT_; the short words (go, chan, defer) are in gort/go.h.
 *
 * What differs from threads:
 *  - A goroutine may continue on another OS thread after any call that can block. __thread
 *    variables belong to the thread: do not keep their value or address over such a call. errno
 *    belongs to the goroutine, in code that includes gort/errno.h (go.h does); elsewhere compilers
 *    may keep its address.
 *  - Its stack is fixed: 256 KiB, or what gort_go_stack says, or GORT_STACK=64k|256k|1m|8m for
 *    the whole program.
 *  - Calls of libc that block (read, accept, poll, sleep, waitpid ...) let the other goroutines
 *    run; so does whatever else blocks in the kernel, after 1 to 20 ms. gort_blocking_begin and
 *    gort_blocking_end around a call that libgort does not know save that time. A waiting call is
 *    not ended by a signal; signals arrive in channels (gort/signal.h).
 *  - Who holds a pthread lock other than a normal mutex, or flockfile's, must not block in a
 *    function of libgort. In the child of fork only async-signal-safe functions may be called
 *    until exec, none of libgort.
 *  - Channels and what gort_new makes are collected: they stay while a pointer to them, or into
 *    them, is in a local or global or thread-local variable of any thread, or in another such
 *    object. MEMORY FROM malloc OR mmap IS NOT LOOKED AT: an object whose only pointers are there
 *    is lost. Nor is a thread looked at that blocks SIGURG. A pointer just behind the end of an
 *    object does not keep it, one that is hidden (compressed, xor-ed, unaligned) does neither.
 *
 * Environment: GOMAXPROCS (how many goroutines run at once; by default the CPUs this process may
 * use), GOGC (how far the heap grows before it is collected, in percent of what is reachable, or
 * off), GOMEMLIMIT (how much memory it may take), GORT_STACK. GORT_GOMAXPROCS, GORT_GOGC and
 * GORT_GOMEMLIMIT override them for libgort alone.
 *
 * Unless said otherwise a function may be called by goroutines only; in another thread it ends the
 * program with a message. Errors that Go panics on print Go's text and exit 2.
 */
#ifndef GORT_GORT_H
#define GORT_GORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GORT_API __attribute__((visibility("default")))
#ifdef __cplusplus
#define GORT_NORETURN [[noreturn]]
#else
#define GORT_NORETURN _Noreturn
#endif

typedef ptrdiff_t gort_isize;
typedef int64_t gort_duration; /* nanoseconds, as Go's time.Duration */

/* Bytes that need not end in NUL, never changed. Go's string. */
typedef struct gort_string {
	const char *ptr;
	gort_isize len;
} gort_string;

/* NULL: no error. Go's error; gort/error.h */
typedef const struct gort_errorobj *gort_error;

struct gort_chan;

/* Makes the element type recoverable from the type of a channel; see chan(T) in go.h. */
struct gort_chan_tag {
	char none;
};

/* ---- start and end ---- */

/*
 * The program's main goroutine, written by the user when main comes from libgort. When it
 * returns, the program exits with its value and all other goroutines die with it. Go's main.main.
 */
int gort_main(int argc, char **argv);

/*
 * For programs that have their own main: starts the scheduler on this thread and runs fn(argc,
 * argv) as the main goroutine. Does not return: when fn does, it calls exit with its value, after
 * the leak gate. Call once, from a thread that is not a goroutine. runtime/sched/proc.c
 */
GORT_NORETURN GORT_API void gort_run(int (*fn)(int argc, char **argv), int argc, char **argv);

/* ---- goroutines ---- */

/* A function and up to six integer or pointer words of arguments; go() in go.h fills it in. */
struct gort_call {
	void (*fn)(void);
	unsigned n;
	uint64_t w[6];
};

/*
 * Calls c->fn. The System V ABI lets a callee ignore the argument registers it has no parameter
 * for.
 */
static inline void gort_call6(const struct gort_call *c)
{
	typedef void (*fn6)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);
	((fn6)c->fn)(c->w[0], c->w[1], c->w[2], c->w[3], c->w[4], c->w[5]);
}

/*
 * Starts a goroutine; the call is copied. Does not block. Out of memory is fatal, as in Go. The
 * place of the call is what dumps show as "created by". Go's go statement. runtime/sched/proc.c
 */
GORT_API void gort_go(const struct gort_call *c);

/*
 * The same with a stack of 64 KiB, 256 KiB, 1 MiB or 8 MiB, the smallest that is not below size
 * bytes; panics when size is larger. A 16th of it is guard: running into it ends the program with
 * "fatal error: stack overflow". Memory is used only as deep as calls go, and given back some
 * seconds after the goroutine has ended. runtime/sched/stack.c
 */
GORT_API void gort_go_stack(const struct gort_call *c, size_t size);

/* Ends the calling goroutine after running its deferred calls. Go's runtime.Goexit. */
GORT_NORETURN GORT_API void gort_goexit(void);

/* Lets other goroutines run. Go's runtime.Gosched. */
GORT_API void gort_gosched(void);

/* Blocks for at least d; returns at once if d <= 0. Go's time.Sleep. runtime/sched/timer.c */
GORT_API void gort_sleep(gort_duration d);

/*
 * Name of the calling goroutine in dumps and in gort ps; copied, cut at 31 bytes; NULL takes it
 * away.
 */
GORT_API void gort_set_name(const char *name);

/*
 * Binds key to value, both copied, for the calling goroutine and for those that it starts from now
 * on; NULL takes the key away. Shown by dumps under GORT_DEBUG=tracebacklabels=1, and part of
 * snapshots. Go's pprof.SetGoroutineLabels and pprof.Do. runtime/sched/proflabel.c
 */
GORT_API void gort_set_label(const char *key, const char *value);
/*
 * What key is bound to in the calling goroutine, NULL when to nothing; valid until the goroutine
 * sets a label or ends. Go's pprof.Label.
 */
GORT_API const char *gort_label(const char *key);

/* Number of the calling goroutine as dumps print it; 0 in other threads. */
GORT_API uint64_t gort_goid(void);

/*
 * From now on the calling goroutine runs on this OS thread only, and nothing else runs on it: for
 * what belongs to a thread, such as name spaces or graphics contexts. Calls nest. If the goroutine
 * ends before as many calls of unlock, its thread ends with it. The main goroutine begins on the
 * process's main thread. Go's runtime.LockOSThread and UnlockOSThread. runtime/sched/lockedm.c
 */
GORT_API void gort_lock_os_thread(void);
GORT_API void gort_unlock_os_thread(void);

/*
 * Lets at most n goroutines run at once from now on (256 at most) and returns how many could
 * before. n < 1 changes nothing. Blocks until each running goroutine has come to a point where it
 * can be stopped. The default is the number of CPUs in the affinity mask of the process, or the
 * quota of its control groups (2 at least) if that is smaller. Go's runtime.GOMAXPROCS.
 * runtime/sched/stw.c
 */
GORT_API int gort_gomaxprocs(int n);

/* How many goroutines exist; any thread. Go's runtime.NumGoroutine. */
GORT_API gort_isize gort_num_goroutine(void);

/*
 * Around anything that may block the OS thread in the kernel or for long: another thread may then
 * run goroutines in its place. Between the two no other function of libgort may be called. They
 * do not nest. Both keep errno. Go's entersyscall and exitsyscall. runtime/sched/syscall.c
 */
GORT_API void gort_blocking_begin(void);
GORT_API void gort_blocking_end(void);

/* ---- channels: runtime/sync/chan.c ---- */

/*
 * A channel of elements of elem bytes with room for cap of them; cap 0 is unbuffered. Never NULL.
 * Panics when the size is out of range. Go's make(chan T, n).
 */
GORT_API struct gort_chan *gort_chan_make(size_t elem, gort_isize cap);

/*
 * Sends *v, which is copied; blocks until a receiver takes it or the buffer has room, for ever when
 * c is NULL. Panics when c is, or while waiting becomes, closed.
 */
GORT_API void gort_chan_send(struct gort_chan *c, const void *v);

/*
 * Receives into *v (NULL: throws the value away); blocks until there is one, for ever when c is
 * NULL. False, with *v zeroed, when the channel is closed and empty. Go's v, ok := <-c.
 */
GORT_API bool gort_chan_recv(struct gort_chan *c, void *v);

/*
 * No more sends. Waiting receivers return false, waiting senders panic. Panics when closed or
 * NULL.
 */
GORT_API void gort_chan_close(struct gort_chan *c);

/* Elements now in the buffer; room of the buffer; both 0 for NULL. */
GORT_API gort_isize gort_chan_len(struct gort_chan *c);
GORT_API gort_isize gort_chan_cap(struct gort_chan *c);

/* ---- select: runtime/sync/select.c ---- */

enum gort_case_kind {
	GORT_CASE_RECV, /* v: where the element goes, NULL throws it away */
	GORT_CASE_SEND, /* v: the element */
	GORT_CASE_AFTER /* a timeout: ready once after has passed since the call */
};

/* One case. opaque is the runtime's during the call and need not be set. */
struct gort_case {
	struct gort_chan *c; /* NULL: never ready */
	void *v;
	gort_duration after;
	uint32_t id;  /* the caller's */
	uint8_t kind; /* enum gort_case_kind */
	bool ok;      /* out, of the chosen case: false when a receive found a closed channel */
	uint64_t opaque[8];
};

/*
 * Does one of the n cases and returns its index. Of those that are ready one is chosen at random,
 * with equal chances; if none is, blocks until one is, or returns -1 when block is false. Channels
 * may occur several times. Panics when it chooses a send on a closed channel. The array must not
 * be touched by others during the call. Nothing is allocated. Go's reflect.Select.
 */
GORT_API gort_isize gort_select(struct gort_case *cases, gort_isize n, bool block);

/*
 * What select in go.h builds: pass 1 of its loop registers the cases, pass 2 runs the body of the
 * chosen one. Values live here, because the scope of a case ends between the passes.
 */
struct gort_select {
	struct gort_case *cases;
	unsigned n, cap;
	int pass;
	unsigned chosen;     /* id of the case whose body runs; ids are not 0 */
	unsigned default_id; /* 0: no default */
	bool ok;
	void *v; /* the received element */
	void *buf;
	size_t bufsize; /* of buf, which all receives share */
	size_t used;    /* of space */
	uint64_t space[16] __attribute__((aligned(16)));
	struct gort_case few[8];
};

/* All below: only for the macros. */
GORT_API void *gort_select_alloc(size_t size);
GORT_API void gort_select_grow(struct gort_select *s);

static inline struct gort_select *gort_select_init(struct gort_select *s)
{
	s->cases = s->few;
	s->n = 0;
	s->cap = sizeof(s->few) / sizeof(s->few[0]);
	s->pass = 0;
	s->default_id = 0;
	s->bufsize = s->used = 0;
	return s;
}

static inline void gort_select_choose(struct gort_select *s)
{
	gort_isize i = gort_select(s->cases, s->n, s->default_id == 0);
	s->chosen = i < 0 ? s->default_id : s->cases[i].id;
	s->ok = i >= 0 && s->cases[i].ok;
	s->v = i >= 0 ? s->cases[i].v : NULL;
}

static inline bool gort_select_next(struct gort_select *s)
{
	if (s->pass == 1)
		gort_select_choose(s);
	return ++s->pass <= 2;
}

static inline void *gort_select_room(struct gort_select *s, size_t size)
{
	size_t used = s->used + ((size + 15) & ~(size_t)15);
	if (__builtin_expect(used > sizeof(s->space), 0))
		return gort_select_alloc(size);
	void *p = (char *)s->space + s->used;
	s->used = used;
	return p;
}

static inline int gort_select_add(struct gort_select *s, unsigned id, enum gort_case_kind kind,
	struct gort_chan *c, void *v, gort_duration after)
{
	if (__builtin_expect(s->n == s->cap, 0))
		gort_select_grow(s);
	struct gort_case *cas = &s->cases[s->n++];
	cas->c = c;
	cas->v = v;
	cas->after = after;
	cas->id = id;
	cas->kind = (uint8_t)kind;
	return 0;
}

/* size 0: the element is not wanted. */
static inline int gort_select_recv(
	struct gort_select *s, unsigned id, struct gort_chan *c, size_t size)
{
	if (size > s->bufsize) {
		s->buf = gort_select_room(s, size);
		s->bufsize = size;
	}
	return gort_select_add(s, id, GORT_CASE_RECV, c, size ? s->buf : NULL, 0);
}

static inline int gort_select_send(
	struct gort_select *s, unsigned id, struct gort_chan *c, const void *v, size_t size)
{
	void *copy = gort_select_room(s, size);
	__builtin_memcpy(copy, v, size);
	return gort_select_add(s, id, GORT_CASE_SEND, c, copy, 0);
}

static inline int gort_select_default(struct gort_select *s, unsigned id)
{
	s->default_id = id;
	return 0;
}

/* ---- wait group: runtime/sync/waitgroup.c ---- */

/* Zeroed is ready to use; must not be copied. Go's sync.WaitGroup. */
typedef struct gort_waitgroup {
	uint64_t opaque[4];
} gort_waitgroup;

/* Adds delta to the counter; panics when it gets negative. Does not block. */
GORT_API void gort_wg_add(gort_waitgroup *wg, gort_isize delta);
GORT_API void gort_wg_done(gort_waitgroup *wg);
/* Blocks until the counter is 0. The caller may free wg after it returns. */
GORT_API void gort_wg_wait(gort_waitgroup *wg);

/* ---- mutex: runtime/sync/mutex.c ---- */

/*
 * Mutual exclusion between goroutines. Zeroed is ready to use and unlocked; must not be copied. It
 * belongs to no goroutine: one may lock and another unlock. Fair after a wait of 1 ms, before that
 * whoever comes first. Whoever has locked it last may free it. Go's sync.Mutex.
 */
typedef struct gort_mutex {
	uint64_t opaque[2];
} gort_mutex;

/* Blocks until it is unlocked; not recursive. */
GORT_API void gort_mutex_lock(gort_mutex *m);
/* Locks it if that needs no waiting, and tells whether it did. */
GORT_API bool gort_mutex_trylock(gort_mutex *m);
/* Does not block. Fatal when it is not locked: "fatal error: sync: unlock of unlocked mutex". */
GORT_API void gort_mutex_unlock(gort_mutex *m);

/* ---- reader-writer mutex: runtime/sync/rwmutex.c ---- */

/*
 * Held by many readers or by one writer. Zeroed is ready to use; must not be copied. A writer that
 * waits keeps new readers out, so a goroutine must not read-lock it twice. A writer that has
 * locked it last may free it; a reader only when the last writer's unlock has returned. Go's
 * sync.RWMutex.
 */
typedef struct gort_rwmutex {
	uint64_t opaque[4];
} gort_rwmutex;

/* Waits while a writer holds it or waits for it; try: false instead. Go's RLock and TryRLock. */
GORT_API void gort_rwmutex_rlock(gort_rwmutex *rw);
GORT_API bool gort_rwmutex_tryrlock(gort_rwmutex *rw);
/* Fatal when no reader holds it: "fatal error: sync: RUnlock of unlocked RWMutex". */
GORT_API void gort_rwmutex_runlock(gort_rwmutex *rw);
GORT_API void gort_rwmutex_lock(gort_rwmutex *rw);
GORT_API bool gort_rwmutex_trylock(gort_rwmutex *rw);
/* Fatal when no writer holds it: "fatal error: sync: Unlock of unlocked RWMutex". */
GORT_API void gort_rwmutex_unlock(gort_rwmutex *rw);

/* ---- condition variable: runtime/sync/cond.c ---- */

/* Zeroed is ready to use; must not be copied. A woken waiter may free it. Go's sync.Cond. */
typedef struct gort_cond {
	uint64_t opaque[4];
} gort_cond;

/*
 * Unlocks m, blocks until woken by one of the two below, never for another reason, and locks m
 * again. Others may have run in between: call it in a loop that tests the condition.
 */
GORT_API void gort_cond_wait(gort_cond *c, gort_mutex *m);
/* Wakes the goroutine that called wait first, if one waits. m may be locked, and need not be. */
GORT_API void gort_cond_signal(gort_cond *c);
/* Wakes all that wait. */
GORT_API void gort_cond_broadcast(gort_cond *c);

/* ---- once: runtime/sync/once.c ---- */

/* Zeroed is ready to use; must not be copied nor freed while a call of it runs. Go's sync.Once. */
typedef struct gort_once {
	uint64_t opaque[3];
} gort_once;

/*
 * Calls fn(arg) if this is the first call for o. Returns when that first call has ended, also by
 * gort_goexit. A fn that calls it for the same o waits for itself for ever.
 */
GORT_API void gort_once_do(gort_once *o, void (*fn)(void *arg), void *arg);

#include "gort/fast.h"
#include "gort/finalizer.h"
#include "gort/gc.h"
#include "gort/mem.h"
#include "gort/panic.h"

/* ---- print ---- */

enum gort_arg_kind {
	GORT_ARG_INT,
	GORT_ARG_UINT,
	GORT_ARG_DOUBLE,
	GORT_ARG_CSTRING,
	GORT_ARG_STRING,
	GORT_ARG_BOOL,
	GORT_ARG_POINTER,
	GORT_ARG_FLOAT,
	GORT_ARG_ERROR,
	GORT_ARG_ANY,     /* p: the data, len: its gort_itype */
	GORT_ARG_STRINGS, /* these three: p, and len elements */
	GORT_ARG_BYTES,
	GORT_ARG_RUNES
};

struct gort_arg {
	int kind; /* enum gort_arg_kind */
	union {
		int64_t i;
		uint64_t u;
		double d;
		const char *p;
	} v;
	gort_isize len; /* of GORT_ARG_STRING and slices */
};

/* Prints n values to stdout with nothing between them; any thread. gort/fmt.h */
GORT_API void gort_print(const struct gort_arg *args, int n, bool newline);

#ifdef __cplusplus
}
#endif

#endif
