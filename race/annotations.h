/* SPDX-License-Identifier: BSD-2-Clause */
/* annotations.h - how annotations.c and annotate_lock.c define what a program may call. */
#ifndef GORT_RACE_ANNOTATIONS_H
#define GORT_RACE_ANNOTATIONS_H

#define ARGS const char *file, int line
#define HERE        \
	(void)file; \
	(void)line

/* Declared and defined in one. */
#define ANNOTATE(name, ...)            \
	EXPORT void name(__VA_ARGS__); \
	EXPORT void name(__VA_ARGS__)

#endif
