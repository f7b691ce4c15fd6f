/* SPDX-License-Identifier: BSD-2-Clause */
/* mgcleak.h - which goroutines can never go on; mgcleak.c has the proof. */
#ifndef GORT_MEM_MGCLEAK_H
#define GORT_MEM_MGCLEAK_H

#include <stddef.h>
#include <stdint.h>

#include "gort/snap.h"

struct gleak {
	uint64_t goid;
	enum gsnap_leak class;
};

/* By goid. */
struct gleaks {
	struct gleak *v;
	size_t n, room;
};

/*
 * A collection, in which it is found out. sp: what lies below it on the stack of the caller, a
 * goroutine, holds nothing of the program's. Neither the main goroutine nor those of the runtime
 * are among them. False when the world could not be stopped. Freed with gleaksfree, always.
 */
bool gleaksfind(uintptr_t sp, struct gleaks *out);
enum gsnap_leak gleaksof(const struct gleaks *l, uint64_t goid);
void gleaksfree(struct gleaks *l);

#endif
