/* SPDX-License-Identifier: BSD-2-Clause */
/* stack.h - goroutine stacks (Go's stack.go); stack.c has the design. */
#ifndef GORT_SCHED_STACK_H
#define GORT_SCHED_STACK_H

#include "sched/runtime2.h"

void stackinit(void);
/* Index of the smallest class of at least size bytes, or -1. */
int stackclassof(uint64_t size);
/* Class new goroutines get: GORT_STACK, by default 256 KiB. */
extern uint8_t stackdefault;
/* Gives gp a stack of its class, from pp's cache. */
void stackalloc(struct p *pp, struct g *gp);
/* Maps gp's stack, on which nothing lies yet, anew: for race detectors. race.c */
void stackrenew(const struct g *gp);
/*
 * gp, which runs on it, gives up its stack: it becomes free when pp's next goroutine exits or the
 * next one is bound to it here, since until then this M still stands on it.
 */
void stackfreeself(struct p *pp, struct g *gp);
/*
 * Gives back the memory of stacks that have long been free. sysmon calls it each round; returns the
 * nanoseconds after which it wants to be called, -1 for not before some goroutine has ended.
 */
int64_t stackscavenge(int64_t now);
/*
 * Readies some stacks if new ones have been in demand: sysmon calls it until it returns false.
 */
bool stackprefill(void);
/* Whether addr lies in a stack, of a goroutine or free. In a stop. */
bool stackaddress(uintptr_t addr);
/* Whether addr lies in the guard of gp's stack: an overflow. */
bool stackguardhit(const struct g *gp, uintptr_t addr);

#endif
