gort_fuzz_target(goelf SOURCES fuzz_goelf.c SEEDS seeds/goelf LIBS probes)
gort_fuzz_target(gosnap SOURCES fuzz_gosnap.c SEEDS seeds/goimage LIBS probes)
