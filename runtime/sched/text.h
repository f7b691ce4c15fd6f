/* SPDX-License-Identifier: BSD-2-Clause */
/* text.h - which addresses hold code of the program itself. */
#ifndef GORT_SCHED_TEXT_H
#define GORT_SCHED_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Brings the table up to date with the loaded modules. Takes the loader's lock for a moment: not in
 * signal handlers.
 */
void textrefresh(void);

/* The linker's: where libgort's code begins and ends. */
extern const char __start_gort_text[] __attribute__((visibility("hidden")));
extern const char __stop_gort_text[] __attribute__((visibility("hidden")));

/* Whether pc is in libgort. Async-signal-safe. */
bool gorttext(uintptr_t pc);

/*
 * Whether a goroutine may be preempted at pc as far as the place of the code goes; *end is then
 * where its section ends. Async-signal-safe.
 */
bool usertext(uintptr_t pc, uintptr_t *end);

/* Whether pc, which is in some code, is at a system call instruction or behind one. */
static inline bool atsyscall(uintptr_t pc)
{
	static const unsigned char syscall[] = {0x0f, 0x05};
	return memcmp((const void *)pc, syscall, 2) == 0 ||
	       memcmp((const void *)(pc - 2), syscall, 2) == 0;
}

#endif
