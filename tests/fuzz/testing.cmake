# SPDX-License-Identifier: BSD-2-Clause
# The reader of fuzz corpus files, and libgort's numbers, literals and UTF-8.
gort_fuzz_target(corpus SEEDS seeds/corpus MUTATIONS 2000 LIBS gort_internal SOURCES fuzz_corpus.c)
gort_fuzz_target(strconv SEEDS seeds/strconv MUTATIONS 1000 LIBS gort_internal
	SOURCES fuzz_strconv.c)
gort_fuzz_target(utf8 SEEDS seeds/utf8 MUTATIONS 1000 LIBS gort_internal SOURCES fuzz_utf8.c)
