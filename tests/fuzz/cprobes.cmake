# SPDX-License-Identifier: BSD-2-Clause
gort_fuzz_target(gortabi SOURCES fuzz_gortabi.c SEEDS seeds/gortabi LIBS probes)
