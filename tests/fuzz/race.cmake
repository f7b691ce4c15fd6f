# SPDX-License-Identifier: BSD-2-Clause
gort_fuzz_target(elfsym SOURCES fuzz_elfsym.c ${CMAKE_SOURCE_DIR}/race/elfsym.c
	${CMAKE_SOURCE_DIR}/race/builtins.c
	SEEDS seeds/elfsym MUTATIONS 2000)
