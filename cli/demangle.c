/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demangle.c - asks the C++ library of the machine, which knows its compiler's names best; where
 * C++ programs run there is one. A static gort cannot load it and shows names as they are.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "demangle.h"

typedef char *demangler(const char *name, char *buf, size_t *n, int *status);

static char **names;
static size_t nnames, cap;

#ifdef GORT_STATIC_TOOLS
static demangler *library(void)
{
	return NULL;
}
#else
static demangler *library(void)
{
	static const char *const sonames[] = {"libstdc++.so.6", "libc++abi.so.1"};
	static demangler *fn;
	static bool looked;
	for (size_t i = 0; !looked && !fn && i < sizeof sonames / sizeof *sonames; i++) {
		void *lib = dlopen(sonames[i], RTLD_NOW | RTLD_LOCAL);
		fn = lib ? (demangler *)dlsym(lib, "__cxa_demangle") : NULL;
	}
	looked = true;
	return fn;
}
#endif

/* Keeps text until demangle_free. */
static bool keep(char *text)
{
	if (nnames == cap) {
		size_t bigger = cap ? 2 * cap : 64;
		char **p = realloc(names, bigger * sizeof *p);
		if (!p)
			return false;
		names = p;
		cap = bigger;
	}
	names[nnames++] = text;
	return true;
}

const char *demangle(const char *name)
{
	int status;
	if (!name || strncmp(name, "_Z", 2) || !library())
		return name;
	char *text = library()(name, NULL, NULL, &status);
	if (text && keep(text))
		return text;
	free(text);
	return name;
}

void demangle_free(void)
{
	while (nnames)
		free(names[--nnames]);
	free(names);
	names = NULL;
	cap = 0;
}
