/* SPDX-License-Identifier: BSD-2-Clause */
/* symlib.c - a library that test_symbolize loads after the symbolizer was opened. */
#include <stdint.h>

uintptr_t symlib_function(uintptr_t x);

__attribute__((visibility("default"))) uintptr_t symlib_function(uintptr_t x)
{
	return x * 3 + 1;
}
