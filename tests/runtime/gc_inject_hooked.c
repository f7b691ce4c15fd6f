/* SPDX-License-Identifier: BSD-2-Clause */
/* gc_inject_hooked.c - the operations with the compiler's hooks, as gort-cc compiles them. */
#define HOOKED
#include "gc_inject_ops.c"
