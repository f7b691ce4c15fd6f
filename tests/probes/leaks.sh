#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# leaks.sh GOVERSION [KIND]: gort leaks on a stripped program built by that toolchain, whose
# goroutines are leaked or kept alive in some ninety ways (goleaks/): each must be judged as it is.
#
# KIND: symbols (not stripped), pie (internal linker), cgo (external linker, PIE), or a
# GOEXPERIMENT: greenteagc, nogreenteagc.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
kind=${2:-plain}
out=$GORT_BUILD/gotarget/$1-leaks-$kind
mkdir -p "$GORT_BUILD/gotarget"
export GOTOOLCHAIN=go$1 CGO_ENABLED=0 GOEXPERIMENT=
flags=(-trimpath '-ldflags=-s -w')
case $kind in
plain) ;;
symbols) flags=(-trimpath) ;;
pie) flags+=(-buildmode=pie) ;;
cgo)
	CGO_ENABLED=1
	flags=(-trimpath '-ldflags=-s -w -linkmode=external' -buildmode=pie)
	;;
*) GOEXPERIMENT=$kind ;;
esac
(cd "$here/goleaks" && go build "${flags[@]}" -o "$out" .)
"$here/leaks.py" "$GORT_BUILD/bin/gort" "$out"
