/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * goargs.h - what stands between the parentheses of a call in a traceback: f(0x1, {0xc000012345,
 * 0x2?}, ...). The compiler says where the words are (FUNCDATA_ArgInfo) and which may be stale
 * (FUNCDATA_ArgLiveInfo), in stripped programs too; $GOROOT/src/runtime/traceback.go, printArgs.
 */
#ifndef GORT_PROBES_GOARGS_H
#define GORT_PROBES_GOARGS_H

#include "gotarget.h"

#define GO_MAX_ARGS 10 /* the compiler describes no more */

/* A word of the caller's frame, and how many bytes of it count. */
struct goarg {
	uint8_t off, size;
};

struct goargs {
	uint32_t n;
	struct goarg at[GO_MAX_ARGS];
};

#define GO_ARGS_TEXT 256

/*
 * The arguments of f when it is at a text offset, as text with GSNAP_WORD for each word; "" when it
 * has none to tell. False when the description is damaged.
 */
bool goargs_read(const struct gotarget *g, const struct gofunc *f, uint32_t off,
	struct goargs *args, char text[GO_ARGS_TEXT]);

/* The words themselves, from a copy of the stack from the end of the frame on; 0 beyond it. */
void goargs_words(const struct goargs *args, const uint8_t *mem, size_t len, uint64_t *out);

#endif
