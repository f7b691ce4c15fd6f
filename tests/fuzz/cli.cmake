# SPDX-License-Identifier: BSD-2-Clause
gort_fuzz_target(elfscan SOURCES fuzz_elfscan.c ${CMAKE_SOURCE_DIR}/cli/elfscan.c
	SEEDS seeds/elfscan MUTATIONS 2000)
gort_fuzz_target(finding SOURCES fuzz_finding.c ${CMAKE_SOURCE_DIR}/tests/cli/fake_probes.c
	LIBS cli_objs pprof_objs SEEDS seeds/finding MUTATIONS 2000)
