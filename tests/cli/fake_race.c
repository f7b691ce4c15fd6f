/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_race.c - stands for libgort-race.so: lets the child see that it was preloaded. */
#include <stdlib.h>

__attribute__((constructor)) static void loaded(void)
{
	setenv("FAKE_RACE_LOADED", "1", 1);
}
