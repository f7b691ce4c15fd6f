/* SPDX-License-Identifier: BSD-2-Clause */
/* text_loaded.c - a library for text_test.c to load. */
int loaded_function(int x);

__attribute__((visibility("default"))) int loaded_function(int x)
{
	return x + 1;
}
