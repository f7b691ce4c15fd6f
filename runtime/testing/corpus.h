/* SPDX-License-Identifier: BSD-2-Clause */
/* corpus.h - reads the files of a fuzz corpus. */
#ifndef GORT_TESTING_CORPUS_H
#define GORT_TESTING_CORPUS_H

#include <stddef.h>
#include <stdint.h>

/*
 * The bytes of a corpus file in Go's format, with one value, a []byte or a string; NULL with *why.
 * In the heap.
 */
uint8_t *corpus_decode(const char *text, size_t len, size_t *size, const char **why);

#endif
