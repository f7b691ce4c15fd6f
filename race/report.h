/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * report.h - from a race to a finding: told once for each pair of places, sent to the launcher over
 * GORT_FINDING_FD, or printed here when there is none.
 */
#ifndef GORT_RACE_REPORT_H
#define GORT_RACE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gort/abi.h"

#include "thread.h"

/* Reads the options, in these variables of the environment, the later one wins; n <= 4. */
void report_init(const char *const *names, uint32_t n);

/* In a child after fork(): its findings are its own. */
void report_reset(void);

/* Races reported so far. */
uint32_t report_count(void);
uint32_t report_exit_code(void);

/*
 * Holds report.lock for something else than a report. False: this thread has it already, since the
 * program is called while a report is made, and report_leave() is not to be called.
 */
bool report_enter(void);
void report_leave(void);

/*
 * Asks the launcher; report.lock is held. The size of its answer, at most max; 0 when there is
 * none, and then it is not asked again.
 */
size_t report_ask(const void *question, size_t size, void *answer, size_t max);

/* Where reports are printed, when they are printed here. */
int report_log(void);

/* From now on reports are printed in that file, <path>.<pid>, or on that descriptor. */
void report_log_to(const char *path);
void report_log_on(int fd);

/* Says how many were reported, once, where reports are printed here. */
void report_end(void);

/*
 * Of the front end: print.c in TSan's words, go_print.c in Go's. They take no lock of libc or the
 * loader.
 */
void print_finding(int fd, const struct gort_finding *f);
void print_total(int fd, uint32_t n);

/* Of the front end: the finding was told of; report.lock is held. */
void front_reported(const struct gort_finding *f);

/* Of the front end: ends the process because of what was found. */
_Noreturn void front_dies(int code);

/* Of the front end: the number of the main thread, which nobody created. */
extern const uint32_t front_main;

/* Of the front end: the call of a leaf pc is one that frees memory. */
bool front_frees(uint64_t pc);

/* Of the front end: pc is in the detector, which stands for a function of libc. */
bool front_own(uint64_t pc);

/*
 * Of the front end: addr is in a module that the loader mapped, now, though it had been memory of
 * the heap. Called with report.lock held.
 */
bool front_module(uintptr_t addr);

/* Of the front end: the heap block or descriptor that addr lies in, as a stack of role ALLOC. */
bool front_block(struct gort_finding_stack *s, uintptr_t addr);

/* Of the front end: in whose stack or, flags say, TLS addr lies; or NULL. */
const struct past *front_owner(uintptr_t addr, uint32_t *flags);

/* Of the front end: the locks that who held in that epoch, as far as known. */
#define FRONT_LOCKS  3
#define FRONT_READER 1u
uint32_t front_held(const struct past *who, uint32_t epoch, uintptr_t addr[FRONT_LOCKS]);

/* Of the front end: the stack of the lock's initialisation, or 0. */
uint32_t front_lock_origin(uintptr_t addr);

/*
 * Of the front end: where the calling thread last slept, if the access had been made when it woke:
 * the program counts on the time, perhaps. Else 0.
 */
uint32_t front_slept(uint64_t tag);

/* The launcher hides what these suppressions are of; without one nobody does. */
void report_hide(const char *text);

/* Races on [addr, addr+n) are not reported, says the program. */
void report_benign(uintptr_t addr, size_t n);

/* Fills in a stack of the depot, of the bytes in mask. */
void report_stack(struct gort_finding_stack *s, uint32_t ctx, uint32_t mask);

/*
 * A finding of another kind, known by its kind and two numbers in either order. NULL when it was
 * told before, or enough were; else report.lock is held until report_close(), and the finding is
 * filled by report_add() and report_created(), in the order of the report.
 */
struct gort_finding *report_open(uint32_t kind, uint64_t a, uint64_t b);
void report_close(struct gort_finding *f);

/* NULL when there is no room. who may be NULL: nobody knows. */
struct gort_finding_stack *report_add(
	struct gort_finding *f, uint32_t role, uint32_t ctx, const struct past *who);

/* What kind of memory addr is in, unless it is a variable, which is for the launcher to know. */
void report_place(struct gort_finding *f, uintptr_t addr);

/* Where the thread was created, once. */
void report_created(struct gort_finding *f, const struct past *who);

/* The leaf of a stack. */
uint64_t report_leaf(uint32_t ctx, uint32_t mask);

#endif
