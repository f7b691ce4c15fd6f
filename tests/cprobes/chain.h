/* SPDX-License-Identifier: BSD-2-Clause */
/* chain.h - call chains of known shape that test_cunwind unwinds; each calls bottom() last. */
#ifndef GORT_TESTS_CHAIN_H
#define GORT_TESTS_CHAIN_H

#include <stdint.h>

void bottom(void);

uintptr_t chain_plain(uintptr_t n);
uintptr_t chain_saves_registers(uintptr_t n);
uintptr_t chain_realigned(uintptr_t n);
uintptr_t chain_frame_pointer(uintptr_t n);
uintptr_t chain_recursive(uintptr_t n);

#endif
