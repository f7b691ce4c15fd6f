/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snap.h - struct gsnap, the one model of a process that the tools work on.
 *
 * A snapshot is a picture of all goroutines of one process, an unmodified Go program or a C
 * program on libgort. probes/ fills it from outside, runtime/debug fills it from inside;
 * leakcheck/, pprof/ and cli/ only read it and need not know which kind of target it came from.
 *
 * Invariants:
 *  1. A snapshot owns all its memory; gsnap_free() releases it and every pointer read out of it.
 *  2. Identical pcs share one gsnap_loc and identical stacks share one gsnap_stack, so a million
 *     goroutines with 70 distinct stacks cost 70 stacks.
 *  3. Locations are leaf first, and inside a location the innermost inlined call comes first and
 *     the function that owns the machine frame last: the order of Go's tracebacks and of
 *     profile.proto.
 *  4. A number that could not be had is GSNAP_UNKNOWN, never 0.
 *
 * The header is self-contained (libc only) so that a folder can include it without linking another.
 */
#ifndef GORT_SNAP_H
#define GORT_SNAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define GSNAP_UNKNOWN INT64_MIN
#define GSNAP_NONE    UINT32_MAX

/* Goroutine status: Go's own numbers (runtime2.go); libgort uses the same. */
enum gstatus {
	GSTATUS_IDLE = 0,
	GSTATUS_RUNNABLE = 1,
	GSTATUS_RUNNING = 2,
	GSTATUS_SYSCALL = 3,
	GSTATUS_WAITING = 4,
	GSTATUS_DEAD = 6,
	GSTATUS_COPYSTACK = 8,
	GSTATUS_PREEMPTED = 9,
	GSTATUS_LEAKED = 10,
	GSTATUS_DEADEXTRA = 11,
};

enum gsnap_kind { GSNAP_GO = 1, GSNAP_GORT = 2 };

/* One source-level call. */
struct gsnap_frame {
	const char *func; /* full name as the target's own traceback prints it, never NULL */
	const char *file; /* NULL when unknown */
	uint32_t line;    /* 0 when unknown */
	bool inlined;     /* has no machine frame of its own */
};

/* One machine frame: a pc (return addresses unchanged) and the calls inlined there. */
struct gsnap_loc {
	uint64_t pc;
	uint64_t entry; /* first address of the function that owns the frame, 0 when unknown */
	bool callsite;  /* pc is a return address: the call is at pc - 1 */
	uint32_t frame; /* first of nframes entries of gsnap.frames */
	uint32_t nframes;
	uint32_t framesize; /* bytes from its sp to its caller's, 0 when unknown */
	uint32_t nwords;    /* how many words of gsnap_g.words its arguments take */
	const char *args;   /* as tracebacks print them, GSNAP_WORD for each word; NULL: unknown */
};

#define GSNAP_WORD '\1' /* in gsnap_loc.args: a word of its own in each goroutine */

struct gsnap_stack {
	uint64_t hash;
	uint32_t loc; /* first of nlocs entries of gsnap.stack_locs */
	uint32_t nlocs;
	uint32_t count;  /* goroutines that have this stack */
	uint32_t inner;  /* of a stack too deep to be kept whole: locations before the gap */
	uint64_t elided; /* source-level calls in the gap; 0: there is none */
};

/* Facts that only some goroutines have. */
enum gsnap_gflag {
	GSNAP_G_SYSTEM = 1 << 0,    /* started by the runtime for itself */
	GSNAP_G_MOVING = 1 << 1,    /* ran while it was read: no stack, only state and creator */
	GSNAP_G_LOCKED = 1 << 2,    /* LockOSThread */
	GSNAP_G_TRUNCATED = 1 << 3, /* the unwinder stopped before the outermost frame */
	GSNAP_G_AT_LEAST = 1 << 4,  /* waitsince is when the wait was first seen, not its start */
	GSNAP_G_DURABLE = 1 << 5,   /* Go 1.25 calls it durably blocked although it does not wait */
};

