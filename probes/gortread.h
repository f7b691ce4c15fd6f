/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortread.h - the reader of programs on libgort, apart from how the process was opened: it sees
 * only memory and modules, so tests and fuzzers can feed it images.
 */
#ifndef GORT_PROBES_GORTREAD_H
#define GORT_PROBES_GORTREAD_H

#include "cunwind.h"
#include "gortabi.h"
#include "gortlayout.h"
#include "symbolize.h"

#define GORT_MAX_REASONS 128

struct gortread {
	struct tmem mem;
	struct modules *ms;     /* the caller's */
	struct core *core;      /* what it is read of, NULL: a live process */
	const struct target *t; /* whose threads can be asked, NULL: nobody's */
	struct gortabi abi;
	struct glayout lay;
	struct symbolizer *sym;
	struct cunwind *unwind;
	char reasons[GORT_MAX_REASONS][40];
	uint32_t nreasons;
	char version[48];
};

/*
 * Takes over abi, also when it fails. 0; -EPROTO when the table lacks what a reader needs, named in
 * *missing; -ENOMEM. Freed with gortread_close.
 */
int gortread_open(struct gortread *r, const struct tmem *mem, struct modules *ms,
	const struct gortabi *abi, const char **missing);
void gortread_close(struct gortread *r);

/* Appends all goroutines; what: enum probe_what. 0, -EFAULT, -ENOMEM. */
int gortread_goroutines(struct gortread *r, unsigned what, struct gsnap *out);

/* Reads goroutines into out, again and again; NULL when out of memory. */
struct gortreader;
struct gortreader *gortreader_open(struct gortread *r, struct gsnap *out, unsigned what);
void gortreader_close(struct gortreader *rd);
/*
 * Those at these addresses. slots says which entry of out->gs each one replaces, an ended one with
 * GSTATUS_DEAD; without slots the live ones are added. Bytes of names that out has gained.
 */
size_t gortreader_read(
	struct gortreader *rd, const uint64_t *addrs, const uint32_t *slots, size_t n);
/*
 * Addresses of all g's from number `from` on, to be freed; their number is 0 when there are no
 * more or they cannot be read. NULL when out of memory.
 */
uint64_t *gortread_allgs(struct gortread *r, size_t from, size_t *n);
/* Fills in what the goroutines of the snapshot wait for; 0 or -ENOMEM. (gortchans.c) */
int gortread_waits(struct gortread *r, struct gsnap *out);

/*
 * Walks the stack of a goroutine of a snapshot once more: each frame that has a caller, with its
 * registers and its CFA. False when the goroutine is not where it was.
 */
bool gortread_frames(struct gortread *r, const struct gsnap_g *gp,
	void (*frame)(void *ctx, const struct cregs *regs, bool callsite, uint64_t cfa), void *ctx);

/* A variable of the layout, enum V_...; false and 0 when it is not published or unreadable. */
bool gortread_variable(const struct gortread *r, int which, uint64_t *value);
/* The OS thread of the struct m at that address, 0 when it is not to be had. */
int32_t gortread_tid(const struct gortread *r, uint64_t m);

/* Number of goroutines that exist, or GSNAP_UNKNOWN. */
int64_t gortread_count(struct gortread *r);

/* Adds the stack that regs and its copy describe to the snapshot (gortstack.c). */
void gortstack_add(struct gortread *r, struct gsnap *out, struct gsnap_g *gp, struct cregs *regs,
	bool callsite, const struct cstack *stack);
/* The location of a pc, GSNAP_NONE when out of memory. */
uint32_t gortstack_loc(struct symbolizer *sym, struct gsnap *out, uint64_t pc, bool callsite);

#endif
