/* SPDX-License-Identifier: BSD-2-Clause */
/* corpus.h - arguments of fuzz targets: in files of a corpus, and from the bytes of a fuzzer. */
#ifndef GORT_TESTING_CORPUS_H
#define GORT_TESTING_CORPUS_H

#define GORT_TESTING_NOMAIN
#define GORT_NO_UNITS
#include "gort/testing.h"

/* Go's internal/fuzz: types ends with NULL, and so many values have room at args. */
/* From a file's text; an error says what is wrong with it. */
gort_error corpus_decode(
	gort_string text, const struct gort_fuzztype *const *types, union gort_fuzzvalue *args);
/* The text of a file that is decoded to args. */
gort_string corpus_encode(
	const struct gort_fuzztype *const *types, const union gort_fuzzvalue *args);
/* Some values for any bytes: what is missing is 0. They share the bytes. */
void corpus_split(const uint8_t *data, size_t size, const struct gort_fuzztype *const *types,
	union gort_fuzzvalue *args);
/* The other way: bytes that are split to these. */
gort_bytes corpus_join(const struct gort_fuzztype *const *types, const union gort_fuzzvalue *args);

#endif
