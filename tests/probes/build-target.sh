#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build-target.sh GOVERSION MODE [PROGRAM]: builds tests/probes/PROGRAM (gotarget) with that
# toolchain and prints where it is.
#
# MODE: stripped (-s -w, static), dwarf, debug (not optimized either), pie (-s -w, internal linker),
# cgo-pie (-s -w, external linker).
# The binary is kept under $GORT_BUILD/gotarget, so that a second run does not build again.
set -euo pipefail
version=$1 mode=$2 program=${3:-gotarget}
here=$(cd "$(dirname "$0")" && pwd)
out=$GORT_BUILD/gotarget/$version-$mode-$program
mkdir -p "$GORT_BUILD/gotarget"

build() {
	local flags=(-trimpath) cgo=0
	case $mode in
	stripped) flags+=('-ldflags=-s -w') ;;
	dwarf) ;;
	debug) flags+=('-gcflags=all=-N -l') ;;
	pie) flags+=('-ldflags=-s -w' -buildmode=pie) ;;
	cgo-pie)
		cgo=1
		flags+=('-ldflags=-s -w -linkmode=external' -buildmode=pie -tags=cgo_target)
		;;
	*) echo "build-target.sh: unknown mode $mode" >&2; exit 2 ;;
	esac
	(cd "$here/$program" &&
		GOTOOLCHAIN=go$version GOFLAGS=-mod=mod CGO_ENABLED=$cgo \
			go build "${flags[@]}" -o "$out.tmp" .)
	mv "$out.tmp" "$out"
}

# Several tests want the same binary at the same time.
exec 9>"$out.lock"
flock 9
newest=$(find "$here/$program" -type f -printf '%T@\n' | sort -n | tail -n 1)
if [ ! -x "$out" ] || [ "$(stat -c %Y "$out")" -lt "${newest%.*}" ]; then
	build
fi
built=$(cd "$here/$program" && GOTOOLCHAIN=go$version go version "$out" | sed 's/.*: //')
[ "$built" = "go$version" ] || { echo "built by '$built', not go$version" >&2; exit 1; }
echo "$out"
