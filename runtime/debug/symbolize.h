/* SPDX-License-Identifier: BSD-2-Clause */
/* symbolize.h - from a pc of this process to function, file and line. Async-signal-safe. */
#ifndef GORT_DEBUG_SYMBOLIZE_H
#define GORT_DEBUG_SYMBOLIZE_H

#include "module.h"

struct symbol {
	const char *func; /* lives as long as the process, unless it is `unnamed` */
	uintptr_t entry;  /* of the function, 0 when unknown */
	struct module *mod;
	bool internal;    /* a function of libgort, as far as line information tells */
	uint32_t line;    /* 0 when unknown */
	char file[1024];  /* "" when unknown */
	char unnamed[80]; /* "libc.so.6+0x271ca" where no symbol covers the pc */
};

/* callsite: pc is a return address, so the call before it is looked up. */
void symbolize(uintptr_t pc, bool callsite, struct symbol *out);
/* As symbolize() without file and line: cheap. */
void symbolize_func(uintptr_t pc, bool callsite, struct symbol *out);

#endif
