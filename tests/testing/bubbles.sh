#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# bubbles.sh: tests in times of their own, beside each other, with 1 P and with 4.
set -eu
for procs in 1 4; do
	GORT_GOMAXPROCS=$procs timeout 120 \
		"$GORT_BUILD/tests/testing/bubbles" -v -count 5 -parallel 8
done