/* What has been proved of a goroutine that waits: why it can never go on. */
enum gsnap_leak {
	GSNAP_LEAK_NONE,
	GSNAP_LEAK_UNREACHABLE, /* nothing that is alive can reach what it waits for */
	GSNAP_LEAK_LIKELY,      /* the same, if memory that is not scanned does not either */
	GSNAP_LEAK_FOREVER      /* it waits for a nil channel or in a select without cases */
};

struct gsnap_g {
	uint64_t id;
	uint64_t addr;      /* of the target's struct g */
	uint64_t parent;    /* id of the creator, 0 when unknown */
	uint64_t sp;        /* 0 when not known */
	int64_t waitsince;  /* CLOCK_MONOTONIC ns as the target recorded it, or GSNAP_UNKNOWN */
	uint64_t waiton;    /* address of the channel or lock waited on, 0 when none or unknown */
	const char *reason; /* wait reason text, "" when not waiting */
	const char *name;   /* libgort: gort_set_name; NULL otherwise */
	const char *labels; /* nlabels times key, NUL, value, NUL, by ascending keys */
	uint64_t bubble;    /* Go: id of its testing/synctest bubble, 0 when in none */
	uint32_t nlabels;
	int32_t tid;  /* OS thread that runs it, 0 when none */
	uint64_t m;   /* Go: address of the target's struct m that it is on, 0 when none */
	int64_t m_id; /* Go: id of that m */
	/*
	 * Go, when asked for: the words that the locations of its stack want, in their order, 8
	 * bytes each, not aligned. A gap in the stack is one more word: the sp beyond it.
	 */
	const uint8_t *words;
	uint32_t stack;   /* index into stacks or GSNAP_NONE */
	uint32_t created; /* loc of the go statement or GSNAP_NONE */
	uint8_t status;   /* enum gstatus */
	uint8_t flags;    /* enum gsnap_gflag */
	uint8_t leak;     /* enum gsnap_leak, when asked for */
};

/* An executable mapping, for profiles; [0] is the main binary. */
struct gsnap_map {
	uint64_t start, limit, offset;
	const char *file;
	const char *build_id; /* hex, "" when none */
};

/* Scheduler and collector numbers the target keeps anyway. GSNAP_UNKNOWN where not to be had. */
struct gsnap_stats {
	int64_t gomaxprocs, idle_p, spinning_m, threads, idle_m;
	int64_t runq;                             /* runnable goroutines in all queues */
	int64_t runq_longest, runq_longest_p;     /* in that of one P, runnext too; its number */
	int64_t steals;                           /* since start; libgort only */
	int64_t heap_live, heap_goal, heap_inuse; /* bytes */
	int64_t gc_percent;                       /* GOGC, -1 = off */
	int64_t mem_limit;                        /* bytes, INT64_MAX = none */
	int64_t num_gc;
	int64_t gc_pause_total_ns;
	int64_t total_alloc; /* bytes since start */
};

/*
 * Durations as Go's runtime counts them (histogram.go): 40 powers of two from 256 ns on, each cut
 * in four; the first four buckets share what is below. Those of runtime/metrics are the same.
 */
#define GSNAP_HIST_SUB     4
#define GSNAP_HIST_BUCKETS 160

struct gsnap_hist {
	bool known;
	uint64_t under, over; /* below 0 (the clock stepped) and beyond the last bucket */
	uint64_t counts[GSNAP_HIST_BUCKETS];
};

/*
 * The collector. Where runtime/metrics has the figure, its name is beside it and the value is the
 * same. GSNAP_UNKNOWN where not to be had.
 */
