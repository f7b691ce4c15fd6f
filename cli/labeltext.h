/* SPDX-License-Identifier: BSD-2-Clause */
/* labeltext.h - pprof labels as the header of a goroutine has them in Go's tracebacks. */
#ifndef GORT_CLI_LABELTEXT_H
#define GORT_CLI_LABELTEXT_H

#include "out.h"

/*
 * What closes the brackets of a header: "]", with the labels before it (Go 1.26) or after it. Only
 * a program that tells labels in its own tracebacks has any.
 */
void print_header_end(struct out *out, const struct gsnap *s, const struct gsnap_g *gp);

#endif
