# SPDX-License-Identifier: BSD-2-Clause
# The reader of fuzz corpus files.
set(testing_dir ${CMAKE_CURRENT_LIST_DIR}/../../runtime)
gort_fuzz_target(corpus SEEDS seeds/corpus INCLUDES ${testing_dir} MUTATIONS 2000
	SOURCES fuzz_corpus.c ${testing_dir}/testing/corpus.c)