struct gsnap_gc {
	int64_t gc_percent;          /* /gc/gogc:percent, -1 = off */
	int64_t mem_limit;           /* /gc/gomemlimit:bytes, INT64_MAX = none */
	int64_t marked;              /* /gc/heap/live:bytes: what the last cycle found alive */
	int64_t live;                /* marked and allocated since, as the pacer counts it */
	int64_t trigger;             /* live bytes at which the next cycle starts */
	int64_t goal;                /* /gc/heap/goal:bytes */
	int64_t limit_goal;          /* what the memory limit alone leaves as a goal */
	int64_t marking;             /* 1 while a cycle runs */
	int64_t objects;             /* /gc/heap/objects:objects */
	int64_t object_bytes;        /* /memory/classes/heap/objects:bytes */
	int64_t unused_bytes;        /* /memory/classes/heap/unused:bytes */
	int64_t free_bytes;          /* /memory/classes/heap/free:bytes */
	int64_t released_bytes;      /* /memory/classes/heap/released:bytes */
	int64_t stack_bytes;         /* /memory/classes/heap/stacks:bytes */
	int64_t mapped;              /* all memory the runtime holds and has not released */
	int64_t allocs, alloc_bytes; /* /gc/heap/allocs:objects, :bytes; since start */
	int64_t frees, freed_bytes;  /* /gc/heap/frees:objects, :bytes; since start */
	int64_t cycles, forced;      /* /gc/cycles/total, forced:gc-cycles */
	int64_t last;                /* CLOCK_MONOTONIC ns of the end of the last cycle */
	int64_t stops[2]; /* ns that all stood still when the last one began, and ended */
	int64_t pause_total_ns;
	/* Since start, brought up to date at the end of each cycle; /cpu/classes/...:cpu-seconds */
	int64_t cpu_assist, cpu_dedicated, cpu_idle, cpu_pause, cpu_gc; /* ns */
	int64_t cpu_total;          /* ns: GOMAXPROCS times the time that passed */
	struct gsnap_hist pauses;   /* /sched/pauses/total/gc:seconds */
	struct gsnap_hist stopping; /* /sched/pauses/stopping/gc:seconds */
};

/* P status: Go's own numbers; libgort uses the same. */
enum gsnap_pstatus { PSTATUS_IDLE, PSTATUS_RUNNING, PSTATUS_SYSCALL, PSTATUS_GCSTOP, PSTATUS_DEAD };

struct gsnap_p {
	int32_t id;
	int32_t tid;         /* OS thread of the M that holds it, 0 when none */
	uint8_t status;      /* enum gsnap_pstatus */
	bool next;           /* a goroutine is in runnext */
	int64_t runq;        /* goroutines in its queue, runnext apart */
	int64_t timers;      /* in its heap */
	int64_t schedtick;   /* goroutines it has begun to run; a 32-bit counter in Go */
	int64_t syscalltick; /* system calls begun on it, where the runtime counts them */
	int64_t steals;      /* libgort only */
};

/* The scheduler's counters since start. GSNAP_UNKNOWN where not to be had. */
struct gsnap_sched {
	int64_t runq_global;    /* goroutines in the global queue */
	int64_t mutex_wait_ns;  /* /sync/mutex/wait/total:seconds */
	int64_t cgo_calls;      /* /cgo/go-to-c-calls:calls, of the threads that still exist */
	int64_t preempts;       /* signals to preempt a goroutine that its thread has taken */
	int64_t wait_every;     /* of so many waits one is in the next: 8 in Go */
	struct gsnap_hist wait; /* /sched/latencies:seconds: runnable until it runs */
	struct gsnap_hist stop_gc, stop_other; /* /sched/pauses/stopping/gc, other:seconds */
	struct gsnap_hist stw_other;           /* /sched/pauses/total/other:seconds */
};

/* Threads that were stopped for their registers, one after the other; only when asked for. */
struct gsnap_pause {
	int64_t max_ns;                  /* what was allowed for each; 0: none may be stopped */
	uint32_t threads, refused, late; /* stopped; not to be stopped; not within max_ns */
	int64_t longest_ns, total_ns;
};

enum gsnap_objkind {
	GSNAP_CHAN,
	GSNAP_MUTEX,
	GSNAP_RWMUTEX,
	GSNAP_WAITGROUP,
	GSNAP_COND,
	GSNAP_SEMA /* some other word that goroutines queue for */
};

