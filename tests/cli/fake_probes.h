/* SPDX-License-Identifier: BSD-2-Clause */
/* fake_probes.h - the canned snapshot of fake_probes.c, for tests that need no command line. */
#ifndef GORT_TESTS_FAKE_PROBES_H
#define GORT_TESTS_FAKE_PROBES_H

#include <sys/types.h>
#include "gort/snap.h"

/* The snapshot number `reads` of a canned process; free with gsnap_free. */
void fake_snapshot(struct gsnap *s, pid_t pid, int reads);

#endif
