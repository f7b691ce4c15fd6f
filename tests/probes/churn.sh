#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# churn.sh GOVERSION RUNS [OPTION...]: gort leaks, RUNS times with those options, on a program built
# by that toolchain that moves its references all the time (gochurn/): no false leak.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
version=$1 runs=$2
shift 2
mkdir -p "$GORT_BUILD/gotarget"
out=$(realpath "$GORT_BUILD")/gotarget/$version-churn
exec 9>"$out.lock"
flock 9
(cd "$here/gochurn" &&
	GOTOOLCHAIN=go$version CGO_ENABLED=0 go build -trimpath '-ldflags=-s -w' -o "$out" .)
exec 9>&-
"$here/churn.py" "$GORT_BUILD/bin/gort" "$out" "$runs" "$@"
