# SPDX-License-Identifier: BSD-2-Clause
gort_fuzz_target(gortread SOURCES fuzz_gortread.c SEEDS seeds/gortread LIBS probes)
