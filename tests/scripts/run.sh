#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# run.sh: scripts/run on what is built here.
command -v go >/dev/null || {
	echo "SKIP: no Go toolchain in PATH"
	exit 77
}
exec "$GORT_SOURCE"/scripts/run --built "$GORT_BUILD"
