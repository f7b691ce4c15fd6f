/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options.h - what the environment asks of libgort. options.c has the table: a new option is a
 * member here and a line there.
 */
#ifndef GORT_DEBUG_OPTIONS_H
#define GORT_DEBUG_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How much a dying program tells: GOTRACEBACK. */
enum tracelevel { TRACE_NONE, TRACE_SINGLE, TRACE_ALL, TRACE_SYSTEM, TRACE_CRASH };

/* How the collector learns of stores: GORT_GCMODE. 0: by the stamp of gort-cc. */
enum gcmode { GCMODE_BARRIER = 1, GCMODE_KERNEL, GCMODE_STW };

/* GORT_LEAKCHECK=wait: wait at the end as the gate does, and let gort-leak look. */
enum { LEAKCHECK_WAIT = 1 << 8 };

struct options {
	int32_t gomaxprocs;     /* GOMAXPROCS, 0 = not given */
	int32_t traceback;      /* GOTRACEBACK, enum tracelevel */
	int64_t stack;          /* GORT_STACK, bytes of a goroutine's stack, 0 = not given */
	int32_t gcmode;         /* GORT_GCMODE, enum gcmode, 0 = not given */
	int32_t gcroots;        /* GORT_GCROOTS=all: all memory of the program is a root */
	int32_t gogc;           /* GOGC, percent; -1 = off */
	int64_t memlimit;       /* GOMEMLIMIT, bytes; INT64_MAX = none */
	int32_t leakcheck;      /* GORT_LEAKCHECK: gort_leak_class bits or LEAKCHECK_WAIT */
	const char *cpuprofile; /* GORT_CPUPROFILE, file to write a CPU profile to, or NULL */
};

extern struct options options;

/* GORT_DEBUG=name=value,...: Go's names where Go has the option (its runtime's `debug`). */
struct debugvars {
	int32_t asyncpreemptoff;  /* 1: goroutines yield only when they call the library */
	int32_t preempt;          /* for tests: preempt whatever runs each so many us, 0 = never */
	int32_t preemptsignal;    /* number of the signal for it, 0 = SIGURG */
	int32_t clobberfree;      /* 1: what the collector frees is overwritten */
	int32_t escapecheck;      /* 1: report pointers to finished frames; 2: from frames, too */
	int32_t gcbarriercheck;   /* 1: report stores that missed their barrier */
	int32_t gccheckmark;      /* 1: each collection is checked by a second look at everything */
	int32_t gcmalloccheck;    /* 1: report what is freed and memory of malloc points to */
	int32_t gcstress;         /* collect at each so many calls of gort_malloc, 0 = never */
	int32_t gctrace;          /* 1: print a line for each collection */
	int32_t memprofilerate;   /* bytes for each sample of the heap profile; 1: all, 0: none */
	int32_t blockprofilerate; /* as gort_blockprofile_rate */
	int32_t mutexprofilefraction; /* as gort_mutexprofile_fraction */
	int32_t schedtrace;           /* print the scheduler's state each so many ms, 0 = never */
	int32_t scheddetail;          /* 1: schedtrace prints each P, M and G too */
	int32_t stackidle;            /* ms that a stack is free before its memory is given back */
	int32_t heapidle;             /* ms in which half of what the heap does not need yet is */
	int32_t stackguard;           /* 1: no guard pages but mprotect's; 2: none at all */
	int32_t rseqoff;         /* 1: no restartable sequences, as on a kernel that has none */
	int32_t tracebacklabels; /* 1: dumps show the labels of goroutines */
};

extern struct debugvars debug;

/*
 * Reads the environment, once, before anything else of the runtime starts: afterwards options and
 * debug only change through their owners. A value that makes no sense is named on standard error
 * and left out. Of a program that runs with somebody else's privileges (AT_SECURE) the environment
 * is not trusted and not read.
 */
void optionsinit(void);

#endif
