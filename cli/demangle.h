/* SPDX-License-Identifier: BSD-2-Clause */
/* demangle.h - C++ names as their programmers wrote them, for reports. */
#ifndef GORT_CLI_DEMANGLE_H
#define GORT_CLI_DEMANGLE_H

/*
 * The name itself when it is no C++ name, or when the machine has no C++ library to ask. The text
 * lives until demangle_free(), which frees all of them.
 */
const char *demangle(const char *name);
void demangle_free(void);

#endif
