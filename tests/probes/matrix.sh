#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# matrix.sh GOVERSION MODE: builds tests/probes/gotarget with that toolchain and compares gort's
# view of 10,000 parked goroutines with the program's own SIGQUIT dump.
#
# MODE: stripped (-s -w, static), dwarf, pie (-s -w, internal linker), cgo-pie (-s -w, external
# linker).
# The binary is kept under $GORT_BUILD/gotarget, so that a second run does not build again.
set -euo pipefail
version=$1 mode=$2
here=$(cd "$(dirname "$0")" && pwd)
out=$GORT_BUILD/gotarget/$version-$mode
mkdir -p "$GORT_BUILD/gotarget"

build() {
	local flags=(-trimpath) cgo=0
	case $mode in
	stripped) flags+=('-ldflags=-s -w') ;;
	dwarf) ;;
	pie) flags+=('-ldflags=-s -w' -buildmode=pie) ;;
	cgo-pie)
		cgo=1
		flags+=('-ldflags=-s -w -linkmode=external' -buildmode=pie -tags=cgo_target)
		;;
	*) echo "matrix.sh: unknown mode $mode" >&2; exit 2 ;;
	esac
	(cd "$here/gotarget" &&
		GOTOOLCHAIN=go$version GOFLAGS=-mod=mod CGO_ENABLED=$cgo \
			go build "${flags[@]}" -o "$out.tmp" .)
	mv "$out.tmp" "$out"
}

newest=$(find "$here/gotarget" -type f -printf '%T@\n' | sort -n | tail -n 1)
if [ ! -x "$out" ] || [ "$(stat -c %Y "$out")" -lt "${newest%.*}" ]; then
	build
fi
built=$(cd "$here/gotarget" && GOTOOLCHAIN=go$version go version "$out" | sed 's/.*: //')
[ "$built" = "go$version" ] || { echo "built by '$built', not go$version" >&2; exit 1; }
"$here/compare.py" "$GORT_BUILD/bin/gort" "$out" -n 10000
