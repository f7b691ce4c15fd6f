/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gortabi.h - reads the table that libgort publishes about itself (gort/abi.h) out of a live
 * process or of an image of its memory. Everything in it is foreign data.
 */
#ifndef GORT_PROBES_GORTABI_H
#define GORT_PROBES_GORTABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "gort/abi.h"
#include "probes/probes.h"
#include "tmem.h"

struct gortabi {
	taddr at;         /* of the target's struct gort_abi */
	uint32_t version; /* of the table */
	struct gort_abi_entry *entries;
	uint32_t n;
	uint32_t *index; /* hash of the names -> entry + 1, 0 = free */
	uint32_t mask;
};

/*
 * Reads and validates the table at `at`. 0; -ENOENT when there is none; -EPROTO when it is damaged,
 * -EPROTONOSUPPORT when its version is unknown; -ENOMEM. *out is freed with gortabi_free.
 */
int gortabi_read(const struct tmem *mem, taddr at, struct gortabi *out);
void gortabi_free(struct gortabi *abi);

/*
 * Looks for the magic in [lo, hi), for files without section headers, and validates what follows
 * it. Returns as gortabi_read, for the first table that is not damaged.
 */
int gortabi_scan(const struct tmem *mem, taddr lo, taddr hi, struct gortabi *out);

/* The entry, NULL when libgort does not publish it or publishes something else under that name. */
const struct gort_abi_entry *gortabi_find(
	const struct gortabi *abi, const char *name, enum gort_abi_what what);

#endif
