# SPDX-License-Identifier: BSD-2-Clause
# The reader of fuzz corpus files, and libgort's numbers, literals and UTF-8.
set(text_dir ${CMAKE_CURRENT_LIST_DIR}/../../runtime)
foreach(file lang/error lang/slice lang/string lib/atof lib/atoi lib/builder lib/decimal lib/fmt
	lib/ftoa lib/itoa lib/numerror lib/quote lib/strings lib/strings_case lib/unicode
	lib/unicode_tables lib/utf8 mem/memclr mem/sizeclasses)
	list(APPEND text_sources ${text_dir}/${file}.c)
endforeach()
add_library(fuzz_text OBJECT fuzz_heap.c ${text_sources})
target_include_directories(fuzz_text PRIVATE ${text_dir})
gort_fuzz_target(corpus SEEDS seeds/corpus MUTATIONS 2000 INCLUDES ${text_dir} LIBS fuzz_text
	SOURCES fuzz_corpus.c ${text_dir}/testing/corpus.c)
gort_fuzz_target(strconv SEEDS seeds/strconv MUTATIONS 1000 LIBS fuzz_text SOURCES fuzz_strconv.c)
gort_fuzz_target(utf8 SEEDS seeds/utf8 MUTATIONS 1000 LIBS fuzz_text SOURCES fuzz_utf8.c)
