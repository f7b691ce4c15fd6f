/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.c - main for programs that define gort_main. A member of libgort.a of its own, so that the
 * linker takes it only when the program has no main.
 */
#include "gort/gort.h"

int main(int argc, char **argv)
{
	gort_run(gort_main, argc, argv);
}
