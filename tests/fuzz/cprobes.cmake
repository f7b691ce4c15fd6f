# SPDX-License-Identifier: BSD-2-Clause
gort_fuzz_target(gortread SOURCES fuzz_gortread.c SEEDS seeds/gortread LIBS probes)
gort_fuzz_target(symbolize SOURCES fuzz_symbolize.c SEEDS seeds/symbolize LIBS probes MUTATIONS 150)
