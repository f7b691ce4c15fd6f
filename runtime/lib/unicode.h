/* SPDX-License-Identifier: BSD-2-Clause */
/* unicode.h - properties of runes (Go's unicode). */
#ifndef GORT_LIB_UNICODE_H
#define GORT_LIB_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

/* Runes from lo to hi, stride apart, which change by delta; sorted, the last one has lo 2^32-1. */
struct caserange {
	uint32_t lo, hi;
	int32_t stride, delta;
};
/* What a rune folds to that is neither its lower nor its upper case. */
struct foldpair {
	uint32_t from, to;
};

/* unicode_tables.c */
extern const struct caserange upperranges[], lowerranges[];
extern const struct foldpair folds[];
extern const uint32_t printables[]; /* the first that is, the first that is not, ... */
extern const int nprintables;

int32_t toupperrune(int32_t r);
int32_t tolowerrune(int32_t r);
/* The next of the runes that are equal but for their case. Go's unicode.SimpleFold. */
int32_t simplefold(int32_t r);
bool isspacerune(int32_t r);
/* Go's strconv.IsPrint. */
bool isprintrune(int32_t r);

#endif