/* Something that goroutines wait for. */
struct gsnap_obj {
	uint64_t addr;              /* 0: the nil channel, and the select without cases */
	uint8_t kind;               /* enum gsnap_objkind */
	bool set;                   /* channel: closed; lock: locked */
	int64_t len, cap, elemsize; /* of a channel */
	int64_t counter;            /* of a wait group; readers of a lock */
	const char *elem;           /* type of the channel's elements, NULL when unknown */
	uint32_t waiters;
	/* Who locked it, of a lock of libgort's that none of the snapshot did; 0: unknown. */
	uint32_t stranger;
};

/*
 * sure: libgort notes in each mutex who locked it. Go does not: a goroutine seems to hold a lock
 * when it does not wait for it, and its stack has the lock's address.
 */
struct gsnap_hold {
	uint32_t g, obj;
	bool sure;
};

enum gsnap_op { GSNAP_RECV, GSNAP_SEND, GSNAP_SELECT, GSNAP_LOCK, GSNAP_RLOCK, GSNAP_WAIT };

/* One goroutine waits for one object; in a select it may wait for several. */
struct gsnap_wait {
	uint32_t g;   /* of gs */
	uint32_t obj; /* of objs */
	uint8_t op;   /* enum gsnap_op; GSNAP_SELECT: which way is not known */
	bool in_select;
};

/* What the program's runtime has recorded for one stack, in a profile that it takes of itself. */
struct gsnap_sample {
	uint32_t stack;     /* of stacks */
	uint32_t visible;   /* heap: the same without the runtime's own calls that are its leaf */
	int64_t count;      /* allocations, contentions, threads */
	int64_t freed;      /* heap: how many of these allocations were freed */
	int64_t size;       /* heap: bytes of each */
	int64_t delay_ns;   /* block, mutex: time waited, in all */
	const char *labels; /* cpu: of the goroutine that ran, as gsnap_g.labels */
	uint32_t nlabels;
};

struct gsnap {
	enum gsnap_kind kind;
	int32_t pid;
	const char *core;    /* path of the core file it was read of, NULL: a live process */
	int64_t when;        /* CLOCK_MONOTONIC ns at the start of the read */
	const char *exe;     /* path of the executable */
	const char *version; /* "go1.26.8", "gort 0.1.0" */
	bool stripped, pie;
	bool has_inline_info, has_lines;
	int assumed_minor; /* Go newer than known, read as 1.assumed_minor; 0: a known version */
	bool by_dwarf;     /* Go newer than known, read as its own DWARF says */
	bool tells_labels; /* its own tracebacks print labels */
	struct gsnap_pause pause;

	struct gsnap_g *gs;
	uint32_t ngs;
	struct gsnap_stack *stacks;
	uint32_t nstacks;
	uint32_t *stack_locs;
	uint32_t nstack_locs;
	struct gsnap_loc *locs;
	uint32_t nlocs;
	struct gsnap_frame *frames;
	uint32_t nframes;
	struct gsnap_map *maps;
	uint32_t nmaps;
	struct gsnap_stats stats;
	struct gsnap_gc gc;       /* when asked for */
	struct gsnap_sched sched; /* when asked for, as ps */
	struct gsnap_p *ps;
	uint32_t nps;
	struct gsnap_obj *objs; /* when asked for, as waits */
	uint32_t nobjs;
	struct gsnap_wait *waits;
	uint32_t nwaits;
	struct gsnap_hold *holds; /* ascending by obj */
	uint32_t nholds;
	struct gsnap_sample *samples; /* of a profile, when asked for */
	uint32_t nsamples;
	/* heap: one allocation is recorded about every so many bytes; on libgort of others, too */
	int64_t sample_rate;

	/* Builder state, private to the functions below. */
	struct gsnap_chunk *chunks;
	uint32_t *loc_index, *stack_index;
	uint32_t loc_mask, stack_mask;
	uint32_t cap_gs, cap_stacks, cap_stack_locs, cap_locs, cap_frames, cap_maps, cap_ps,
		cap_objs, cap_waits, cap_holds, cap_samples;
	bool oom; /* sticky: an allocation failed and the snapshot is incomplete */
};

