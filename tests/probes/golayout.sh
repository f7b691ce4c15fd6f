#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The rows of probes/golayouttab.h are what the DWARF of each toolchain says. That a row can be
# found wrong is shown on a copy of the table.
set -euo pipefail
cd "$GORT_SOURCE"
scripts/golayout --check
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/tree"
cp -r scripts probes .clang-format "$work/tree"
sed -i 's/\(X(g_goid, 0x98, .*\)0x98)/\10xa8)/' "$work/tree/probes/golayouttab.h"
if "$work/tree/scripts/golayout" --check >"$work/said" 2>&1; then
	echo "a wrong offset passes the check"
	exit 1
fi
grep -q 'differs from the DWARF of go1.27' "$work/said"
