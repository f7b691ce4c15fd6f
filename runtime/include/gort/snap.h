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
};

struct gsnap_stack {
	uint64_t hash;
	uint32_t loc; /* first of nlocs entries of gsnap.stack_locs */
	uint32_t nlocs;
	uint32_t count; /* goroutines that have this stack */
};

/* Facts that only some goroutines have. */
enum gsnap_gflag {
	GSNAP_G_SYSTEM = 1 << 0,   /* started by the runtime for itself */
	GSNAP_G_MOVING = 1 << 1,   /* ran while it was read: no stack, only state and creator */
	GSNAP_G_LOCKED = 1 << 2,   /* LockOSThread */
	GSNAP_G_TRUNCATED = 1 << 3 /* the unwinder stopped before the outermost frame */
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
	int32_t tid;        /* OS thread that runs it, 0 when none */
	uint32_t stack;     /* index into stacks or GSNAP_NONE */
	uint32_t created;   /* loc of the go statement or GSNAP_NONE */
	uint8_t status;     /* enum gstatus */
	uint8_t flags;      /* enum gsnap_gflag */
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
	int64_t steals;                           /* since start; libgort only */
	int64_t heap_live, heap_goal, heap_inuse; /* bytes */
	int64_t gc_percent;                       /* GOGC, -1 = off */
	int64_t mem_limit;                        /* bytes, INT64_MAX = none */
	int64_t num_gc;
	int64_t gc_pause_total_ns;
	int64_t total_alloc; /* bytes since start */
};

struct gsnap {
	enum gsnap_kind kind;
	int32_t pid;
	int64_t when;        /* CLOCK_MONOTONIC ns at the start of the read */
	const char *exe;     /* path of the executable */
	const char *version; /* "go1.26.8", "gort 0.1.0" */
	bool stripped, pie;
	bool has_inline_info, has_lines;

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

	/* Builder state, private to the functions below. */
	struct gsnap_chunk *chunks;
	uint32_t *loc_index, *stack_index;
	uint32_t loc_mask, stack_mask;
	uint32_t cap_gs, cap_stacks, cap_stack_locs, cap_locs, cap_frames, cap_maps;
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
			(s)->field = gsnap_p_;                                                     \
			memset(&(s)->field[(s)->n##field], 0, sizeof *(s)->field);                 \
			(s)->n##field++;                                                           \
		}                                                                                  \
		gsnap_p_ ? &(s)->field[(s)->n##field - 1] : NULL;                                  \
	})

/* Copies len bytes and a NUL into memory of the snapshot; "" when memory is short. */
static inline const char *gsnap_str(struct gsnap *s, const char *text, size_t len)
{
	struct gsnap_chunk *c = s->chunks;
	if (!c || c->size - c->used < len + 1) {
		size_t size = len + 1 > 16384 ? len + 1 : 16384;
		c = malloc(sizeof *c + size);
		if (!c) {
			s->oom = true;
			return "";
		}
		*c = (struct gsnap_chunk){.next = s->chunks, .size = size};
		s->chunks = c;
	}
	char *p = c->data + c->used;
	memcpy(p, text, len);
	p[len] = '\0';
	c->used += len + 1;
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
	uint32_t *fresh = malloc(slots * sizeof *fresh);
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
	const struct gsnap *s, uint64_t hash, const uint32_t *locs, uint32_t n)
{
	if (!s->stack_index)
		return GSNAP_NONE;
	for (uint64_t h = hash;; h++) {
		uint32_t i = s->stack_index[h & s->stack_mask];
		if (i == GSNAP_NONE)
			return i;
		const struct gsnap_stack *k = &s->stacks[i];
		if (k->hash == hash && k->nlocs == n &&
			!memcmp(s->stack_locs + k->loc, locs, n * sizeof *locs))
			return i;
	}
}

/* Index of the stack made of n locations, leaf first; counts one more goroutine on it. */
static inline uint32_t gsnap_add_stack(struct gsnap *s, const uint32_t *locs, uint32_t n)
{
	uint64_t hash = gsnap_mix(n + 1);
	for (uint32_t i = 0; i < n; i++)
		hash = gsnap_mix(hash + locs[i] + 1);
	uint32_t found = gsnap_find_stack(s, hash, locs, n);
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
	*k = (struct gsnap_stack){.hash = hash, .loc = first, .nlocs = n, .count = 1};
	gsnap_index_stack(s, s->nstacks - 1);
	return s->nstacks - 1;
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

/* Prepares an empty snapshot; every statistic starts as GSNAP_UNKNOWN. */
static inline void gsnap_init(struct gsnap *s, enum gsnap_kind kind)
{
	memset(s, 0, sizeof *s);
	s->kind = kind;
	s->exe = s->version = "";
	int64_t *stat = (int64_t *)&s->stats;
	for (size_t i = 0; i < sizeof s->stats / sizeof *stat; i++)
		stat[i] = GSNAP_UNKNOWN;
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
	uint32_t *site = malloc((s->ngs + 1) * sizeof *site);
	uint32_t *known = malloc((s->nlocs + 1) * sizeof *known), n = 0;
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

static inline void gsnap_free(struct gsnap *s)
{
	free(s->gs);
	free(s->stacks);
	free(s->stack_locs);
	free(s->locs);
	free(s->frames);
	free(s->maps);
	free(s->loc_index);
	free(s->stack_index);
	for (struct gsnap_chunk *c = s->chunks, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	memset(s, 0, sizeof *s);
}

#endif
