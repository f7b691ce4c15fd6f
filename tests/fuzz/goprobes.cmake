gort_fuzz_target(goelf SOURCES fuzz_goelf.c SEEDS seeds/goelf LIBS probes)
