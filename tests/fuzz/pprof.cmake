# SPDX-License-Identifier: BSD-2-Clause
# Requests to /debug/pprof.
gort_fuzz_target(http SOURCES fuzz_http.c ${CMAKE_CURRENT_LIST_DIR}/../../pprof/http.c
	SEEDS seeds/http MUTATIONS 5000)
