/* SPDX-License-Identifier: BSD-2-Clause */
/* stacktext.h - stacks in the text format of Go's own tracebacks, and in JSON. */
#ifndef GORT_CLI_STACKTEXT_H
#define GORT_CLI_STACKTEXT_H

#include "json.h"
#include "out.h"
#include "probes/probes.h"

/* The runtime's own frames are left out unless all; a stack of nothing else is shown whole. */
void print_stack(struct out *out, const struct gsnap *s, uint32_t stack, bool all);
/* "created by F in goroutine N" and its place; parent 0 leaves the goroutine out. */
void print_created(struct out *out, const struct gsnap *s, uint32_t created, uint64_t parent);
/* One goroutine as SIGQUIT prints it, or without the runtime's frames as runtime.Stack does. */
void print_goroutine(struct out *out, const struct gsnap *s, const struct gsnap_g *gp, bool all);
/* One goroutine without the runtime's frames unless all, and its variables below their calls. */
void print_with_locals(struct out *out, const struct gsnap *s, const struct gsnap_g *gp,
	const struct probe_locals *locals, bool all);

/* The frames that print_stack prints, innermost first, no more than max; how many. */
uint32_t shown_frames(
	const struct gsnap *s, uint32_t stack, const struct gsnap_frame **out, uint32_t max);

/* First frame a reader of the program cares about, NULL when the stack is not known. */
const struct gsnap_frame *top_frame(const struct gsnap *s, uint32_t stack);
/* The innermost call of the program's own code: who it is, not how it waits. */
const struct gsnap_frame *own_frame(const struct gsnap *s, uint32_t stack);
/* The go statement: name of the function that owns the frame, place of the innermost call. */
struct gsnap_frame created_frame(const struct gsnap *s, uint32_t created);

void json_stack(struct json *j, const char *key, const struct gsnap *s, uint32_t stack);
void json_created(struct json *j, const char *key, const struct gsnap *s, uint32_t created);

#endif