/* Why something failed, in the four parts that cli/err.c prints. */
#define GSNAP_TRIES 3
struct gsnap_err {
	int code;       /* exit code of architecture.md: 1, 3, 4, 5 */
	char what[256]; /* "cannot read memory of pid 4121 (checkout): Operation not permitted" */
	char why[256];  /* "" when what says it all */
	char tries[GSNAP_TRIES][192];
	char see[128];
};

struct gsnap_chunk {
	struct gsnap_chunk *next;
	size_t used, size;
	char data[];
};

static inline void *gsnap_grow(
	struct gsnap *s, void *array, uint32_t len, uint32_t *cap, size_t size)
{
	if (len < *cap)
		return array;
	uint32_t want = *cap ? *cap * 2 : 64;
	void *bigger = realloc(array, want * size);
	if (!bigger) {
		s->oom = true;
		return NULL;
	}
	*cap = want;
	return bigger;
}

/* Appends n zeroed entries; evaluates to the first or NULL after setting oom. */
#define GSNAP_PUSH(s, field, cap)                                                                  \
	__extension__({                                                                            \
		void *gsnap_p_ =                                                                   \
			gsnap_grow((s), (s)->field, (s)->n##field, &(s)->cap, sizeof *(s)->field); \
		if (gsnap_p_) {                                                                    \
			(s)->field = (__typeof__((s)->field))gsnap_p_;                             \
			memset(&(s)->field[(s)->n##field], 0, sizeof *(s)->field);                 \
			(s)->n##field++;                                                           \
		}                                                                                  \
		gsnap_p_ ? &(s)->field[(s)->n##field - 1] : NULL;                                  \
	})

/* len bytes of the snapshot's memory, not aligned; NULL when memory is short. */
static inline char *gsnap_alloc(struct gsnap *s, size_t len)
{
	struct gsnap_chunk *c = s->chunks;
	if (!c || c->size - c->used < len) {
		size_t size = len > 16384 ? len : 16384;
		c = (struct gsnap_chunk *)malloc(sizeof *c + size);
		if (!c) {
			s->oom = true;
			return NULL;
		}
		c->next = s->chunks;
		c->used = 0;
		c->size = size;
		s->chunks = c;
	}
	c->used += len;
	return c->data + c->used - len;
}

/* Copies len bytes and a NUL into memory of the snapshot; "" when memory is short. */
static inline const char *gsnap_str(struct gsnap *s, const char *text, size_t len)
{
	char *p = gsnap_alloc(s, len + 1);
	if (!p)
		return "";
	memcpy(p, text, len);
	p[len] = '\0';
	return p;
}

static inline uint64_t gsnap_mix(uint64_t h)
{
	h ^= h >> 31;
	h *= 0x9e3779b97f4a7c15u;
	return h ^ (h >> 29);
}

static inline uint32_t *gsnap_rehash(struct gsnap *s, uint32_t *index, uint32_t *mask, uint32_t n)
{
	if (index && n * 2 <= *mask)
		return index;
	uint32_t slots = *mask ? (*mask + 1) * 2 : 256;
	uint32_t *fresh = (uint32_t *)malloc(slots * sizeof *fresh);
	if (!fresh) {
		s->oom = true;
		return NULL;
	}
	memset(fresh, 0xff, slots * sizeof *fresh);
	free(index);
	*mask = slots - 1;
	return fresh;
}

static inline uint64_t gsnap_loc_hash(uint64_t pc, bool callsite)
{
	return gsnap_mix(pc * 2 + callsite);
}

/* Index of the location of pc, or GSNAP_NONE. */
static inline uint32_t gsnap_find_loc(const struct gsnap *s, uint64_t pc, bool callsite)
{
	if (!s->loc_index)
		return GSNAP_NONE;
	for (uint64_t h = gsnap_loc_hash(pc, callsite);; h++) {
		uint32_t i = s->loc_index[h & s->loc_mask];
		if (i == GSNAP_NONE || (s->locs[i].pc == pc && s->locs[i].callsite == callsite))
			return i;
	}
}

static inline void gsnap_index_loc(struct gsnap *s, uint32_t i)
{
	uint64_t h = gsnap_loc_hash(s->locs[i].pc, s->locs[i].callsite);
	while (s->loc_index[h & s->loc_mask] != GSNAP_NONE)
		h++;
	s->loc_index[h & s->loc_mask] = i;
}

/*
 * Adds the location of pc, which must not be there yet, with no frames; the caller then adds its
 * frames with gsnap_add_frame before adding another location. Returns GSNAP_NONE when out of
 * memory.
 */
static inline uint32_t gsnap_add_loc(struct gsnap *s, uint64_t pc, uint64_t entry, bool callsite)
{
	uint32_t before = s->loc_mask;
	uint32_t *index = gsnap_rehash(s, s->loc_index, &s->loc_mask, s->nlocs + 1);
	if (!index)
		return GSNAP_NONE;
	s->loc_index = index;
	if (s->loc_mask != before)
		for (uint32_t i = 0; i < s->nlocs; i++)
			gsnap_index_loc(s, i);
	struct gsnap_loc *loc = GSNAP_PUSH(s, locs, cap_locs);
	if (!loc)
		return GSNAP_NONE;
	loc->pc = pc;
	loc->entry = entry;
	loc->callsite = callsite;
	loc->frame = s->nframes;
	gsnap_index_loc(s, s->nlocs - 1);
	return s->nlocs - 1;
}

/* Adds a call to the newest location, innermost first. Strings must belong to the snapshot. */
static inline void gsnap_add_frame(
	struct gsnap *s, const char *func, const char *file, uint32_t line, bool inlined)
{
	struct gsnap_frame *f = GSNAP_PUSH(s, frames, cap_frames);
	if (!f)
		return;
	*f = (struct gsnap_frame){func, file, line, inlined};
	s->locs[s->nlocs - 1].nframes++;
}

static inline void gsnap_index_stack(struct gsnap *s, uint32_t i)
{
	uint64_t h = s->stacks[i].hash;
	while (s->stack_index[h & s->stack_mask] != GSNAP_NONE)
		h++;
	s->stack_index[h & s->stack_mask] = i;
}

static inline uint32_t gsnap_find_stack(
	const struct gsnap *s, uint64_t hash, const uint32_t *locs, uint32_t n, uint64_t elided)
{
	if (!s->stack_index)
		return GSNAP_NONE;
	for (uint64_t h = hash;; h++) {
		uint32_t i = s->stack_index[h & s->stack_mask];
		if (i == GSNAP_NONE)
			return i;
		const struct gsnap_stack *k = &s->stacks[i];
		if (k->hash == hash && k->nlocs == n && k->elided == elided &&
			(!n || !memcmp(s->stack_locs + k->loc, locs, n * sizeof *locs)))
			return i;
	}
}

/*
 * Index of the stack made of n locations, leaf first, with a gap of `elided` calls after the first
 * `inner` ones; counts one more goroutine on it.
 */
static inline uint32_t gsnap_add_deep_stack(
	struct gsnap *s, const uint32_t *locs, uint32_t n, uint32_t inner, uint64_t elided)
{
	uint64_t hash = gsnap_mix(n + 1 + (elided << 32));
	for (uint32_t i = 0; i < n; i++)
		hash = gsnap_mix(hash + locs[i] + 1);
	uint32_t found = gsnap_find_stack(s, hash, locs, n, elided);
	if (found != GSNAP_NONE) {
		s->stacks[found].count++;
		return found;
	}
	uint32_t before = s->stack_mask;
	uint32_t *index = gsnap_rehash(s, s->stack_index, &s->stack_mask, s->nstacks + 1);
	if (!index)
		return GSNAP_NONE;
	s->stack_index = index;
	if (s->stack_mask != before)
		for (uint32_t i = 0; i < s->nstacks; i++)
			gsnap_index_stack(s, i);
	uint32_t first = s->nstack_locs;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *slot = GSNAP_PUSH(s, stack_locs, cap_stack_locs);
		if (!slot)
			return GSNAP_NONE;
		*slot = locs[i];
	}
	struct gsnap_stack *k = GSNAP_PUSH(s, stacks, cap_stacks);
	if (!k)
		return GSNAP_NONE;
	*k = (struct gsnap_stack){.hash = hash,
		.loc = first,
		.nlocs = n,
		.count = 1,
		.inner = inner,
		.elided = elided};
	gsnap_index_stack(s, s->nstacks - 1);
	return s->nstacks - 1;
}

/* The same of a stack that is whole. */
static inline uint32_t gsnap_add_stack(struct gsnap *s, const uint32_t *locs, uint32_t n)
{
	return gsnap_add_deep_stack(s, locs, n, n, 0);
}

/* Adds a zeroed goroutine with nothing known about its stack; NULL when out of memory. */
static inline struct gsnap_g *gsnap_add_g(struct gsnap *s)
{
	struct gsnap_g *gp = GSNAP_PUSH(s, gs, cap_gs);
	if (gp) {
		gp->waitsince = GSNAP_UNKNOWN;
		gp->reason = "";
		gp->stack = GSNAP_NONE;
		gp->created = GSNAP_NONE;
	}
	return gp;
}

static inline struct gsnap_map *gsnap_add_map(struct gsnap *s)
{
	return GSNAP_PUSH(s, maps, cap_maps);
}

static inline void gsnap_unknown(void *figures, size_t size)
{
	int64_t *at = (int64_t *)figures;
	for (size_t i = 0; i < size / sizeof *at; i++)
		at[i] = GSNAP_UNKNOWN;
}

/* All figures of the collector unknown. */
static inline void gsnap_init_gc(struct gsnap_gc *gc)
{
	memset(gc, 0, sizeof *gc);
	gsnap_unknown(gc, offsetof(struct gsnap_gc, pauses));
}

static inline struct gsnap_p *gsnap_add_p(struct gsnap *s)
{
	struct gsnap_p *p = GSNAP_PUSH(s, ps, cap_ps);
	if (p)
		p->runq = p->timers = p->schedtick = p->syscalltick = p->steals = GSNAP_UNKNOWN;
	return p;
}

/* Prepares an empty snapshot; every statistic starts as GSNAP_UNKNOWN. */
static inline void gsnap_init(struct gsnap *s, enum gsnap_kind kind)
{
	memset(s, 0, sizeof *s);
	s->kind = kind;
	s->exe = s->version = "";
	gsnap_unknown(&s->stats, sizeof s->stats);
	gsnap_init_gc(&s->gc);
	gsnap_unknown(&s->sched, offsetof(struct gsnap_sched, wait));
}

/* Shortest duration counted in bucket i; of i = GSNAP_HIST_BUCKETS where the last one ends. */
static inline uint64_t gsnap_hist_from(unsigned i)
{
	unsigned bucket = i / GSNAP_HIST_SUB, sub = i % GSNAP_HIST_SUB;
	if (bucket == 0)
		return (uint64_t)sub << 6;
	return (uint64_t)(GSNAP_HIST_SUB + sub) << (bucket + 5);
}

/* Durations counted, those below and beyond included. */
static inline uint64_t gsnap_hist_total(const struct gsnap_hist *h)
{
	uint64_t n = h->under + h->over;
	for (unsigned i = 0; i < GSNAP_HIST_BUCKETS; i++)
		n += h->counts[i];
	return n;
}

/*
 * Number of the bucket that holds the duration below which a share of all lies; -1 for those below,
 * GSNAP_HIST_BUCKETS for those beyond. The histogram must not be empty.
 */
static inline int gsnap_hist_bucket(const struct gsnap_hist *h, double share)
{
	double want = share * (double)gsnap_hist_total(h);
	uint64_t seen = h->under;
	int i = -1;
	while (i < GSNAP_HIST_BUCKETS && (seen == 0 || (double)seen < want)) {
		i++;
		seen += i < GSNAP_HIST_BUCKETS ? h->counts[i] : h->over;
	}
	return i;
}

/* The end of that bucket in ns, or GSNAP_UNKNOWN when nothing was counted. */
static inline int64_t gsnap_hist_quantile(const struct gsnap_hist *h, double share)
{
	if (!h->known || gsnap_hist_total(h) == 0)
		return GSNAP_UNKNOWN;
	int i = gsnap_hist_bucket(h, share);
	return (int64_t)gsnap_hist_from(i < GSNAP_HIST_BUCKETS ? (unsigned)(i + 1) : (unsigned)i);
}

/* What b counted since a, of the same process. Unknown when either is. */
static inline struct gsnap_hist gsnap_hist_since(
	const struct gsnap_hist *a, const struct gsnap_hist *b)
{
	struct gsnap_hist d;
	d.known = a->known && b->known;
	d.under = b->under - a->under;
	d.over = b->over - a->over;
	for (unsigned i = 0; i < GSNAP_HIST_BUCKETS; i++)
		d.counts[i] = b->counts[i] - a->counts[i];
	return d;
}

/* Whether two locations are the same line of the same function, at different pcs. */
static inline bool gsnap_same_line(const struct gsnap *s, uint32_t a, uint32_t b)
{
	const struct gsnap_loc *x = &s->locs[a], *y = &s->locs[b];
	if (!x->nframes || !y->nframes)
		return false;
	const struct gsnap_frame *xi = &s->frames[x->frame], *yi = &s->frames[y->frame];
	return xi->line && xi->line == yi->line && xi->file && yi->file &&
	       !strcmp(xi->file, yi->file) &&
	       !strcmp(xi[x->nframes - 1].func, yi[y->nframes - 1].func);
}

/*
 * For each goroutine the location that stands for the go statement that created it: a compiler that
 * unrolls a loop or copies a function gives one statement several pcs. To be freed by the caller;
 * NULL when out of memory. Linear in goroutines times distinct go statements.
 */
static inline uint32_t *gsnap_sites(const struct gsnap *s)
{
	uint32_t *site = (uint32_t *)malloc((s->ngs + 1) * sizeof *site);
	uint32_t *known = (uint32_t *)malloc((s->nlocs + 1) * sizeof *known), n = 0;
	for (uint32_t i = 0; site && known && i < s->ngs; i++) {
		uint32_t loc = s->gs[i].created, k = 0;
		site[i] = loc;
		if (loc >= s->nlocs)
			continue;
		while (k < n && known[k] != loc && !gsnap_same_line(s, known[k], loc))
			k++;
		if (k == n)
			known[n++] = loc;
		site[i] = known[k];
	}
	if (!known) {
		free(site);
		site = NULL;
	}
	free(known);
	return site;
}

/* The word of Go's tracebacks for a status; "???" for one that is not known. Never NULL. */
static inline const char *gsnap_status_name(uint32_t status)
{
	switch (status) {
	case GSTATUS_IDLE:
		return "idle";
	case GSTATUS_RUNNABLE:
		return "runnable";
	case GSTATUS_RUNNING:
		return "running";
	case GSTATUS_SYSCALL:
		return "syscall";
	case GSTATUS_WAITING:
		return "waiting";
	case GSTATUS_DEAD:
		return "dead";
	case GSTATUS_COPYSTACK:
		return "copystack";
	case GSTATUS_PREEMPTED:
		return "preempted";
	case GSTATUS_LEAKED:
		return "leaked";
	case GSTATUS_DEADEXTRA:
		return "waiting for cgo callback";
	default:
		return "???";
	}
}

/* What the brackets of a traceback say: what it waits for, or its status. Never NULL. */
static inline const char *gsnap_state(const struct gsnap_g *gp)
{
	bool waits = gp->status == GSTATUS_WAITING || gp->status == GSTATUS_LEAKED;
	return waits && gp->reason[0] ? gp->reason : gsnap_status_name(gp->status);
}

static inline void gsnap_free(struct gsnap *s)
{
	free(s->gs);
	free(s->stacks);
	free(s->stack_locs);
	free(s->locs);
	free(s->frames);
	free(s->maps);
	free(s->ps);
	free(s->objs);
	free(s->waits);
	free(s->holds);
	free(s->samples);
	free(s->loc_index);
	free(s->stack_index);
	for (struct gsnap_chunk *c = s->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	memset(s, 0, sizeof *s);
}

#endif
