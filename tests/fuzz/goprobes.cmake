gort_fuzz_target(goelf SOURCES fuzz_goelf.c SEEDS seeds/goelf LIBS probes)
gort_fuzz_target(gosnap SOURCES fuzz_gosnap.c SEEDS seeds/goimage LIBS probes)
gort_fuzz_target(goheap SOURCES fuzz_goheap.c SEEDS seeds/goheap LIBS probes)
gort_fuzz_target(goprofile SOURCES fuzz_goprofile.c SEEDS seeds/goprofile LIBS probes)
gort_fuzz_target(core SOURCES fuzz_core.c SEEDS seeds/core LIBS probes)
gort_fuzz_target(procfs SOURCES fuzz_procfs.c ${CMAKE_SOURCE_DIR}/cli/procstat.c SEEDS seeds/procfs
	LIBS probes MUTATIONS 300)
