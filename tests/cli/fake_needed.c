/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_needed.c - a library a child needs by name: stands for libtsan.so.2 and libgort.so.1. */

__attribute__((visibility("default"))) void fake_needed(void);

void fake_needed(void)
{
}
