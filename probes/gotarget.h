/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gotarget.h - an unmodified Go process, opened: its executable, its tables, and where its runtime
 * keeps its globals. Shared by the files go*.c.
 */
#ifndef GORT_PROBES_GOTARGET_H
#define GORT_PROBES_GOTARGET_H

#include "elf.h"
#include "gobuild.h"
#include "golayout.h"
#include "pcmap.h"
#include "pclntab.h"
#include "target.h"

#define GO_MAX_REASONS 64
#define GO_SCAN_BIT    0x1000u /* of g.atomicstatus: the collector looks at the stack */

/* The pairs of moduledata from noptrdata on, in their order there. */
enum { GO_SECTION_NOPTRDATA, GO_SECTION_DATA, GO_SECTION_BSS, GO_SECTION_NOPTRBSS, GO_MAX_RANGES };

struct range {
	uint64_t lo, hi;
};

/* runtime.moduledata of the main module, read from the live process: relocations are done there. */
struct moduledata {
	uint64_t addr, text, etext, rodata;
	uint64_t gofunc;   /* 0: not known where funcdata is */
	struct range data; /* from the lowest to the highest of noptrdata, data, bss, noptrbss */
	struct range sections[GO_MAX_RANGES];
};

/* Addresses of runtime variables, 0 when not found. */
struct goglobals {
	uint64_t allgs, allgptr, allglen;
	uint64_t sched, allp, allm, gccontroller, memstats, waitreasons, work, mheap_;
	uint64_t tracebacklabels; /* of runtime.debug, from Go 1.26 on */
};

struct gotarget {
	struct target *t; /* the caller's */
	struct elf elf;
	uint64_t bias; /* address in the process - address in the file */
	struct goversion version;
	const struct golayout *lay; /* a row of the tables, or own */
	struct golayout own;        /* as its DWARF says */
	bool guess;                 /* the version is newer than the tables */
	struct pclntab tab;
	struct moduledata md;
	struct goglobals glob;
	char reasons[GO_MAX_REASONS][48];
	uint32_t nreasons;
	pid_t *tids; /* while locating: OS threads, sorted */
	size_t ntids;
};

/*
 * Reads the executable and locates everything. 0; -ENOENT when this is no Go program (err is left
 * alone); any other error with err filled.
 */
int gotarget_open(struct gotarget *g, struct target *t, struct gsnap_err *err);
void gotarget_close(struct gotarget *g);

/* Funcdata of a function, to the end of its segment; NULL when it has none. */
static inline const uint8_t *gofuncdata(
	const struct gotarget *g, const struct gofunc *f, uint32_t which, size_t *avail)
{
	uint32_t off = pclntab_funcdata(&g->tab, f, which);
	bool none = off == UINT32_MAX || !g->md.gofunc;
	return none ? NULL : elf_at(&g->elf, g->md.gofunc - g->bias + off, avail);
}

/* moduledata.c: finds the table and the module; 0 or -EPROTO. */
int moduledata_find(struct gotarget *g);

/* golocate.c: fills g->glob and g->reasons; 0, or -EPROTO when allgs is not to be found. */
int golocate(struct gotarget *g);

/* gorefs.c: the module data that the code of a function refers to. */
struct goref {
	uint64_t at;  /* address of the variable or of its middle */
	uint64_t imm; /* immediate operand, 0 when there is none */
	uint8_t opcode;
};
#define GO_MAX_REFS 2048
/* References of function number idx, in code order; how many. */
size_t gorefs(const struct gotarget *g, uint32_t idx, struct goref *out, size_t max);

/* gocheck.c: whether live memory at an address looks like the variable of that name. */
bool gocheck_g(const struct gotarget *g, uint64_t gp, bool first);
bool gocheck_allgs(const struct gotarget *g, uint64_t at);
bool gocheck_sched(const struct gotarget *g, uint64_t at);
bool gocheck_allp(const struct gotarget *g, uint64_t at);
bool gocheck_allm(const struct gotarget *g, uint64_t at);
bool gocheck_gccontroller(const struct gotarget *g, uint64_t at);
bool gocheck_memstats(const struct gotarget *g, uint64_t at);
bool gocheck_mheap(const struct gotarget *g, uint64_t at);

/* gosnap.c, gostats.c: fill an initialised snapshot. */
int gosnap_goroutines(struct gotarget *g, unsigned what, struct gsnap *out);
int64_t gosnap_count(struct gotarget *g);
void gosnap_stats(struct gotarget *g, struct gsnap_stats *st);
/* The latest time that the scheduler or the collector has noted, 0 for none. */
int64_t gosnap_noted(const struct gotarget *g);
/* Fills the collector's figures; one that cannot be read stays GSNAP_UNKNOWN. (gogc.c) */
void gosnap_gc(struct gotarget *g, struct gsnap_gc *gc);
/* Appends the Ps. (gosched.c) */
void gosnap_ps(struct gotarget *g, struct gsnap *out);
/* And fills the scheduler's counters. */
void gosnap_sched(struct gotarget *g, struct gsnap *out);
/* The counters alone. */
void gosnap_counters(struct gotarget *g, struct gsnap_sched *s);
/* Fills in what the goroutines of the snapshot wait for; 0 or -ENOMEM. (gochans.c) */
int gosnap_waits(struct gotarget *g, struct gsnap *out);
/* Name of a Go type by the address of its abi.Type, as Go prints it. (gotypename.c) */
bool gotype_name(const struct gotarget *g, uint64_t type, char *buf, size_t size);
/* A timeHistogram at an address. */
void gosnap_hist(const struct gotarget *g, uint64_t at, struct gsnap_hist *out);

/* gopacer.c: mgcpacer.go's arithmetic over a copy of gcController. */
struct gopace {
	int64_t goal;       /* heapGoal(); GSNAP_UNKNOWN when the copy is torn */
	int64_t limit_goal; /* memoryLimitHeapGoal(); INT64_MAX without a limit */
	int64_t trigger;    /* trigger() */
};
struct gopace gopacer(const uint64_t w[GCC_SIZE / 8]);

#endif
