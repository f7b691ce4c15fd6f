/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * noptr.h - variables of the runtime that never hold the address of an object: Go's noptrbss and
 * noptrdata.
 *
 * The collector looks at all other variables in each cycle (mem/mgcroot.c), so a table of some
 * kilobytes that may be one of these should be. What its entries point to must not be an object
 * either, or something else must keep it. gort_text.ld makes sections of them whose bounds the
 * final link defines.
 */
#ifndef GORT_BASE_NOPTR_H
#define GORT_BASE_NOPTR_H

#define NOPTRBSS  __attribute__((section(".bss.gort_noptr"))) /* zero to begin with */
#define NOPTRDATA __attribute__((section(".data.gort_noptr")))

#endif
