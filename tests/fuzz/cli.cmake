# SPDX-License-Identifier: BSD-2-Clause
gort_fuzz_target(elfscan SOURCES fuzz_elfscan.c ${CMAKE_SOURCE_DIR}/cli/elfscan.c
	SEEDS seeds/elfscan MUTATIONS 2000)
gort_fuzz_target(finding SOURCES fuzz_finding.c ${CMAKE_SOURCE_DIR}/tests/cli/fake_probes.c
	LIBS cli_objs pprof_objs leakcheck_objs SEEDS seeds/finding MUTATIONS 2000)
gort_fuzz_target(jsonread SOURCES fuzz_jsonread.c ${CMAKE_SOURCE_DIR}/cli/jsonread.c
	SEEDS seeds/jsonread MUTATIONS 3000)
gort_fuzz_target(profread SOURCES fuzz_profread.c ${CMAKE_SOURCE_DIR}/cli/profread.c
	LIBS PkgConfig::ZLIB SEEDS seeds/profread MUTATIONS 3000)
gort_fuzz_target(report SOURCES fuzz_report.c ${CMAKE_SOURCE_DIR}/tests/cli/fake_probes.c
	LIBS cli_objs pprof_objs leakcheck_objs SEEDS seeds/report MUTATIONS 3000)
