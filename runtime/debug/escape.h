/* SPDX-License-Identifier: BSD-2-Clause */
/* escape.h - see escape.c. */
#ifndef GORT_DEBUG_ESCAPE_H
#define GORT_DEBUG_ESCAPE_H

/*
 * GORT_DEBUG=escapecheck=1: reports pointers to frames that are gone, on standard error. By the
 * goroutine that has just collected.
 */
void escapecheck(void);

#endif
