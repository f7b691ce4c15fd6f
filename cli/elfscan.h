/* SPDX-License-Identifier: BSD-2-Clause */
/* elfscan.h - what kind of program a file is, as far as the launchers must know. */
#ifndef GORT_CLI_ELFSCAN_H
#define GORT_CLI_ELFSCAN_H

#include <stdbool.h>
#include <stddef.h>

struct elfscan {
	bool elf64;         /* an x86-64 ELF executable */
	bool elf32;         /* one of 32 bits, for whichever processor */
	bool foreign;       /* one of 64 bits for another processor */
	bool script;        /* begins with #! and the interpreter */
	bool dynamic;       /* has a program interpreter, so LD_PRELOAD works */
	bool musl;          /* musl's */
	bool go;            /* built by the Go toolchain */
	bool go_race;       /* with -race, says its build information */
	bool libgort;       /* carries or needs libgort */
	bool gort_cc;       /* linked by gort-cc: calls libgort's hooks before its stores */
	bool gort_race;     /* with --race: before all accesses */
	bool tsan_inside;   /* defines __tsan_init itself: clang's static runtime, go build -race */
	bool tsan_exported; /* and exports it, as clang's does unless told otherwise */
	bool tsan_calls;    /* calls __tsan_init of another module: something is instrumented */
	bool direct;        /* needs libgort-race.so itself */
	char tsan[64];      /* the ThreadSanitizer runtime it needs ("libtsan.so.2"), or "" */
	char shell[64];     /* a script's interpreter, as far as it fits, or "" */
};

/* Looks at the bytes of a file; anything malformed is only "not there". */
void elfscan(const void *data, size_t len, struct elfscan *out);
/* The same for a file. 0 or -errno. */
int elfscan_file(const char *path, struct elfscan *out);

#endif
